#include "core/tasks/transitions.hpp"

#include <algorithm>

#include "core/base/json.hpp"
#include "core/tasks/agents.hpp"
#include "core/tasks/completions.hpp"

namespace agentcom::tasks {

namespace {

/// Retention goes by so many tasks at a time.
constexpr int64_t kFinishedLot = 1'000;

void disarm_lease(Context& ctx, const TaskRow& task) {
    for (const TimerKind kind : {TimerKind::acceptance, TimerKind::lease, TimerKind::max_run, TimerKind::stuck,
                                 TimerKind::grace, TimerKind::cancel_grace}) {
        ctx.disarm(kind, task.workspace, task.id, task.generation);
    }
}

/// Moves a task that has ended for good out of memory.
void archive(Context& ctx, const TaskRow& task) {
    const int64_t workspace = task.workspace;
    const std::string id = task.id;
    disarm_waiting(ctx, task);
    ctx.disarm(TimerKind::deadline, workspace, id);
    ctx.tables.archive<TaskInputRow>({workspace, id});
    const auto& indexes = ctx.tables.indexes();
    if (const auto blockers = indexes.blockers.find({workspace, id}); blockers != indexes.blockers.end()) {
        const std::vector<std::string> all(blockers->second.begin(), blockers->second.end());
        for (const std::string& blocker : all) ctx.tables.archive<TaskEdgeRow>({workspace, id, blocker});
    }
    if (const auto attempts = indexes.attempts.find({workspace, id}); attempts != indexes.attempts.end()) {
        const std::vector<int64_t> all(attempts->second.begin(), attempts->second.end());
        for (const int64_t generation : all) ctx.tables.archive<AttemptRow>({workspace, id, generation});
    }
    ctx.tables.archive<TaskRow>({workspace, id});
}

/// An edge no longer holds its task back.
void satisfy(Context& ctx, int64_t workspace, const std::string& dependent, const std::string& blocker) {
    TaskEdgeRow edge = *ctx.tables.find<TaskEdgeRow>({workspace, dependent, blocker});
    if (edge.satisfied) return;
    edge.satisfied = true;
    ctx.tables.put(std::move(edge));
    TaskRow task = *ctx.tables.find<TaskRow>({workspace, dependent});
    --task.blocked_count;
    AGENTCOM_ASSERT(task.blocked_count >= 0, "a task is blocked by as many tasks as it has open edges");
    if (task.state == TaskState::held && task.hold == HoldReason::blocked_by && task.blocked_count == 0) {
        ctx.event(workspace, "task_unblocked", dependent, "", blocker, event_data(task, ""));
        place(ctx, std::move(task));
    } else {
        ctx.tables.put(std::move(task));
    }
}

std::vector<std::string> dependents_of(const Context& ctx, int64_t workspace, const std::string& task_id) {
    const auto& blocks = ctx.tables.indexes().blocks;
    const auto found = blocks.find({workspace, task_id});
    if (found == blocks.end()) return {};
    return {found->second.begin(), found->second.end()};
}

/// A lot of finished tasks is kept no more.
void prune_finished(Context& ctx, WorkspaceRow& row) {
    row.finished_pruned += kFinishedLot;
    ctx.tables.prune(Prune{Prune::What::finished_tasks, row.id, row.finished_pruned, {}});
    const FinishedLotRow* lot = ctx.tables.find<FinishedLotRow>({row.id, row.finished_pruned});
    // Of a salvaged database a lot may be missing.
    row.completed_pruned = std::clamp(lot == nullptr ? row.completed_pruned + kFinishedLot : lot->completed_seq,
                                      row.completed_pruned, row.completed_seq);
    if (lot != nullptr) ctx.tables.erase<FinishedLotRow>({row.id, row.finished_pruned});
}

/// The task's number among those that have finished.
int64_t count_finished(Context& ctx, int64_t workspace, TaskState state) {
    WorkspaceRow row = *ctx.tables.find<WorkspaceRow>({workspace});
    const int64_t number = ++row.finished_seq;
    if (state == TaskState::completed) ++row.completed_seq;
    if (number % kFinishedLot == 0) ctx.tables.put(FinishedLotRow{workspace, number, row.completed_seq});
    if (number - row.finished_pruned >= ctx.settings.finished_tasks + kFinishedLot) prune_finished(ctx, row);
    ctx.tables.put(std::move(row));
    return number;
}

}  // namespace

Error client_error(std::string_view code, int status, std::string text) {
    return Error{std::string(code), status, Blame::client, std::move(text)};
}

Error lifecycle_error(std::string_view code) {
    return client_error(code, code == "not_found" ? 404 : 409, "the task is in no state for this");
}

Error stale(const TaskRow& task, TaskEvent event) {
    const LifecycleCell& cell = lifecycle(task.state, event);
    return lifecycle_error(cell.action == TaskAction::nothing ? cell.error : std::string_view("stale_generation"));
}

bool holds(const TaskRow& task, const Report& report) {
    return task.leased() && task.assigned_to == report.agent &&
           (!report.generation || *report.generation == task.generation);
}

Result<const TaskRow*> held_task(const Context& ctx, const Report& report, TaskEvent event) {
    const TaskRow* task = ctx.tables.find<TaskRow>({report.workspace, report.task_id});
    if (task == nullptr) return Result<const TaskRow*>(lifecycle_error("not_found"));
    if (!holds(*task, report)) return Result<const TaskRow*>(stale(*task, event));
    return Result<const TaskRow*>(task);
}

std::optional<Outcome> ended_attempt(const Context& ctx, const TaskRow& task, const Report& report) {
    if (!report.generation) return std::nullopt;
    if (const AttemptRow* live = ctx.tables.find<AttemptRow>({task.workspace, task.id, *report.generation})) {
        if (live->agent == report.agent) return live->outcome;
        return std::nullopt;
    }
    const auto fetched = ctx.fetched.find({task.workspace, task.id});
    if (fetched == ctx.fetched.end() || !fetched->second) return std::nullopt;
    for (const AttemptRow& attempt : fetched->second->attempts) {
        if (attempt.generation == *report.generation && attempt.agent == report.agent) return attempt.outcome;
    }
    return std::nullopt;
}

std::string event_data(const TaskRow& task, std::string_view agent, const std::optional<std::string>& error) {
    json::Writer out;
    out.begin_object();
    if (agent.empty()) {
        out.member("agent_id", nullptr);
    } else {
        out.member("agent_id", agent);
    }
    out.member("generation", task.generation);
    if (error) out.member("error", *error);
    out.end_object();
    return out.take();
}

ConnectionId modern_connection(const Context& ctx, int64_t workspace, const std::string& agent) {
    const AgentRow* row = ctx.tables.find<AgentRow>({workspace, agent});
    if (row == nullptr || row->connection == 0) return 0;
    const SessionRow* session = ctx.tables.find<SessionRow>({row->connection});
    return session != nullptr && session->protocol_version >= 2 ? row->connection : 0;
}

void tell_revoked(Context& ctx, const TaskRow& task, std::string_view reason, int64_t grace_ms) {
    if (!task.assigned_to || task.claimed()) return;
    const ConnectionId connection = modern_connection(ctx, task.workspace, *task.assigned_to);
    if (connection == 0) return;
    json::Writer out;
    out.begin_object().member("type", "task_cancelled").member("task_id", task.id);
    out.member("generation", task.generation).member("reason", reason);
    if (grace_ms > 0) out.member("grace_ms", grace_ms);
    out.end_object();
    ctx.push(connection, out.take());
}

void go_back(Context& ctx, const TaskRow& leased, TaskRow task, const std::optional<RunRow>& run) {
    if (run && run->cancel_by) {
        // Nobody shall take up what was to be cancelled.
        end_cancelled(ctx, std::move(task), *run->cancel_by, run->cancel_reason, leased.assigned_to.value_or(""));
        blocker_failed(ctx, leased.workspace, leased.id);
        return;
    }
    ++task.generation;
    place(ctx, std::move(task));
}

std::optional<RunRow> run_of(const Context& ctx, const TaskRow& task) {
    const RunRow* run = ctx.tables.find<RunRow>({task.workspace, task.id});
    return run == nullptr ? std::nullopt : std::optional(*run);
}

RunRow open_run(const Context& ctx, const TaskRow& task) {
    if (const RunRow* run = ctx.tables.find<RunRow>({task.workspace, task.id})) return *run;
    RunRow run;
    run.workspace = task.workspace;
    run.task_id = task.id;
    return run;
}

void end_lease(Context& ctx, const TaskRow& task, Outcome outcome, const std::optional<std::string>& error) {
    AttemptRow attempt;
    attempt.workspace = task.workspace;
    attempt.task_id = task.id;
    attempt.generation = task.generation;
    attempt.agent = task.assigned_to.value_or("");
    attempt.assigned_at = task.assigned_at.value_or(0);
    attempt.accepted_at = task.accepted_at;
    attempt.ended_at = ctx.now.wall_ms;
    attempt.outcome = outcome;
    attempt.error = error;
    ctx.facts.push_back({Fact::What::lease_ended, task.workspace, attempt.agent,
                         std::max<int64_t>(0, attempt.ended_at - attempt.assigned_at), outcome});
    ctx.changed_agents.emplace_back(task.workspace, attempt.agent);
    ctx.tables.put(std::move(attempt));
    ctx.tables.erase<LeaseRow>({task.workspace, task.id});
    if (ctx.tables.contains<RunRow>({task.workspace, task.id})) ctx.tables.erase<RunRow>({task.workspace, task.id});
    disarm_lease(ctx, task);
    ctx.notify(task.workspace, WaitTopic::output, task.id);
}

void begin_work(Context& ctx, const TaskRow& leased) {
    TaskRow task = leased;
    task.state = TaskState::working;
    task.accepted_at = ctx.now.wall_ms;
    task.updated_at = ctx.now.wall_ms;
    const std::string agent = task.assigned_to.value_or("");
    ctx.changed_agents.emplace_back(task.workspace, agent);
    ctx.disarm(TimerKind::acceptance, task.workspace, task.id, task.generation);
    ctx.event(task.workspace, "task_accepted", task.id, agent, "", event_data(task, agent));
    ctx.tables.put(std::move(task));
    ctx.tables.modify<LeaseRow>(leased.key(), [&](LeaseRow& lease) { lease.progress_us = ctx.now.mono_us; });
    agents::responsive(ctx, leased.workspace, agent);
}

void disarm_waiting(Context& ctx, const TaskRow& task) {
    ctx.disarm(TimerKind::retry_delay, task.workspace, task.id);
    ctx.disarm(TimerKind::not_before, task.workspace, task.id);
    ctx.disarm(TimerKind::ageing, task.workspace, task.id);
}

void place(Context& ctx, TaskRow task) {
    disarm_waiting(ctx, task);
    task.lane = task.priority;
    task.hold = HoldReason::none;
    if (task.blocked_count > 0) {
        task.hold = HoldReason::blocked_by;
    } else if (task.not_before && *task.not_before > ctx.now.wall_ms) {
        task.hold = HoldReason::not_before;
        ctx.arm(TimerKind::not_before, task.workspace, task.id, *task.not_before);
    } else if (task.retry_delay_ms > 0) {
        task.hold = HoldReason::retry_delay;
        ctx.arm(TimerKind::retry_delay, task.workspace, task.id, ctx.in_ms(task.retry_delay_ms));
    }
    task.state = task.hold == HoldReason::none ? TaskState::queued : TaskState::held;
    task.assigned_to.reset();
    task.assigned_at.reset();
    task.accepted_at.reset();
    task.lease_ms = 0;
    task.updated_at = ctx.now.wall_ms;
    if (task.state == TaskState::queued) {
        task.queued_at = ctx.now.wall_ms;
        ctx.queued_tasks.emplace_back(task.workspace, task.id);
        if (ctx.settings.ageing_ms > 0 && task.lane > 0) {
            ctx.arm(TimerKind::ageing, task.workspace, task.id, ctx.in_ms(ctx.settings.ageing_ms));
        }
    }
    ctx.tables.put(std::move(task));
}

void finish(Context& ctx, TaskRow task, TaskState state) {
    task.finished_seq = count_finished(ctx, task.workspace, state);
    task.state = state;
    task.hold = HoldReason::none;
    task.lease_ms = 0;
    task.live = false;
    task.finished_at = ctx.now.wall_ms;
    task.updated_at = ctx.now.wall_ms;
    ctx.tables.put(task);
    note_completion(ctx, task);
    archive(ctx, task);
    ctx.notify(task.workspace, WaitTopic::task_end, task.id);
}

void end_cancelled(Context& ctx, TaskRow task, const std::string& principal, const std::string& reason,
                   const std::string& holder) {
    task.last_error = "cancelled";
    ctx.event(task.workspace, "task_cancelled", task.id, principal, reason, event_data(task, holder));
    finish(ctx, std::move(task), TaskState::cancelled);
}

void bury(Context& ctx, TaskRow task, const std::string& error, std::string cause) {
    disarm_waiting(ctx, task);
    ctx.disarm(TimerKind::deadline, task.workspace, task.id);
    task.state = TaskState::dead_letter;
    task.hold = HoldReason::none;
    task.lease_ms = 0;
    task.last_error = error;
    task.updated_at = ctx.now.wall_ms;
    ctx.event(task.workspace, "task_dead_letter", task.id, "", std::move(cause),
              event_data(task, task.assigned_to.value_or(""), error));
    const int64_t workspace = task.workspace;
    const std::string id = task.id;
    ctx.tables.put(std::move(task));
    ctx.notify(workspace, WaitTopic::task_end, id);
    blocker_failed(ctx, workspace, id);
}

void reclaim(Context& ctx, const TaskRow& leased, Outcome outcome) {
    const std::string agent = leased.assigned_to.value_or("");
    const std::string reason(to_text(outcome));
    const std::optional<RunRow> run = run_of(ctx, leased);
    tell_revoked(ctx, leased, reason);
    end_lease(ctx, leased, outcome, std::nullopt);
    TaskRow task = leased;
    ++task.reclaim_count;
    if (task.reclaim_count > ctx.settings.reclaim_limit) {
        bury(ctx, std::move(task), "taken back " + std::to_string(leased.reclaim_count + 1) + " times, last: " + reason,
             "reclaim_limit");
    } else {
        ctx.event(task.workspace, "task_reclaimed", task.id, "", reason, event_data(task, agent));
        task.avoid_agent = agent;
        go_back(ctx, leased, std::move(task), run);
    }
    agents::freed(ctx, leased.workspace, agent);
}

void satisfy_dependents(Context& ctx, int64_t workspace, const std::string& task_id) {
    for (const std::string& dependent : dependents_of(ctx, workspace, task_id)) {
        satisfy(ctx, workspace, dependent, task_id);
    }
}

void blocker_failed(Context& ctx, int64_t workspace, const std::string& task_id) {
    // Cancelling one may fail the next, and so on: a list, since the chain may be long.
    std::vector<std::string> failed{task_id};
    while (!failed.empty()) {
        const std::string blocker = std::move(failed.back());
        failed.pop_back();
        for (const std::string& dependent : dependents_of(ctx, workspace, blocker)) {
            const TaskRow* task = ctx.tables.find<TaskRow>({workspace, dependent});
            if (task == nullptr || ctx.tables.find<TaskEdgeRow>({workspace, dependent, blocker})->satisfied) continue;
            switch (task->on_blocker_failure) {
                case BlockerFailure::hold:
                    break;
                case BlockerFailure::run:
                    satisfy(ctx, workspace, dependent, blocker);
                    break;
                case BlockerFailure::cancel:
                    if (task->state != TaskState::held) break;
                    end_cancelled(ctx, TaskRow(*task), "", "blocked by " + blocker + ", which failed");
                    failed.push_back(dependent);
                    break;
            }
        }
    }
}

}  // namespace agentcom::tasks
