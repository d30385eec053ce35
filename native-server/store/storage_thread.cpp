#include "native-server/store/storage_thread.hpp"

#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/json.hpp"
#include "native-server/log/thread_name.hpp"
#include "native-server/store/background_check.hpp"
#include "native-server/store/care_tables.hpp"
#include "native-server/store/command.hpp"
#include "native-server/store/damage.hpp"
#include "native-server/store/integrity.hpp"
#include "native-server/store/restore.hpp"
#include "native-server/store/sqlite.hpp"

namespace agentcom {

namespace {

/// Below the threads that serve.
constexpr int kNice = 10;
/// A slice of the background check.
constexpr std::chrono::milliseconds kCheckAtATime{2};

int64_t wall_clock_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

void read_database_size(const std::string& data_directory, StorageFigures& figures) {
    SqliteConnection db;
    int64_t pages = 0;
    int64_t free_pages = 0;
    int64_t page_bytes = 0;
    if (!db.open(data_directory + "/hub.db", SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, "") ||
        !db.execute("PRAGMA busy_timeout = 1000") || !db.query_integer("PRAGMA page_count", pages) ||
        !db.query_integer("PRAGMA freelist_count", free_pages) || !db.query_integer("PRAGMA page_size", page_bytes)) {
        return;
    }
    figures.database_bytes = pages * page_bytes;
    figures.free_bytes = free_pages * page_bytes;
}

StorageJobDone job_failed(int64_t job, const Error& error) { return {job, false, "{}", error.text}; }

std::string backup_result(const BackupManifest& manifest, const std::string& path,
                          const std::vector<std::string>& removed, const std::string& copied_to, bool command_ran) {
    json::Writer out;
    out.begin_object().member("name", manifest.name).member("path", path).member("bytes", manifest.bytes);
    out.member("rows", manifest.rows).member("sha256", manifest.sha256).member("duration_ms", manifest.duration_ms);
    out.member("copied_to", copied_to.empty() ? std::nullopt : std::optional(copied_to));
    if (command_ran) out.member("copy_command", "ok");
    out.key("removed").raw(json::encode_strings(removed)).key("tables").begin_array();
    for (const BackupManifest::Table& table : manifest.care_tables) {
        out.begin_object().member("table", table.name).member("rows", table.rows);
        out.member("bytes", table.bytes).end_object();
    }
    out.end_array().end_object();
    return out.take();
}

}  // namespace

class StorageThread::Impl {
  public:
    Impl(StorageThreadOptions options, std::function<void(InputBody)> report)
        : options_(std::move(options)), report_(std::move(report)), thread_([this] { run(); }) {}

    StorageFigures look() const {
        StorageFigures figures = StorageThread::look(options_);
        const std::lock_guard lock(mutex_);
        figures.checked_at = checked_at_;
        figures.tables = tables_;
        figures.lost_rows += missing_;
        if (!found_.empty()) figures.damage += (figures.damage.empty() ? "" : ". ") + found_;
        return figures;
    }

