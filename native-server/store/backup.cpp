#include "native-server/store/backup.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "native-server/server/files.hpp"
#include "native-server/store/care_tables.hpp"
#include "native-server/store/integrity.hpp"
#include "native-server/store/row_io.hpp"
#include "native-server/store/schema.hpp"

namespace agentcom {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPartial = ".partial-";
constexpr std::string_view kRemoved = ".removed-";
constexpr int kPagesAtATime = 64;
/// What is copied is synced so often, in pages: a large lot would hold up the fsync of the commits beside it.
constexpr int64_t kPagesPerSync = 1'024;
constexpr int64_t kDayMs = 86'400'000;

Status make_directory(const std::string& path) {
    if (mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
    return storage_error("creating " + path, errno);
}

void observe(const BackupOptions& options, std::string_view step) {
    if (options.step) options.step(step);
}

bool is_hidden(const std::string& name) { return name.starts_with('.'); }

/// Held while a directory of backups is written to, so that what is unfinished there is nobody else's.
class BackupsLock {
  public:
    BackupsLock() = default;
    ~BackupsLock() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    BackupsLock(const BackupsLock&) = delete;
    BackupsLock& operator=(const BackupsLock&) = delete;

    Status acquire(const std::string& backups) {
        const std::string file = backups + "/.lock";
        descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (descriptor_ < 0) return storage_error("creating " + file, errno);
        if (flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return {};
        if (errno == EWOULDBLOCK) {
            return Status(Error{"backup_busy", 409, Blame::hub,
                                "another backup is being made in " + backups + "; try again when it is done"});
        }
        // A file system without locks must not keep anybody from a backup.
        return errno == ENOLCK || errno == ENOTSUP || errno == ENOSYS ? Status()
                                                                      : storage_error("locking " + file, errno);
    }

  private:
    int descriptor_ = -1;
};

/// What a kill has left of earlier attempts.
void remove_leftovers(const std::string& backups) {
    std::error_code ignored;
    std::vector<fs::path> leftovers;
    for (const fs::directory_entry& entry : fs::directory_iterator(backups, ignored)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with(kPartial) || name.starts_with(kRemoved)) leftovers.push_back(entry.path());
    }
    for (const fs::path& leftover : leftovers) fs::remove_all(leftover, ignored);
}

std::string free_name(const std::string& backups, int64_t wall_ms) {
    std::error_code ignored;
    for (int number = 1;; ++number) {
        const std::string name = utc_name(wall_ms) + "-" + std::to_string(number);
        if (!fs::exists(backups + "/" + name, ignored)) return name;
    }
}

/// A file that is made with the right mode before SQLite opens it, and synced in lots.
class CopyTarget {
  public:
    explicit CopyTarget(const std::string& path)
        : descriptor_(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) {}
    ~CopyTarget() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    CopyTarget(const CopyTarget&) = delete;
    CopyTarget& operator=(const CopyTarget&) = delete;
    bool is_open() const { return descriptor_ >= 0; }
    bool sync() const { return fdatasync(descriptor_) == 0; }

  private:
    int descriptor_;
};

/// Copies one snapshot of the database, in slices. The transaction keeps it from changing under the copy.
Status copy_pages(SqliteConnection& from, SqliteConnection& to, const CopyTarget& target, const BackupOptions& options,
                  Pace& pace) {
    sqlite3_backup* copy = sqlite3_backup_init(to.handle(), "main", from.handle(), "main");
    if (copy == nullptr) return Status(store_unavailable(to, "beginning a backup"));
    int code = SQLITE_OK;
    for (int64_t slice = 1; code == SQLITE_OK; ++slice) {
        if (!pace.rest()) code = SQLITE_INTERRUPT;
        if (code == SQLITE_OK) code = sqlite3_backup_step(copy, kPagesAtATime);
        observe(options, "copying");
        if (slice * kPagesAtATime % kPagesPerSync == 0 && !target.sync()) code = SQLITE_IOERR_FSYNC;
    }
    sqlite3_backup_finish(copy);
    if (code == SQLITE_DONE) return {};
    return Status(Error{
        "store_unavailable", 500, Blame::hub,
        std::string("copying the database: ") + sqlite3_errstr(code) + " (SQLite code " + std::to_string(code) + ")"});
}

Status copy_database(const std::string& database, const std::string& file, const BackupOptions& options, Pace& pace,
                     BackupManifest& manifest) {
    const CopyTarget target(file);
    if (!target.is_open()) return storage_error("creating " + file, errno);
    SqliteConnection from;
    SqliteConnection to;
    if (!from.open(database, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, options.vfs) ||
        !from.execute("PRAGMA busy_timeout = 1000; PRAGMA cache_size = -2048; BEGIN") ||
        !from.query_integer("SELECT value FROM meta WHERE key = 'last_turn'", manifest.last_turn)) {
        return Status(store_unavailable(from, "reading " + database));
    }
    // A database that no hub has started with yet has no epoch.
    from.query_text("SELECT epoch FROM hub", manifest.epoch);
    if (!to.open(file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, "") ||
        !to.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -2048")) {
        return Status(store_unavailable(to, "opening " + file));
    }
    if (const Status copied = copy_pages(from, to, target, options, pace); !copied) return copied;
    to.close();
    from.execute("COMMIT");
    return target.sync() ? Status() : storage_error("syncing " + file, errno);
}

/// Reads back what was written.
Status verify_copy(const std::string& file, BackupManifest& manifest, Pace& pace) {
    SqliteConnection db;
    if (!open_unchanging(db, file)) return Status(store_unavailable(db, "opening " + file));
    keep_pace(db, pace);
    Result<std::vector<BackupManifest::Table>> tables = verify_database(db);
    if (!tables) return Status(tables.error());
    manifest.sql_tables = std::move(tables).value();
    manifest.rows = 0;
    for (BackupManifest::Table& table : manifest.sql_tables) {
        manifest.rows += table.rows;
        db.query_integer(
            "SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE aggregate = TRUE AND name IN (SELECT name "
            "FROM sqlite_schema WHERE tbl_name = '" +
                table.name + "')",
            table.bytes);
    }
    const auto care = read_care_tables(db, true);
    for (std::size_t i = 0; i < care.size(); ++i) {
        manifest.care_tables.push_back(
            {std::string(kCareTables.at(i)), std::max<int64_t>(0, care.at(i).rows), care.at(i).bytes});
    }
    return {};
}

Status build(const std::string& data_directory, const std::string& partial, const BackupOptions& options, Pace& pace,
             BackupManifest& manifest) {
    const auto began = std::chrono::steady_clock::now();
    if (const Status made = make_directory(partial); !made) return made;
    observe(options, "directory");
    const std::string file = partial + "/hub.db";
    if (const Status copied = copy_database(data_directory + "/hub.db", file, options, pace, manifest); !copied) {
        return copied;
    }
    observe(options, "copied");
    if (const Status verified = verify_copy(file, manifest, pace); !verified) return verified;
    observe(options, "verified");
    const Result<std::string> sha256 = sha256_of_file(file, pace);
    if (!sha256) return Status(sha256.error());
    manifest.sha256 = sha256.value();
    std::error_code ignored;
    manifest.bytes = static_cast<int64_t>(fs::file_size(file, ignored));
    manifest.duration_ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began).count();
    if (const Status written = write_private_file(partial + "/manifest.json", manifest_text(manifest)); !written) {
        return written;
    }
    observe(options, "manifest");
    return sync_path(partial);
}

/// The days since the Monday of the week that began with the epoch's, and so on: what a tier counts by.
int64_t day_of(int64_t wall_ms) { return wall_ms / kDayMs; }
int64_t week_of(int64_t wall_ms) { return (day_of(wall_ms) + 3) / 7; }  // 1970-01-01 was a Thursday
int64_t month_of(int64_t wall_ms) {
    const std::string name = utc_name(wall_ms);
    return std::stoll(name.substr(0, 6));
}

void keep_tier(const std::vector<BackupManifest>& newest_first, int64_t periods, int64_t (*period_of)(int64_t),
               std::set<std::string>& kept) {
    std::set<int64_t> seen;
    for (const BackupManifest& backup : newest_first) {
        if (static_cast<int64_t>(seen.size()) >= periods && !seen.contains(period_of(backup.made_at))) return;
        if (periods > 0 && seen.insert(period_of(backup.made_at)).second) kept.insert(backup.name);
    }
}

}  // namespace

