#include "native-server/store/writer_thread.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "native-server/log/thread_name.hpp"
#include "native-server/store/sqlite.hpp"

namespace agentcom {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kPageBytes = 4'096;
/// The writer copies the last so many pages of the WAL by itself, between two commits: a few milliseconds.
constexpr int64_t kPagesToFinish = 500;
/// A slice of a compaction: a commit may have to wait for it.
constexpr int64_t kPagesPerSlice = 128;

}  // namespace

/// Copies the WAL into the database on a thread and a connection of its own. Commits go on meanwhile: a checkpoint
/// of SQLite's passive kind takes no lock that a writer needs.
class Checkpointer {
  public:
    /// `done` is called after each run, and `failed` in one, on the thread.
    Checkpointer(std::string file, const StoreOptions& options, std::function<void()> done,
                 std::function<void(std::string)> failed)
        : file_(std::move(file)),
          vfs_(options.vfs),
          done_(std::move(done)),
          failed_(std::move(failed)),
          thread_([this] { run(); }) {}
    ~Checkpointer() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        wake_.notify_one();
        thread_.join();
    }
    Checkpointer(const Checkpointer&) = delete;
    Checkpointer& operator=(const Checkpointer&) = delete;

    bool busy() const { return busy_; }
    /// Pages of the WAL that the last run found copied.
    int64_t copied_pages() const { return copied_; }
    /// The WAL has begun anew.
    void forget_copied_pages() { copied_ = 0; }

    void request() {
        {
            const std::lock_guard lock(mutex_);
            busy_ = true;
        }
        wake_.notify_one();
    }

  private:
    void run() {
        name_this_thread("checkpointer");
        for (;;) {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [this] { return stopping_ || busy_; });
            if (stopping_) return;
            lock.unlock();
            checkpoint();
            busy_ = false;
            done_();
        }
    }

    void checkpoint() {
        if (!db_.is_open() && !(db_.open(file_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, vfs_) &&
                                db_.execute("PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = FULL"))) {
            fail();
            return;
        }
        // The owner of the database decides when the WAL goes.
        sqlite3_db_config(db_.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
        int copied = 0;
        const int code = sqlite3_wal_checkpoint_v2(db_.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, &copied);
        if (code == SQLITE_OK) {
            copied_ = copied;
            told_ = false;
        } else if ((code & 0xff) != SQLITE_BUSY) {
            fail();
        }
    }

    // Told once until it works again: a full disk fails every time.
    void fail() {
        const SqliteError error = db_.error();
        db_.close();
        if (!told_) failed_("a checkpoint: " + error.text + " (SQLite code " + std::to_string(error.code) + ")");
        told_ = true;
    }

    std::string file_;
    std::string vfs_;
    std::function<void()> done_;
    std::function<void(std::string)> failed_;
    SqliteConnection db_;
    bool told_ = false;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;
    std::atomic<bool> busy_{false};
    std::atomic<int64_t> copied_{0};
    std::thread thread_;  // last: it uses all of the above
};

class WriterThread::Impl {
  public:
    Impl(SqliteStore& store, std::function<void(WriterReport)> report, WriterOptions options)
        : store_(store), report_(std::move(report)), options_(options), thread_([this] { run(); }) {}

    void submit(Batch batch) {
        {
            const std::lock_guard lock(mutex_);
            if (state_ != State::running) return;
            queue_.push_back(std::move(batch));
        }
        wake_.notify_one();
    }

    void resume(std::vector<RowChange> correction) {
        {
            const std::lock_guard lock(mutex_);
            if (state_ != State::failed) return;
            correction_ = std::move(correction);
            next_attempt_ = Clock::now();
            state_ = State::recovering;
        }
        wake_.notify_one();
    }

    void compact(Compaction what) {
        {
            const std::lock_guard lock(mutex_);
            asked_ = what;
        }
        wake_.notify_one();
    }

