// The one choke point of all state.
//
// Rows change only through `put`, `erase`, `archive` and `append`. Each of them keeps the digest, the sums and the
// indexes right, notes what the store must be told, and remembers the previous row twice over: until the input is done
// (so that a fault undoes it) and until its turn is committed (so that a failed commit undoes it).
//
//     tables.put(row);                                     // insert or replace
//     tables.modify<TaskRow>(key, [&](TaskRow& task) { task.state = TaskState::queued; });
//     const TaskRow* task = tables.find<TaskRow>({workspace, id});   // valid until that row changes
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/assert.hpp"
#include "core/base/hash128.hpp"
#include "core/state/activity.hpp"
#include "core/state/columns.hpp"
#include "core/state/indexes.hpp"
#include "core/state/rows.hpp"
#include "core/state/saved_rows.hpp"
#include "core/state/store.hpp"

namespace agentcom {

namespace detail {

inline uint64_t mix(uint64_t hash, uint64_t value) {
    hash ^= value + 0x9e3779b97f4a7c15U + (hash << 6U) + (hash >> 2U);
    return hash;
}
inline uint64_t key_part_hash(int64_t value) { return static_cast<uint64_t>(value) * 0x9fb21c651e98df25U; }
inline uint64_t key_part_hash(const std::string& value) { return XXH3_64bits(value.data(), value.size()); }
template <class E>
requires std::is_enum_v<E> uint64_t key_part_hash(E value) { return key_part_hash(static_cast<int64_t>(value)); }

struct KeyHash {
    template <class... Parts>
    size_t operator()(const std::tuple<Parts...>& key) const {
        uint64_t hash = 0;
        std::apply([&hash](const auto&... parts) { ((hash = mix(hash, key_part_hash(parts))), ...); }, key);
        return static_cast<size_t>(hash);
    }
};

}  // namespace detail

/// Where the walk of a snapshot through a hash table stands.
struct SnapshotWalk {
    size_t buckets = 0;  ///< how many the table had when it began
    size_t next = 0;
};

/// The rows of one type. Never iterated where the order could show: use an index, or `sorted_keys`.
template <class Row>
class Table {
  public:
    using Key = typename Row::Key;
    struct Entry {
        Row row;
        Hash128 hash;
        bool dirty = false;     ///< noted in the turn's change list
        uint32_t snapshot = 0;  ///< the newest snapshot that has this row, or that began before it was made
    };

    const Row* find(const Key& key) const {
        const auto found = entries_.find(key);
        return found == entries_.end() ? nullptr : &found->second.row;
    }
    Entry* entry(const Key& key) {
        const auto found = entries_.find(key);
        return found == entries_.end() ? nullptr : &found->second;
    }
    int64_t size() const { return static_cast<int64_t>(entries_.size()); }
    Hash128 sum() const { return sum_; }

    std::vector<Key> sorted_keys() const {
        std::vector<Key> keys;
        keys.reserve(entries_.size());
        for (const auto& [key, unused] : entries_) keys.push_back(key);
        std::sort(keys.begin(), keys.end());
        return keys;
    }

    /// Inserts, replaces or (nullopt) removes a row; gives back what was there.
    /// `snapshot` is the number of the newest snapshot: a row that is new since is not for it.
    std::optional<Row> exchange(const Key& key, std::optional<Row> row, uint32_t snapshot) {
        std::optional<Row> before;
        auto found = entries_.find(key);
        if (found != entries_.end()) {
            sum_ -= found->second.hash;
            before = std::move(found->second.row);
        }
        if (!row) {
            if (found != entries_.end()) entries_.erase(found);
            return before;
        }
        const Hash128 hash = row_hash(*row);
        sum_ += hash;
        if (found == entries_.end()) {
            entries_.emplace(key, Entry{std::move(*row), hash, false, snapshot});
        } else {
            found->second.row = std::move(*row);
            found->second.hash = hash;
        }
        return before;
    }

