#include "core/hub/render.hpp"

#include "core/observe/metrics.hpp"
#include "core/tasks/lifecycle.hpp"
#include "core/tasks/waiting.hpp"

namespace agentcom::render {

namespace {

/// One entry of v1.1's `history`; `details_raw` is JSON.
void history_entry(json::Writer& out, std::string_view event, int64_t at, std::string_view details_raw) {
    out.begin_object().member("event", event).member("timestamp", at).raw_member("details", details_raw);
    out.end_object();
}

std::string member_raw(const json::Object& object, std::string_view name) {
    const json::Value* value = object.find(name);
    return value == nullptr ? std::string("null") : std::string(value->raw);
}

/// Task events in v1.1's words; what v1.1 did not have keeps its own name.
void history(json::Writer& out, const std::vector<EventRow>& events) {
    out.begin_array();
    for (const EventRow& event : events) {
        const json::Object data = json::members(event.data);
        const std::string holder = R"({"agent_id":)" + member_raw(data, "agent_id") + R"(,"generation":)" +
                                   member_raw(data, "generation") + "}";
        if (event.kind == "task_submitted") {
            history_entry(out, "queued", event.at, R"("submitted")");
        } else if (event.kind == "task_requeued") {
            history_entry(out, "queued", event.at, R"("retried from dead-letter")");
        } else if (event.kind == "task_assigned") {
            history_entry(out, "assigned", event.at, holder);
        } else if (event.kind == "task_completed") {
            history_entry(out, "completed", event.at, R"({"tokens_used":)" + member_raw(data, "tokens_used") + "}");
        } else if (event.kind == "task_retried") {
            history_entry(out, "retry", event.at, member_raw(data, "error"));
        } else if (event.kind == "task_dead_letter") {
            history_entry(out, "dead_letter", event.at, member_raw(data, "error"));
        } else if (event.kind == "task_reclaimed") {
            const std::string_view cause = event.cause == "disconnect" ? "agent_disconnect"
                                           : event.cause == "deadline" ? "overdue"
                                                                       : std::string_view(event.cause);
            history_entry(out, "reclaimed", event.at, json::encode_string(cause));
        } else if (event.kind == "task_accepted") {
            history_entry(out, "accepted", event.at, holder);
        } else if (event.kind == "task_imported") {
            history_entry(out, "imported", event.at, json::encode_string(event.cause));
            // What the other hub told of it, newest first as here.
            const std::string past = member_raw(data, "history");
            for (const json::Value& entry : json::elements(past)) out.raw(entry.raw);
        } else {
            history_entry(out, std::string_view(event.kind).substr(event.kind.starts_with("task_") ? 5 : 0), event.at,
                          json::encode_string(event.cause));
        }
    }
    out.end_array();
}

void strings(json::Writer& out, std::string_view name, const std::vector<std::string>& items) {
    out.raw_member(name, json::encode_strings(items));
}

void text_or_null(json::Writer& out, std::string_view name, const std::string& text) {
    if (text.empty()) {
        out.member(name, nullptr);
    } else {
        out.member(name, text);
    }
}

/// What passes between the holder and people.
void talk(json::Writer& out, const RunRow* run) {
    if (run != nullptr && run->question) {
        const json::Object question = json::members(*run->question);
        out.key("question").begin_object().raw_member("question", question.find("question")->raw);
        out.raw_member("options", question.find("options")->raw).member("asked_at", run->asked_at).end_object();
    } else {
        out.member("question", nullptr);
    }
    if (run != nullptr && run->cancel_by) {
        out.key("cancel_requested").begin_object().member("by", *run->cancel_by);
        out.member("reason", run->cancel_reason).member("until", run->cancel_until).end_object();
    } else {
        out.member("cancel_requested", nullptr);
    }
    out.member("output_end", run == nullptr ? 0 : run->output_end);
}

void waiting(json::Writer& out, const std::optional<tasks::Waiting>& why, const TaskRow& row) {
    if (!why) {
        out.member("waiting", nullptr);
        return;
    }
    out.key("waiting").begin_object().member("reason", why->reason).member("position", why->position);
    if (row.hold != HoldReason::none) out.member("held_by", to_text(row.hold));
    if (why->until) out.member("until", *why->until);
    if (!why->blockers.empty()) {
        out.key("blockers").begin_array();
        for (const auto& [task_id, state] : why->blockers) {
            out.begin_object().member("task_id", task_id).member("state", state).end_object();
        }
        out.end_array();
    }
    out.member("detail", why->detail).end_object();
}

}  // namespace

void task(json::Writer& out, const Context& ctx, const TaskRecord& record, Detail detail) {
    const TaskRow& row = record.task;
    out.begin_object();
    out.member("id", row.id);
    out.member("description", record.input.description.bytes);
    out.raw_member("metadata", record.input.metadata.bytes.empty() ? "{}" : record.input.metadata.bytes);
    out.member("priority", row.priority);
    out.member("status", v11_status(row.state));
    out.member("assigned_to", row.assigned_to);
    out.member("assigned_at", row.assigned_at);
    out.member("generation", row.generation);
    out.member("retry_count", row.retry_count);
    out.member("max_retries", row.max_retries);
    strings(out, "needed_capabilities", row.needed_capabilities);
    out.member("last_error", row.last_error);
    out.member("complete_by", row.complete_by);
    out.raw_member("result", row.has_result ? row.result.bytes : "null");
    out.raw_member("tokens_used", row.tokens_used.value_or("null"));
    out.member("submitted_by", row.requested_by);
    out.member("created_at", row.created_at);
    out.member("updated_at", row.updated_at);
    out.key("history");
    history(out, record.events);

    const RunRow* run = row.leased() ? ctx.tables.find<RunRow>(row.key()) : nullptr;
    const bool asks = run != nullptr && run->question && row.state == TaskState::working;
    out.member("state", asks ? std::string_view("waiting_input") : to_text(row.state));
    if (row.hold == HoldReason::none) {
        out.member("held_by", nullptr);
    } else {
        out.member("held_by", to_text(row.hold));
    }
    text_or_null(out, "kind", row.kind);
    strings(out, "labels", row.labels);
    out.member("parent_id", row.parent_id);
    out.member("root_id", row.root_id);
    out.key("blocked_by").begin_array();
    for (const TaskEdgeRow& edge : record.edges) out.string(edge.blocked_by);
    out.end_array();
    out.member("on_blocker_failure", to_text(row.on_blocker_failure));
    out.member("not_before", row.not_before);
    if (row.max_run_ms > 0) {
        out.member("max_run_ms", row.max_run_ms);
    } else {
        out.member("max_run_ms", nullptr);
    }
    text_or_null(out, "unique_key", row.unique_key);
    text_or_null(out, "fairness_key", row.fairness_key);
    text_or_null(out, "origin", row.origin);
    out.member("requested_by", row.requested_by);
    text_or_null(out, "trace", row.trace);
    out.raw_member("usage", row.usage.value_or("null"));
    out.member("accepted_at", row.accepted_at);
    out.member("queued_at", row.queued_at);
    out.member("finished_at", row.finished_at);
    out.member("reclaim_count", row.reclaim_count);
    const LeaseRow* lease = ctx.tables.find<LeaseRow>({row.workspace, row.id});
    out.member("progress", lease == nullptr ? std::optional<int64_t>{} : lease->progress);
    out.member("stuck", lease != nullptr && lease->stuck);
    talk(out, run);
    if (detail == Detail::with_reasons) waiting(out, tasks::why_waiting(ctx, row), row);
    out.key("attempts").begin_array();
    for (const AttemptRow& attempt : record.attempts) {
        out.begin_object().member("generation", attempt.generation).member("agent_id", attempt.agent);
        out.member("assigned_at", attempt.assigned_at).member("accepted_at", attempt.accepted_at);
        out.member("ended_at", attempt.ended_at).member("outcome", to_text(attempt.outcome));
        out.member("error", attempt.error).end_object();
    }
    out.end_array();
    out.end_object();
}

void agent_state(json::Writer& out, const Context& ctx, const SessionRow& session, bool with_change) {
    const AgentRow* agent = ctx.tables.find<AgentRow>({session.workspace, session.agent});
    const auto& leases = ctx.tables.indexes().leases;
    const auto held = leases.find({session.workspace, session.agent});
    out.begin_object().member("agent_id", session.agent);
    out.member("fsm_state", fsm_state(ctx, session.workspace, session.agent));
    if (held == leases.end()) {
        out.member("current_task_id", nullptr);
    } else {
        out.member("current_task_id", *held->second.begin());
    }
    out.key("capabilities").begin_array();
    for (const std::string& capability : session.capabilities) {
        out.begin_object().member("name", capability).end_object();
    }
    out.end_array();
    out.key("flags").begin_array();
    if (agent != nullptr && agent->unresponsive) out.string("unresponsive");
    out.end_array();
    out.member("connected_at", session.connected_at);
    out.member("name", session.name);
    if (with_change) out.member("last_state_change", agent == nullptr ? session.connected_at : agent->changed_at);
    out.member("slots", agent == nullptr ? 1 : agent->slots);
    out.key("task_ids").begin_array();
    if (held != leases.end()) {
        for (const std::string& task_id : held->second) out.string(task_id);
    }
    out.end_array();
    out.end_object();
}

}  // namespace agentcom::render