    void stop() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        wake_.notify_one();
        if (thread_.joinable()) thread_.join();
    }

  private:
    enum class State : uint8_t {
        running,
        failed,     ///< waits for `resume`
        recovering  ///< tries again at `next_attempt_`
    };

    void run();
    void commit(std::vector<Batch> batches);
    /// To be called after all that adds to the WAL.
    void keep_wal_short();
    /// True while there is more to do.
    bool idle_work();
    void begin_compaction(const Compaction& what);
    /// `idle`: nothing waits to be committed.
    void compact_slice(bool idle);
    void end_compaction(const std::string& failure, std::string_view reason, int64_t free_pages);
    void try_to_recover();
    void tell_upkeep(const CommitError& error);

    bool has_work() const { return stopping_ || asked_ || (state_ == State::running && !queue_.empty()); }
    void wait(std::unique_lock<std::mutex>& lock);
    /// What nobody waits for goes on when the WAL has been copied: it adds to it faster than anybody else.
    void wait_for_room(std::unique_lock<std::mutex>& lock);

    SqliteStore& store_;
    std::function<void(WriterReport)> report_;
    WriterOptions options_;

    std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<Batch> queue_;
    State state_ = State::running;
    bool stopping_ = false;
    Clock::time_point next_attempt_;
    std::vector<RowChange> correction_;
    std::optional<Compaction> asked_;

    // The writer thread's own.
    std::optional<Checkpointer> checkpointer_;
    int64_t last_pages_ = 0;
    int64_t finish_from_pages_ = 0;  ///< no second try to finish a checkpoint before the WAL has so many pages
    bool more_idle_work_ = false;
    bool idle_work_done_ = false;
    bool upkeep_told_ = false;
    struct Compacting {
        Compaction what;
        Clock::time_point began;
        int64_t free_pages = 0;  ///< when it began
    };
    std::optional<Compacting> compacting_;
    std::thread thread_;  // last: it uses all of the above
};

void WriterThread::Impl::wait(std::unique_lock<std::mutex>& lock) {
    if (state_ == State::recovering) {
        wake_.wait_until(lock, next_attempt_, [this] { return stopping_; });
    } else if (state_ == State::failed) {
        wake_.wait(lock, [this] { return stopping_ || state_ != State::failed; });
    } else if (idle_work_done_) {
        wake_.wait(lock, [this] { return has_work(); });
    } else {
        wake_.wait_for(lock, std::chrono::milliseconds(options_.idle_ms), [this] { return has_work(); });
    }
}

void WriterThread::Impl::wait_for_room(std::unique_lock<std::mutex>& lock) {
    if (store_.wal_pages() * kPageBytes < options_.checkpoint_bytes) return;
    wake_.wait(lock, [this] { return has_work() || !checkpointer_->busy(); });
}

void WriterThread::Impl::run() {
    name_this_thread("store-writer");
    const auto checkpointed = [this] {
        // Whoever waits for it has looked, or holds the lock until it does wait.
        { const std::lock_guard lock(mutex_); }
        wake_.notify_one();
    };
    checkpointer_.emplace(store_.directory() + "/hub.db", store_.options(), checkpointed, [this](std::string text) {
        report_({WriterReport::Kind::upkeep_failed, 0, StoreFailure::io, std::move(text), {}, 0, 0, {}});
    });
    std::unique_lock lock(mutex_);
    for (;;) {
        if (!more_idle_work_ && !compacting_) {
            if (!has_work()) wait(lock);
        } else {
            wait_for_room(lock);
        }
        if (asked_ && !stopping_) {
            const Compaction what = *std::exchange(asked_, std::nullopt);
            lock.unlock();
            begin_compaction(what);
            lock.lock();
        }
        if (state_ == State::running && !queue_.empty()) {
            std::vector<Batch> batches = std::exchange(queue_, {});
            lock.unlock();
            commit(std::move(batches));
            if (compacting_) compact_slice(false);
            lock.lock();
        } else if (stopping_) {
            break;
        } else if (state_ == State::recovering && Clock::now() >= next_attempt_) {
            lock.unlock();
            try_to_recover();
            lock.lock();
        } else if (state_ == State::running) {
            lock.unlock();
            if (compacting_) {
                compact_slice(true);
            } else {
                more_idle_work_ = idle_work();
                idle_work_done_ = !more_idle_work_;
            }
            lock.lock();
        }
    }
    lock.unlock();
    checkpointer_.reset();
}

void WriterThread::Impl::commit(std::vector<Batch> batches) {
    const Clock::time_point began = Clock::now();
    const std::optional<CommitError> error = store_.commit(batches);
    if (!error) {
        idle_work_done_ = false;
        WriterReport report;
        report.kind = WriterReport::Kind::committed;
        report.turn = batches.back().turn;
        report.batches = static_cast<int64_t>(batches.size());
        report.commit_us = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - began).count();
        report_(std::move(report));
        keep_wal_short();
        return;
    }
    WriterReport report;
    report.kind = WriterReport::Kind::failed;
    report.turn = batches.front().turn;
    report.category = error->category;
    report.text = error->text;
    report.refused = std::move(batches);
    more_idle_work_ = false;
    if (compacting_) end_compaction("the store has failed", "", compacting_->free_pages);
    {
        const std::lock_guard lock(mutex_);
        state_ = State::failed;
        queue_.clear();
    }
    report_(std::move(report));
}

