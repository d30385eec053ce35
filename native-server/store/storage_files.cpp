#include "native-server/store/storage_files.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace agentcom {

namespace {

constexpr std::size_t kCopyBytes = std::size_t{1} << 20U;
/// So much work at a time: what waits behind it, a commit's fsync say, is not held up for longer.
constexpr std::chrono::milliseconds kWorkAtATime{5};

class OpenFile {
  public:
    OpenFile(const std::string& path, int flags) : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
    ~OpenFile() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;
    bool is_open() const { return descriptor_ >= 0; }
    int descriptor() const { return descriptor_; }

  private:
    int descriptor_;
};

class FileHash {
  public:
    FileHash() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
        EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
    }
    void add(const char* bytes, std::size_t size) { EVP_DigestUpdate(context_.get(), bytes, size); }
    std::string hex() {
        std::array<unsigned char, 32> digest{};
        EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr);
        static constexpr std::string_view kDigits = "0123456789abcdef";
        std::string text;
        for (const unsigned char byte : digest) {
            text += kDigits[byte >> 4U];
            text += kDigits[byte & 15U];
        }
        return text;
    }

  private:
    std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
};

Result<std::string> file_failure(const std::string& what, int error) {
    return Result<std::string>(storage_error(what, error).error());
}

bool write_fully(int descriptor, const char* bytes, std::size_t size) {
    while (size > 0) {
        const ssize_t n = ::write(descriptor, bytes, size);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        bytes += n;
        size -= static_cast<std::size_t>(n);
    }
    return true;
}

Result<std::string> read_through(const std::string& from, const OpenFile* to, const std::string& to_path, Pace& pace) {
    const OpenFile in(from, O_RDONLY);
    if (!in.is_open()) return file_failure("opening " + from, errno);
    std::vector<char> buffer(kCopyBytes);
    FileHash hash;
    for (;;) {
        if (!pace.rest()) return file_failure("reading " + from, ECANCELED);
        const ssize_t n = ::read(in.descriptor(), buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return file_failure("reading " + from, errno);
        if (n == 0) break;
        const auto size = static_cast<std::size_t>(n);
        hash.add(buffer.data(), size);
        // What piles up unsynced would hold up the commits of the database beside it.
        if (to != nullptr &&
            (!write_fully(to->descriptor(), buffer.data(), size) || fdatasync(to->descriptor()) != 0)) {
            return file_failure("writing " + to_path, errno);
        }
    }
    return Result<std::string>(hash.hex());
}

}  // namespace

Pace::Pace(int64_t percent, const std::atomic<bool>* stop) : percent_(percent), stop_(stop) {}

bool Pace::rest() {
    if (stop_ != nullptr && *stop_) return false;
    if (percent_ >= 100) return true;
    const auto worked = Clock::now() - working_since_;
    if (worked < kWorkAtATime) return true;
    std::this_thread::sleep_for(worked * (100 - percent_) / percent_);
    working_since_ = Clock::now();
    return true;
}

std::string utc_name(int64_t wall_ms) {
    const std::time_t seconds = static_cast<std::time_t>(wall_ms / 1000);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    std::array<char, 32> text{};
    std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &parts);
    return text.data();
}

Status storage_error(const std::string& what, int system_error) {
    return Status(Error{"storage_error", 500, Blame::hub, what + ": " + std::strerror(system_error)});
}

Status sync_path(const std::string& path) {
    const OpenFile file(path, O_RDONLY);
    if (!file.is_open() || fsync(file.descriptor()) != 0) return storage_error("syncing " + path, errno);
    return {};
}

Result<std::string> copy_file_with_sha256(const std::string& from, const std::string& to, Pace& pace) {
    const OpenFile out(to, O_WRONLY | O_CREAT | O_TRUNC);
    if (!out.is_open()) return file_failure("creating " + to, errno);
    Result<std::string> sha256 = read_through(from, &out, to, pace);
    if (sha256 && fsync(out.descriptor()) != 0) return file_failure("syncing " + to, errno);
    return sha256;
}

Result<std::string> sha256_of_file(const std::string& path, Pace& pace) {
    return read_through(path, nullptr, "", pace);
}

Status rename_durably(const std::string& from, const std::string& to) {
    if (::rename(from.c_str(), to.c_str()) != 0) return storage_error("renaming " + from + " to " + to, errno);
    return sync_path(std::filesystem::path(to).parent_path().string());
}

Status remove_file(const std::string& path) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return storage_error("removing " + path, errno);
    return {};
}

}  // namespace agentcom
