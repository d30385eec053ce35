#include "core/tasks/scheduler.hpp"

#include "core/tasks/leases.hpp"

namespace agentcom::scheduler {

namespace {

void dispatch(Context& ctx, const TaskRow& task, const TaskQueue::Choice& worker) {
    if (worker.request != 0) {
        tasks::grant(ctx, task, *ctx.tables.find<ClaimRow>({worker.request}));
        return;
    }
    const AgentRow* row = ctx.tables.find<AgentRow>({task.workspace, worker.agent});
    AGENTCOM_ASSERT(row != nullptr && row->connection != 0, "work goes to agents that are online");
    tasks::begin_lease(ctx, task, worker.agent, row->connection, true);
}

/// Fills the free slots of one agent. The best task for it may suit another agent better (idle for longer, or not the
/// one that just failed it); that one then gets it.
void fill(Context& ctx, const WorkspaceName& name) {
    const auto& [workspace, agent] = name;
    while (true) {
        const AgentRow* row = ctx.tables.find<AgentRow>({workspace, agent});
        if (row == nullptr || !ctx.tables.indexes().is_available(*row)) return;
        TaskQueue& queue = ctx.tables.indexes().queues[workspace];
        const std::optional<std::string> task_id = queue.next_task({agent, 0, row->idle_since_us, row->capabilities});
        if (!task_id) return;
        const TaskRow task = *ctx.tables.find<TaskRow>({workspace, *task_id});
        const std::optional<TaskQueue::Choice> best = queue.next_worker(task);
        AGENTCOM_ASSERT(best.has_value(), "a task that an available agent can do has an available agent");
        dispatch(ctx, task, *best);
    }
}

}  // namespace

void run(Context& ctx) {
    if (ctx.read_only() || ctx.runtime().stopping) return;
    while (!ctx.woken_agents.empty() || !ctx.queued_tasks.empty()) {
        if (!ctx.woken_agents.empty()) {
            const WorkspaceName name = *ctx.woken_agents.begin();
            ctx.woken_agents.erase(ctx.woken_agents.begin());
            fill(ctx, name);
            continue;
        }
        const std::vector<WorkspaceName> queued = std::move(ctx.queued_tasks);
        ctx.queued_tasks.clear();
        for (const WorkspaceName& name : queued) {
            const TaskRow* found = ctx.tables.find<TaskRow>(name);
            if (found == nullptr || found->state != TaskState::queued) continue;
            const TaskRow task = *found;
            if (const auto worker = ctx.tables.indexes().queues[task.workspace].next_worker(task)) {
                dispatch(ctx, task, *worker);
            }
        }
    }
}

void wake_everyone(Context& ctx) {
    for (const AgentRow::Key& key : ctx.tables.sorted_keys<AgentRow>()) {
        const AgentRow* row = ctx.tables.find<AgentRow>(key);
        if (row->connection != 0) ctx.woken_agents.insert({row->workspace, row->agent});
    }
}

}  // namespace agentcom::scheduler
