// Ends the commands of a worker that dies, however it dies.
//
// A parent-death signal reaches a command but not what the command has started. So a worker has a second, tiny process
// that does nothing but hold the list of process groups, and kills them all when the pipe to its worker closes, which
// the kernel sees to even after SIGKILL. Commands that leave their process group on purpose (setsid) escape.
#pragma once

#include <sys/types.h>

#include <optional>

namespace agentcom::cli {

class GroupGuard {
  public:
    // Forks the guard. Call it before the process has threads. Nothing when there is no process or pipe to be had.
    static std::optional<GroupGuard> start();

    GroupGuard(GroupGuard&& other) noexcept;
    GroupGuard& operator=(GroupGuard&&) = delete;
    ~GroupGuard();

    // Both are safe between fork and exec.
    void add(pid_t group) const;
    void remove(pid_t group) const;

  private:
    GroupGuard(int descriptor, pid_t process) : descriptor_(descriptor), process_(process) {}

    int descriptor_ = -1;
    pid_t process_ = -1;
};

}  // namespace agentcom::cli
