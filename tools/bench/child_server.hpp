// A server that the bench starts and ends: the hub under test, or the relay. Both print "listening on ADDRESS:PORT" on
// standard error when they are ready.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tools/bench/failure.hpp"

namespace agentcom::bench {

class ChildServer {
  public:
    // Starts a program and waits until it listens, for at most `timeout_ms`. The child does not outlive this process.
    static Result<std::unique_ptr<ChildServer>> start(const std::vector<std::string>& command, int64_t timeout_ms);
    // Ends it, at once if it still runs.
    ~ChildServer();
    ChildServer(const ChildServer&) = delete;
    ChildServer& operator=(const ChildServer&) = delete;

    // SIGTERM, and waits for the end.
    Status stop();

    pid_t pid() const { return pid_; }
    uint16_t port() const { return port_; }
    // From just before the process was made to its line "listening on".
    int64_t start_ns() const { return start_ns_; }

  private:
    ChildServer() = default;
    Status wait_until_listening(int64_t timeout_ms);
    bool take_output();

    pid_t pid_ = -1;
    int output_ = -1;  // the child's standard error
    std::string text_;
    uint16_t port_ = 0;
    int64_t start_ns_ = 0;
};

// A directory that goes with this object, unless it was given by name.
class DataDirectory {
  public:
    // Empty: a new temporary one below $TMPDIR, else /tmp.
    static Result<DataDirectory> open(const std::string& given);
    DataDirectory(DataDirectory&& other) noexcept;
    DataDirectory& operator=(DataDirectory&&) = delete;
    ~DataDirectory();

    const std::string& path() const { return path_; }

  private:
    DataDirectory(std::string path, bool temporary) : path_(std::move(path)), temporary_(temporary) {}

    std::string path_;
    bool temporary_;
};

// "ext4", "tmpfs", …: on the latter an fsync costs nothing, and figures say little. A hexadecimal number where it is
// not known.
std::string file_system_of(const std::string& path);

}  // namespace agentcom::bench
