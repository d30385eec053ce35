#include "native-server/store/restore.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <map>
#include <utility>
#include <vector>

#include "core/base/json.hpp"
#include "core/base/time.hpp"
#include "core/hub/storage_jobs.hpp"
#include "native-server/server/files.hpp"
#include "native-server/store/integrity.hpp"
#include "native-server/store/row_io.hpp"
#include "native-server/store/schema.hpp"

namespace agentcom {

namespace {

namespace fs = std::filesystem;

/// Numbers of messages that may have been given out after a backup when the present data cannot be asked: of a day at
/// 10 000 a second. Retention does not count what is skipped.
constexpr int64_t kUnknownMessages = 1'000'000'000;
static_assert(kUnknownMessages <= kMaxPlaceSeq / 1'000, "a thousand salvages leave numbers for messages");
/// Beyond what the present data say: what was given out and never committed.
constexpr int64_t kMessageMargin = 1'000;

/// A restore that data went through: what was made between the backup and it, they never knew.
struct PastRestore {
    std::string backup;
    int64_t restored_at = 0;
};

/// What both a backup and the present data say about what must not come again.
struct Marks {
    std::map<int64_t, int64_t> message_seqs;  ///< by workspace
    std::map<std::string, int64_t> tokens;    ///< when each was made, by its digest
    std::vector<PastRestore> restores;
    std::map<std::string, int64_t> rows;  ///< by SQL table
};

std::optional<Marks> read_marks(SqliteConnection& db) {
    Marks marks;
    SqliteStatement select;
    if (!select.prepare(db, "SELECT id, message_seq FROM workspaces")) return std::nullopt;
    int code = select.step();
    for (; code == SQLITE_ROW; code = select.step()) marks.message_seqs[select.integer(0)] = select.integer(1);
    if (code != SQLITE_DONE || !select.prepare(db, "SELECT sha256, created_at FROM tokens")) return std::nullopt;
    for (code = select.step(); code == SQLITE_ROW; code = select.step()) {
        marks.tokens.emplace(select.text(0), select.integer(1));
    }
    if (code != SQLITE_DONE ||
        !select.prepare(db, "SELECT subject, began_at FROM storage_runs WHERE kind = 'restore' AND ok = 1")) {
        return std::nullopt;
    }
    for (code = select.step(); code == SQLITE_ROW; code = select.step()) {
        marks.restores.push_back({std::string(select.text(0)), select.integer(1)});
    }
    return code == SQLITE_DONE ? std::optional(std::move(marks)) : std::nullopt;
}

bool count_rows(SqliteConnection& db, Marks& marks) {
    for (const TableSchema& schema : stored_tables()) {
        int64_t& rows = marks.rows[std::string(schema.name)];
        if (!db.query_integer("SELECT count(*) FROM " + sql_name(schema.name), rows)) return false;
    }
    return true;
}

std::optional<Marks> marks_of_present(const std::string& data_directory, bool counting, Pace& pace) {
    SqliteConnection db;
    if (!db.open(data_directory + "/hub.db", SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, "")) return std::nullopt;
    // A look must not end the WAL of a hub that runs, nor of one that was killed.
    sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    keep_pace(db, pace);
    std::optional<Marks> marks = read_marks(db);
    if (marks && counting && !count_rows(db, *marks)) return std::nullopt;
    return marks;
}

std::optional<Marks> marks_of_backup(const std::string& file) {
    SqliteConnection db;
    if (!open_unchanging(db, file)) return std::nullopt;
    return read_marks(db);
}

/// The end of the second that a backup is named after; nullopt: somebody has given it another name.
std::optional<int64_t> named_ms(const std::string& backup) {
    std::tm parts{};
    if (strptime(backup.c_str(), "%Y%m%dT%H%M%SZ", &parts) == nullptr) return std::nullopt;
    return int64_t{timegm(&parts)} * 1'000 + 999;
}

/// When the data of a past restore end, and which tokens are in them.
struct Stretch {
    int64_t ends_at = 0;
    int64_t goes_on_at = 0;
    std::map<std::string, int64_t> tokens;
};

/// The times that data which went through these restores know nothing of. In doubt there is none: a token that was
/// never known and one that was revoked look alike, and the second must not come back.
std::vector<Stretch> unknown_stretches(const std::string& backups, const std::vector<PastRestore>& restores) {
    std::vector<Stretch> stretches;
    for (const PastRestore& restore : restores) {
        if (restore.backup == storage::kSalvage) continue;
        Stretch stretch;
        stretch.goes_on_at = restore.restored_at;
        const std::optional<BackupManifest> there = find_backup(backups, restore.backup);
        std::optional<int64_t> ends_at = named_ms(restore.backup);
        if (there && there->readable) {
            ends_at = there->made_at;
            // It was read a moment after the time that it bears.
            if (std::optional<Marks> marks = marks_of_backup(backups + "/" + restore.backup + "/hub.db")) {
                stretch.tokens = std::move(marks->tokens);
            }
        }
        if (!ends_at) continue;
        stretch.ends_at = *ends_at;
        stretches.push_back(std::move(stretch));
    }
    return stretches;
}

bool was_never_known(const std::string& token, int64_t created_at, const std::vector<Stretch>& stretches) {
    return std::any_of(stretches.begin(), stretches.end(), [&](const Stretch& stretch) {
        return created_at >= stretch.ends_at && created_at < stretch.goes_on_at && !stretch.tokens.contains(token);
    });
}

void add_words(std::string& words, const std::string& more) {
    if (!words.empty() && !more.empty()) words += ' ';
    words += more;
}

Restored restored_of(const std::string& backups, const std::string& backup, const std::optional<Marks>& now,
                     const std::optional<Marks>& then) {
    Restored restored;
    restored.backup = backup;
    if (!now || !then) {
        restored.lost_messages = kUnknownMessages;
        return restored;
    }
    for (const auto& [workspace, seq] : now->message_seqs) {
        const auto before = then->message_seqs.find(workspace);
        if (before == then->message_seqs.end()) continue;
        restored.lost_messages = std::max(restored.lost_messages, seq - before->second);
    }
    restored.lost_messages += kMessageMargin;
    const std::vector<Stretch> stretches = unknown_stretches(backups, now->restores);
    for (const auto& [token, created_at] : then->tokens) {
        if (now->tokens.contains(token) || was_never_known(token, created_at, stretches)) continue;
        add_words(restored.revoked_tokens, token);
    }
    return restored;
}

/// What an earlier restore has to say that no run has heard of, this one must say, too.
void add_untold(const std::optional<Restored>& untold, Restored& restored) {
    if (!untold) return;
    restored.lost_messages = saturating_add(restored.lost_messages, untold->lost_messages);
    add_words(restored.revoked_tokens, untold->revoked_tokens);
}

/// `quarantine`: where the present files go; "" = nowhere, they are in a backup.
std::string restored_text(const Restored& restored, const std::string& quarantine) {
    json::Writer out;
    out.begin_object().member("backup", restored.backup).member("restored_at", restored.restored_at);
    out.member("lost_messages", restored.lost_messages);
    out.member("revoked_tokens", restored.revoked_tokens).member("quarantine", quarantine);
    out.member("salvage", restored.salvage).end_object();
    return out.take() + "\n";
}

struct Plan {
    Restored restored;
    std::string quarantine;
};

std::optional<Plan> read_plan(const std::string& path) {
    const std::optional<std::string> text = read_file(path);
    if (!text) return std::nullopt;
    const std::optional<json::Document> document = json::Document::parse(*text, json::Duplicates::first_wins);
    if (!document || !document->is_object()) return std::nullopt;
    Plan plan;
    const json::Object& members = document->object();
    if (const json::Value* name = members.find("backup"); name != nullptr && name->kind == json::Kind::string) {
        plan.restored.backup = json::decode_string(*name);
    }
    if (const json::Value* at = members.find("restored_at")) {
        plan.restored.restored_at = json::to_int64(*at).value_or(0);
    }
    if (const json::Value* lost = members.find("lost_messages")) {
        plan.restored.lost_messages = json::to_int64(*lost).value_or(kUnknownMessages);
    }
    if (const json::Value* revoked = members.find("revoked_tokens");
        revoked != nullptr && revoked->kind == json::Kind::string) {
        plan.restored.revoked_tokens = json::decode_string(*revoked);
    }
    if (const json::Value* salvage = members.find("salvage");
        salvage != nullptr && salvage->kind == json::Kind::string) {
        plan.restored.salvage = json::decode_string(*salvage);
    }
    if (const json::Value* place = members.find("quarantine"); place != nullptr && place->kind == json::Kind::string) {
        plan.quarantine = json::decode_string(*place);
    }
    return plan;
}

void observe_step(const StepObserver& step, std::string_view what) {
    if (step) step(what);
}

/// The present data as a backup.
Status make_safety_backup(const DataDirectory& directory, const RestoreOptions& options, Pace& pace) {
    BackupOptions backup;
    backup.hub_version = options.hub_version;
    backup.trigger = "before_restore";
    backup.wall_ms = options.wall_ms;
    backup.step = options.step;
    const Result<BackupManifest> made = make_backup(directory.path(), options.backups, backup, pace);
    return made ? Status() : Status(made.error());
}

/// Everything up to the decision.
Status stage(const DataDirectory& directory, const BackupManifest& backup, const RestoreOptions& options) {
    Pace pace;
    const std::string file = options.backups + "/" + backup.name + "/hub.db";
    if (const Status good = verify_backup(options.backups, backup, pace); !good) return good;
    observe_step(options.step, "verified");
    std::optional<Marks> now = marks_of_present(directory.path(), false, pace);
    const std::optional<Restored> untold = read_restored(directory.path());
    if (now && untold) now->restores.push_back({untold->backup, untold->restored_at});
    bool quarantine = options.quarantine;
    if (!quarantine) {
        const Status safe = make_safety_backup(directory, options, pace);
        if (!safe && safe.error().code == "backup_busy") return safe;
        quarantine = !safe;
    }
    observe_step(options.step, "safe");
    const Result<std::string> sha256 = copy_file_with_sha256(file, directory.file("restore.staged"), pace);
    if (!sha256) return Status(sha256.error());
    if (sha256.value() != backup.sha256) {
        return Status(
            Error{"backup_damaged", 500, Blame::hub, "backup " + backup.name + " changed while it was copied"});
    }
    observe_step(options.step, "staged");
    Restored restored = restored_of(options.backups, backup.name, now, marks_of_backup(file));
    restored.restored_at = options.wall_ms;
    // Damaged data do not know how far they had come.
    if (quarantine) restored.lost_messages = std::max(restored.lost_messages, kUnknownMessages);
    add_untold(untold, restored);
    return write_private_file(directory.file("restore.pending"),
                              restored_text(restored, quarantine ? free_quarantine(directory, options.wall_ms) : ""));
}

/// What was salvaged, beside the files that it was salvaged from.
Status tell_salvage(const DataDirectory& directory, const Plan& plan) {
    if (plan.restored.salvage.empty()) return {};
    return write_private_file(directory.file(plan.quarantine) + "/salvage.json", plan.restored.salvage);
}

/// Takes a restore back that is not decided, or is not yet known to be. False: it stays decided.
bool take_back(const DataDirectory& directory) {
    // First what decides: without the staged file a plan would call the old data restored.
    if (!remove_file(directory.file("restore.pending"))) return false;
    static_cast<void>(remove_file(directory.file("restore.staged")));
    return true;
}

Error not_ended(const std::string& backup, const Error& why) {
    const std::string what = backup.empty()                ? "a restore"
                             : backup == storage::kSalvage ? "the salvage"
                                                           : "the restore of backup " + backup;
    return Error{"restore_interrupted", 500, Blame::hub,
                 what + " is decided and cannot be ended: " + why.text +
                     ". Mend that: the next start goes on with it, and nothing is lost until then"};
}

/// Whether what was salvaged is a database that a hub would start with.
Status check_salvaged(const std::string& file) {
    SqliteConnection db;
    if (!open_unchanging(db, file)) return Status(store_unavailable(db, "opening " + file));
    const Result<std::vector<BackupManifest::Table>> tables = verify_database(db);
    return tables ? Status() : Status(tables.error());
}

/// From the decision to the end, from wherever it was interrupted.
Status swap(const DataDirectory& directory, const Plan& plan, const RestoreOptions& options) {
    if (file_exists(directory.file("restore.staged"))) {
        if (!plan.quarantine.empty()) {
            const Status moved = quarantine_database(directory, plan.quarantine, options.step);
            if (!moved) return moved;
            if (const Status told = tell_salvage(directory, plan); !told) return told;
        }
        // The old WAL must be gone for good before the new database is there: SQLite would apply it.
        for (const char* name : {"hub.db-wal", "hub.db-shm"}) {
            if (const Status removed = remove_file(directory.file(name)); !removed) return removed;
            observe_step(options.step, name);
        }
        if (const Status synced = sync_path(directory.path()); !synced) return synced;
        if (const Status renamed = rename_durably(directory.file("restore.staged"), directory.file("hub.db"));
            !renamed) {
            return renamed;
        }
        observe_step(options.step, "swapped");
    }
    // There is no WAL that a run could have left.
    for (const char* name : {"running", "restore.request"}) {
        if (const Status removed = remove_file(directory.file(name)); !removed) return removed;
        observe_step(options.step, name);
    }
    const Status done = rename_durably(directory.file("restore.pending"), directory.file("restored"));
    observe_step(options.step, "done");
    return done;
}

}  // namespace

Result<std::string> preview_restore(const std::string& data_directory, const std::string& backups,
                                    const BackupManifest& backup, Pace& pace) {
    const std::optional<Marks> now = marks_of_present(data_directory, true, pace);
    const std::optional<Marks> then = marks_of_backup(backups + "/" + backup.name + "/hub.db");
    if (!then) {
        return Result<std::string>(
            Error{"backup_damaged", 500, Blame::hub, "backup " + backup.name + " cannot be read"});
    }
    const Restored restored = restored_of(backups, backup.name, now, then);
    json::Writer out;
    out.begin_object().member("backup", backup.name).member("made_at", backup.made_at);
    out.member("present_is_readable", now.has_value()).key("sql_tables").begin_array();
    for (const BackupManifest::Table& table : backup.sql_tables) {
        out.begin_object().member("table", table.name);
        const auto rows = now ? now->rows.find(table.name) : std::map<std::string, int64_t>::const_iterator{};
        out.member("rows_now", now && rows != now->rows.end() ? std::optional(rows->second) : std::nullopt);
        out.member("rows_then", table.rows).end_object();
    }
    out.end_array().member("message_numbers_skipped", restored.lost_messages);
    const int64_t revoked = restored.revoked_tokens.empty()
                                ? 0
                                : 1 + std::count(restored.revoked_tokens.begin(), restored.revoked_tokens.end(), ' ');
    out.member("tokens_revoked_since", revoked).end_object();
    return Result<std::string>(out.take());
}

Status request_restore(const std::string& data_directory, const std::string& backup) {
    Restored wanted;
    wanted.backup = backup;
    return write_private_file(data_directory + "/restore.request", restored_text(wanted, ""));
}

Status restore_backup(const DataDirectory& directory, const std::string& backup, const RestoreOptions& options) {
    const std::optional<BackupManifest> manifest = find_backup(options.backups, backup);
    Status staged = manifest ? stage(directory, *manifest, options)
                             : Status(Error{"backup_not_found", 404, Blame::client,
                                            "there is no backup " + backup + " in " + options.backups});
    const std::optional<Plan> plan = read_plan(directory.file("restore.pending"));
    if (!staged || !plan) {
        const Status failed =
            staged ? storage_error("reading " + directory.file("restore.pending"), EIO) : Status(staged.error());
        if (!take_back(directory)) return Status(not_ended(backup, failed.error()));
        static_cast<void>(remove_file(directory.file("restore.request")));
        return failed;
    }
    observe_step(options.step, "decided");
    const Status swapped = swap(directory, *plan, options);
    return swapped ? Status() : Status(not_ended(plan->restored.backup, swapped.error()));
}

Result<SalvageReport> salvage_damaged(const DataDirectory& directory, const std::string& damage,
                                      const RestoreOptions& options) {
    const std::string staged = directory.file("restore.staged");
    Result<SalvageReport> salvaged =
        salvage_database(directory.path(), staged, directory.noted_commit(), options.wall_ms);
    if (!salvaged) return salvaged;
    observe_step(options.step, "staged");
    SalvageReport report = std::move(salvaged).value();
    report.damage = damage;
    Restored restored{std::string(storage::kSalvage), options.wall_ms, kUnknownMessages, "", salvage_text(report)};
    add_untold(read_restored(directory.path()), restored);
    const std::string place = free_quarantine(directory, options.wall_ms);
    Status done = check_salvaged(staged);
    if (done) done = write_private_file(directory.file("restore.pending"), restored_text(restored, place));
    if (!done) {
        return Result<SalvageReport>(take_back(directory) ? done.error() : not_ended(restored.backup, done.error()));
    }
    observe_step(options.step, "decided");
    const Plan plan{std::move(restored), place};
    if (const Status swapped = swap(directory, plan, options); !swapped) {
        return Result<SalvageReport>(not_ended(plan.restored.backup, swapped.error()));
    }
    return Result<SalvageReport>(std::move(report));
}

Status finish_restore(const DataDirectory& directory, const RestoreOptions& options) {
    if (file_exists(directory.file("restore.pending"))) {
        const std::optional<Plan> plan = read_plan(directory.file("restore.pending"));
        const Status done =
            plan ? swap(directory, *plan, options) : storage_error("reading " + directory.file("restore.pending"), EIO);
        return done ? Status() : Status(not_ended(plan ? plan->restored.backup : "", done.error()));
    }
    if (const Status removed = remove_file(directory.file("restore.staged")); !removed) return removed;
    const std::optional<Plan> request = read_plan(directory.file("restore.request"));
    return request ? restore_backup(directory, request->restored.backup, options) : Status();
}

std::optional<Restored> read_restored(const std::string& data_directory) {
    const std::optional<Plan> plan = read_plan(data_directory + "/restored");
    return plan ? std::optional(plan->restored) : std::nullopt;
}

Status forget_restored(const std::string& data_directory) { return remove_file(data_directory + "/restored"); }

std::string free_quarantine(const DataDirectory& directory, int64_t wall_ms) {
    const std::string first = "quarantine/" + utc_name(wall_ms);
    std::string place = first;
    std::error_code ignored;
    for (int number = 1; fs::exists(directory.file(place), ignored); ++number)
        place = first + "-" + std::to_string(number);
    return place;
}

Status quarantine_database(const DataDirectory& directory, const std::string& name_of_place, const StepObserver& step) {
    const std::string place = directory.file(name_of_place);
    for (const std::string& each : {directory.file("quarantine"), place}) {
        if (mkdir(each.c_str(), 0700) != 0 && errno != EEXIST) return storage_error("creating " + each, errno);
    }
    // The database last: when it is there, all is. What lies in its old place then is an empty file that a start made.
    if (file_exists(place + "/hub.db")) return {};
    for (const std::string name : {"hub.db-shm", "hub.db-wal", "hub.db"}) {
        std::error_code ignored;
        if (!fs::exists(directory.file(name), ignored)) continue;
        observe_step(step, "quarantine");
        if (const Status moved = rename_durably(directory.file(name), place + "/" + name); !moved) return moved;
    }
    return sync_path(directory.path());
}

}  // namespace agentcom
