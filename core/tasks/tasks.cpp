#include "core/tasks/tasks.hpp"

#include <algorithm>

#include "core/base/hex.hpp"
#include "core/base/json.hpp"
#include "core/base/limits.hpp"
#include "core/base/utf8.hpp"
#include "core/tasks/agents.hpp"
#include "core/tasks/leases.hpp"

namespace agentcom::tasks {

namespace {

/// Whether its holder can hear that it should end: on protocol 2, or with its next report over HTTP.
bool can_be_asked_to_end(const Context& ctx, const TaskRow& task) {
    if (lifecycle(task.state, TaskEvent::request_cancel).action != TaskAction::keep) return false;
    return task.claimed() || modern_connection(ctx, task.workspace, task.assigned_to.value_or("")) != 0;
}

}  // namespace

std::string target_agent_of(const std::string& metadata) {
    const json::Object members = json::members(metadata);
    const json::Value* target = members.find("target_agent");
    if (target == nullptr || target->kind != json::Kind::string) return {};
    std::string name = json::decode_string(*target);
    return exceeds_code_points(name, kMaxAgentIdCodePoints) ? std::string{} : name;
}

const TaskRow* find_task(Context& ctx, int64_t workspace, const std::string& task_id) {
    if (const TaskRow* live = ctx.tables.find<TaskRow>({workspace, task_id})) return live;
    const auto fetched = ctx.fetched.find({workspace, task_id});
    if (fetched == ctx.fetched.end()) throw NeedsTask{workspace, task_id};
    // It may have come back to life in the meantime only as a dead letter does, and those never leave memory.
    return fetched->second ? &fetched->second->task : nullptr;
}

Result<Submitted> submit(Context& ctx, int64_t workspace, NewTask wanted) {
    using Answer = Result<Submitted>;
    const auto& indexes = ctx.tables.indexes();
    if (!wanted.unique_key.empty()) {
        const auto taken = indexes.unique_keys.find({workspace, wanted.unique_key});
        if (taken != indexes.unique_keys.end()) {
            return Answer(Submitted{*ctx.tables.find<TaskRow>({workspace, taken->second}), true});
        }
    }
    if (indexes.live_tasks >= ctx.settings.live_tasks_max) {
        return Answer(client_error("queue_full", 503, "the hub holds live_tasks_max tasks that have not ended"));
    }
    TaskRow task;
    task.workspace = workspace;
    // The number it will have; it is only taken once nothing can refuse the task any more.
    const int64_t seq = ctx.tables.find<WorkspaceRow>({workspace})->task_seq + 1;
    task.id = "task-" + rising_id(seq, ctx.random_id());
    task.root_id = task.id;
    if (wanted.parent_id) {
        const TaskRow* parent = find_task(ctx, workspace, *wanted.parent_id);
        if (parent == nullptr) return Answer(client_error("unknown_task", 422, "parent_id"));
        task.root_id = parent->root_id;
    }
    // A task can only be blocked by tasks that were there before it, so the graph has no cycles.
    std::sort(wanted.blocked_by.begin(), wanted.blocked_by.end());
    wanted.blocked_by.erase(std::unique(wanted.blocked_by.begin(), wanted.blocked_by.end()), wanted.blocked_by.end());
    std::vector<TaskEdgeRow> edges;
    std::string failed_blocker;
    for (const std::string& blocker_id : wanted.blocked_by) {
        const TaskRow* blocker = find_task(ctx, workspace, blocker_id);
        if (blocker == nullptr) return Answer(client_error("unknown_task", 422, "blocked_by"));
        TaskEdgeRow edge;
        edge.workspace = workspace;
        edge.task_id = task.id;
        edge.blocked_by = blocker_id;
        const bool failed = blocker->state == TaskState::cancelled || blocker->state == TaskState::dead_letter;
        if (failed && wanted.on_blocker_failure == BlockerFailure::cancel && failed_blocker.empty()) {
            failed_blocker = blocker_id;
        }
        edge.satisfied =
            blocker->state == TaskState::completed || (failed && wanted.on_blocker_failure == BlockerFailure::run);
        if (!edge.satisfied) ++task.blocked_count;
        edges.push_back(std::move(edge));
    }
    ctx.tables.modify<WorkspaceRow>({workspace}, [&](WorkspaceRow& row) { task.seq = ++row.task_seq; });
    task.priority = wanted.priority;
    task.kind = std::move(wanted.kind);
    task.labels = std::move(wanted.labels);
    task.needed_capabilities = std::move(wanted.needed_capabilities);
    task.target_agent = wanted.target_agent.empty() ? target_agent_of(wanted.metadata) : std::move(wanted.target_agent);
    task.fairness_key = std::move(wanted.fairness_key);
    task.unique_key = std::move(wanted.unique_key);
    task.parent_id = std::move(wanted.parent_id);
    task.complete_by = wanted.complete_by;
    task.not_before = wanted.not_before;
    task.max_retries = wanted.max_retries.value_or(ctx.settings.default_max_retries);
    task.max_run_ms = wanted.max_run_ms;
    task.origin = std::move(wanted.origin);
    task.on_blocker_failure = wanted.on_blocker_failure;
    task.requested_by = std::move(wanted.requested_by);
    task.trace = std::move(wanted.trace);
    task.created_at = ctx.now.wall_ms;
    // Who follows the log should see what a task is about.
    json::Writer data;
    data.begin_object().member("agent_id", nullptr).member("generation", task.generation);
    data.member("description", truncate_code_points(wanted.description, kEventTextCodePoints)).end_object();
    std::string submitted = data.take();
    TaskInputRow input;
    input.workspace = workspace;
    input.task_id = task.id;
    input.description = Body(std::move(wanted.description));
    input.metadata = Body(std::move(wanted.metadata));
    ctx.tables.put(std::move(input));
    for (TaskEdgeRow& edge : edges) ctx.tables.put(std::move(edge));
    ctx.event(workspace, "task_submitted", task.id, task.requested_by, "", std::move(submitted));
    if (task.complete_by) ctx.arm(TimerKind::deadline, workspace, task.id, *task.complete_by);
    const std::string id = task.id;
    place(ctx, std::move(task));
    const TaskRow placed = *ctx.tables.find<TaskRow>({workspace, id});
    if (failed_blocker.empty()) return Answer(Submitted{placed, false});
    end_cancelled(ctx, placed, "", "blocked by " + failed_blocker + ", which failed");
    TaskRow ended = placed;
    ended.state = TaskState::cancelled;
    return Answer(Submitted{std::move(ended), false});
}

Result<Cancelled> cancel(Context& ctx, int64_t workspace, const std::string& task_id, const std::string& principal,
                         const std::string& reason, int64_t grace_ms) {
    using Answer = Result<Cancelled>;
    const TaskRow* found = find_task(ctx, workspace, task_id);
    if (found == nullptr) return Answer(client_error("task_not_found", 404, "there is no such task"));
    if (lifecycle(found->state, TaskEvent::cancel).action == TaskAction::nothing) {
        return Answer(client_error("invalid_state", 409, "the task has ended already"));
    }
    const TaskRow before = *found;
    if (grace_ms > 0 && can_be_asked_to_end(ctx, before)) {
        RunRow run = open_run(ctx, before);
        run.cancel_by = principal;
        run.cancel_reason = reason;
        run.cancel_grace_ms = grace_ms;
        run.cancel_until = saturating_add(ctx.now.wall_ms, grace_ms);
        const int64_t until = run.cancel_until;
        ctx.tables.put(std::move(run));
        ctx.arm(TimerKind::cancel_grace, workspace, task_id, ctx.in_ms(grace_ms), before.generation);
        ctx.event(workspace, "task_cancel_requested", task_id, principal, reason,
                  event_data(before, before.assigned_to.value_or("")));
        tell_revoked(ctx, before, reason, grace_ms);
        return Answer(Cancelled{before, until});
    }
    if (before.leased()) {
        tell_revoked(ctx, before, reason);
        end_lease(ctx, before, Outcome::cancelled, reason);
    }
    end_cancelled(ctx, before, principal, reason, before.leased() ? before.assigned_to.value_or("") : "");
    blocker_failed(ctx, workspace, task_id);
    if (before.leased()) agents::freed(ctx, workspace, *before.assigned_to);
    return Answer(Cancelled{before, std::nullopt});
}

Result<TaskRow> retry(Context& ctx, int64_t workspace, const std::string& task_id, const std::string& principal) {
    using Answer = Result<TaskRow>;
    const TaskRow* found = ctx.tables.find<TaskRow>({workspace, task_id});
    if (found == nullptr || lifecycle(found->state, TaskEvent::retry).action == TaskAction::nothing) {
        return Answer(client_error("task_not_found", 404, "only dead letters can be retried"));
    }
    TaskRow task = *found;
    if (!task.unique_key.empty() && ctx.tables.indexes().unique_keys.contains({workspace, task.unique_key})) {
        return Answer(client_error("unique_key_taken", 409, "another live task has this unique_key"));
    }
    ++task.generation;
    task.retry_count = 0;
    task.reclaim_count = 0;
    task.retry_delay_ms = 0;
    task.last_error.reset();
    task.avoid_agent.clear();
    // A deadline that has passed would bury it again at once.
    if (task.complete_by && *task.complete_by <= ctx.now.wall_ms) task.complete_by.reset();
    if (task.complete_by) ctx.arm(TimerKind::deadline, workspace, task_id, *task.complete_by);
    ctx.event(workspace, "task_requeued", task_id, principal, "retried from dead-letter", event_data(task, ""));
    place(ctx, std::move(task));
    return Answer(*ctx.tables.find<TaskRow>({workspace, task_id}));
}

Result<Said> say(Context& ctx, int64_t workspace, const std::string& task_id, const std::string& principal,
                 const std::string& text) {
    using Answer = Result<Said>;
    const TaskRow* task = find_task(ctx, workspace, task_id);
    if (task == nullptr) return Answer(client_error("task_not_found", 404, "there is no such task"));
    if (!task->leased()) {
        return Answer(client_error("not_running", 409, "nobody works on the task, so nobody can be told"));
    }
    const std::string agent = task->assigned_to.value_or("");
    const AgentRow* holder = ctx.tables.find<AgentRow>({workspace, agent});
    const ConnectionId connection = task->claimed() ? 0 : modern_connection(ctx, workspace, agent);
    if (!task->claimed() && holder != nullptr && holder->connection != 0 && connection == 0) {
        return Answer(
            client_error("not_supported", 409, "the holder's socket speaks protocol 1, which cannot be told"));
    }
    RunRow run = open_run(ctx, *task);
    if (run.says.size() >= kMaxSays) {
        return Answer(client_error("too_many_says", 409, "the holder has not taken what was said before"));
    }
    const auto seq = static_cast<int64_t>(run.says.size()) + 1;
    json::Writer out;
    out.begin_object().member("seq", seq).member("from", principal).member("text", text);
    out.member("at", ctx.now.wall_ms).end_object();
    run.says.push_back(out.take());
    const bool answers = run.question.has_value();
    if (answers) ctx.changed_agents.emplace_back(workspace, task->assigned_to.value_or(""));
    run.question.reset();
    const std::string said = run.says.back();
    ctx.tables.put(std::move(run));
    ctx.event(workspace, "task_said", task_id, principal, answers ? "answer" : "", said);
    if (connection != 0) push_say(ctx, *task, said, connection);
    return Answer(Said{seq, connection != 0});
}

}  // namespace agentcom::tasks
