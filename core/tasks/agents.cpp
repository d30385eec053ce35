#include "core/tasks/agents.hpp"

#include <algorithm>

#include "core/tasks/leases.hpp"

namespace agentcom::agents {

namespace {

void change(Context& ctx, int64_t workspace, const std::string& agent, auto&& change_row) {
    if (ctx.tables.contains<AgentRow>({workspace, agent})) ctx.tables.modify<AgentRow>({workspace, agent}, change_row);
}

std::vector<std::string> leases_of(const Context& ctx, int64_t workspace, const std::string& agent) {
    const auto& leases = ctx.tables.indexes().leases;
    const auto found = leases.find({workspace, agent});
    if (found == leases.end()) return {};
    return {found->second.begin(), found->second.end()};
}

/// Rows of agents that are offline and hold nothing would only grow in number.
void forget_if_gone(Context& ctx, int64_t workspace, const std::string& agent) {
    const AgentRow* row = ctx.tables.find<AgentRow>({workspace, agent});
    if (row == nullptr || row->connection != 0 || row->backoff_until_us != 0 || row->limited) return;
    if (ctx.tables.indexes().lease_count(workspace, agent) > 0) return;
    ctx.tables.erase<AgentRow>({workspace, agent});
}

}  // namespace

void attach(Context& ctx, int64_t workspace, const std::string& agent, ConnectionId connection, int64_t slots,
            std::vector<std::string> capabilities, bool repeat_assignments) {
    AgentRow row;
    if (const AgentRow* known = ctx.tables.find<AgentRow>({workspace, agent})) row = *known;
    row.workspace = workspace;
    row.agent = agent;
    row.connection = connection;
    row.slots = slots;
    row.capabilities = std::move(capabilities);
    row.idle_since_us = ctx.now.mono_us;
    row.changed_at = ctx.now.wall_ms;
    ctx.tables.put(std::move(row));
    ctx.changed_agents.emplace_back(workspace, agent);
    for (const std::string& task_id : leases_of(ctx, workspace, agent)) {
        const TaskRow task = *ctx.tables.find<TaskRow>({workspace, task_id});
        if (task.claimed()) continue;  // held by a program beside the session
        ctx.tables.modify<LeaseRow>({workspace, task_id}, [&](LeaseRow& lease) {
            lease.connection = connection;
            lease.renewed_us = ctx.now.mono_us;
        });
        ctx.disarm(TimerKind::grace, workspace, task_id, task.generation);
        ctx.arm(TimerKind::lease, workspace, task_id, ctx.in_ms(ctx.settings.lease_silence_ms), task.generation);
        if (task.state == TaskState::assigned) {
            ctx.arm(TimerKind::acceptance, workspace, task_id, ctx.in_ms(ctx.settings.acceptance_timeout_ms),
                    task.generation);
            if (repeat_assignments) tasks::send_assignment(ctx, task, connection);
        }
        tasks::resume(ctx, task, connection);
    }
    ctx.woken_agents.insert({workspace, agent});
}

void detach(Context& ctx, int64_t workspace, const std::string& agent, ConnectionId connection) {
    const AgentRow* row = ctx.tables.find<AgentRow>({workspace, agent});
    if (row == nullptr || row->connection != connection) return;
    ctx.changed_agents.emplace_back(workspace, agent);
    change(ctx, workspace, agent, [&](AgentRow& changed) {
        changed.connection = 0;
        changed.changed_at = ctx.now.wall_ms;
    });
    const LivenessRow* liveness = ctx.tables.find<LivenessRow>({connection});
    const int64_t heard_us = liveness == nullptr ? 0 : liveness->last_inbound_us;
    for (const std::string& task_id : leases_of(ctx, workspace, agent)) {
        const TaskRow* task = ctx.tables.find<TaskRow>({workspace, task_id});
        if (task->claimed()) continue;
        ctx.tables.modify<LeaseRow>({workspace, task_id}, [&](LeaseRow& lease) {
            // From here on nobody but the lease knows when its holder was last heard of.
            if (lease.connection == connection) lease.renewed_us = std::max(lease.renewed_us, heard_us);
            lease.connection = 0;
        });
        ctx.disarm(TimerKind::acceptance, workspace, task_id, task->generation);
        ctx.arm(TimerKind::grace, workspace, task_id, ctx.in_ms(ctx.settings.reconnect_grace_ms), task->generation);
    }
    forget_if_gone(ctx, workspace, agent);
}

void freed(Context& ctx, int64_t workspace, const std::string& agent) {
    change(ctx, workspace, agent, [&](AgentRow& row) {
        row.idle_since_us = ctx.now.mono_us;
        row.changed_at = ctx.now.wall_ms;
    });
    ctx.woken_agents.insert({workspace, agent});
    forget_if_gone(ctx, workspace, agent);
}

void back_off(Context& ctx, int64_t workspace, const std::string& agent, int64_t backoff_ms) {
    if (backoff_ms <= 0) return;
    int64_t until = ctx.in_ms(backoff_ms);
    change(ctx, workspace, agent, [&](AgentRow& row) {
        until = std::max(row.backoff_until_us, until);  // a short back-off does not end a long one
        row.backoff_until_us = until;
    });
    ctx.arm(TimerKind::backoff, workspace, agent, until);
}

void unresponsive(Context& ctx, int64_t workspace, const std::string& agent) {
    int64_t backoff_ms = 0;
    change(ctx, workspace, agent, [&](AgentRow& row) {
        row.unresponsive = true;
        row.backoff_ms = row.backoff_ms == 0 ? ctx.settings.reject_backoff_ms
                                             : std::min(row.backoff_ms * 2, ctx.settings.unresponsive_backoff_max_ms);
        backoff_ms = row.backoff_ms;
    });
    back_off(ctx, workspace, agent, backoff_ms);
}

void responsive(Context& ctx, int64_t workspace, const std::string& agent) {
    const AgentRow* row = ctx.tables.find<AgentRow>({workspace, agent});
    if (row == nullptr || (!row->unresponsive && row->backoff_ms == 0)) return;
    change(ctx, workspace, agent, [](AgentRow& changed) {
        changed.unresponsive = false;
        changed.backoff_ms = 0;
        changed.backoff_until_us = 0;
    });
    ctx.disarm(TimerKind::backoff, workspace, agent);
    ctx.woken_agents.insert({workspace, agent});
}

void set_limited(Context& ctx, int64_t workspace, const std::string& agent, bool limited) {
    const AgentRow* row = ctx.tables.find<AgentRow>({workspace, agent});
    if (row == nullptr) return;
    if (row->limited != limited) change(ctx, workspace, agent, [&](AgentRow& changed) { changed.limited = limited; });
    if (limited) return;
    ctx.woken_agents.insert({workspace, agent});
    forget_if_gone(ctx, workspace, agent);
}

void on_backoff_over(Context& ctx, int64_t workspace, const std::string& agent) {
    change(ctx, workspace, agent, [](AgentRow& row) { row.backoff_until_us = 0; });
    ctx.woken_agents.insert({workspace, agent});
    forget_if_gone(ctx, workspace, agent);
}

std::string_view work_state(const Context& ctx, int64_t workspace, const std::string& agent) {
    const AgentRow* row = ctx.tables.find<AgentRow>({workspace, agent});
    if (row == nullptr) return "offline";
    bool assigned = false;
    bool working = false;
    for (const std::string& task_id : leases_of(ctx, workspace, agent)) {
        const TaskRow* task = ctx.tables.find<TaskRow>({workspace, task_id});
        // What it had when its socket went does not count: perhaps nobody works on it. A claim needs no socket.
        if (row->connection == 0 && !task->claimed()) continue;
        (task->state == TaskState::working ? working : assigned) = true;
    }
    if (working) return "working";
    if (assigned) return "assigned";
    return row->connection == 0 ? "offline" : "idle";
}

}  // namespace agentcom::agents