Result<BackupManifest> make_backup(const std::string& data_directory, const std::string& backups,
                                   const BackupOptions& options, Pace& pace) {
    BackupManifest manifest;
    if (const Status made = make_directory(backups); !made) return Result<BackupManifest>(made.error());
    BackupsLock lock;
    if (const Status locked = lock.acquire(backups); !locked) return Result<BackupManifest>(locked.error());
    remove_leftovers(backups);
    manifest.name = free_name(backups, options.wall_ms);
    manifest.made_at = options.wall_ms;
    manifest.hub_version = options.hub_version;
    manifest.trigger = options.trigger;
    const std::string partial = backups + "/" + std::string(kPartial) + manifest.name;
    Status done = build(data_directory, partial, options, pace, manifest);
    if (done) done = rename_durably(partial, backups + "/" + manifest.name);
    observe(options, "renamed");
    if (!done) {
        std::error_code ignored;
        fs::remove_all(partial, ignored);
        return Result<BackupManifest>(done.error());
    }
    return Result<BackupManifest>(std::move(manifest));
}

std::vector<BackupManifest> list_backups(const std::string& backups) {
    std::vector<BackupManifest> found;
    std::error_code ignored;
    for (const fs::directory_entry& entry : fs::directory_iterator(backups, ignored)) {
        const std::string name = entry.path().filename().string();
        if (is_hidden(name) || !entry.is_directory(ignored)) continue;
        const std::optional<std::string> text = read_file(entry.path().string() + "/manifest.json");
        std::optional<BackupManifest> manifest = text ? parse_manifest(*text) : std::nullopt;
        if (!manifest) {
            manifest.emplace();
            manifest->readable = false;
        }
        manifest->name = name;
        found.push_back(std::move(*manifest));
    }
    std::sort(found.begin(), found.end(), [](const BackupManifest& a, const BackupManifest& b) {
        return std::tie(a.made_at, a.name) > std::tie(b.made_at, b.name);
    });
    return found;
}

