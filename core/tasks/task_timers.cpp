#include "core/tasks/task_timers.hpp"

#include <algorithm>

#include "core/tasks/agents.hpp"
#include "core/tasks/transitions.hpp"

namespace agentcom::tasks {

namespace {

/// When a leased task's holder was last heard of: a frame of its session renews every lease it holds.
int64_t last_renewal(const Context& ctx, const LeaseRow& lease) {
    int64_t renewed = lease.renewed_us;
    if (lease.connection != 0) {
        if (const LivenessRow* liveness = ctx.tables.find<LivenessRow>({lease.connection})) {
            renewed = std::max(renewed, liveness->last_inbound_us);
        }
    }
    return renewed;
}

void on_deadline(Context& ctx, const TaskRow& found) {
    const TaskRow before = found;
    if (lifecycle(before.state, TaskEvent::deadline).action == TaskAction::nothing) return;
    if (ctx.settings.overdue_requeue != 0) {
        // As v1.1 did, but once: only a leased task goes back, and its deadline is spent.
        if (!before.leased()) return;
        TaskRow task = before;
        task.complete_by.reset();
        ctx.tables.put(task);
        reclaim(ctx, task, Outcome::deadline);
        return;
    }
    if (before.leased()) {
        tell_revoked(ctx, before, "deadline");
        end_lease(ctx, before, Outcome::deadline, "deadline exceeded");
    }
    bury(ctx, before, "deadline exceeded", "deadline");
    if (before.leased()) agents::freed(ctx, before.workspace, *before.assigned_to);
}

void on_lease_timer(Context& ctx, const TimerRow& timer, const TaskRow& task, const LeaseRow& lease) {
    const auto again_at = [&](int64_t deadline) {
        if (deadline <= ctx.now.mono_us) return false;
        ctx.arm(timer.kind, timer.workspace, timer.subject, deadline, timer.generation);
        return true;
    };
    // It may still be busy with what it has lost, and on protocol 1 nobody tells it: other agents come first for a
    // while.
    const auto take_back = [&](Outcome outcome) {
        agents::back_off(ctx, task.workspace, task.assigned_to.value_or(""), ctx.settings.reject_backoff_ms);
        reclaim(ctx, TaskRow(task), outcome);
    };
    switch (timer.kind) {
        case TimerKind::acceptance:
            if (lifecycle(task.state, TaskEvent::acceptance_timeout).action == TaskAction::nothing) return;
            {
                const std::string agent = *task.assigned_to;
                agents::unresponsive(ctx, task.workspace, agent);
                reclaim(ctx, TaskRow(task), Outcome::acceptance_timeout);
            }
            return;
        case TimerKind::lease: {
            const int64_t silence_ms = task.claimed() ? task.lease_ms : ctx.settings.lease_silence_ms;
            if (again_at(saturating_add(last_renewal(ctx, lease), us_from_ms(silence_ms)))) return;
            take_back(Outcome::silent);
            return;
        }
        case TimerKind::max_run:
            take_back(Outcome::max_run);
            return;
        case TimerKind::grace:
            if (lease.connection != 0 || task.claimed()) return;
            reclaim(ctx, TaskRow(task), Outcome::disconnect);
            return;
        case TimerKind::cancel_grace: {
            const std::optional<RunRow> run = run_of(ctx, task);
            if (!run || !run->cancel_by) return;
            const TaskRow leased = task;
            tell_revoked(ctx, leased, run->cancel_reason);
            end_lease(ctx, leased, Outcome::cancelled, run->cancel_reason);
            end_cancelled(ctx, leased, *run->cancel_by, run->cancel_reason, leased.assigned_to.value_or(""));
            blocker_failed(ctx, leased.workspace, leased.id);
            agents::freed(ctx, leased.workspace, leased.assigned_to.value_or(""));
            return;
        }
        case TimerKind::stuck:
            // Who waits for an answer makes no progress.
            if (const RunRow* run = ctx.tables.find<RunRow>({task.workspace, task.id});
                run != nullptr && run->question) {
                ctx.arm(timer.kind, timer.workspace, timer.subject, ctx.in_ms(ctx.settings.stuck_after_ms),
                        timer.generation);
                return;
            }
            if (again_at(saturating_add(lease.progress_us, us_from_ms(ctx.settings.stuck_after_ms)))) return;
            if (ctx.settings.stuck_reclaim != 0) {
                take_back(Outcome::stuck);
                return;
            }
            if (!lease.stuck) {
                ctx.event(task.workspace, "task_stuck", task.id, "", "no progress",
                          event_data(task, task.assigned_to.value_or("")));
                ctx.tables.modify<LeaseRow>({task.workspace, task.id}, [](LeaseRow& row) { row.stuck = true; });
            }
            // Looked at again, so that a task which stops once more is told once more.
            ctx.arm(timer.kind, timer.workspace, timer.subject, ctx.in_ms(ctx.settings.stuck_after_ms),
                    timer.generation);
            return;
        default:
            return;
    }
}

}  // namespace

void on_timer(Context& ctx, const TimerRow& timer) {
    const TaskRow* task = ctx.tables.find<TaskRow>({timer.workspace, timer.subject});
    if (task == nullptr) return;
    switch (timer.kind) {
        case TimerKind::deadline:
            if (task->complete_by && *task->complete_by <= ctx.now.wall_ms) on_deadline(ctx, *task);
            return;
        case TimerKind::not_before:
        case TimerKind::retry_delay:
            if (task->state == TaskState::held) {
                TaskRow released = *task;
                if (timer.kind == TimerKind::retry_delay) released.retry_delay_ms = 0;
                const std::string reason(to_text(task->hold));
                place(ctx, std::move(released));
                task = ctx.tables.find<TaskRow>({timer.workspace, timer.subject});
                if (task->state == TaskState::queued) {
                    ctx.event(timer.workspace, "task_unheld", timer.subject, "", reason, event_data(*task, ""));
                }
            }
            return;
        case TimerKind::ageing:
            if (task->state == TaskState::queued && task->lane > 0) {
                ctx.tables.modify<TaskRow>(task->key(), [](TaskRow& row) { --row.lane; });
                if (ctx.tables.find<TaskRow>({timer.workspace, timer.subject})->lane > 0) {
                    ctx.arm(TimerKind::ageing, timer.workspace, timer.subject, ctx.in_ms(ctx.settings.ageing_ms));
                }
            }
            return;
        default:
            break;
    }
    // A timer belongs to one lease: whatever has happened to the task since, that lease is over.
    const LeaseRow* lease = ctx.tables.find<LeaseRow>({timer.workspace, timer.subject});
    if (lease == nullptr || !task->leased() || task->generation != timer.generation) return;
    on_lease_timer(ctx, timer, *task, LeaseRow(*lease));
}

}  // namespace agentcom::tasks
