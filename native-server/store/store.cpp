#include "native-server/store/store.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <utility>

#include "native-server/store/change_set.hpp"
#include "native-server/store/data_directory.hpp"
#include "native-server/store/load.hpp"
#include "native-server/store/row_io.hpp"
#include "native-server/store/row_writer.hpp"
#include "native-server/store/schema.hpp"
#include "native-server/store/search_index.hpp"
#include "native-server/store/sqlite.hpp"

namespace agentcom {

namespace {

constexpr int kOpenFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
/// A recovery must show that there is room for more than a single page.
constexpr int64_t kProbeBytes = 65'536;
/// Free pages are given back to the file system once they are a quarter of the file, and at least so many.
constexpr int64_t kVacuumFromPages = 4'096;
constexpr int64_t kVacuumSlicePages = 512;
/// Messages that one idle slice adds to the search: some 5 ms, which a commit may have to wait.
constexpr int64_t kSearchSliceMessages = 500;
/// A WAL that a burst made large is cut to this when it begins anew.
constexpr int64_t kWalKeptBytes = 32 * 1024 * 1024;

std::string_view pragma_value(StoreOptions::Synchronous synchronous) {
    switch (synchronous) {
        case StoreOptions::Synchronous::normal:
            return "NORMAL";
        case StoreOptions::Synchronous::off:
            return "OFF";
        case StoreOptions::Synchronous::full:
            break;
    }
    return "FULL";
}

StoreFailure category_of(const SqliteConnection& db, const SqliteError& error) {
    if (error.primary() == SQLITE_FULL) return StoreFailure::full;
    switch (error.primary()) {
        case SQLITE_IOERR: {
            const int system = db.is_open() ? sqlite3_system_errno(db.handle()) : 0;
            return system == ENOSPC || system == EFBIG || system == EDQUOT ? StoreFailure::full : StoreFailure::io;
        }
        case SQLITE_READONLY:
        case SQLITE_CANTOPEN:
        case SQLITE_PERM:
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return StoreFailure::io;
        default:
            return StoreFailure::other;
    }
}

bool writes_messages(const Batch& batch) {
    return std::any_of(batch.changes.begin(), batch.changes.end(),
                       [](const RowChange& change) { return change.table == TableId::messages && !change.erase; });
}

using PruneTargets = std::map<std::pair<Prune::What, int64_t>, int64_t>;

}  // namespace

std::string_view to_text(StoreFailure failure) {
    switch (failure) {
        case StoreFailure::full:
            return "full";
        case StoreFailure::io:
            return "io";
        case StoreFailure::other:
            break;
    }
    return "other";
}

class SqliteStore::Impl {
  public:
    explicit Impl(StoreOptions options) : options_(std::move(options)), rows_(db_), search_(db_) {}

    Status open(const std::string& path);
    Result<LoadCounts> load(const LoadSink& sink);
    std::optional<CommitError> commit(std::span<const Batch> batches);
    std::optional<CommitError> recover(std::span<const RowChange> correction);
    std::optional<CommitError> upkeep(bool& more);
    std::optional<CommitError> vacuum(int64_t pages, Pages& after);
    std::optional<CommitError> checkpoint();
    void close();
    void abandon();

    DataDirectory directory_;
    StoreOptions options_;
    bool was_unclean_ = false;
    bool was_created_ = false;
    bool beyond_recovery_ = false;
    int64_t wal_pages_ = 0;
    int64_t last_turn_ = 0;

  private:
    bool connect() { return db_.open(directory_.file("hub.db"), kOpenFlags, options_.vfs) && configure(); }
    bool configure();
    void disconnect();
    void keep_wal_on_close(bool keep);
    bool begin() {
        rows_.note_archive_sums();
        return db_.execute("BEGIN IMMEDIATE");
    }
    bool end() { return db_.execute("COMMIT"); }
    CommitError error(std::string_view what);
    CommitError roll_back(std::string_view what);
    bool write_batches(std::span<const Batch> batches);
    bool write_sums(const std::vector<TableSum>& sums);
    bool prune_at_once(std::span<const Batch> batches);
    bool prune_some(int64_t limit);
    bool reopen();
    bool write_correction(std::span<const RowChange> correction);
    bool probe();
    std::optional<CommitError> give_up(std::string text);

