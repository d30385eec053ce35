#include "native-server/store/backup_manifest.hpp"

#include "core/base/json.hpp"

namespace agentcom {

namespace {

void write_tables(json::Writer& out, std::string_view name, const std::vector<BackupManifest::Table>& tables) {
    out.key(name).begin_array();
    for (const BackupManifest::Table& table : tables) {
        out.begin_object().member("table", table.name).member("rows", table.rows);
        out.member("bytes", table.bytes).end_object();
    }
    out.end_array();
}

void write_members(json::Writer& out, const BackupManifest& manifest) {
    out.member("made_at", manifest.made_at).member("duration_ms", manifest.duration_ms);
    out.member("hub_version", manifest.hub_version).member("epoch", manifest.epoch);
    out.member("last_turn", manifest.last_turn).member("bytes", manifest.bytes).member("sha256", manifest.sha256);
    out.member("rows", manifest.rows).member("trigger", manifest.trigger);
    write_tables(out, "tables", manifest.care_tables);
}

std::string text_in(const json::Object& members, std::string_view name) {
    const json::Value* value = members.find(name);
    return value == nullptr || value->kind != json::Kind::string ? std::string{} : json::decode_string(*value);
}

int64_t number_in(const json::Object& members, std::string_view name) {
    const json::Value* value = members.find(name);
    return value == nullptr ? 0 : json::to_int64(*value).value_or(0);
}

std::vector<BackupManifest::Table> tables_in(const json::Object& members, std::string_view name) {
    std::vector<BackupManifest::Table> tables;
    const json::Value* value = members.find(name);
    if (value == nullptr || value->kind != json::Kind::array) return tables;
    for (const json::Value& each : json::elements(value->raw)) {
        if (each.kind != json::Kind::object) continue;
        const json::Object table = json::members(each.raw);
        tables.push_back({text_in(table, "table"), number_in(table, "rows"), number_in(table, "bytes")});
    }
    return tables;
}

}  // namespace

std::string manifest_text(const BackupManifest& manifest) {
    json::Writer out;
    out.begin_object().member("format", kBackupFormat);
    write_members(out, manifest);
    write_tables(out, "sql_tables", manifest.sql_tables);
    out.end_object();
    return out.take() + "\n";
}

std::optional<BackupManifest> parse_manifest(std::string_view text) {
    const std::optional<json::Document> document =
        json::Document::parse(std::string(text), json::Duplicates::first_wins);
    if (!document || !document->is_object()) return std::nullopt;
    const json::Object& members = document->object();
    if (number_in(members, "format") != kBackupFormat) return std::nullopt;
    BackupManifest manifest;
    manifest.made_at = number_in(members, "made_at");
    manifest.duration_ms = number_in(members, "duration_ms");
    manifest.hub_version = text_in(members, "hub_version");
    manifest.epoch = text_in(members, "epoch");
    manifest.last_turn = number_in(members, "last_turn");
    manifest.bytes = number_in(members, "bytes");
    manifest.sha256 = text_in(members, "sha256");
    manifest.rows = number_in(members, "rows");
    manifest.trigger = text_in(members, "trigger");
    manifest.care_tables = tables_in(members, "tables");
    manifest.sql_tables = tables_in(members, "sql_tables");
    if (manifest.sha256.empty()) return std::nullopt;
    return manifest;
}

std::string describe_backups(const std::vector<BackupManifest>& backups) {
    json::Writer out;
    out.begin_array();
    for (const BackupManifest& backup : backups) {
        out.begin_object().member("name", backup.name).member("status", backup.readable ? "ok" : "unreadable");
        write_members(out, backup);
        out.end_object();
    }
    out.end_array();
    return out.take();
}

}  // namespace agentcom