    void submit(StorageJob job) {
        {
            const std::lock_guard lock(mutex_);
            jobs_.push_back(std::move(job));
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
    void run();
    StorageJobDone carry_out(const StorageJob& job);
    StorageJobDone back_up(const StorageJob& job, Pace& pace);
    StorageJobDone verify(const StorageJob& job, const BackupManifest& backup, Pace& pace);
    StorageJobDone restore(const StorageJob& job, const BackupManifest& backup, Pace& pace);
    std::vector<std::string> remove_expendable(const std::string& backups);
    void report_figures();
    void count_tables();
    /// A slice of the background check. Gives how long to rest after it.
    std::chrono::nanoseconds check();
    /// How many rows are missing, when some are; 1 when they cannot be counted.
    int64_t count_missing();
    /// Notes what a look at every row came to.
    void note_checked(const Status& status);
    /// A copy of everything was read, and all of it was right.
    void note_whole();

    using Clock = std::chrono::steady_clock;

    StorageThreadOptions options_;
    std::function<void(InputBody)> report_;
    // The thread's own.
    std::optional<BackgroundCheck> checking_;
    Clock::time_point next_check_ = Clock::now();
    Clock::time_point next_figures_ = Clock::now();
    Clock::time_point next_count_ = Clock::now();

    mutable std::mutex mutex_;
    int64_t checked_at_ = 0;
    std::string found_;    ///< damage, by checks and backups of this run
    int64_t missing_ = 0;  ///< rows, by the same
    std::string tables_ = "[]";
    std::condition_variable wake_;
    std::deque<StorageJob> jobs_;
    std::atomic<bool> stopping_{false};
    std::thread thread_;  // last: it uses all of the above
};

void StorageThread::Impl::run() {
    name_this_thread("storage-care");
    setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kNice);
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        std::chrono::nanoseconds rest{0};
        if (!jobs_.empty()) {
            const StorageJob job = std::move(jobs_.front());
            jobs_.pop_front();
            lock.unlock();
            StorageJobDone done = carry_out(job);
            if (!stopping_) {
                // First the figures: whoever hears of the end finds the backup in the list.
                report_figures();
                report_(std::move(done));
            }
        } else {
            lock.unlock();
            if (Clock::now() >= next_figures_) report_figures();
            rest = check();
        }
        lock.lock();
        wake_.wait_for(lock, rest, [this] { return stopping_ || !jobs_.empty(); });
    }
}

void StorageThread::Impl::report_figures() {
    if (Clock::now() >= next_count_) count_tables();
    report_(look());
    next_figures_ = Clock::now() + std::chrono::milliseconds(options_.figures_ms);
}

void StorageThread::Impl::count_tables() {
    const Clock::time_point began = Clock::now();
    SqliteConnection db;
    Pace pace(100, &stopping_);
    if (!db.open(options_.data_directory + "/hub.db", SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, "")) return;
    db.execute("PRAGMA query_only = ON; PRAGMA busy_timeout = 1000");
    keep_pace(db, pace);
    json::Writer out;
    out.begin_array();
    const auto tables = read_care_tables(db, false);
    for (std::size_t i = 0; i < tables.size(); ++i) {
        out.begin_object().member("table", kCareTables.at(i));
        out.member("record_count", std::max<int64_t>(0, tables.at(i).rows));
        out.member("file_size_bytes", std::max<int64_t>(0, tables.at(i).bytes)).end_object();
    }
    out.end_array();
    // Counting a large database takes long, and so is done seldom.
    next_count_ = Clock::now() + std::max<Clock::duration>(std::chrono::milliseconds(options_.figures_ms),
                                                           1'000 * (Clock::now() - began));
    const std::lock_guard lock(mutex_);
    tables_ = out.take();
}

std::chrono::nanoseconds StorageThread::Impl::check() {
    const Clock::time_point began = Clock::now();
    const auto until_figures = std::max<Clock::duration>(next_figures_ - began, std::chrono::milliseconds(1));
    if (options_.row_check_interval_ms <= 0) return until_figures;
    if (!checking_) {
        if (began < next_check_) return std::min<Clock::duration>(until_figures, next_check_ - began);
        checking_.emplace(options_.data_directory + "/hub.db");
    }
    Status status;
    while (status && !checking_->is_done() && Clock::now() - began < kCheckAtATime) {
        status = checking_->step(&stopping_);
    }
    if (checking_->is_done()) {
        checking_.reset();
        next_check_ = Clock::now() + std::chrono::milliseconds(options_.row_check_interval_ms);
        if (status || is_damage(status.error())) {
            note_checked(status);
            next_figures_ = Clock::now();
        }
    }
    return (Clock::now() - began) * (100 - options_.check_pace_percent) / options_.check_pace_percent;
}

int64_t StorageThread::Impl::count_missing() {
    SqliteConnection db;
    const bool is_open = db.open(options_.data_directory + "/hub.db", SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, "") &&
                         db.execute("PRAGMA query_only = ON; PRAGMA busy_timeout = 1000");
    if (!is_open) return 1;
    const Result<std::optional<int64_t>> missing = count_missing_rows(db, BackgroundCheck::kCountLimit, &stopping_);
    return std::max<int64_t>(1, missing ? missing.value().value_or(1) : 1);
}

void StorageThread::Impl::note_checked(const Status& status) {
    const int64_t missing = !status && status.error().code == "lost_rows" ? count_missing() : 0;
    const std::lock_guard lock(mutex_);
    missing_ = std::max(missing_, missing);
    if (status) {
        checked_at_ = wall_clock_ms();
        return;
    }
    found_ = status.error().code + ": " + status.error().text +
             ". What is read is compared with checksums, and refused; start the hub with --on-damage to be rid of it";
}

void StorageThread::Impl::note_whole() {
    const std::lock_guard lock(mutex_);
    checked_at_ = wall_clock_ms();
    found_.clear();
    missing_ = 0;
}

StorageJobDone StorageThread::Impl::carry_out(const StorageJob& job) {
    Pace pace(options_.pace_percent, &stopping_);
    if (job.kind == StorageJobKind::backup) return back_up(job, pace);
    const std::optional<BackupManifest> backup = find_backup(options_.backups, job.subject);
    if (!backup) {
        return {job.job, false, "{}", "there is no backup " + job.subject + " in " + options_.backups};
    }
    return job.kind == StorageJobKind::restore ? restore(job, *backup, pace) : verify(job, *backup, pace);
}

std::vector<std::string> StorageThread::Impl::remove_expendable(const std::string& backups) {
    std::vector<std::string> removed;
    for (const std::string& name : expendable_backups(list_backups(backups), options_.tiers)) {
        if (remove_backup(backups, name)) removed.push_back(name);
    }
    return removed;
}

StorageJobDone StorageThread::Impl::back_up(const StorageJob& job, Pace& pace) {
    BackupOptions backup;
    backup.hub_version = options_.hub_version;
    backup.trigger = job.scheduled ? "scheduled" : "manual";
    backup.wall_ms = wall_clock_ms();
    const Result<BackupManifest> made = make_backup(options_.data_directory, options_.backups, backup, pace);
    if (!made) {
        if (is_damage(made.error())) note_checked(Status(made.error()));
        return job_failed(job.job, made.error());
    }
    note_whole();
    const std::vector<std::string> removed = remove_expendable(options_.backups);
    if (!options_.copy_to.empty()) {
        if (const Status copied = copy_backup(options_.backups, options_.copy_to, made.value(), pace); !copied) {
            return {job.job, false, "{}",
                    "backup " + made.value().name + " is good, but its copy failed: " + copied.error().text};
        }
        remove_expendable(options_.copy_to);
    }
    const std::string path = options_.backups + "/" + made.value().name;
    if (!options_.copy_command.empty()) {
        std::vector<std::string> command = options_.copy_command;
        command.push_back(path);
        if (const Status ran = run_command(command, options_.copy_command_timeout_ms, &stopping_); !ran) {
            return {job.job, false, "{}",
                    "backup " + made.value().name + " is good, but copying it failed: " + ran.error().text};
        }
    }
    return {job.job, true, backup_result(made.value(), path, removed, options_.copy_to, !options_.copy_command.empty()),
            ""};
}

StorageJobDone StorageThread::Impl::verify(const StorageJob& job, const BackupManifest& backup, Pace& pace) {
    if (const Status good = verify_backup(options_.backups, backup, pace); !good) {
        return job_failed(job.job, good.error());
    }
    json::Writer out;
    out.begin_object().member("name", backup.name).member("rows", backup.rows).member("bytes", backup.bytes);
    out.member("sha256", backup.sha256).end_object();
    return {job.job, true, out.take(), ""};
}

StorageJobDone StorageThread::Impl::restore(const StorageJob& job, const BackupManifest& backup, Pace& pace) {
    const Result<std::string> preview = preview_restore(options_.data_directory, options_.backups, backup, pace);
    if (!preview) return job_failed(job.job, preview.error());
    if (!job.dry_run) {
        if (const Status good = verify_backup(options_.backups, backup, pace); !good) {
            return job_failed(job.job, good.error());
        }
        if (const Status requested = request_restore(options_.data_directory, backup.name); !requested) {
            return job_failed(job.job, requested.error());
        }
    }
    return {job.job, true, preview.value(), ""};
}

StorageFigures StorageThread::look(const StorageThreadOptions& options) {
    StorageFigures figures;
    read_database_size(options.data_directory, figures);
    struct statvfs disk {};
    if (statvfs(options.data_directory.c_str(), &disk) == 0) {
        figures.disk_free_bytes = static_cast<int64_t>(disk.f_bavail) * static_cast<int64_t>(disk.f_frsize);
    }
    const DamageRecord record = read_damage(options.data_directory);
    figures.lost_rows = record.lost_rows;
    figures.damage = options.damage;
    if (!record.text.empty()) figures.damage += (figures.damage.empty() ? "" : ". ") + record.text;
    figures.tables = "[]";
    figures.backups = describe_backups(list_backups(options.backups));
    return figures;
}

StorageThread::StorageThread(StorageThreadOptions options, std::function<void(InputBody)> report)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(report))) {}
StorageThread::~StorageThread() { stop(); }
void StorageThread::submit(StorageJob job) { impl_->submit(std::move(job)); }
void StorageThread::stop() { impl_->stop(); }
StorageFigures StorageThread::look() const { return impl_->look(); }

}  // namespace agentcom
