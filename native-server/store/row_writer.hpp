// The statements that change rows, prepared once per connection.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/state/store.hpp"
#include "native-server/store/archive_sums.hpp"
#include "native-server/store/change_set.hpp"
#include "native-server/store/sqlite.hpp"

namespace agentcom {

class RowWriter {
  public:
    explicit RowWriter(SqliteConnection& db) : db_(db) {}

    /// Forgets all statements: before the connection is closed.
    void finish();

    // All of these must run inside a transaction. False: an error, see `take_failure` first and then the connection.
    bool apply(const MergedChange& change);
    bool set_meta(std::string_view key, std::string_view value);
    bool set_meta(std::string_view key, int64_t value);
    /// Deletes at most `limit` events, receipts or finished tasks; subtracts what it deleted from `limit`. `done`:
    /// nothing is left to prune.
    bool prune(Prune::What what, int64_t workspace, int64_t up_to, int64_t& limit, bool& done);
    /// Deletes the messages with a number above `above` and up to `up_to` that are not in `keep`.
    bool prune_output(const Prune& prune);
    bool prune_messages(int64_t workspace, int64_t above, int64_t up_to, std::vector<int64_t> keep);
    /// The row that a change is going to overwrite or delete, if it is one that no hub has in memory: a message, an
    /// event or a finished task. Appends it to `rows`. To be called before `apply`, which counts on it for the sums of
    /// archives; `correcting`: the change takes back a transaction, so that it may meet what no other one meets.
    bool keep_archived(const MergedChange& change, std::vector<RowChange>& rows, bool correcting = false);

    /// Reads the sums of archives again from the file; when a transaction begins they are noted, and put back when it
    /// is rolled back. `write_archive_sums` is the last of a transaction's changes of rows.
    bool read_archive_sums() { return archive_.read(db_); }
    void note_archive_sums() { archive_before_ = archive_; }
    void put_back_archive_sums() { archive_ = archive_before_; }
    bool write_archive_sums() {
        return archive_.write(
            [this](const std::string& key, const std::string& value) { return set_meta(key, value); });
    }

    /// What is wrong when it is not SQLite that failed, "" otherwise. Asking forgets it.
    std::string take_failure() { return std::exchange(failure_, {}); }

  private:
    SqliteStatement* upsert(const TableLayout& layout, unsigned kept_bodies);
    SqliteStatement* statement(const std::string& sql);
    bool erase(const MergedChange& change);
    bool prune_numbered(TableId table, int64_t workspace, int64_t up_to, int64_t& limit, bool& done);
    bool prune_finished(int64_t workspace, int64_t up_to, int64_t& limit, bool& done);

    /// Runs a deletion that gives the checksums of what it deletes. `deleted` may be null.
    bool remove_archived(SqliteStatement& remove, TableId table, int64_t* deleted = nullptr);

    SqliteConnection& db_;
    ArchiveSums archive_;
    ArchiveSums archive_before_;
    /// By table and the bodies that stay as they are (a bit for each).
    std::map<std::pair<TableId, unsigned>, SqliteStatement> upserts_;
    std::map<TableId, SqliteStatement> erasures_;
    std::map<std::string, SqliteStatement> statements_;
    std::string failure_;
};

}  // namespace agentcom