    /// Calls `visit(Entry&)` for entries that snapshot number `snapshot` does not have yet, in no particular order, and
    /// takes the work done from `budget`. True: there are no more. Begin with a fresh `walk` and go on with the same
    /// one; rows may change meanwhile.
    template <class Visit>
    bool visit_missing(uint32_t snapshot, SnapshotWalk& walk, int64_t& budget, Visit&& visit) {
        // What moved to other places with the growth of the table is looked over again; what is done bears the mark.
        if (walk.buckets != entries_.bucket_count()) walk = {entries_.bucket_count(), 0};
        for (; walk.next < walk.buckets; ++walk.next) {
            if (budget <= 0) return false;
            --budget;
            for (auto each = entries_.begin(walk.next); each != entries_.end(walk.next); ++each) {
                --budget;
                if (each->second.snapshot == snapshot) continue;
                each->second.snapshot = snapshot;
                visit(each->second);
            }
        }
        return true;
    }

  private:
    std::unordered_map<Key, Entry, detail::KeyHash> entries_;
    Hash128 sum_;
};

class Tables {
  public:
    Tables();

    template <class Row>
    const Row* find(const typename Row::Key& key) const {
        return table<Row>().find(key);
    }
    template <class Row>
    bool contains(const typename Row::Key& key) const {
        return find<Row>(key) != nullptr;
    }
    template <class Row>
    int64_t count() const {
        return table<Row>().size();
    }
    template <class Row>
    std::vector<typename Row::Key> sorted_keys() const {
        return table<Row>().sorted_keys();
    }

    template <class Row>
    void put(Row row) {
        const typename Row::Key key = row.key();
        change<Row>(key, std::optional<Row>(std::move(row)));
        note_change<Row>(key);
    }

    /// Changes a row that must exist.
    template <class Row, class F>
    void modify(const typename Row::Key& key, F&& change_row) {
        const Row* row = find<Row>(key);
        AGENTCOM_ASSERT(row != nullptr, "a row was changed that does not exist");
        Row copy = *row;
        change_row(copy);
        AGENTCOM_ASSERT(copy.key() == key, "a row's key was changed in place");
        put(std::move(copy));
    }

    /// Deletes a row, here and in the store. Nothing happens if there is none.
    template <class Row>
    void erase(const typename Row::Key& key) {
        if (!contains<Row>(key)) return;
        change<Row>(key, std::nullopt);
        if constexpr (Row::kClass == RowClass::durable) emit_now<Row>(key);
    }

    /// Takes a row out of memory; the store keeps it as it is now.
    template <class Row>
    void archive(const typename Row::Key& key) {
        static_assert(Row::kClass == RowClass::durable);
        if (!contains<Row>(key)) return;
        emit_now<Row>(key);
        change<Row>(key, std::nullopt);
    }

    /// Hands an archive row to the store.
    void append(const MessageRow& row) { append_row(row); }
    void append(const EventRow& row) { append_row(row); }
    void append(const ReceiptRow& row) { append_row(row); }
    void append(const TaskOutputRow& row) { append_row(row); }
    /// Like `archive`, for a row that only ever was in the store.
    void append(const TaskRow& row) { append_row(row); }

    /// Deletes one archive row in the store.
    void erase_archived(const MessageRow::Key& key);

    void prune(Prune prune) { prunes_.push_back(std::move(prune)); }

    /// Takes in a row as the store or a saved state has it: nothing is emitted and nothing can be undone.
    template <class Row>
    void restore(Row row) {
        const typename Row::Key key = row.key();
        exchange<Row>(key, std::optional<Row>(std::move(row)));
    }

    const Indexes& indexes() const { return indexes_; }
    Indexes& indexes() { return indexes_; }
    const Activity& activity() const { return activity_; }
    Activity& activity() { return activity_; }

    // -- inputs and turns ------------------------------------------------------------------------------------

    void begin_input();
    /// The input stands.
    void end_input();
    /// The input never was.
    void undo_input();

    /// Everything that changed since the last call, for the store.
    Batch end_turn(int64_t turn, int64_t inline_body_bytes);
    void committed(int64_t turn);
    /// The number of the turn that is collected from now on.
    void set_turn(int64_t turn) { turn_ = turn; }
    /// Takes back what the turns from `first_turn` on changed, newest first; rows of transient tables stay.
    /// Returns the keys of the tasks that were touched, without repeats, so that their timers can be set anew.
    std::vector<TaskRow::Key> undo_turns(int64_t first_turn);

    Hash128 digest() const;
    /// The part of the digest that costs nothing to ask for: all rows, without Activity.
    Hash128 rows_digest() const;
    std::vector<TableSum> sums() const;
    std::string save() const;
    /// False when the bytes are no saved state.
    bool load(std::string_view bytes);

