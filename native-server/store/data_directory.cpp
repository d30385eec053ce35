#include "native-server/store/data_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <string_view>

namespace agentcom {

namespace {

/// Of the number of a transaction in the marker.
constexpr std::size_t kCommitDigits = 20;

Error system_error(const std::string& what) {
    return {"store_unavailable", 500, Blame::hub, what + ": " + std::strerror(errno)};
}

std::string read_small_file(int descriptor) {
    std::array<char, 64> buffer{};
    const ssize_t size = pread(descriptor, buffer.data(), buffer.size(), 0);
    std::string text(buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}

bool write_whole(int descriptor, std::string_view text) {
    return write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

std::string own_pid() { return std::to_string(getpid()) + "\n"; }

/// The line of the marker that is written over and over; it begins the file, so that its place is always the same.
std::string commit_line(int64_t commit) {
    const std::string digits = std::to_string(commit);
    return std::string(kCommitDigits - std::min(kCommitDigits, digits.size()), '0') + digits + "\n";
}

}  // namespace

DataDirectory::~DataDirectory() {
    if (lock_ >= 0) close(lock_);
    if (marker_ >= 0) close(marker_);
}

Status DataDirectory::acquire(const std::string& path) {
    path_ = path;
    std::error_code failure;
    if (!std::filesystem::is_directory(path, failure)) {
        const std::filesystem::path parent = std::filesystem::absolute(path, failure).parent_path();
        std::filesystem::create_directories(parent, failure);
        if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return Status(system_error("creating " + path));
    }

    lock_ = open(file("hub.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock_ < 0) return Status(system_error("opening " + file("hub.lock")));
    if (flock(lock_, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return Status(system_error("locking " + file("hub.lock")));
        const std::string holder = read_small_file(lock_);
        return Status(Error{"data_directory_in_use", 500, Blame::hub,
                            path + " is in use by process " + (holder.empty() ? "(unknown)" : holder) +
                                ": stop that agentcom-hub, or choose another directory with --data"});
    }
    // The pid is for people and for the error above; a full disk must not keep a hub from starting.
    if (ftruncate(lock_, 0) == 0) static_cast<void>(write_whole(lock_, own_pid()));

    // SQLite would create the file with the rights of the umask; the WAL then gets the rights of the file.
    const int database = open(file("hub.db").c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
    if (database < 0) return Status(system_error("creating " + file("hub.db")));
    close(database);
    return {};
}

bool DataDirectory::is_marked_running() const { return access(file("running").c_str(), F_OK) == 0; }

DataDirectory::Marker DataDirectory::read_marker(const std::string& path) {
    const int marker = open((path + "/running").c_str(), O_RDONLY | O_CLOEXEC);
    if (marker < 0) return {};
    const std::string line = read_small_file(marker).substr(0, kCommitDigits);
    close(marker);
    int64_t commit = 0;
    const auto [rest, failure] = std::from_chars(line.data(), line.data() + line.size(), commit);
    const bool whole = line.size() == kCommitDigits && rest == line.data() + line.size();
    return {true, failure == std::errc() && whole ? commit : 0};
}

Status DataDirectory::mark_running(int64_t commit) {
    if (marker_ >= 0) close(marker_);
    marker_ = open(file("running").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (marker_ < 0) return Status(system_error("creating " + file("running")));
    if (!write_whole(marker_, commit_line(commit) + own_pid()) || fsync(marker_) != 0) {
        return Status(system_error("writing " + file("running")));
    }
    return sync_directory();
}

void DataDirectory::note_commit(int64_t commit) const {
    const std::string line = commit_line(commit);
    // What cannot be noted is not missed at the next start, and nothing else.
    if (marker_ < 0) return;
    const ssize_t written = pwrite(marker_, line.data(), line.size(), 0);
    static_cast<void>(written);
}

Status DataDirectory::clear_running() {
    if (unlink(file("running").c_str()) != 0 && errno != ENOENT) {
        return Status(system_error("removing " + file("running")));
    }
    return sync_directory();
}

Status DataDirectory::sync_directory() const {
    const int directory = open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return Status(system_error("opening " + path_));
    const bool synced = fsync(directory) == 0;
    const Error failure = synced ? Error{} : system_error("syncing " + path_);
    close(directory);
    return synced ? Status() : Status(failure);
}

}  // namespace agentcom
