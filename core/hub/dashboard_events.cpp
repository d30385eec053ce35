#include "core/hub/dashboard_events.hpp"

#include <algorithm>
#include <array>

#include "core/base/json.hpp"
#include "core/hub/storage_routes.hpp"
#include "core/observe/alerts.hpp"

namespace agentcom::dashboard_events {

namespace {

/// What passes between a task's holder and people is no state of the task.
constexpr std::array<std::string_view, 3> kNoState{"task_note", "task_said", "task_question_withdrawn"};
/// Of these v1.1 names the agent.
constexpr std::array<std::string_view, 2> kOfAgent{"task_accepted", "task_progress"};

template <class List>
bool is_in(const List& list, std::string_view name) {
    return std::find(list.begin(), list.end(), name) != list.end();
}

std::string_view member_of(const json::Object& data, std::string_view name) {
    const json::Value* value = data.find(name);
    return value == nullptr ? std::string_view("null") : value->raw;
}

std::string task_event(const EventRow& event) {
    json::Writer out;
    out.begin_object().member("type", "task_event").member("task_id", event.subject);
    out.member("event", event.kind == "task_requeued" ? std::string_view("task_retried") : event.kind);
    out.member("agent_id", is_in(kOfAgent, event.kind) ? std::optional(event.principal) : std::nullopt);
    return out.member("timestamp", event.at).end_object().take();
}

std::string agent_joined(const Context& ctx, const EventRow& event) {
    const AgentRow* agent = ctx.tables.find<AgentRow>({event.workspace, event.subject});
    const SessionRow* session = ctx.tables.find<SessionRow>({agent == nullptr ? 0 : agent->connection});
    json::Writer out;
    out.begin_object().member("type", "agent_joined").member("agent_id", event.subject);
    out.member("name", session != nullptr && session->name ? *session->name : event.subject);
    const auto capabilities = session == nullptr ? std::vector<std::string>{} : session->capabilities;
    return out.raw_member("capabilities", json::encode_strings(capabilities)).end_object().take();
}

std::optional<std::string> alert_fired(const Context& ctx, const EventRow& event) {
    const std::optional<LiveAlertRow> alert = alerts::find(ctx, event.workspace, event.subject);
    if (!alert) return std::nullopt;
    json::Writer out;
    out.begin_object().member("type", "alert_fired").raw_member("data", alerts::to_json(*alert));
    return out.end_object().take();
}

std::string of_rule(std::string_view type, const EventRow& event) {
    json::Writer out;
    return out.begin_object().member("type", type).member("rule_id", event.subject).end_object().take();
}

/// The run that a storage event tells of.
StorageRunRow run_of(const EventRow& event, StorageJobKind kind, bool ok) {
    const json::Object data = json::members(event.data);
    StorageRunRow run;
    run.kind = kind;
    run.ok = ok;
    const std::string_view result = member_of(data, "result");
    run.result = result == "null" ? "{}" : std::string(result);
    const json::Value* error = data.find("error");
    if (error != nullptr && error->kind == json::Kind::string) run.error = json::decode_string(*error);
    return run;
}

std::string backup_complete(const EventRow& event) {
    const StorageRunRow run = run_of(event, StorageJobKind::backup, true);
    const json::Object result = json::members(run.result);
    const std::string_view tables = member_of(result, "tables");
    json::Writer out;
    out.begin_object().member("type", "backup_complete").member("timestamp", event.at);
    out.key("tables_backed_up").begin_array();
    const std::vector<json::Value> all = tables == "null" ? std::vector<json::Value>{} : json::elements(tables);
    for (const json::Value& table : all) {
        const json::Object members = json::members(table.raw);
        out.raw(member_of(members, "table"));
    }
    return out.end_array().end_object().take();
}

std::string compaction_complete(const EventRow& event) {
    json::Writer out;
    out.begin_object().member("type", "compaction_complete").member("timestamp", event.at);
    requests::write_compaction_results(out.key("results"), run_of(event, StorageJobKind::compaction, true));
    return out.end_object().take();
}

std::string compaction_failed(const EventRow& event) {
    const StorageRunRow run = run_of(event, StorageJobKind::compaction, false);
    json::Writer out;
    out.begin_object().member("type", "compaction_failed").member("timestamp", event.at);
    out.key("failures").begin_array().begin_object().member("table", "all").member("reason", run.error);
    return out.end_object().end_array().end_object().take();
}

std::string recovery(const EventRow& event, bool ok) {
    const json::Object data = json::members(event.data);
    json::Writer out;
    out.begin_object().member("type", event.kind).member("timestamp", event.at).member("table", "all");
    if (ok) {
        const json::Value* trigger = data.find("trigger");
        out.raw_member("trigger", trigger == nullptr ? std::string_view(R"("unknown")") : trigger->raw);
        out.member("backup_used", event.subject).key("record_count").null();
    } else {
        out.raw_member("reason", member_of(data, "error"));
    }
    return out.end_object().take();
}

}  // namespace

std::optional<std::string> text(const Context& ctx, const EventRow& event) {
    const std::string& kind = event.kind;
    if (kind.starts_with("task_")) return is_in(kNoState, kind) ? std::nullopt : std::optional(task_event(event));
    if (kind == "agent_online") return agent_joined(ctx, event);
    if (kind == "agent_offline") {
        json::Writer out;
        return out.begin_object().member("type", "agent_left").member("agent_id", event.subject).end_object().take();
    }
    if (kind == "status_changed") {
        const json::Object data = json::members(event.data);
        json::Writer out;
        out.begin_object().member("type", kind).member("agent_id", event.subject);
        return out.raw_member("status", member_of(data, "status")).end_object().take();
    }
    if (kind == "alert_fired" || kind == "alert_refired") return alert_fired(ctx, event);
    if (kind == "alert_cleared" || kind == "alert_acknowledged") return of_rule(kind, event);
    if (kind == "backup_complete") return backup_complete(event);
    if (kind == "compaction_complete") return compaction_complete(event);
    if (kind == "compaction_failed") return compaction_failed(event);
    if (kind == "recovery_complete" || kind == "recovery_failed") return recovery(event, kind == "recovery_complete");
    return std::nullopt;
}

}  // namespace agentcom::dashboard_events