    // -- snapshots: the state at one moment, taken piece by piece while inputs go on
    // ------------------------------------
    //
    // A row that changes before its turn has come is written down as it was, so every piece is of the moment when the
    // snapshot began. What it costs while one is taken: a hash lookup per changed row, and the row once more as bytes.

    /// Begins one between turns, in the place of one that is under way.
    void begin_snapshot();
    /// Appends rows to `out` until about so many were looked at. True: the snapshot is complete.
    bool take_snapshot(ByteWriter& out, int64_t rows);
    void cancel_snapshot();
    bool in_snapshot() const { return snapshot_ != nullptr; }
    /// The digest of the state when the last complete snapshot began.
    Hash128 snapshot_digest() const { return snapshot_digest_; }
    /// Takes in all pieces of a snapshot, in any order. False: they are none.
    bool load_snapshot(const std::vector<std::string>& pieces);

    /// The current value of a row in memory as a change for the store: the row itself, or its erasure.
    RowChange current(TableId, RowValues key_values) const;

  private:
    using AllTables = std::tuple<
        Table<HubRow>, Table<WorkspaceRow>, Table<PrincipalRow>, Table<TokenRow>, Table<InviteRow>, Table<MailboxRow>,
        Table<TaskRow>, Table<TaskInputRow>, Table<TaskEdgeRow>, Table<AttemptRow>, Table<IdempotencyRow>,
        Table<MailRow>, Table<SessionRow>, Table<LivenessRow>, Table<AgentRow>, Table<LeaseRow>, Table<TimerRow>,
        Table<BucketRow>, Table<CooldownRow>, Table<FairnessRow>, Table<RuntimeRow>, Table<PendingRow>,
        Table<DeferredRow>, Table<RunRow>, Table<ClaimRow>, Table<WaitRow>, Table<FeedRow>, Table<ConfigRow>,
        Table<ChannelRow>, Table<MembershipRow>, Table<ImportRow>, Table<LimitOverrideRow>, Table<LimitExemptRow>,
        Table<LimitViolationRow>, Table<ValidationCountRow>, Table<ValidationFailureRow>, Table<PushSubscriptionRow>,
        Table<WebhookRow>, Table<DeliveryRow>, Table<FinishedLotRow>, Table<ReceiverRow>, Table<MetricHistoryRow>,
        Table<AlertRow>, Table<AlertEpisodeRow>, Table<AlertRuleRow>, Table<LiveAlertRow>, Table<AlertWatchRow>,
        Table<StorageRunRow>, Table<StorageJobRow>, Table<StorageStateRow>, Table<CompletionRow>, Table<DashboardRow>>;

    /// How to put one row back.
    struct Undo {
        virtual ~Undo() = default;
        virtual void run(Tables&) = 0;
        virtual const TaskRow::Key* task() const { return nullptr; }
        bool transient = false;
        int64_t turn = 0;
    };
    template <class Row>
    struct RowUndo;

    /// A row that was put in this turn; it is emitted as it is at the turn's end, if it is still there. (Erased and
    /// archived rows are emitted at once.)
    struct Dirty {
        void (*emit)(Tables&, const void* key) = nullptr;
        void (*forget)(Tables&, const void* key) = nullptr;  ///< the row is not to be emitted after all
        std::shared_ptr<const void> key;
    };

    template <class Row>
    Table<Row>& table() {
        return std::get<Table<Row>>(tables_);
    }
    template <class Row>
    const Table<Row>& table() const {
        return std::get<Table<Row>>(tables_);
    }

    template <class Row>
    std::optional<Row> exchange(const typename Row::Key& key, std::optional<Row> row) {
        if (snapshot_) keep_for_snapshot<Row>(key);
        // The indexes see both versions: the new one is looked up in place after the exchange.
        std::optional<Row> before = table<Row>().exchange(key, std::move(row), snapshot_number_);
        indexes_.changed(before ? &*before : static_cast<const Row*>(nullptr), find<Row>(key));
        return before;
    }

    /// Writes the row down for the snapshot that is being taken, if that does not have it yet.
    template <class Row>
    void keep_for_snapshot(const typename Row::Key& key) {
        auto* entry = table<Row>().entry(key);
        if (entry == nullptr || entry->snapshot == snapshot_number_) return;
        entry->snapshot = snapshot_number_;
        snapshot_->kept.u8(static_cast<uint8_t>(Row::kTable));
        saved::write_row(snapshot_->kept, entry->row);
    }

