#include "core/hub/admin_routes.hpp"

#include "core/hub/audit.hpp"
#include "core/hub/reset.hpp"
#include "core/messaging/mailbox.hpp"
#include "core/tasks/tasks.hpp"

namespace agentcom::requests {

namespace {

Severity log_level(const Context& ctx) { return static_cast<Severity>(ctx.runtime().log_level); }

/// v1.1 has a shape of its own for this.
Answer invalid_level() {
    json::Writer out;
    out.begin_object().member("error", "invalid_level").key("valid").begin_array();
    for (const Severity level :
         {Severity::debug, Severity::info, Severity::notice, Severity::warning, Severity::error}) {
        out.string(to_text(level));
    }
    out.end_array().end_object();
    return ok(out, 422);
}

std::optional<Severity> wanted_level(const Call& call) {
    const std::optional<std::string_view> raw = call.arguments.raw("level");
    if (!raw || raw->front() != '"') return std::nullopt;
    Severity level{};
    return from_text(json::decode_string({json::Kind::string, *raw}), level) ? std::optional(level) : std::nullopt;
}

}  // namespace

Reply on_mailbox_evict(const Call& call) {
    mailbox::expire(call.ctx, call.workspace);
    audit(call, "mail_evicted", "", "null", "null");
    json::Writer out;
    out.begin_object().member("status", "eviction_triggered").end_object();
    return ok(out);
}

Reply on_reset(const Call& call) {
    if (!reset::schedule(call.ctx)) {
        return error_answer(409, "reset_in_progress", "a reset is about to happen; it comes but once");
    }
    audit(call, "hub_reset", "", "null", "null");
    json::Writer out;
    out.begin_object().member("status", "reset_scheduled").member("triggered_by", call.principal()).end_object();
    return ok(out);
}

Reply on_log_level_get(const Call& call) {
    json::Writer out;
    out.begin_object().member("level", to_text(log_level(call.ctx))).end_object();
    return ok(out);
}

Reply on_log_level_set(const Call& call) {
    const std::optional<Severity> level = wanted_level(call);
    if (!level) return invalid_level();
    audit(call, "log_level_set", "", json::encode_string(to_text(log_level(call.ctx))),
          json::encode_string(to_text(*level)));
    call.ctx.tables.modify<RuntimeRow>({0}, [&](RuntimeRow& row) { row.log_level = static_cast<int64_t>(*level); });
    call.ctx.emit(SetLogLevel{*level});
    json::Writer out;
    out.begin_object().member("status", "ok").member("level", to_text(*level)).end_object();
    return ok(out);
}

Reply on_push_task(const Call& call) {
    const std::string agent = call.arguments.text("agent_id");
    const AgentRow* online = call.ctx.tables.find<AgentRow>({call.workspace, agent});
    if (online == nullptr || online->connection == 0) {
        json::Writer out;
        out.begin_object().member("error", "agent_not_connected").member("agent_id", agent).end_object();
        return ok(out, 404);
    }
    constexpr int64_t kHigh = 1;
    tasks::NewTask task;
    task.description = call.arguments.text("description");
    task.metadata = std::string(call.arguments.raw("metadata").value_or("{}"));
    task.priority = kHigh;
    task.requested_by = call.principal();
    task.target_agent = agent;
    const Result<tasks::Submitted> submitted = tasks::submit(call.ctx, call.workspace, std::move(task));
    if (!submitted) return error_answer(submitted.error());
    const std::string& id = submitted.value().task.id;
    json::Writer after;
    after.begin_object().member("agent_id", agent).end_object();
    audit(call, "task_pushed", id, "null", after.take());
    json::Writer out;
    out.begin_object().member("status", "pushed").member("task_id", id).member("agent_id", agent).end_object();
    return ok(out);
}

}  // namespace agentcom::requests
