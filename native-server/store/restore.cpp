#include "native-server/store/restore.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "core/base/json.hpp"
#include "core/hub/storage_jobs.hpp"
#include "native-server/server/files.hpp"
#include "native-server/store/integrity.hpp"
#include "native-server/store/row_io.hpp"
#include "native-server/store/schema.hpp"

namespace agentcom {

namespace {

namespace fs = std::filesystem;

/// Numbers of messages that may have been given out after a backup when the present data cannot be asked.
constexpr int64_t kUnknownMessages = 100'000;
/// Beyond what the present data say: what was given out and never committed.
constexpr int64_t kMessageMargin = 1'000;

/// What both a backup and the present data say about what must not come again.
struct Marks {
    std::map<int64_t, int64_t> message_seqs;  ///< by workspace
    std::set<std::string> tokens;             ///< digests
    std::map<std::string, int64_t> rows;      ///< by SQL table
};

std::optional<Marks> read_marks(SqliteConnection& db) {
    Marks marks;
    SqliteStatement select;
    if (!select.prepare(db, "SELECT id, message_seq FROM workspaces")) return std::nullopt;
    int code = select.step();
    for (; code == SQLITE_ROW; code = select.step()) marks.message_seqs[select.integer(0)] = select.integer(1);
    if (code != SQLITE_DONE || !select.prepare(db, "SELECT sha256 FROM tokens")) return std::nullopt;
    for (code = select.step(); code == SQLITE_ROW; code = select.step()) marks.tokens.emplace(select.text(0));
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

Restored restored_of(const std::string& backup, const std::optional<Marks>& now, const std::optional<Marks>& then) {
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
    for (const std::string& token : then->tokens) {
        if (now->tokens.contains(token)) continue;
        restored.revoked_tokens += (restored.revoked_tokens.empty() ? "" : " ") + token;
    }
    return restored;
}

std::string restored_text(const Restored& restored, bool quarantine) {
    json::Writer out;
    out.begin_object().member("backup", restored.backup).member("lost_messages", restored.lost_messages);
    out.member("revoked_tokens", restored.revoked_tokens).member("quarantine", quarantine);
    out.member("salvage", restored.salvage).end_object();
    return out.take() + "\n";
}

struct Plan {
    Restored restored;
    bool quarantine = false;
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
    if (const json::Value* moved = members.find("quarantine"); moved != nullptr && moved->kind == json::Kind::boolean) {
        plan.quarantine = json::to_bool(*moved);
    }
    return plan;
}

void observe_step(const StepObserver& step, std::string_view what) {
    if (step) step(what);
}

/// The present data as a backup. False: they cannot be one.
bool make_safety_backup(const DataDirectory& directory, const RestoreOptions& options, Pace& pace) {
    BackupOptions backup;
    backup.hub_version = options.hub_version;
    backup.trigger = "before_restore";
    backup.wall_ms = options.wall_ms;
    backup.step = options.step;
    return make_backup(directory.path(), options.backups, backup, pace).ok();
}

/// Everything up to the decision.
Status stage(const DataDirectory& directory, const BackupManifest& backup, const RestoreOptions& options) {
    Pace pace;
    const std::string file = options.backups + "/" + backup.name + "/hub.db";
    if (const Status good = verify_backup(options.backups, backup, pace); !good) return good;
    observe_step(options.step, "verified");
    const std::optional<Marks> now = marks_of_present(directory.path(), false, pace);
    const bool quarantine = options.quarantine || !make_safety_backup(directory, options, pace);
    observe_step(options.step, "safe");
    const Result<std::string> sha256 = copy_file_with_sha256(file, directory.file("restore.staged"), pace);
    if (!sha256) return Status(sha256.error());
    if (sha256.value() != backup.sha256) {
        return Status(
            Error{"backup_damaged", 500, Blame::hub, "backup " + backup.name + " changed while it was copied"});
    }
    observe_step(options.step, "staged");
    const Restored restored = restored_of(backup.name, now, marks_of_backup(file));
    return write_private_file(directory.file("restore.pending"), restored_text(restored, quarantine));
}

/// What was salvaged, beside the files that it was salvaged from.
Status tell_salvage(const Plan& plan, const std::string& place) {
    if (plan.restored.salvage.empty()) return {};
    return write_private_file(place + "/salvage.json", plan.restored.salvage);
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
        if (plan.quarantine) {
            const Result<std::string> moved = quarantine_database(directory, options.wall_ms, options.step);
            if (!moved) return Status(moved.error());
            if (const Status told = tell_salvage(plan, moved.value()); !told) return told;
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
    const Restored restored = restored_of(backup.name, now, then);
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
    return write_private_file(data_directory + "/restore.request", restored_text(Restored{backup, 0, "", ""}, false));
}

Status restore_backup(const DataDirectory& directory, const std::string& backup, const RestoreOptions& options) {
    const std::optional<BackupManifest> manifest = find_backup(options.backups, backup);
    Status staged = manifest ? stage(directory, *manifest, options)
                             : Status(Error{"backup_not_found", 404, Blame::client,
                                            "there is no backup " + backup + " in " + options.backups});
    const std::optional<Plan> plan = read_plan(directory.file("restore.pending"));
    if (!staged || !plan) {
        // Nothing was decided.
        static_cast<void>(remove_file(directory.file("restore.pending")));
        static_cast<void>(remove_file(directory.file("restore.staged")));
        static_cast<void>(remove_file(directory.file("restore.request")));
        if (staged) return storage_error("reading " + directory.file("restore.pending"), EIO);
        return staged;
    }
    observe_step(options.step, "decided");
    return swap(directory, *plan, options);
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
    Restored restored{std::string(storage::kSalvage), kUnknownMessages, "", salvage_text(report)};
    Status done = check_salvaged(staged);
    if (done) done = write_private_file(directory.file("restore.pending"), restored_text(restored, true));
    if (!done) {
        static_cast<void>(remove_file(directory.file("restore.pending")));
        static_cast<void>(remove_file(staged));
        return Result<SalvageReport>(done.error());
    }
    observe_step(options.step, "decided");
    if (const Status swapped = swap(directory, Plan{std::move(restored), true}, options); !swapped) {
        return Result<SalvageReport>(swapped.error());
    }
    return Result<SalvageReport>(std::move(report));
}

Status finish_restore(const DataDirectory& directory, const RestoreOptions& options) {
    if (file_exists(directory.file("restore.pending"))) {
        const std::optional<Plan> plan = read_plan(directory.file("restore.pending"));
        const Status done =
            plan ? swap(directory, *plan, options) : storage_error("reading " + directory.file("restore.pending"), EIO);
        if (done) return {};
        return Status(Error{"restore_interrupted", 500, Blame::hub,
                            "a restore was interrupted and cannot be ended: " + done.error().text});
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

Result<std::string> quarantine_database(const DataDirectory& directory, int64_t wall_ms, const StepObserver& step) {
    const std::string all = directory.file("quarantine");
    if (mkdir(all.c_str(), 0700) != 0 && errno != EEXIST) {
        return Result<std::string>(storage_error("creating " + all, errno).error());
    }
    std::string place = all + "/" + utc_name(wall_ms);
    for (int number = 1; mkdir(place.c_str(), 0700) != 0; ++number) {
        if (errno != EEXIST) return Result<std::string>(storage_error("creating " + place, errno).error());
        place = all + "/" + utc_name(wall_ms) + "-" + std::to_string(number);
    }
    // The database last: while it is there, whoever comes after a kill goes on with this.
    for (const std::string name : {"hub.db-shm", "hub.db-wal", "hub.db"}) {
        std::error_code ignored;
        if (!fs::exists(directory.file(name), ignored)) continue;
        observe_step(step, "quarantine");
        if (const Status moved = rename_durably(directory.file(name), place + "/" + name); !moved) {
            return Result<std::string>(moved.error());
        }
    }
    if (const Status synced = sync_path(directory.path()); !synced) return Result<std::string>(synced.error());
    return Result<std::string>(std::move(place));
}

}  // namespace agentcom