void WriterThread::Impl::keep_wal_short() {
    const int64_t pages = store_.wal_pages();
    if (pages < last_pages_) checkpointer_->forget_copied_pages();
    last_pages_ = pages;
    if (pages * kPageBytes < options_.checkpoint_bytes) {
        finish_from_pages_ = 0;
        return;
    }
    if (checkpointer_->busy()) return;
    if (pages - checkpointer_->copied_pages() > kPagesToFinish) {
        checkpointer_->request();
    } else if (pages >= finish_from_pages_) {
        // A reader may keep the WAL from beginning anew; then this is not tried again with every commit.
        finish_from_pages_ = pages + kPagesToFinish;
        if (const std::optional<CommitError> error = store_.checkpoint()) tell_upkeep(*error);
    }
}

bool WriterThread::Impl::idle_work() {
    bool more = false;
    if (const std::optional<CommitError> error = store_.upkeep(more)) {
        tell_upkeep(*error);
        more = false;
    } else {
        upkeep_told_ = false;
    }
    if (more) keep_wal_short();
    if (!more && store_.wal_pages() > 0) checkpointer_->request();
    return more;
}

void WriterThread::Impl::begin_compaction(const Compaction& what) {
    SqliteStore::Pages pages;
    compacting_ = Compacting{what, Clock::now(), 0};
    if (const std::optional<CommitError> error = store_.vacuum(0, pages)) return end_compaction(error->text, "", 0);
    compacting_->free_pages = pages.free;
    if (pages.free == 0 || pages.free * 100 < what.threshold_percent * pages.all) {
        end_compaction("", "below_threshold", pages.free);
    }
}

void WriterThread::Impl::compact_slice(bool idle) {
    const auto patience = std::chrono::milliseconds(compacting_->what.patience_ms);
    if (compacting_->what.idle_only && !idle) {
        if (Clock::now() - compacting_->began > patience) end_compaction("", "busy", compacting_->free_pages);
        return;
    }
    SqliteStore::Pages pages;
    if (const std::optional<CommitError> error = store_.vacuum(kPagesPerSlice, pages)) {
        return end_compaction(error->text, "", compacting_->free_pages);
    }
    idle_work_done_ = false;
    keep_wal_short();
    if (pages.free == 0) end_compaction("", "", 0);
}

void WriterThread::Impl::end_compaction(const std::string& failure, std::string_view reason, int64_t free_pages) {
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - compacting_->began);
    const int64_t freed = compacting_->free_pages - free_pages;
    compacting_.reset();
    WriterReport report;
    report.kind = WriterReport::Kind::compacted;
    report.text = failure;
    report.result =
        "{\"freed_bytes\":" + std::to_string(freed * kPageBytes) + ",\"duration_ms\":" + std::to_string(took.count());
    if (!reason.empty()) report.result += ",\"reason\":\"" + std::string(reason) + "\"";
    report.result += "}";
    report_(std::move(report));
}

void WriterThread::Impl::tell_upkeep(const CommitError& error) {
    if (std::exchange(upkeep_told_, true)) return;
    report_({WriterReport::Kind::upkeep_failed, 0, error.category, error.text, {}, 0, 0, {}});
}

void WriterThread::Impl::try_to_recover() {
    const std::optional<CommitError> error = store_.recover(correction_);
    WriterReport report;
    {
        const std::lock_guard lock(mutex_);
        if (!error) {
            state_ = State::running;
            correction_.clear();
        } else if (store_.beyond_recovery()) {
            state_ = State::failed;
        } else {
            next_attempt_ = Clock::now() + std::chrono::milliseconds(options_.probe_ms);
            return;
        }
    }
    report.kind = error ? WriterReport::Kind::beyond_recovery : WriterReport::Kind::recovered;
    if (error) {
        report.category = error->category;
        report.text = error->text;
    }
    report_(std::move(report));
}

WriterThread::WriterThread(SqliteStore& store, std::function<void(WriterReport)> report, WriterOptions options)
    : impl_(std::make_unique<Impl>(store, std::move(report), options)) {}
WriterThread::~WriterThread() { stop(); }
void WriterThread::submit(Batch batch) { impl_->submit(std::move(batch)); }
void WriterThread::compact(Compaction what) { impl_->compact(what); }
void WriterThread::resume(std::vector<RowChange> correction) { impl_->resume(std::move(correction)); }
void WriterThread::stop() { impl_->stop(); }

}  // namespace agentcom
