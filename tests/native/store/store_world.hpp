// A random hub as the store sees it, and what a store should hold after each of its turns.
//
// `StoreWorld` makes batches of every kind of row as the core does: tasks that are submitted, change, finish and are
// archived with shed bodies, messages, events, idempotency records that expire, retention. `StoreContents` is the
// simplest store there is. Both are values: a copy is a way back.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base/prng.hpp"
#include "core/state/store.hpp"
#include "native-server/store/storage_files.hpp"
#include "native-server/store/store.hpp"

namespace agentcom::test {

/// A directory that goes when the test ends.
class TemporaryDirectory {
  public:
    TemporaryDirectory();
    ~TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

    std::string path() const { return path_.string(); }
    /// A path inside that does not exist yet.
    std::string fresh() { return (path_ / std::to_string(++count_)).string(); }

  private:
    std::filesystem::path path_;
    int count_ = 0;
};

using RowKey = std::pair<TableId, RowValues>;
struct RowKeyLess {
    bool operator()(const RowKey& a, const RowKey& b) const;
};

/// Rows and sum of checksums per table.
using Fingerprint = std::map<TableId, std::pair<int64_t, std::string>>;

class StoreContents {
  public:
    void apply(const Batch& batch);
    /// The row with all its values, or nothing.
    const RowChange* find(TableId table, const RowValues& key) const;
    /// In memory of a hub: a durable row, of tasks a live one, or one that hangs on a live task.
    bool is_resident(const RowChange& row) const;
    std::vector<TableSum> resident_sums() const;
    Fingerprint fingerprint() const;
    const std::map<RowKey, RowChange, RowKeyLess>& rows() const { return rows_; }

  private:
    void prune(const Prune& prune);
    std::map<RowKey, RowChange, RowKeyLess> rows_;
    std::map<int64_t, int64_t> messages_pruned_;
};

struct WorldOptions {
    bool prunes_messages = true;
    int64_t body_bytes = 3'000;  ///< the longest body
};

class StoreWorld {
  public:
    explicit StoreWorld(uint64_t seed, WorldOptions options = {});

    Batch next_turn();
    int64_t turn() const { return turn_; }
    const StoreContents& contents() const { return contents_; }
    /// As `Tables::current`: the row as a hub has it in memory, long bodies shed.
    RowChange current(TableId table, const RowValues& key) const;
    Prng& prng() { return prng_; }

  private:
    template <class Row>
    void put(const Row& row);
    template <class Row>
    void erase(const typename Row::Key& key);
    std::string random_body();
    std::string random_name();
    bool chance(uint64_t one_in) { return prng_.below(one_in) == 0; }
    void event(const std::string& kind, const std::string& subject);
    void submit_task();
    void change_task();
    void finish_task();
    void rewrite_finished_task();
    void add_message();
    void add_receipt();
    void change_access();
    void change_idempotency();
    void retain();

    WorldOptions options_;
    Prng prng_;
    int64_t turn_ = 0;
    StoreContents contents_;
    WorkspaceRow workspace_;
    std::map<std::string, TaskRow> live_;
    std::map<std::string, TaskRow> finished_;
    std::set<int64_t> kept_messages_;
    std::map<std::pair<std::string, ReceiptKind>, int64_t> noted_;  ///< up to where lots go: they do not overlap
    std::vector<IdempotencyRow::Key> idempotency_;
    Batch batch_;
};

/// What `SqliteStore::load` gave.
struct LoadedRows {
    std::map<RowKey, RowValues, RowKeyLess> rows;
    std::vector<MessageRow> messages;
    std::map<std::optional<std::string>, int64_t> floors;  ///< answers to mail_floor; 0 for all others

    /// Refuses sums that differ from those of the rows, as a hub does: `lost_rows`.
    LoadSink sink();
};

/// Every row of a database file, with checksums compared. An error's text says what is wrong.
Result<Fingerprint> fingerprint_of(const std::string& database);

/// Runs `work` in a process of its own that is killed at the `step`th step of it. False: it ended before.
bool killed_at(int step, const std::function<void(const StepObserver&)>& work);

/// Lets the store finish what it puts off: pruning.
void finish_upkeep(SqliteStore& store);

template <class Row>
RowChange change_of(const Row& row) {
    return {Row::kTable, false, row_values(row), row_hash(row)};
}
template <class Row>
RowChange erasure_of(const typename Row::Key& key) {
    RowChange change;
    change.table = Row::kTable;
    change.erase = true;
    std::apply([&change](const auto&... parts) { (change.values.push_back(agentcom::detail::to_value(parts)), ...); },
               key);
    return change;
}

}  // namespace agentcom::test
