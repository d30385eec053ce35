#include "native-server/store/storage_tool.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <filesystem>
#include <optional>
#include <vector>

#include "native-server/server/files.hpp"
#include "native-server/store/backup.hpp"
#include "native-server/store/damage.hpp"
#include "native-server/store/data_directory.hpp"
#include "native-server/store/integrity.hpp"
#include "native-server/store/restore.hpp"
#include "native-server/store/row_io.hpp"

namespace agentcom {

namespace {

constexpr int64_t kMsPerHourOfBackups = 3'600'000;
constexpr int64_t kStaleBackupMs = 48 * kMsPerHourOfBackups;
constexpr int64_t kFragmentedPercent = 50;

StorageTool::Outcome failed_outcome(const Error& error) { return {1, error.code + ": " + error.text + "\n"}; }

/// Collects what a check-up finds.
class Findings {
  public:
    void good(const std::string& what) { text_ += "ok       " + what + "\n"; }
    void note(const std::string& what, const std::string& advice) { add("note     ", what, advice); }
    void bad(const std::string& what, const std::string& advice) {
        add("PROBLEM  ", what, advice);
        bad_ = true;
    }
    StorageTool::Outcome outcome() const { return {bad_ ? 1 : 0, text_}; }

  private:
    void add(const char* mark, const std::string& what, const std::string& advice) {
        text_ += mark + what + "\n         " + advice + "\n";
    }
    std::string text_;
    bool bad_ = false;
};

void check_files(const StorageTool& tool, Findings& findings) {
    struct stat about {};
    if (stat(tool.data_directory.c_str(), &about) == 0 && (about.st_mode & 077U) != 0) {
        findings.bad("others may look into " + tool.data_directory,
                     "Tokens are stored hashed, messages are not: chmod 700 " + tool.data_directory);
    }
    if (file_exists(tool.data_directory + "/running") && !file_exists(tool.data_directory + "/hub.db-wal")) {
        findings.bad("hub.db-wal is missing although the last run did not end cleanly",
                     "What was written last was in it. Put it back, or restore a backup (--restore-backup).");
    }
    if (file_exists(tool.data_directory + "/restore.pending")) {
        findings.note("a restore was interrupted", "The next start of agentcom-hub ends it.");
    }
    std::error_code ignored;
    if (const DamageRecord record = read_damage(tool.data_directory); !record.text.empty()) {
        findings.bad("the hub runs on what could be read of a damaged database: " + record.text,
                     "See salvage.json there for each table. Restore a backup if that is worth more than what came "
                     "since (--restore-backup), and remove the directory when nobody needs it any more: until then the "
                     "hub says that it is damaged.");
    } else if (std::filesystem::exists(tool.data_directory + "/quarantine", ignored)) {
        findings.note("there are damaged databases in " + tool.data_directory + "/quarantine",
                      "Remove them when nobody needs them any more.");
    }
    struct statvfs disk {};
    const auto size = static_cast<uint64_t>(std::filesystem::file_size(tool.data_directory + "/hub.db", ignored));
    if (statvfs(tool.data_directory.c_str(), &disk) == 0 && !ignored &&
        static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize < 2 * size) {
        findings.bad("the disk has less room left than two copies of the database need",
                     "Backups and restores will fail. Make room, or let backups lie elsewhere (--backup-dir).");
    }
}

/// What to do about a database that is not as it was written.
std::string advice_for(const Error& error) {
    std::string meaning;
    if (error.code == "corrupt_row") meaning = "A row is not as a hub wrote it: the disk, or somebody changed it. ";
    if (error.code == "corrupt_database") meaning = "Pages are not as SQLite wrote them: mostly the disk or the RAM. ";
    if (error.code == "lost_rows") meaning = "Rows are missing that nobody deleted through the hub. ";
    if (error.code == "not_a_hub_database") meaning = "Is this the data directory? ";
    return meaning +
           "Stop the hub. Put a good copy of the file back if there is one, or restore a backup (--list-backups, "
           "--restore-backup), or start it with --on-damage restore (the newest good backup) or --on-damage degraded "
           "(every row that can be read).";
}

void check_database(const StorageTool& tool, Findings& findings) {
    const std::string file = tool.data_directory + "/hub.db";
    SqliteConnection db;
    // Read-write, so that the WAL of a run that was killed counts; nothing is written, and the WAL stays.
    if (!db.open(file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, "")) {
        return findings.bad("hub.db cannot be opened: " + db.error().text, "See the data directory's name and rights.");
    }
    sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    db.execute("PRAGMA busy_timeout = 1000; PRAGMA temp_store = MEMORY; BEGIN");
    const DataDirectory::Marker marker = DataDirectory::read_marker(tool.data_directory);
    int64_t commit = 0;
    if (marker.exists && db.query_integer("SELECT value FROM meta WHERE key = 'commit'", commit) &&
        commit < marker.commit) {
        findings.bad("the last " + std::to_string(marker.commit - commit) +
                         " acknowledged transactions are not in hub.db and its WAL",
                     "The WAL was damaged or cut short. Put the file back if there is a copy; else restore a backup, "
                     "or start the hub with --on-damage degraded.");
    }
    const Result<std::vector<BackupManifest::Table>> tables = verify_database(db);
    if (!tables) return findings.bad(tables.error().code + ": " + tables.error().text, advice_for(tables.error()));
    int64_t rows = 0;
    for (const BackupManifest::Table& table : tables.value()) rows += table.rows;
    findings.good("every page, row and sum of hub.db is right (" + std::to_string(rows) + " rows)");
    int64_t pages = 0;
    int64_t free_pages = 0;
    if (db.query_integer("PRAGMA page_count", pages) && db.query_integer("PRAGMA freelist_count", free_pages) &&
        free_pages * 100 > pages * kFragmentedPercent) {
        findings.note("more than half of hub.db is free pages",
                      "POST /api/admin/compact gives them back; so does the hub in its quiet hour.");
    }
}

void check_backups(const StorageTool& tool, Findings& findings) {
    const std::vector<BackupManifest> backups = list_backups(tool.backups);
    if (backups.empty()) {
        return findings.bad("there is no backup in " + tool.backups, "Make one: agentcom-hub --make-backup");
    }
    Pace pace;
    for (const BackupManifest& backup : backups) {
        if (!backup.readable) {
            findings.note("backup " + backup.name + " has no readable manifest",
                          "Remove it, or look where it came from.");
            continue;
        }
        if (const Status good = verify_backup(tool.backups, backup, pace); !good) {
            findings.bad(good.error().text, "Remove it: rm -r " + tool.backups + "/" + backup.name);
            continue;
        }
        const int64_t age_ms = tool.wall_ms - backup.made_at;
        const std::string age = std::to_string(age_ms / kMsPerHourOfBackups) + " h old";
        if (age_ms > kStaleBackupMs) {
            findings.bad("the newest good backup, " + backup.name + ", is " + age,
                         "See why no newer one was made: backup_failed in the log, GET /api/admin/storage.");
        } else {
            findings.good("backup " + backup.name + " is good, " + age);
        }
        return;
    }
    findings.bad("no backup is good", "Make one: agentcom-hub --make-backup");
}

}  // namespace

StorageTool::Outcome StorageTool::list() const { return {0, describe_backups(list_backups(backups)) + "\n"}; }

StorageTool::Outcome StorageTool::make() const {
    if (!file_exists(data_directory + "/hub.db")) {
        return {1, "there is no hub.db in " + data_directory + ": give its directory with --data\n"};
    }
    BackupOptions options;
    options.hub_version = hub_version;
    options.wall_ms = wall_ms;
    Pace pace;
    const Result<BackupManifest> made = make_backup(data_directory, backups, options, pace);
    if (!made) return failed_outcome(made.error());
    return {0, "backup " + made.value().name + " in " + backups + ": " + std::to_string(made.value().rows) + " rows, " +
                   std::to_string(made.value().bytes) + " bytes, verified\n"};
}

StorageTool::Outcome StorageTool::verify(const std::string& backup) const {
    const std::optional<BackupManifest> found = find_backup(backups, backup);
    if (!found) return {1, "there is no backup " + backup + " in " + backups + "\n"};
    Pace pace;
    if (const Status good = verify_backup(backups, *found, pace); !good) return failed_outcome(good.error());
    return {0, "backup " + backup + " is good: " + std::to_string(found->rows) + " rows\n"};
}

StorageTool::Outcome StorageTool::restore(const std::string& backup) const {
    DataDirectory directory;
    if (const Status acquired = directory.acquire(data_directory); !acquired) return failed_outcome(acquired.error());
    RestoreOptions options;
    options.backups = backups;
    options.hub_version = hub_version;
    options.wall_ms = wall_ms;
    // One that was interrupted comes first.
    if (const Status finished = finish_restore(directory, options); !finished) return failed_outcome(finished.error());
    if (const Status restored = restore_backup(directory, backup, options); !restored) {
        return failed_outcome(restored.error());
    }
    return {0, "restored " + backup +
                   ". What was there is the newest backup, or in quarantine/. Start the hub: tasks that "
                   "ran then are queued again\n"};
}

StorageTool::Outcome StorageTool::doctor() const {
    Findings findings;
    if (!file_exists(data_directory + "/hub.db")) {
        findings.bad("there is no hub.db in " + data_directory, "Give the data directory of a hub with --data.");
        return findings.outcome();
    }
    check_files(*this, findings);
    check_database(*this, findings);
    check_backups(*this, findings);
    return findings.outcome();
}

}  // namespace agentcom
