#include "native-server/store/command.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace agentcom {

namespace {

constexpr int kLookMs = 100;
/// So much of the end of what a program says is kept.
constexpr std::size_t kKeptBytes = 1'000;

Status command_failed(const std::string& program, const std::string& why, const std::string& said) {
    return Status(Error{"command_failed", 500, Blame::hub,
                        program + " " + why + (said.empty() ? "" : "; the end of what it said: " + said)});
}

std::vector<std::string> kept_environment() {
    std::vector<std::string> kept;
    for (const char* name : {"PATH", "HOME", "LANG"}) {
        if (const char* value = std::getenv(name)) kept.push_back(std::string(name) + "=" + value);
    }
    return kept;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> all;
    for (std::string& word : words) all.push_back(word.data());
    all.push_back(nullptr);
    return all;
}

/// Its output goes into `output`; a group of its own, so that all of it can be killed. Gives an errno.
int spawn(std::vector<std::string> arguments, int output, pid_t& child) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, output, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    sigset_t usual;
    sigemptyset(&usual);
    posix_spawnattr_setsigmask(&attributes, &usual);
    for (const int number : {SIGPIPE, SIGXFSZ, SIGHUP}) sigaddset(&usual, number);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    std::vector<std::string> kept = kept_environment();
    const int failure = posix_spawnp(&child, arguments.front().c_str(), &files, &attributes, pointers(arguments).data(),
                                     pointers(kept).data());
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return failure;
}

/// Reads once; gives what read(2) gave.
ssize_t listen_to(int from, std::string& said) {
    std::array<char, 4'096> buffer{};
    const ssize_t size = read(from, buffer.data(), buffer.size());
    if (size <= 0) return size;
    said.append(buffer.data(), static_cast<std::size_t>(size));
    if (said.size() > kKeptBytes) said.erase(0, said.size() - kKeptBytes);
    return size;
}

/// Reads what it says until it has ended. False: it had to be killed.
bool wait_for_end(pid_t child, int said_from, int64_t timeout_ms, const std::atomic<bool>* stop, std::string& said,
                  int& status) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    for (;;) {
        pollfd look{said_from, POLLIN, 0};
        poll(&look, 1, kLookMs);
        const ssize_t size = listen_to(said_from, said);
        if (size <= 0 && waitpid(child, &status, WNOHANG) == child) {
            kill(-child, SIGKILL);  // what it may have left behind
            while (listen_to(said_from, said) > 0) continue;
            return true;
        }
        if (std::chrono::steady_clock::now() > until || (stop != nullptr && *stop)) {
            kill(-child, SIGKILL);
            waitpid(child, &status, 0);
            return false;
        }
        // Its output is closed and it goes on: nothing to read, so the poll above does not wait.
        if (size == 0) poll(nullptr, 0, kLookMs);
    }
}

}  // namespace

std::vector<std::string> words_of(const std::string& line) {
    std::vector<std::string> words;
    std::size_t at = 0;
    while ((at = line.find_first_not_of(" \t", at)) != std::string::npos) {
        const std::size_t end = std::min(line.find_first_of(" \t", at), line.size());
        words.push_back(line.substr(at, end - at));
        at = end;
    }
    return words;
}

Status run_command(const std::vector<std::string>& arguments, int64_t timeout_ms, const std::atomic<bool>* stop) {
    if (arguments.empty()) return command_failed("the command", "has no words", "");
    const std::string& program = arguments.front();
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return command_failed(program, std::strerror(errno), "");
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    pid_t child = 0;
    const int failure = spawn(arguments, ends[1], child);
    close(ends[1]);
    std::string said;
    int status = 0;
    const bool ended = failure == 0 && wait_for_end(child, ends[0], timeout_ms, stop, said, status);
    close(ends[0]);
    std::replace_if(
        said.begin(), said.end(), [](char c) { return static_cast<unsigned char>(c) < 32; }, ' ');
    if (failure != 0) return command_failed(program, std::string("cannot be started: ") + std::strerror(failure), "");
    if (!ended)
        return command_failed(program, "took longer than " + std::to_string(timeout_ms) + " ms and was killed", said);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    if (WIFEXITED(status)) return command_failed(program, "ended with " + std::to_string(WEXITSTATUS(status)), said);
    return command_failed(program, "was ended by signal " + std::to_string(WTERMSIG(status)), said);
}

}  // namespace agentcom
