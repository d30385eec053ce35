// A data directory that this process owns.
//
// The lock is flock(2) on DIR/hub.lock: the kernel lets go of it when the process ends, however it ends, so a file that
// was left behind blocks nobody. DIR/running tells the next start that this one did not end cleanly.
#pragma once

#include <string>

#include "core/base/result.hpp"

namespace agentcom {

class DataDirectory {
  public:
    DataDirectory() = default;
    /// Lets go of the lock; the marker stays as it is.
    ~DataDirectory();
    DataDirectory(const DataDirectory&) = delete;
    DataDirectory& operator=(const DataDirectory&) = delete;

    /// Makes the directory (0700) and an empty database file (0600) if they are missing, and takes the lock. Errors:
    /// `data_directory_in_use` (the text names the pid), `store_unavailable`.
    Status acquire(const std::string& path);

    const std::string& path() const { return path_; }
    std::string file(const std::string& name) const { return path_ + "/" + name; }

    bool is_marked_running() const;
    /// The marker and its absence survive power loss.
    Status mark_running();
    Status clear_running();

  private:
    Status sync_directory() const;

    std::string path_;
    int lock_ = -1;
};

}  // namespace agentcom
