// The SQLite store of a hub: one data directory, one writing connection, one transaction for many turns.
//
//     DIR/hub.db       the database (DIR/hub.db-wal and DIR/hub.db-shm while it is open)
//     DIR/hub.lock     locked by the process that owns the directory; holds its pid
//     DIR/running      exists from a start to the next clean stop
//
// Order of use: `open`, `load` into a new hub, then `commit` from the writer thread. What `commit` acknowledged
// survives kill -9 and power loss (WAL, synchronous=FULL). A refused transaction may lie in the file all the same
// when the disk failed at the wrong moment; `recover` removes it before anything else is written.
//
// Not thread-safe: one thread at a time uses a store. Queries have a connection of their own, see reader.hpp.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "core/state/store.hpp"

namespace agentcom {

class Hub;

struct StoreOptions {
    enum class Synchronous : uint8_t { full, normal, off };
    /// Anything but `full` loses acknowledged work when the power fails. For tests.
    Synchronous synchronous = Synchronous::full;
    std::string vfs;                         ///< name of an SQLite VFS; "" = the system's
    int64_t cache_bytes = 64 * 1024 * 1024;  ///< page cache of the writing connection
    int64_t prune_slice_rows = 200;          ///< at most so many events or tasks are pruned per commit and idle slice
    std::string hub_version;                 ///< written to meta.hub_version
};

/// Why a commit was refused.
enum class StoreFailure : uint8_t {
    full,  ///< no space, or a limit on file sizes
    io,    ///< the disk failed, or the file cannot be written
    other
};
std::string_view to_text(StoreFailure);

struct CommitError {
    StoreFailure category = StoreFailure::other;
    std::string text;  ///< for the log: SQLite's message and extended code
};

/// Where `load` puts what it finds; `Hub` has the same functions.
struct LoadSink {
    std::function<Status(TableId, RowValues)> row;
    std::function<int64_t(int64_t workspace, const std::optional<std::string>& recipient)> mail_floor;
    std::function<void(const MessageRow&)> message;
    std::function<Status(const std::vector<TableSum>&)> sums;
};

struct LoadCounts {
    int64_t rows = 0;
    int64_t messages = 0;
};

class SqliteStore {
  public:
    /// Opens or creates a data directory (0700, the database 0600). Errors: `data_directory_in_use` (names the pid),
    /// `newer_schema`, `not_a_hub_database`, `lost_wal` (the last run was killed, and its WAL is gone or does not hold
    /// all that was acknowledged), `store_unavailable`.
    static Result<std::unique_ptr<SqliteStore>> open(const std::string& directory, StoreOptions options = {});
    /// Stops cleanly as `close` does.
    ~SqliteStore();
    SqliteStore(const SqliteStore&) = delete;
    SqliteStore& operator=(const SqliteStore&) = delete;

    /// Gives a new hub all rows that live in memory and all messages that may be unread. Every row is compared with
    /// its checksum, and all together with the sums of the last commit. Errors: `corrupt_row` (names table and key),
    /// `lost_rows`, `store_unavailable`.
    Result<LoadCounts> load(Hub&);
    Result<LoadCounts> load(const LoadSink&);

    /// Writes the batches, which are in the order of their turns, in one transaction: wholly, durably, or (nullopt
    /// is success) not at all. Events and finished tasks that are to be pruned are deleted by later commits and by
    /// `upkeep`, in slices; `load` finds again what is left. After an error only `recover` may follow.
    std::optional<CommitError> commit(std::span<const Batch>);

    /// After a failed commit, as often as it takes: opens the database again, writes `correction` if the refused
    /// transaction turned out to be in the file after all, and commits a trifle to see that writes work. `correction`
    /// comes from `correction_for` with the hub as it is after `CommitFailed`. nullopt: commits are possible again.
    std::optional<CommitError> recover(std::span<const RowChange> correction);
    /// The file holds neither the last acknowledged state nor the refused one: somebody else wrote to it or lost
    /// what was synced. `recover` cannot succeed any more; the hub must stop with the error's text.
    bool beyond_recovery() const;

    /// For idle moments: deletes a slice of what `Prune` left over, or else gives a slice of free pages back to the
    /// file system. `more`: call again. An error here refuses nothing; it is for the log.
    std::optional<CommitError> upkeep(bool& more);

    /// Pages of the database, and those of them that hold nothing.
    struct Pages {
        int64_t all = 0;
        int64_t free = 0;
    };
    /// Gives at most so many free pages back to the file system, 0: only looks. Tells how it is then. An error refuses
    /// nothing.
    std::optional<CommitError> vacuum(int64_t pages, Pages& after);

    /// Pages in the WAL after the last commit; it begins anew once all of them are in the database.
    int64_t wal_pages() const;
    /// Copies what it can from the WAL to the database without waiting for anybody. An error refuses nothing.
    std::optional<CommitError> checkpoint();

    /// A checkpoint, then the `running` marker goes. Also after failures. Further calls do nothing.
    void close();
    /// Closes without writing anything: for a database that turned out to be damaged. The next start finds it as a
    /// crash would have left it.
    void abandon();

    const std::string& directory() const;
    const StoreOptions& options() const;
    /// The last run did not end with `close`.
    bool was_unclean() const;
    /// The database was made by this `open`.
    bool was_created() const;
    int64_t last_turn() const;  ///< of the last commit, of this run or an earlier one

  private:
    class Impl;
    explicit SqliteStore(std::unique_ptr<Impl>);
    std::unique_ptr<Impl> impl_;
};

/// A row of the hub as it is now: all its columns, or `erase` when there is none. `key` are its key columns.
using CurrentRow = std::function<RowChange(TableId, const RowValues& key)>;

/// What undoes refused batches, should they be in the file: for every durable row that they touched its present
/// value, and for every archive row its erasure. Call after the hub has taken in `CommitFailed`. (Archived rows that
/// were overwritten or deleted, which no hub remembers, the store keeps aside by itself until a commit succeeds.)
std::vector<RowChange> correction_for(std::span<const Batch> refused, const CurrentRow& current);

}  // namespace agentcom
