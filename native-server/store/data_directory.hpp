// A data directory that this process owns.
//
// The lock is flock(2) on DIR/hub.lock: the kernel lets go of it when the process ends, however it ends, so a file that
// was left behind blocks nobody. DIR/running tells the next start that this one did not end cleanly.
#pragma once

#include <cstdint>
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
    struct Marker {
        bool exists = false;
        int64_t commit = 0;  ///< the last transaction that its run has acknowledged; 0 if it does not say
    };
    /// Of a directory that may be anybody's.
    static Marker read_marker(const std::string& path);
    int64_t noted_commit() const { return read_marker(path_).commit; }
    /// The marker and its absence survive power loss.
    Status mark_running(int64_t commit);
    Status clear_running();
    /// Notes in the marker what is acknowledged. It is not synced: after a power loss it may say less, never more. So
    /// it tells of a WAL that was damaged or cut short, which SQLite takes for a shorter one.
    void note_commit(int64_t commit) const;

  private:
    Status sync_directory() const;

    std::string path_;
    int lock_ = -1;
    int marker_ = -1;
};

}  // namespace agentcom
