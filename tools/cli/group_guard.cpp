#include "tools/cli/group_guard.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <set>
#include <utility>

namespace agentcom::cli {

namespace {

struct Note {
    pid_t group;
    int alive;
};

void tell(int descriptor, Note note) {
    // Smaller than PIPE_BUF, so notes of several processes never mix.
    ssize_t written = 0;
    do {
        written = ::write(descriptor, &note, sizeof note);
    } while (written < 0 && errno == EINTR);
}

[[noreturn]] void guard(int descriptor) {
    // A session of its own: what a terminal sends to the worker's group is not for the guard.
    ::setsid();
    ::prctl(PR_SET_NAME, "agentcom-guard");
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) std::signal(signal, SIG_IGN);
    // Whoever waits for the end of the worker's output must not wait for the guard.
    const int nothing = ::open("/dev/null", O_RDWR);
    for (const int standard : {0, 1, 2}) ::dup2(nothing, standard);
    ::dup2(descriptor, 3);
    ::close_range(4, ~0U, 0);

    std::set<pid_t> groups;
    for (;;) {
        Note note{};
        const ssize_t count = ::read(3, &note, sizeof note);
        if (count < 0 && errno == EINTR) continue;
        if (count != static_cast<ssize_t>(sizeof note)) break;
        if (note.alive != 0) {
            groups.insert(note.group);
        } else {
            groups.erase(note.group);
        }
    }
    for (const pid_t group : groups) ::kill(-group, SIGKILL);
    ::_exit(0);
}

}  // namespace

std::optional<GroupGuard> GroupGuard::start() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
    const pid_t child = ::fork();
    if (child == 0) guard(ends[0]);
    ::close(ends[0]);
    if (child < 0) {
        ::close(ends[1]);
        return std::nullopt;
    }
    return GroupGuard(ends[1], child);
}

GroupGuard::GroupGuard(GroupGuard&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), process_(std::exchange(other.process_, -1)) {}

GroupGuard::~GroupGuard() {
    if (descriptor_ < 0) return;
    ::close(descriptor_);
    ::waitpid(process_, nullptr, 0);
}

void GroupGuard::add(pid_t group) const { tell(descriptor_, {group, 1}); }
void GroupGuard::remove(pid_t group) const { tell(descriptor_, {group, 0}); }

}  // namespace agentcom::cli