    SqliteConnection db_;
    RowWriter rows_;
    SearchIndex search_;
    PruneTargets prunes_;  ///< of all but messages: asked for by acknowledged commits and not done yet
    std::map<int64_t, int64_t> messages_pruned_;  ///< by workspace: up to where acknowledged commits have pruned
    std::vector<RowChange> overwritten_;          ///< archived rows as they were before the last commit
    std::map<TableId, std::string> sums_;         ///< as the last acknowledged commit wrote them

    // Every transaction that counts carries a number in meta.commit. A refused one has `acknowledged_ + 1`, which
    // nothing else ever gets: what recovery writes begins at `acknowledged_ + 2`. So the number alone says which state
    // a file is in.
    int64_t acknowledged_ = 0;
    int64_t highest_ = 0;  ///< the highest number that may be in the file
    bool failed_ = false;
    bool connected_again_ = false;
};

// ---------------------------------------------------------------------------------------------------------------
// Opening and closing

bool SqliteStore::Impl::configure() {
    // What must hold before the first page is written comes first.
    const std::string pragmas =
        "PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; "
        "PRAGMA synchronous = " +
        std::string(pragma_value(options_.synchronous)) +
        "; PRAGMA foreign_keys = OFF; PRAGMA wal_autocheckpoint = 0; PRAGMA temp_store = MEMORY; "
        "PRAGMA busy_timeout = 1000; PRAGMA cache_size = -" +
        std::to_string(options_.cache_bytes / 1024) + "; PRAGMA journal_size_limit = " + std::to_string(kWalKeptBytes);
    std::string journal_mode;
    if (!db_.execute(pragmas) || !db_.query_text("PRAGMA journal_mode", journal_mode) || journal_mode != "wal") {
        return false;
    }
    sqlite3_wal_hook(
        db_.handle(),
        [](void* self, sqlite3*, const char*, int pages) {
            static_cast<Impl*>(self)->wal_pages_ = pages;
            return SQLITE_OK;
        },
        this);
    return true;
}

void SqliteStore::Impl::disconnect() {
    rows_.finish();
    search_.finish();
    db_.close();
}

Status SqliteStore::Impl::open(const std::string& path) {
    if (Status acquired = directory_.acquire(path); !acquired) return acquired;
    was_unclean_ = directory_.is_marked_running();
    // The marker is made only when the WAL is there for good, and the WAL goes only after the marker.
    if (was_unclean_ && !std::filesystem::exists(directory_.file("hub.db-wal"))) {
        return Status(Error{"lost_wal", 500, Blame::hub,
                            directory_.file("hub.db-wal") +
                                " is missing although the last run did not end cleanly: what was written last is lost "
                                "with it. Put the file back, restore a backup, or remove " +
                                directory_.file("running") + " to go on with what is left"});
    }
    const std::string file = directory_.file("hub.db");
    std::error_code unknown;
    if (was_unclean_ && std::filesystem::file_size(file, unknown) == 0) {
        return Status(Error{"lost_wal", 500, Blame::hub,
                            file +
                                " is missing or empty although a hub ran on it. Put the file back, or restore a "
                                "backup; or remove " +
                                directory_.file("running") + " to begin with nothing"});
    }
    if (!db_.open(file, kOpenFlags, options_.vfs)) return Status(store_unavailable(db_, "opening " + file));
    // Whatever is wrong with them, an attempt to open the files leaves them as they are.
    keep_wal_on_close(true);
    // Before anything is set: a file of somebody else's must stay as it is.
    if (Status ours = check_application(db_); !ours) return ours;
    if (!configure()) return Status(store_unavailable(db_, "opening " + file));
    if (Status prepared = prepare_schema(db_, was_created_); !prepared) return prepared;

    if (!db_.query_integer("SELECT value FROM meta WHERE key = 'commit'", acknowledged_) ||
        !db_.query_integer("SELECT value FROM meta WHERE key = 'last_turn'", last_turn_)) {
        return Status(store_unavailable(db_, "reading meta"));
    }
    highest_ = acknowledged_;
    if (const int64_t noted = was_unclean_ ? directory_.noted_commit() : 0; acknowledged_ < noted) {
        return Status(Error{"lost_wal", 500, Blame::hub,
                            file + " and its WAL end with transaction " + std::to_string(acknowledged_) +
                                ", but the last run acknowledged transaction " + std::to_string(noted) +
                                ": what was written last is damaged or gone. Put the files back, restore a backup, or "
                                "remove " +
                                directory_.file("running") + " to go on with what is left"});
    }
    if (!rows_.read_archive_sums()) {
        return Status(Error{"corrupt_row", 500, Blame::hub, "table meta: the sum of an archive cannot be read"});
    }
    const Result<std::vector<TableSum>> sums = read_sums(db_);
    if (!sums) return Status(sums.error());
    for (const TableSum& sum : sums.value()) sums_[sum.table] = sum_text(sum);
    // A real commit: it shows that the disk can be written, and makes the WAL durable before the marker is.
    if (!begin() || !rows_.set_meta("hub_version", options_.hub_version) || !end()) {
        const Error failure = store_unavailable(db_, "writing to " + file);
        db_.execute("ROLLBACK");
        return Status(failure);
    }
    if (Status marked = directory_.mark_running(acknowledged_); !marked) return marked;
    keep_wal_on_close(false);
    return {};
}

void SqliteStore::Impl::keep_wal_on_close(bool keep) {
    sqlite3_db_config(db_.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep ? 1 : 0, nullptr);
}

void SqliteStore::Impl::abandon() {
    if (!db_.is_open()) return;
    keep_wal_on_close(true);
    disconnect();
}

void SqliteStore::Impl::close() {
    if (!db_.is_open()) return;
    rows_.finish();
    search_.finish();
    if (failed_) {
        // The file may hold what was refused; the next start finds it as a crash would have left it.
        keep_wal_on_close(true);
    } else if (sqlite3_wal_checkpoint_v2(db_.handle(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr) ==
               SQLITE_OK) {
        // A marker that stays without a WAL would keep the next start from going on.
        if (!directory_.clear_running()) {
            keep_wal_on_close(true);
        }
    } else {
        // Somebody reads, or the disk is full: the WAL must stay, and so must the marker.
        keep_wal_on_close(true);
    }
    db_.close();
}

Result<LoadCounts> SqliteStore::Impl::load(const LoadSink& sink) {
    Result<LoadCounts> counts = load_rows(db_, sink);
    if (!counts) return counts;

    SqliteStatement pruned;
    if (!pruned.prepare(
            db_, "SELECT id, events_pruned, finished_pruned, messages_pruned, receipts_pruned FROM workspaces")) {
        return Result<LoadCounts>(store_unavailable(db_, "reading workspaces"));
    }
    while (pruned.step() == SQLITE_ROW) {
        const int64_t workspace = pruned.integer(0);
        prunes_[{Prune::What::events, workspace}] = pruned.integer(1);
        prunes_[{Prune::What::finished_tasks, workspace}] = pruned.integer(2);
        messages_pruned_[workspace] = pruned.integer(3);
        prunes_[{Prune::What::receipts, workspace}] = pruned.integer(4);
    }
    std::erase_if(prunes_, [](const auto& target) { return target.second <= 0; });
    return counts;
}

// ---------------------------------------------------------------------------------------------------------------
// Committing

CommitError SqliteStore::Impl::error(std::string_view what) {
    if (const std::string failure = rows_.take_failure(); !failure.empty()) {
        return {StoreFailure::other, std::string(what) + ": " + failure};
    }
    const SqliteError said = db_.error();
    return {category_of(db_, said),
            std::string(what) + ": " + said.text + " (SQLite code " + std::to_string(said.code) + ")"};
}

CommitError SqliteStore::Impl::roll_back(std::string_view what) {
    CommitError failure = error(what);
    db_.execute("ROLLBACK");
    rows_.put_back_archive_sums();
    return failure;
}

std::optional<CommitError> SqliteStore::Impl::commit(std::span<const Batch> batches) {
    if (failed_)
        return CommitError{StoreFailure::other, "a commit was tried while an earlier one is not recovered from"};
    if (std::all_of(batches.begin(), batches.end(), [](const Batch& batch) { return batch.empty(); })) {
        return std::nullopt;
    }

    const PruneTargets prunes_before = prunes_;
    overwritten_.clear();
    highest_ = acknowledged_ + 1;
    if (!begin() || !write_batches(batches) || !end()) {
        failed_ = true;
        prunes_ = prunes_before;
        return roll_back("committing turn " + std::to_string(batches.back().turn));
    }
    acknowledged_ = highest_;
    directory_.note_commit(acknowledged_);
    last_turn_ = batches.back().turn;
    if (std::any_of(batches.begin(), batches.end(), writes_messages)) search_.messages_written();
    for (const TableSum& sum : batches.back().sums) sums_[sum.table] = sum_text(sum);
    for (const Batch& batch : batches) {
        for (const Prune& prune : batch.prunes) {
            if (prune.what == Prune::What::output) continue;  // done as it was asked for
            int64_t& target = prune.what == Prune::What::messages ? messages_pruned_[prune.workspace]
                                                                  : prunes_[{prune.what, prune.workspace}];
            target = std::max(target, prune.up_to);
        }
    }
    return std::nullopt;
}

bool SqliteStore::Impl::write_batches(std::span<const Batch> batches) {
    for (const MergedChange& change : merge_changes(batches)) {
        if (!rows_.keep_archived(change, overwritten_) || !rows_.apply(change)) return false;
    }
    // Messages at once, since only this batch says which of them stay; read ones, so that nobody misses them should the
    // commit be refused. Of the rest only what acknowledged commits asked for, in slices.
    return prune_at_once(batches) && prune_some(options_.prune_slice_rows) && write_sums(batches.back().sums) &&
           rows_.write_archive_sums() && rows_.set_meta("last_turn", batches.back().turn) &&
           rows_.set_meta("commit", highest_);
}

bool SqliteStore::Impl::write_sums(const std::vector<TableSum>& sums) {
    for (const TableSum& sum : sums) {
        const std::string text = sum_text(sum);
        const auto known = sums_.find(sum.table);
        if (known != sums_.end() && known->second == text) continue;
        if (!rows_.set_meta("sum." + std::string(stored_table(sum.table).name), text)) return false;
    }
    return true;
}

// What `keep` says holds for the numbers above the prune before; unread messages below were kept by that one.
bool SqliteStore::Impl::prune_at_once(std::span<const Batch> batches) {
    std::map<int64_t, int64_t> above;
    for (const Batch& batch : batches) {
        for (const Prune& prune : batch.prunes) {
            if (prune.what == Prune::What::output && !rows_.prune_output(prune)) return false;
            if (prune.what != Prune::What::messages) continue;
            int64_t& floor = above.try_emplace(prune.workspace, messages_pruned_[prune.workspace]).first->second;
            if (!rows_.prune_messages(prune.workspace, floor, prune.up_to, prune.keep)) return false;
            floor = std::max(floor, prune.up_to);
        }
    }
    return true;
}

bool SqliteStore::Impl::prune_some(int64_t limit) {
    while (!prunes_.empty() && limit > 0) {
        const auto target = prunes_.begin();
        const auto& [what, workspace] = target->first;
        bool done = false;
        if (!rows_.prune(what, workspace, target->second, limit, done)) return false;
        if (!done) return true;
        prunes_.erase(target);
    }
    return true;
}

std::optional<CommitError> SqliteStore::Impl::upkeep(bool& more) {
    more = false;
    if (failed_) return std::nullopt;
    if (!prunes_.empty()) {
        const PruneTargets before = prunes_;
        if (!begin() || !prune_some(options_.prune_slice_rows) || !rows_.write_archive_sums() || !end()) {
            prunes_ = before;
            return roll_back("pruning");
        }
        more = true;
        return std::nullopt;
    }
    if (!search_.is_done()) {
        if (!begin() || !search_.advance(kSearchSliceMessages, more) || !end()) {
            search_.finish();
            return roll_back("adding to the search");
        }
        if (more) return std::nullopt;
    }
    int64_t pages = 0;
    int64_t free_pages = 0;
    if (!db_.query_integer("PRAGMA page_count", pages) || !db_.query_integer("PRAGMA freelist_count", free_pages)) {
        return error("reading the size of hub.db");
    }
    if (free_pages < kVacuumFromPages || free_pages * 4 < pages) return std::nullopt;
    if (!db_.execute("PRAGMA incremental_vacuum(" + std::to_string(kVacuumSlicePages) + ")")) {
        return error("giving free pages back");
    }
    more = true;
    return std::nullopt;
}

std::optional<CommitError> SqliteStore::Impl::vacuum(int64_t pages, Pages& after) {
    if (failed_) return CommitError{StoreFailure::other, "the store waits for a commit to succeed again"};
    if (pages > 0 && !db_.execute("PRAGMA incremental_vacuum(" + std::to_string(pages) + ")")) {
        return error("giving free pages back");
    }
    if (!db_.query_integer("PRAGMA page_count", after.all) || !db_.query_integer("PRAGMA freelist_count", after.free)) {
        return error("reading the size of hub.db");
    }
    return std::nullopt;
}

std::optional<CommitError> SqliteStore::Impl::checkpoint() {
    if (failed_) return std::nullopt;
    const int code = sqlite3_wal_checkpoint_v2(db_.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
    // Busy means that another connection is at it.
    if (code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY) return std::nullopt;
    return error("a checkpoint");
}

// ---------------------------------------------------------------------------------------------------------------
// After a failure

bool SqliteStore::Impl::reopen() {
    if (connected_again_) return true;
    if (db_.is_open()) {
        // A checkpoint now would be one more write to a disk that has just failed.
        rows_.finish();
        search_.finish();
        keep_wal_on_close(true);
    }
    disconnect();
    connected_again_ = connect() && rows_.read_archive_sums();
    return connected_again_;
}

std::optional<CommitError> SqliteStore::Impl::give_up(std::string text) {
    beyond_recovery_ = true;
    return CommitError{StoreFailure::other, std::move(text)};
}

bool SqliteStore::Impl::write_correction(std::span<const RowChange> correction) {
    // Of two changes of a row the later one counts: what was kept aside is truer than the hub's "there is none".
    Batch batch;
    batch.changes.assign(correction.begin(), correction.end());
    batch.changes.insert(batch.changes.end(), overwritten_.begin(), overwritten_.end());
    std::vector<RowChange> met;
    for (const MergedChange& change : merge_changes({&batch, 1})) {
        if (!rows_.keep_archived(change, met, true) || !rows_.apply(change)) return false;
    }
    if (!rows_.write_archive_sums()) return false;
    for (const TableSchema& schema : stored_tables()) {
        const auto sum = sums_.find(schema.table);
        const std::string key = "sum." + std::string(schema.name);
        if (sum != sums_.end() && !rows_.set_meta(key, sum->second)) return false;
        if (sum == sums_.end() && !db_.execute("DELETE FROM meta WHERE key = '" + key + "'")) return false;
    }
    return rows_.set_meta("last_turn", last_turn_) && rows_.set_meta("commit", highest_);
}

bool SqliteStore::Impl::probe() {
    ++highest_;
    if (!begin() || !rows_.set_meta("probe", std::string(static_cast<std::size_t>(kProbeBytes), '.')) ||
        !rows_.set_meta("commit", highest_) || !end()) {
        return false;
    }
    ++highest_;
    return begin() && db_.execute("DELETE FROM meta WHERE key = 'probe'") && rows_.set_meta("commit", highest_) &&
           end();
}

std::optional<CommitError> SqliteStore::Impl::recover(std::span<const RowChange> correction) {
    if (!failed_) return std::nullopt;
    if (beyond_recovery_) return CommitError{StoreFailure::other, "hub.db cannot be recovered by this process"};
    // Each attempt begins with a fresh connection: it must see what is in the file, not what a cache remembers.
    connected_again_ = false;
    if (!reopen()) return error("opening " + directory_.file("hub.db") + " again");

    int64_t found = 0;
    if (!db_.query_integer("SELECT value FROM meta WHERE key = 'commit'", found)) return error("reading meta");
    const int64_t refused = acknowledged_ + 1;
    if (found < acknowledged_ || found > highest_) {
        return give_up("hub.db has transaction " + std::to_string(found) + " where " + std::to_string(acknowledged_) +
                       " to " + std::to_string(highest_) +
                       " may be: acknowledged work was lost by the disk, or another program wrote to the file");
    }

    highest_ = std::max(highest_, refused) + 1;
    if (found == refused) {
        if (!begin() || !write_correction(correction) || !end()) {
            if (const std::string failure = rows_.take_failure(); !failure.empty()) {
                db_.execute("ROLLBACK");
                return give_up("removing a refused transaction from hub.db: " + failure);
            }
            return roll_back("removing the refused transaction");
        }
    }
    if (!probe()) return roll_back("a probe commit");
    acknowledged_ = highest_;
    directory_.note_commit(acknowledged_);
    failed_ = false;
    return std::nullopt;
}

// ---------------------------------------------------------------------------------------------------------------

SqliteStore::SqliteStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

SqliteStore::~SqliteStore() { close(); }

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& directory, StoreOptions options) {
    auto impl = std::make_unique<Impl>(std::move(options));
    if (const Status opened = impl->open(directory); !opened) {
        return Result<std::unique_ptr<SqliteStore>>(opened.error());
    }
    return Result<std::unique_ptr<SqliteStore>>(std::unique_ptr<SqliteStore>(new SqliteStore(std::move(impl))));
}

Result<LoadCounts> SqliteStore::load(const LoadSink& sink) { return impl_->load(sink); }
std::optional<CommitError> SqliteStore::commit(std::span<const Batch> batches) { return impl_->commit(batches); }
std::optional<CommitError> SqliteStore::recover(std::span<const RowChange> correction) {
    return impl_->recover(correction);
}
bool SqliteStore::beyond_recovery() const { return impl_->beyond_recovery_; }
std::optional<CommitError> SqliteStore::upkeep(bool& more) { return impl_->upkeep(more); }
std::optional<CommitError> SqliteStore::vacuum(int64_t pages, Pages& after) { return impl_->vacuum(pages, after); }
int64_t SqliteStore::wal_pages() const { return impl_->wal_pages_; }
std::optional<CommitError> SqliteStore::checkpoint() { return impl_->checkpoint(); }
void SqliteStore::close() { impl_->close(); }
void SqliteStore::abandon() { impl_->abandon(); }
const std::string& SqliteStore::directory() const { return impl_->directory_.path(); }
const StoreOptions& SqliteStore::options() const { return impl_->options_; }
bool SqliteStore::was_unclean() const { return impl_->was_unclean_; }
bool SqliteStore::was_created() const { return impl_->was_created_; }
int64_t SqliteStore::last_turn() const { return impl_->last_turn_; }

}  // namespace agentcom
