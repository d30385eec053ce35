#include "core/hub/storage_routes.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/hub/storage_jobs.hpp"
#include "core/view/health.hpp"

namespace agentcom::requests {

namespace {

bool is_care_table(const std::string& name) {
    return std::find(kCareTables.begin(), kCareTables.end(), name) != kCareTables.end();
}

Answer unknown_table(const std::string& name) {
    json::Writer out;
    out.begin_object().member("error", "unknown_table").member("table", name).end_object();
    return ok(out, 404);
}

/// "0.125": v1.1 rounds to three decimals.
std::string ratio_text(int64_t part, int64_t whole) {
    const int64_t thousandths = whole <= 0 ? 0 : std::clamp<int64_t>((part * 2'000 + whole) / (whole * 2), 0, 1'000);
    std::string decimals = std::to_string(1'000 + thousandths % 1'000).substr(1);
    return std::to_string(thousandths / 1'000) + "." + decimals;
}

StorageStateRow files_of(const Context& ctx) {
    const StorageStateRow* row = ctx.tables.find<StorageStateRow>({0});
    return row == nullptr ? StorageStateRow{} : *row;
}

/// A member of a manifest, as it stands there.
std::string_view member_of(const json::Object& members, std::string_view name) {
    const json::Value* value = members.find(name);
    return value == nullptr ? std::string_view("null") : value->raw;
}

std::string text_member(const json::Object& members, std::string_view name) {
    const json::Value* value = members.find(name);
    return value == nullptr || value->kind != json::Kind::string ? std::string{} : json::decode_string(*value);
}

/// The name of the newest backup that there is, and of the one called so.
std::string newest_backup(const Context& ctx) {
    const std::string backups = files_of(ctx).backups;
    const std::vector<json::Value> all = json::elements(backups);
    return all.empty() ? std::string{} : text_member(json::members(all.front().raw), "name");
}

bool has_backup(const Context& ctx, const std::string& name) {
    const std::string backups = files_of(ctx).backups;
    const std::vector<json::Value> all = json::elements(backups);
    return std::any_of(all.begin(), all.end(), [&](const json::Value& manifest) {
        return text_member(json::members(manifest.raw), "name") == name;
    });
}

Answer backup_not_found(const std::string& name) {
    json::Writer out;
    out.begin_object().member("error", "backup_not_found");
    out.member("message", "there is no such backup; GET /api/admin/backups lists them");
    out.member("backup", name).end_object();
    return ok(out, 404);
}

Answer failed(const StorageRunRow& run) {
    json::Writer out;
    out.begin_object().member("error", std::string(to_text(run.kind)) + "_failed").member("message", run.error);
    out.end_object();
    return ok(out, 500);
}

/// Those of a manifest.
std::vector<json::Value> tables_of(const json::Object& manifest) {
    const json::Value* listed = manifest.find("tables");
    return json::elements(listed == nullptr ? std::string_view("[]") : listed->raw);
}

Answer backup_answer(const StorageRunRow& run) {
    const json::Object result = json::members(run.result);
    const std::vector<json::Value> tables = tables_of(result);
    json::Writer out;
    out.begin_object().member("status", "complete");
    out.member("tables_total", tables.size()).member("tables_success", tables.size());
    write_backup_results(out.key("results"), run);
    out.raw_member("backup", member_of(result, "name")).raw_member("bytes", member_of(result, "bytes"));
    out.raw_member("sha256", member_of(result, "sha256")).member("verified", true);
    out.raw_member("copied_to", member_of(result, "copied_to")).end_object();
    return ok(out);
}

struct Compacted {
    bool skipped = false;
    std::string_view reason;
    int64_t duration_ms = 0;
};

Compacted compacted(const json::Object& result) {
    Compacted what;
    const json::Value* reason = result.find("reason");
    what.skipped = reason != nullptr;
    if (what.skipped) what.reason = reason->raw;
    if (const json::Value* took = result.find("duration_ms")) {
        what.duration_ms = json::to_int64(*took).value_or(0);
    }
    return what;
}

Answer compact_answer(const StorageRunRow& run) {
    const json::Object result = json::members(run.result);
    const Compacted what = compacted(result);
    const int64_t total = static_cast<int64_t>(kCareTables.size());
    json::Writer out;
    out.begin_object().member("status", "complete").member("tables_total", total);
    out.member("tables_compacted", what.skipped ? 0 : total).member("tables_skipped", what.skipped ? total : 0);
    write_compaction_results(out.key("results"), run);
    out.raw_member("freed_bytes", member_of(result, "freed_bytes")).end_object();
    return ok(out);
}

Answer compact_table_answer(const StorageRunRow& run) {
    json::Writer out;
    out.begin_object().member("table", run.subject);
    if (!run.ok) {
        out.member("status", "error").member("duration_ms", 0).member("reason", run.error).end_object();
        return ok(out);
    }
    const json::Object result = json::members(run.result);
    const Compacted what = compacted(result);
    out.member("status", what.skipped ? "skipped" : "compacted").member("duration_ms", what.duration_ms);
    if (what.skipped) out.raw_member("reason", what.reason);
    out.end_object();
    return ok(out);
}

void write_run(json::Writer& out, const StorageRunRow& run) {
    out.begin_object().member("job", run.id).member("kind", to_text(run.kind)).member("trigger", run.trigger);
    out.member("subject", run.subject.empty() ? std::nullopt : std::optional(run.subject));
    out.member("by", run.by.empty() ? std::nullopt : std::optional(run.by));
    out.member("began_at", run.began_at).member("ended_at", run.ended_at);
    out.member("status", run.ok ? "complete" : "failed").raw_member("result", run.result);
    out.member("message", run.ok ? std::nullopt : std::optional(run.error)).end_object();
}

void write_storage_verdict(json::Writer& out, const storage::Facts& facts) {
    const bool fragmented = facts.free_percent > view::kFragmentedPercent;
    const bool stale = facts.backup_overdue;
    const std::string_view health = stale && fragmented ? "unhealthy" : stale || fragmented ? "warning" : "healthy";
    out.member("health_status", facts.damage.empty() ? health : "unhealthy");
    out.member("stale_backup", stale).member("high_fragmentation", fragmented);
    out.member("last_backup_at", facts.last_backup_at);
}

}  // namespace

void write_compaction_results(json::Writer& out, const StorageRunRow& run) {
    const json::Object result = json::members(run.result);
    const Compacted what = compacted(result);
    out.begin_array();
    for (const std::string_view table : kCareTables) {
        out.begin_object().member("table", table);
        out.member("status", !run.ok ? "error" : what.skipped ? "skipped" : "compacted");
        if (!run.ok) out.member("reason", run.error);
        if (run.ok && what.skipped) out.raw_member("reason", what.reason);
        out.member("duration_ms", run.ok ? what.duration_ms : 0).end_object();
    }
    out.end_array();
}

void write_backup_results(json::Writer& out, const StorageRunRow& run) {
    const json::Object result = json::members(run.result);
    out.begin_array();
    if (!run.ok) {
        for (const std::string_view table : kCareTables) {
            out.begin_object().member("status", "error").member("table", table).member("reason", run.error);
            out.end_object();
        }
        out.end_array();
        return;
    }
    const std::vector<json::Value> tables = tables_of(result);
    for (const json::Value& each : tables) {
        const json::Object table = json::members(each.raw);
        out.begin_object().raw_member("table", member_of(table, "table")).member("status", "ok");
        out.raw_member("path", member_of(result, "path")).raw_member("size", member_of(table, "bytes"));
        out.raw_member("rows", member_of(table, "rows")).end_object();
    }
    out.end_array();
}

void write_care_tables(json::Writer& out, const StorageStateRow& files) {
    const std::vector<json::Value> tables = json::elements(files.tables);
    out.begin_array();
    for (const json::Value& each : tables) {
        const json::Object table = json::members(each.raw);
        out.begin_object().raw_member("table", member_of(table, "table"));
        out.raw_member("record_count", member_of(table, "record_count"));
        out.raw_member("file_size_bytes", member_of(table, "file_size_bytes"));
        out.raw_member("fragmentation_ratio", ratio_text(files.free_bytes, files.database_bytes));
        out.member("status", "ok").end_object();
    }
    out.end_array();
}

Reply on_backup(const Call& call) { return storage::begin(call, {StorageJobKind::backup, "", false, false}); }

Reply on_compact(const Call& call) { return storage::begin(call, {StorageJobKind::compaction, "", false, false}); }

Reply on_compact_table(const Call& call) {
    const std::string& table = call.params.at(0);
    if (!is_care_table(table)) return unknown_table(table);
    return storage::begin(call, {StorageJobKind::compaction, table, false, false});
}

Reply on_restore_table(const Call& call) {
    const std::string& table = call.params.at(0);
    if (!is_care_table(table)) return unknown_table(table);
    const std::string newest = newest_backup(call.ctx);
    if (newest.empty()) {
        return error_answer(409, "no_backup", "there is no backup to restore from; nothing was changed");
    }
    if (!call.arguments.boolean("whole_set").value_or(false)) {
        json::Writer out;
        out.begin_object().member("error", "whole_set_only");
        out.member("message",
                   "one table alone would not fit the others: {\"whole_set\": true} restores all of the newest backup");
        out.member("backup", newest).end_object();
        return ok(out, 409);
    }
    return storage::begin(call, {StorageJobKind::restore, newest, false, false});
}

Reply on_backup_verify(const Call& call) {
    const std::string& name = call.params.at(0);
    if (!has_backup(call.ctx, name)) return backup_not_found(name);
    return storage::begin(call, {StorageJobKind::verification, name, false, false});
}

Reply on_backup_restore(const Call& call) {
    const std::string& name = call.params.at(0);
    if (!has_backup(call.ctx, name)) return backup_not_found(name);
    const bool dry_run = call.arguments.boolean("dry_run").value_or(false);
    return storage::begin(call, {StorageJobKind::restore, name, false, dry_run});
}

Reply on_backup_list(const Call& call) {
    json::Writer out;
    out.begin_object().raw_member("backups", files_of(call.ctx).backups).end_object();
    return ok(out);
}

Reply on_storage(const Call& call) {
    const storage::Facts facts = storage::facts(call.ctx);
    json::Writer out;
    out.begin_object().member("database_bytes", facts.database_bytes).member("free_percent", facts.free_percent);
    out.member("disk_free_bytes", facts.disk_free_bytes).member("measured_at", facts.measured_at);
    out.member("last_backup_at", facts.last_backup_at).member("backup_age_ms", facts.backup_age_ms);
    out.member("backup_overdue", facts.backup_overdue);
    out.member("checked_at", facts.checked_at == 0 ? std::nullopt : std::optional(facts.checked_at));
    out.member("lost_rows", facts.lost_rows);
    out.member("damage", facts.damage.empty() ? std::nullopt : std::optional(facts.damage)).key("running");
    if (const StorageJobRow* job = call.ctx.tables.find<StorageJobRow>({0})) {
        out.begin_object().member("job", job->job).member("kind", to_text(job->kind)).member("trigger", job->trigger);
        out.member("began_at", job->began_at).end_object();
    } else {
        out.null();
    }
    out.key("runs").begin_array();
    const std::vector<StorageRunRow::Key> keys = call.ctx.tables.sorted_keys<StorageRunRow>();
    for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
        write_run(out, *call.ctx.tables.find<StorageRunRow>(*key));
    }
    out.end_array().end_object();
    return ok(out);
}

Reply on_storage_health(const Call& call) {
    call.ctx.query(CountRows{}, pending_request(call, "storage_health", ""));
    return std::nullopt;
}

void write_storage_health(json::Writer& out, const Context& ctx) {
    const StorageStateRow files = files_of(ctx);
    if (files.tables == "[]") {
        out.null();
        return;
    }
    const storage::Facts facts = storage::facts(ctx);
    out.begin_object();
    write_care_tables(out.key("tables"), files);
    out.member("last_backup_at", facts.last_backup_at).key("last_backup_results");
    if (const StorageRunRow* run = storage::last_run(ctx.tables, StorageJobKind::backup, false)) {
        write_backup_results(out, *run);
    } else {
        out.null();
    }
    out.member("last_compaction_at", facts.last_compacted_at);
    write_compactions(out.key("compaction_history"), ctx);
    out.end_object();
}

void write_compactions(json::Writer& out, const Context& ctx) {
    out.begin_array();
    const std::vector<StorageRunRow::Key> keys = ctx.tables.sorted_keys<StorageRunRow>();
    for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
        const StorageRunRow& run = *ctx.tables.find<StorageRunRow>(*key);
        if (run.kind != StorageJobKind::compaction) continue;
        out.begin_object().member("timestamp", run.ended_at);
        write_compaction_results(out.key("results"), run);
        out.end_object();
    }
    out.end_array();
}

Answer storage_health_answer(const Context& ctx, const QueryResult& result) {
    const storage::Facts facts = storage::facts(ctx);
    const StorageStateRow files = files_of(ctx);
    json::Writer out;
    out.begin_object();
    write_storage_verdict(out, facts);
    out.key("tables").begin_array();
    for (size_t i = 0; i < kCareTables.size(); ++i) {
        const bool known = i < result.rows.size() && result.rows[i].values.size() == 2;
        const int64_t rows = known ? result.rows[i].values[0].integer : -1;
        const int64_t bytes = known ? result.rows[i].values[1].integer : -1;
        out.begin_object().member("table", kCareTables.at(i)).member("record_count", std::max<int64_t>(0, rows));
        out.member("file_size_bytes", std::max<int64_t>(0, bytes));
        out.raw_member("fragmentation_ratio", rows < 0 ? "0.0" : ratio_text(files.free_bytes, files.database_bytes));
        out.member("status", rows < 0 ? "unavailable" : "ok").end_object();
    }
    out.end_array().end_object();
    return ok(out);
}

Answer storage_answer(const StorageJobRow& job, const StorageRunRow& run) {
    if (job.route == "post_admin_compact_table") return compact_table_answer(run);
    if (!run.ok) return failed(run);
    switch (job.kind) {
        case StorageJobKind::backup:
            return backup_answer(run);
        case StorageJobKind::compaction:
            return compact_answer(run);
        case StorageJobKind::verification:
        case StorageJobKind::restore:
            break;
    }
    json::Writer out;
    const bool restores = job.kind == StorageJobKind::restore;
    out.begin_object().member("status", !restores ? "verified" : job.dry_run ? "dry_run" : "restoring");
    out.member("backup", run.subject).raw_member("result", run.result).end_object();
    return ok(out, restores && !job.dry_run ? 202 : 200);
}

Answer storage_goes_on(const StorageJobRow& job) {
    json::Writer out;
    out.begin_object().member("status", "running").member("kind", to_text(job.kind)).member("job", job.job);
    out.member("message", "it goes on; GET /api/admin/storage tells how it ends").end_object();
    return ok(out, 202);
}

}  // namespace agentcom::requests
