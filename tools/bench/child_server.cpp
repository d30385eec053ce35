#include "tools/bench/child_server.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "tools/bench/load_loop.hpp"

namespace agentcom::bench {

namespace {

constexpr std::string_view kListening = "listening on ";

// The port behind "listening on ADDRESS:"; 0 when the line is not there or not complete.
uint16_t port_in(std::string_view text) {
    const size_t line = text.find(kListening);
    if (line == std::string_view::npos || text.find('\n', line) == std::string_view::npos) return 0;
    const size_t address_end = text.find_first_not_of("0123456789.:[]", line + kListening.size());
    const std::string_view address = text.substr(0, address_end);
    const size_t colon = address.rfind(':');
    uint16_t port = 0;
    std::from_chars(address.data() + colon + 1, address.data() + address.size(), port);
    return port;
}

[[noreturn]] void run_child(const std::vector<std::string>& command, int output, pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // The parent may have gone before that was set.
    if (getppid() != parent) _exit(127);
    dup2(output, STDERR_FILENO);
    // Nothing of the caller's set-up counts: only the arguments do.
    for (char** variable = environ; *variable != nullptr;) {
        const std::string_view entry(*variable);
        const std::string name(entry.substr(0, entry.find('=')));
        if (name.starts_with("AGENTCOM_") || name == "PORT" || name == "ADMIN_AGENTS") {
            unsetenv(name.c_str());
        } else {
            ++variable;
        }
    }
    std::vector<char*> arguments;
    for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    execv(arguments[0], arguments.data());
    dprintf(STDERR_FILENO, "%s: %s\n", arguments[0], std::strerror(errno));
    _exit(127);
}

}  // namespace

Result<std::unique_ptr<ChildServer>> ChildServer::start(const std::vector<std::string>& command, int64_t timeout_ms) {
    using Started = Result<std::unique_ptr<ChildServer>>;
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return Started(failed_run("no pipe: " + std::string(std::strerror(errno))));
    std::unique_ptr<ChildServer> child(new ChildServer);
    child->output_ = ends[0];
    fcntl(child->output_, F_SETFL, O_NONBLOCK);
    child->start_ns_ = monotonic_ns();
    const pid_t parent = getpid();
    child->pid_ = fork();
    if (child->pid_ == 0) run_child(command, ends[1], parent);
    close(ends[1]);
    if (child->pid_ < 0) return Started(failed_run("no process: " + std::string(std::strerror(errno))));
    if (const Status listens = child->wait_until_listening(timeout_ms); !listens) return Started(listens.error());
    return Started(std::move(child));
}

// False: the child has closed its end.
bool ChildServer::take_output() {
    std::array<char, 4096> buffer{};
    for (;;) {
        const ssize_t size = read(output_, buffer.data(), buffer.size());
        if (size == 0) return false;
        if (size < 0) return true;
        text_.append(buffer.data(), static_cast<size_t>(size));
    }
}

Status ChildServer::wait_until_listening(int64_t timeout_ms) {
    const int64_t begin_ns = start_ns_;
    for (;;) {
        const int64_t left_ms = timeout_ms - (monotonic_ns() - begin_ns) / 1'000'000;
        pollfd ready{output_, POLLIN, 0};
        if (left_ms <= 0 || poll(&ready, 1, static_cast<int>(left_ms)) == 0) {
            return Status(failed_run("it does not listen after " + std::to_string(timeout_ms) + " ms:\n" + text_));
        }
        const bool open = take_output();
        port_ = port_in(text_);
        if (port_ != 0) break;
        if (!open) return Status(failed_run("it ended instead of listening:\n" + text_));
    }
    start_ns_ = monotonic_ns() - begin_ns;
    return {};
}

Status ChildServer::stop() {
    kill(pid_, SIGTERM);
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    take_output();
    return Status(failed_run("the hub did not end well:\n" + text_));
}

ChildServer::~ChildServer() {
    if (pid_ > 0) {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
    if (output_ >= 0) close(output_);
}

// ---------------------------------------------------------------------------------------------------------------------
// DataDirectory

Result<DataDirectory> DataDirectory::open(const std::string& given) {
    std::error_code error;
    if (!given.empty()) {
        std::filesystem::create_directories(given, error);
        if (error) return Result<DataDirectory>(failed_run(given + ": " + error.message()));
        return Result<DataDirectory>(DataDirectory(given, false));
    }
    std::string path = (std::filesystem::temp_directory_path(error) / "agentcom-bench-XXXXXX").string();
    if (error || mkdtemp(path.data()) == nullptr) {
        return Result<DataDirectory>(failed_run("no temporary directory can be made: " + path));
    }
    return Result<DataDirectory>(DataDirectory(std::move(path), true));
}

DataDirectory::DataDirectory(DataDirectory&& other) noexcept
    : path_(std::move(other.path_)), temporary_(std::exchange(other.temporary_, false)) {}

DataDirectory::~DataDirectory() {
    std::error_code error;
    if (temporary_) std::filesystem::remove_all(path_, error);
}

std::string file_system_of(const std::string& path) {
    struct statfs information {};
    if (statfs(path.c_str(), &information) != 0) return "unknown";
    // The magic numbers of statfs(2).
    constexpr std::array<std::pair<uint32_t, const char*>, 6> kNames{{{0xef53, "ext4"},
                                                                      {0x58465342, "xfs"},
                                                                      {0x9123683e, "btrfs"},
                                                                      {0x01021994, "tmpfs"},
                                                                      {0x794c7630, "overlayfs"},
                                                                      {0x2fc12fc1, "zfs"}}};
    const auto type = static_cast<uint32_t>(information.f_type);
    const auto known = std::ranges::find(kNames, type, &std::pair<uint32_t, const char*>::first);
    if (known != kNames.end()) return known->second;
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "0x%x", type);
    return text.data();
}

}  // namespace agentcom::bench
