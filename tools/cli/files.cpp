#include "tools/cli/files.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace agentcom::cli {

namespace fs = std::filesystem;

namespace {

constexpr size_t kMaxFileBytes = size_t{64} * 1024 * 1024;

fs::path base_directory(const char* variable, const char* below_home) {
    if (const char* value = std::getenv(variable); value != nullptr && value[0] == '/') return fs::path(value);
    const char* home = std::getenv("HOME");
    return fs::path(home != nullptr && home[0] != '\0' ? home : "/") / below_home;
}

Failure cannot(const std::string& what, const fs::path& path, int error) {
    return Failure{ExitCode::failed,
                   "cannot " + what + " " + path.string(),
                   std::strerror(error),
                   "Check that the directory belongs to you and that the disk is not full.",
                   {}};
}

bool write_all(int descriptor, std::string_view content) {
    while (!content.empty()) {
        const ssize_t written = ::write(descriptor, content.data(), content.size());
        if (written < 0) {
            if (errno == EINTR) continue;
            return false;
        }
        content.remove_prefix(static_cast<size_t>(written));
    }
    return true;
}

// A rename is on the disk only once its directory is.
void sync_directory(const fs::path& directory) {
    const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return;
    ::fsync(descriptor);
    ::close(descriptor);
}

}  // namespace

Directories Directories::from_environment() {
    return Directories{base_directory("XDG_CONFIG_HOME", ".config") / "agentcom",
                       base_directory("XDG_STATE_HOME", ".local/state") / "agentcom",
                       base_directory("XDG_DATA_HOME", ".local/share") / "agentcom"};
}

Trouble make_private_directory(const fs::path& directory) {
    std::error_code ignored;
    if (fs::is_directory(directory, ignored)) return std::nullopt;
    if (directory.has_parent_path() && directory.parent_path() != directory) {
        if (Trouble trouble = make_private_directory(directory.parent_path())) return trouble;
    }
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return cannot("make", directory, errno);
    return std::nullopt;
}

Trouble write_private_file(const fs::path& file, std::string_view content) {
    const fs::path temporary = file.string() + "." + std::to_string(::getpid()) + ".tmp";
    ::unlink(temporary.c_str());
    const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0) return cannot("write", temporary, errno);
    const bool written = write_all(descriptor, content) && ::fsync(descriptor) == 0;
    const int write_error = errno;
    ::close(descriptor);
    if (!written) {
        ::unlink(temporary.c_str());
        return cannot("write", temporary, write_error);
    }
    if (::rename(temporary.c_str(), file.c_str()) != 0) {
        const int rename_error = errno;
        ::unlink(temporary.c_str());
        return cannot("replace", file, rename_error);
    }
    sync_directory(file.parent_path());
    return std::nullopt;
}

std::optional<std::string> read_file(const fs::path& file) {
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return std::nullopt;
    std::string content;
    char buffer[16384];
    for (;;) {
        const ssize_t count = ::read(descriptor, buffer, sizeof buffer);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 || content.size() > kMaxFileBytes) {
            ::close(descriptor);
            return std::nullopt;
        }
        if (count == 0) break;
        content.append(buffer, static_cast<size_t>(count));
    }
    ::close(descriptor);
    return content;
}

std::vector<std::string> file_names(const fs::path& directory) {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
        std::error_code ignored;
        if (it->is_regular_file(ignored)) names.push_back(it->path().filename().string());
    }
    std::ranges::sort(names);
    return names;
}

void remove_file(const fs::path& file) {
    ::unlink(file.c_str());
    sync_directory(file.parent_path());
}

LockFile::LockFile(LockFile&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

LockFile& LockFile::operator=(LockFile&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
}

LockFile::~LockFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

std::optional<LockFile> LockFile::acquire(const fs::path& file) {
    LockFile lock;
    lock.descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock.descriptor_ < 0 || ::flock(lock.descriptor_, LOCK_EX | LOCK_NB) != 0) return std::nullopt;
    return lock;
}

}  // namespace agentcom::cli