std::optional<BackupManifest> find_backup(const std::string& backups, const std::string& name) {
    for (BackupManifest& backup : list_backups(backups)) {
        if (backup.name == name) return std::move(backup);
    }
    return std::nullopt;
}

std::set<std::string> webhook_secrets_in(const std::string& backups) {
    std::set<std::string> digests;
    for (const BackupManifest& backup : list_backups(backups)) {
        SqliteConnection db;
        SqliteStatement select;
        if (!backup.readable || !open_unchanging(db, backups + "/" + backup.name + "/hub.db") ||
            !select.prepare(db, "SELECT secret_sha256 FROM webhooks")) {
            continue;
        }
        while (select.step() == SQLITE_ROW) digests.emplace(select.text(0));
    }
    return digests;
}

Status verify_backup(const std::string& backups, const BackupManifest& backup, Pace& pace) {
    const std::string file = backups + "/" + backup.name + "/hub.db";
    const auto damaged = [&](const std::string& why) {
        return Status(Error{"backup_damaged", 500, Blame::hub, "backup " + backup.name + " cannot be used: " + why});
    };
    if (!backup.readable) return damaged("it has no manifest that this hub understands");
    const Result<std::string> sha256 = sha256_of_file(file, pace);
    if (!sha256) return Status(sha256.error());
    if (sha256.value() != backup.sha256)
        return damaged("hub.db is not the file that was written (its SHA-256 differs)");
    SqliteConnection db;
    if (!open_unchanging(db, file)) return Status(store_unavailable(db, "opening " + file));
    keep_pace(db, pace);
    const Result<std::vector<BackupManifest::Table>> tables = verify_database(db);
    if (!tables) return damaged(tables.error().text);
    return {};
}

BackupTiers backup_tiers(const Settings& settings) {
    return {settings.backup_keep_last, settings.backup_keep_daily, settings.backup_keep_weekly,
            settings.backup_keep_monthly};
}

std::vector<std::string> expendable_backups(const std::vector<BackupManifest>& backups, const BackupTiers& tiers) {
    std::vector<BackupManifest> readable;
    for (const BackupManifest& backup : backups) {
        if (backup.readable) readable.push_back(backup);
    }
    std::set<std::string> kept;
    for (std::size_t i = 0; i < readable.size() && static_cast<int64_t>(i) < tiers.last; ++i) {
        kept.insert(readable[i].name);
    }
    keep_tier(readable, tiers.daily, day_of, kept);
    keep_tier(readable, tiers.weekly, week_of, kept);
    keep_tier(readable, tiers.monthly, month_of, kept);
    std::vector<std::string> expendable;
    for (const BackupManifest& backup : readable) {
        if (!kept.contains(backup.name)) expendable.push_back(backup.name);
    }
    return expendable;
}

Status remove_backup(const std::string& backups, const std::string& name) {
    const std::string hidden = backups + "/" + std::string(kRemoved) + name;
    if (const Status renamed = rename_durably(backups + "/" + name, hidden); !renamed) return renamed;
    std::error_code failure;
    fs::remove_all(hidden, failure);
    return failure ? storage_error("removing " + hidden, failure.value()) : Status();
}

Status copy_backup(const std::string& from, const std::string& to, const BackupManifest& backup, Pace& pace) {
    if (const Status made = make_directory(to); !made) return made;
    BackupsLock lock;
    if (const Status locked = lock.acquire(to); !locked) return locked;
    if (const std::optional<BackupManifest> there = find_backup(to, backup.name)) {
        if (there->readable && there->sha256 == backup.sha256) return {};
        return Status(Error{"backup_name_taken", 409, Blame::hub,
                            to + "/" + backup.name + " is another backup: give each hub a directory of its own"});
    }
    remove_leftovers(to);
    const std::string partial = to + "/" + std::string(kPartial) + backup.name;
    if (const Status made = make_directory(partial); !made) return made;
    const Result<std::string> sha256 =
        copy_file_with_sha256(from + "/" + backup.name + "/hub.db", partial + "/hub.db", pace);
    if (!sha256) return Status(sha256.error());
    if (sha256.value() != backup.sha256) {
        return Status(
            Error{"backup_damaged", 500, Blame::hub, "backup " + backup.name + " changed while it was copied"});
    }
    if (const Status written = write_private_file(partial + "/manifest.json", manifest_text(backup)); !written) {
        return written;
    }
    if (const Status synced = sync_path(partial); !synced) return synced;
    return rename_durably(partial, to + "/" + backup.name);
}

}  // namespace agentcom
