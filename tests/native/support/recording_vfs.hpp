// An SQLite VFS that writes down what reaches the disk, and can make the disk fail.
//
// It lies over the system's VFS, so that SQLite behaves as ever. Everything that a power failure could undo is recorded
// in order: creations, writes, truncations, syncs and deletions. `rebuild_after_power_loss` then makes the files as
// they may be found afterwards. Syncs are recorded and not carried out: nothing here depends on the real disk.
//
//     RecordingVfs vfs("recording");
//     StoreOptions options;
//     options.vfs = vfs.name();
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/prng.hpp"

namespace agentcom::test {

/// Something that happened to a file, or a note of the test's in between.
struct DiskOperation {
    enum class Kind : uint8_t { create, write, truncate, sync, remove, note };
    Kind kind = Kind::note;
    std::string file;    ///< name without directory
    int64_t offset = 0;  ///< of a write; the size of a truncation; what `note` was given
    std::string bytes;
    bool durable = false;  ///< of a removal: the directory was synced
};

/// Which operations fail, counted over all files from the moment the fault is set.
struct DiskFault {
    enum class Kind : uint8_t {
        none,
        full,         ///< writes: SQLITE_FULL
        write_error,  ///< writes: SQLITE_IOERR_WRITE, after half of the bytes
        sync_error    ///< syncs: SQLITE_IOERR_FSYNC; what was written stays in the file
    };
    Kind kind = Kind::none;
    int64_t after = 0;  ///< so many operations of that kind still work
    int64_t count = 1;  ///< then so many fail
};

class RecordingVfs {
  public:
    /// Registers under `name`, which must not be in use.
    explicit RecordingVfs(std::string name);
    ~RecordingVfs();
    RecordingVfs(const RecordingVfs&) = delete;
    RecordingVfs& operator=(const RecordingVfs&) = delete;

    const std::string& name() const { return name_; }
    /// Adds a note to the record, e.g. "turn 12 was acknowledged".
    void note(int64_t number);
    std::vector<DiskOperation> operations() const;
    void set_fault(DiskFault fault);
    /// Operations that failed since the last `set_fault`.
    int64_t failures() const;

  private:
    struct File;
    struct Methods;
    friend struct Methods;

    void record(DiskOperation operation);
    /// True when the operation is to fail.
    bool fails(bool is_sync, DiskFault::Kind& kind);

    std::string name_;
    sqlite3_vfs* base_ = nullptr;
    sqlite3_vfs vfs_{};
    mutable std::mutex mutex_;
    std::vector<DiskOperation> operations_;
    DiskFault fault_;
    int64_t failures_ = 0;
};

/// Makes in `directory` the files as they may be when the power failed just before operation `cut`: what was synced is
/// there; of what was not, each operation is kept, lost or torn into sectors of 512 bytes, as `prng` says.
void rebuild_after_power_loss(const std::vector<DiskOperation>& operations, std::size_t cut, Prng& prng,
                              const std::string& directory);

}  // namespace agentcom::test
