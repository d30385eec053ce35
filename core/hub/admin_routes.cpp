#include "core/hub/admin_routes.hpp"

#include "core/hub/audit.hpp"
#include "core/hub/reset.hpp"
#include "core/messaging/mailbox.hpp"
#include "core/tasks/tasks.hpp"

namespace agentcom::requests {

namespace {

/// Stands for the level of a component that has none of its own.
constexpr std::string_view kInherited = "inherited";

LogLevels log_levels(const Context& ctx) {
    const std::optional<LogLevels> levels = parse_log_levels(ctx.runtime().log_levels);
    AGENTCOM_ASSERT(levels, "the levels of the log are read when they are set");
    return *levels;
}

/// v1.1 has a shape of its own for this.
Answer invalid_level(bool of_component) {
    json::Writer out;
    out.begin_object().member("error", "invalid_level").key("valid").begin_array();
    for (const Severity level :
         {Severity::debug, Severity::info, Severity::notice, Severity::warning, Severity::error}) {
        out.string(to_text(level));
    }
    if (of_component) out.string(kInherited);
    out.end_array().end_object();
    return ok(out, 422);
}

/// The text of a member that may be missing or of another kind.
std::string text_of(const Call& call, std::string_view name) {
    const std::optional<std::string_view> raw = call.arguments.raw(name);
    return raw && raw->front() == '"' ? json::decode_string({json::Kind::string, *raw}) : std::string{};
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
    const LogLevels levels = log_levels(call.ctx);
    json::Writer out;
    out.begin_object().member("level", to_text(levels.level)).key("components").begin_object();
    for (size_t i = 0; i < kComponents; ++i) {
        const auto component = static_cast<Component>(i);
        out.member(to_text(component), to_text(levels.of(component)));
    }
    out.end_object().end_object();
    return ok(out);
}

Reply on_log_level_set(const Call& call) {
    LogLevels levels = log_levels(call.ctx);
    const std::string before = to_text(levels);
    const bool has_component = call.arguments.has("component");
    const std::string wanted = text_of(call, "level");
    Severity level{};
    const bool known = from_text(wanted, level);
    if (!known && !(has_component && wanted == kInherited)) return invalid_level(has_component);
    if (has_component) {
        Component component{};
        if (!from_text(text_of(call, "component"), component)) {
            return field_error("component", "invalid_value", "the hub has no such component");
        }
        levels.own[static_cast<size_t>(component)] = known ? std::optional(level) : std::nullopt;
    } else {
        levels.level = level;
    }
    const std::string after = to_text(levels);
    audit(call, "log_level_set", has_component ? text_of(call, "component") : "", json::encode_string(before),
          json::encode_string(after));
    call.ctx.tables.modify<RuntimeRow>({0}, [&](RuntimeRow& row) { row.log_levels = after; });
    call.ctx.emit(SetLogLevels{levels});
    json::Writer out;
    out.begin_object().member("status", "ok").member("level", wanted);
    if (has_component) out.member("component", text_of(call, "component"));
    out.end_object();
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
