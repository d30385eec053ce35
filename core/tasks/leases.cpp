#include "core/tasks/leases.hpp"

#include <algorithm>

#include "core/base/json.hpp"
#include "core/protocol/encoding.hpp"
#include "core/tasks/agents.hpp"

namespace agentcom::tasks {

void send_assignment(Context& ctx, const TaskRow& task, const TaskInputRow& input, ConnectionId connection) {
    ctx.push(connection, task_assign_frame(task.id, input.description.bytes, input.metadata.bytes, task.generation,
                                           ctx.now.wall_ms));
}

void send_assignment(Context& ctx, const TaskRow& task, ConnectionId connection) {
    const TaskInputRow* input = ctx.tables.find<TaskInputRow>({task.workspace, task.id});
    AGENTCOM_ASSERT(input != nullptr, "a live task has its input");
    if (input->description.resident && input->metadata.resident) {
        send_assignment(ctx, task, *input, connection);
        return;
    }
    PendingRow pending;
    pending.connection = connection;
    pending.workspace = task.workspace;
    pending.purpose = "assignment";
    pending.input = task.id;
    ctx.query(FetchTask{task.workspace, task.id, 0}, std::move(pending));
}

void begin_lease(Context& ctx, const TaskRow& queued, const std::string& agent, ConnectionId connection, bool announce,
                 int64_t lease_ms) {
    AGENTCOM_ASSERT(lifecycle(queued.state, TaskEvent::dispatch).action == TaskAction::begin_lease,
                    "only queued tasks are given out");
    TaskRow task = queued;
    disarm_waiting(ctx, task);
    task.state = TaskState::assigned;
    ++task.generation;
    task.assigned_to = agent;
    task.assigned_at = ctx.now.wall_ms;
    task.accepted_at.reset();
    task.lease_ms = lease_ms;
    task.retry_delay_ms = 0;
    task.updated_at = ctx.now.wall_ms;
    LeaseRow lease;
    lease.workspace = task.workspace;
    lease.task_id = task.id;
    lease.connection = connection;
    lease.since_us = ctx.now.mono_us;
    lease.renewed_us = ctx.now.mono_us;
    lease.progress_us = ctx.now.mono_us;
    ctx.tables.put(std::move(lease));

    // The key was served: it now stands behind all others of its lane.
    RuntimeRow runtime = ctx.runtime();
    FairnessRow turn;
    turn.workspace = task.workspace;
    turn.lane = task.lane;
    turn.fairness_key = task.fairness_key;
    turn.served = ++runtime.served;
    ctx.tables.put(runtime);
    ctx.tables.put(std::move(turn));
    constexpr size_t kFairnessKeysMax = 10'000;
    if (ctx.tables.indexes().fairness_age.size() > kFairnessKeysMax) {
        ctx.tables.erase<FairnessRow>(std::get<1>(*ctx.tables.indexes().fairness_age.begin()));
    }

    const int64_t silence_ms = lease_ms > 0 ? lease_ms : ctx.settings.lease_silence_ms;
    const int64_t run_ms = task.max_run_ms > 0 ? task.max_run_ms : ctx.settings.max_run_ms;
    if (lease_ms == 0) {
        ctx.arm(TimerKind::acceptance, task.workspace, task.id, ctx.in_ms(ctx.settings.acceptance_timeout_ms),
                task.generation);
    }
    ctx.arm(TimerKind::lease, task.workspace, task.id, ctx.in_ms(silence_ms), task.generation);
    if (run_ms > 0) ctx.arm(TimerKind::max_run, task.workspace, task.id, ctx.in_ms(run_ms), task.generation);
    ctx.arm(TimerKind::stuck, task.workspace, task.id, ctx.in_ms(ctx.settings.stuck_after_ms), task.generation);
    // A deadline that passed while the task waited did nothing under `overdue_requeue`; it counts from here on.
    if (task.complete_by) ctx.arm(TimerKind::deadline, task.workspace, task.id, *task.complete_by);
    ctx.event(task.workspace, "task_assigned", task.id, "", "", event_data(task, agent));
    ctx.facts.push_back({Fact::What::queue_wait, task.workspace, agent,
                         std::max<int64_t>(0, ctx.now.wall_ms - task.queued_at), Outcome::completed});
    ctx.changed_agents.emplace_back(task.workspace, agent);
    ctx.tables.put(task);
    if (connection != 0 && announce) send_assignment(ctx, task, connection);
}

void grant(Context& ctx, const TaskRow& queued, const ClaimRow& claim) {
    const ClaimRow granted = claim;
    const std::string task_id = queued.id;
    if (!ctx.tables.contains<AgentRow>({granted.workspace, granted.agent})) {
        AgentRow holder;
        holder.workspace = granted.workspace;
        holder.agent = granted.agent;
        holder.changed_at = ctx.now.wall_ms;
        ctx.tables.put(std::move(holder));
    }
    begin_lease(ctx, TaskRow(queued), granted.agent, 0, false, granted.lease_ms);
    begin_work(ctx, TaskRow(*ctx.tables.find<TaskRow>({granted.workspace, task_id})));
    if (ctx.tables.contains<ClaimRow>({granted.request})) withdraw(ctx, granted.request);
    ctx.granted_claims.push_back({granted, task_id});
}

void claim(Context& ctx, ClaimRow wanted, int64_t wait_ms) {
    const Worker worker{wanted.agent, wanted.request, wanted.since_us, wanted.capabilities, wanted.lanes};
    // Whatever is queued suits nobody who waits already, so the claim need not queue behind them.
    if (const auto task_id = ctx.tables.indexes().queues[wanted.workspace].next_task(worker)) {
        grant(ctx, *ctx.tables.find<TaskRow>({wanted.workspace, *task_id}), wanted);
        return;
    }
    if (wait_ms <= 0) {
        ctx.granted_claims.push_back({std::move(wanted), ""});
        return;
    }
    ctx.arm(TimerKind::wait_end, wanted.request, "", ctx.in_ms(wait_ms));
    ctx.tables.put(std::move(wanted));
}

void withdraw(Context& ctx, RequestId request) {
    ctx.disarm(TimerKind::wait_end, request, "");
    ctx.tables.erase<ClaimRow>({request});
}

void push_say(Context& ctx, const TaskRow& task, const std::string& said, ConnectionId connection) {
    const json::Object members = json::members(said);
    json::Writer out;
    out.begin_object().member("type", "task_say").member("task_id", task.id).member("generation", task.generation);
    for (const std::string_view name : {"seq", "from", "text", "at"}) {
        out.raw_member(name, members.find(name)->raw);
    }
    out.end_object();
    ctx.push(connection, out.take());
}

void resume(Context& ctx, const TaskRow& task, ConnectionId connection) {
    const std::optional<RunRow> run = run_of(ctx, task);
    if (!run || modern_connection(ctx, task.workspace, task.assigned_to.value_or("")) != connection) return;
    for (const std::string& said : run->says) push_say(ctx, task, said, connection);
    if (run->cancel_by) {
        tell_revoked(ctx, task, run->cancel_reason, std::max<int64_t>(1, run->cancel_until - ctx.now.wall_ms));
    }
}

void rearm(Context& ctx, int64_t workspace, const std::string& task_id) {
    const TaskRow* found = ctx.tables.find<TaskRow>({workspace, task_id});
    if (found == nullptr) {
        ctx.tables.erase<LeaseRow>({workspace, task_id});
        return;
    }
    const TaskRow task = *found;
    disarm_waiting(ctx, task);
    if (task.complete_by && task.state != TaskState::dead_letter) {
        ctx.arm(TimerKind::deadline, workspace, task_id, *task.complete_by);
    }
    if (!task.leased()) {
        ctx.tables.erase<LeaseRow>({workspace, task_id});
        if (task.state == TaskState::held && task.hold == HoldReason::not_before && task.not_before) {
            ctx.arm(TimerKind::not_before, workspace, task_id, *task.not_before);
        }
        if (task.state == TaskState::held && task.hold == HoldReason::retry_delay) {
            ctx.arm(TimerKind::retry_delay, workspace, task_id, ctx.in_ms(task.retry_delay_ms));
        }
        if (task.state == TaskState::queued) {
            ctx.queued_tasks.emplace_back(workspace, task_id);
            if (ctx.settings.ageing_ms > 0 && task.lane > 0) {
                ctx.arm(TimerKind::ageing, workspace, task_id, ctx.in_ms(ctx.settings.ageing_ms));
            }
        }
        return;
    }
    const std::string agent = task.assigned_to.value_or("");
    AgentRow holder;
    if (const AgentRow* known = ctx.tables.find<AgentRow>({workspace, agent})) holder = *known;
    LeaseRow lease;
    lease.workspace = workspace;
    lease.task_id = task_id;
    lease.connection = task.claimed() ? 0 : holder.connection;
    lease.since_us = ctx.now.mono_us;
    lease.renewed_us = ctx.now.mono_us;
    lease.progress_us = ctx.now.mono_us;
    ctx.tables.put(std::move(lease));
    ctx.changed_agents.emplace_back(workspace, agent);
    if (holder.agent.empty()) {
        holder.workspace = workspace;
        holder.agent = agent;
        holder.changed_at = ctx.now.wall_ms;
        ctx.tables.put(holder);
    }
    const int64_t run_ms = task.max_run_ms > 0 ? task.max_run_ms : ctx.settings.max_run_ms;
    const int64_t silence_ms = task.claimed() ? task.lease_ms : ctx.settings.lease_silence_ms;
    ctx.arm(TimerKind::lease, workspace, task_id,
            ctx.in_ms(saturating_add(silence_ms, ctx.settings.reconnect_grace_ms)), task.generation);
    if (run_ms > 0) ctx.arm(TimerKind::max_run, workspace, task_id, ctx.in_ms(run_ms), task.generation);
    ctx.arm(TimerKind::stuck, workspace, task_id, ctx.in_ms(ctx.settings.stuck_after_ms), task.generation);
    if (const RunRow* run = ctx.tables.find<RunRow>({workspace, task_id}); run != nullptr && run->cancel_by) {
        ctx.arm(TimerKind::cancel_grace, workspace, task_id, ctx.in_ms(run->cancel_grace_ms), task.generation);
    }
    if (task.claimed()) return;
    if (holder.connection == 0) {
        ctx.arm(TimerKind::grace, workspace, task_id,
                ctx.in_ms(saturating_add(ctx.settings.lease_silence_ms, ctx.settings.reconnect_grace_ms)),
                task.generation);
    } else if (task.state == TaskState::assigned) {
        ctx.arm(TimerKind::acceptance, workspace, task_id, ctx.in_ms(ctx.settings.acceptance_timeout_ms),
                task.generation);
    }
}

}  // namespace agentcom::tasks