    template <class Row>
    void change(const typename Row::Key& key, std::optional<Row> row);
    template <class Row>
    void note_change(const typename Row::Key& key);
    template <class Row>
    void emit_now(const typename Row::Key& key);
    template <class Row>
    void append_row(const Row& row);
    void count_bytes(const RowChange&);

    /// A snapshot that is being taken.
    struct Snapshot {
        ByteWriter kept;  ///< rows that changed meanwhile, as they were
        size_t table = 0;
        SnapshotWalk walk;
        Hash128 rows;  ///< digest of all rows when it began
    };

    AllTables tables_;
    Indexes indexes_;
    Activity activity_;

    bool in_input_ = false;
    std::vector<std::unique_ptr<Undo>> input_undo_;
    std::deque<std::unique_ptr<Undo>> turn_undo_;

    std::vector<Dirty> dirty_;
    std::vector<RowChange> emitted_;  ///< of archived and appended rows, in order
    std::vector<Prune> prunes_;
    size_t input_emitted_ = 0;  ///< sizes when the input began, to take back to
    size_t input_prunes_ = 0;
    int64_t turn_bytes_ = 0;
    int64_t turn_ = 1;
    std::vector<TaskInputRow::Key> new_inputs_;  ///< may shed their bodies at the turn's end
    std::unique_ptr<Snapshot> snapshot_;
    uint32_t snapshot_number_ = 0;
    Hash128 snapshot_digest_;
};

template <class Row>
struct Tables::RowUndo final : Tables::Undo {
    typename Row::Key key;
    std::optional<Row> before;

    void run(Tables& tables) override { tables.exchange<Row>(key, std::move(before)); }
    const TaskRow::Key* task() const override {
        if constexpr (std::is_same_v<Row, TaskRow>) {
            return &key;
        } else {
            return nullptr;
        }
    }
};

template <class Row>
void Tables::change(const typename Row::Key& key, std::optional<Row> row) {
    AGENTCOM_ASSERT(in_input_, "rows change only while an input is applied");
    auto undo = std::make_unique<RowUndo<Row>>();
    undo->key = key;
    undo->transient = Row::kClass == RowClass::transient;
    undo->turn = turn_;
    const bool was_dirty = table<Row>().entry(key) != nullptr && table<Row>().entry(key)->dirty;
    undo->before = exchange<Row>(key, std::move(row));
    if (auto* entry = table<Row>().entry(key)) entry->dirty = was_dirty;
    input_undo_.push_back(std::move(undo));
}

template <class Row>
void Tables::note_change(const typename Row::Key& key) {
    if constexpr (Row::kClass == RowClass::durable) {
        if (auto* entry = table<Row>().entry(key)) {
            if (entry->dirty) return;
            entry->dirty = true;
        }
        dirty_.push_back({[](Tables& tables, const void* typed_key) {
                              const auto& row_key = *static_cast<const typename Row::Key*>(typed_key);
                              if (tables.contains<Row>(row_key)) tables.emit_now<Row>(row_key);
                          },
                          [](Tables& tables, const void* typed_key) {
                              const auto& row_key = *static_cast<const typename Row::Key*>(typed_key);
                              if (auto* entry = tables.table<Row>().entry(row_key)) entry->dirty = false;
                          },
                          std::make_shared<const typename Row::Key>(key)});
    }
}

template <class Row>
void Tables::emit_now(const typename Row::Key& key) {
    RowChange change;
    change.table = Row::kTable;
    auto* entry = table<Row>().entry(key);
    if (entry == nullptr) {
        change.erase = true;
        std::apply([&change](const auto&... parts) { (change.values.push_back(detail::to_value(parts)), ...); }, key);
    } else {
        change.values = row_values(entry->row);
        change.checksum = entry->hash;
        entry->dirty = false;
        if constexpr (std::is_same_v<Row, TaskInputRow>) new_inputs_.push_back(key);
    }
    count_bytes(change);
    emitted_.push_back(std::move(change));
}

template <class Row>
void Tables::append_row(const Row& row) {
    AGENTCOM_ASSERT(in_input_, "rows change only while an input is applied");
    emitted_.push_back(RowChange{Row::kTable, false, row_values(row), row_hash(row)});
    count_bytes(emitted_.back());
}

}  // namespace agentcom
