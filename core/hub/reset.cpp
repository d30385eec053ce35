#include "core/hub/reset.hpp"

#include <string>
#include <vector>

#include "core/hub/sessions.hpp"
#include "core/tasks/agents.hpp"
#include "core/tasks/transitions.hpp"

namespace agentcom::reset {

namespace {

constexpr int64_t kHub = 0;

int64_t close_sockets(Context& ctx) {
    const std::vector<int64_t> all(ctx.tables.indexes().connections.begin(), ctx.tables.indexes().connections.end());
    for (const int64_t connection : all) sessions::close(ctx, connection, 1012, "hub reset");
    return static_cast<int64_t>(all.size());
}

/// Nobody is to blame, so it counts neither as a failure nor as a lost holder.
void take_back(Context& ctx, const TaskRow& leased, const std::string& cause) {
    const std::string agent = leased.assigned_to.value_or("");
    const std::optional<RunRow> run = tasks::run_of(ctx, leased);
    tasks::end_lease(ctx, leased, Outcome::released, cause);
    TaskRow task = leased;
    ctx.event(task.workspace, "task_reclaimed", task.id, "", cause, tasks::event_data(task, agent));
    task.avoid_agent = agent;  // who also may go on with it when it comes back and asks
    tasks::go_back(ctx, leased, std::move(task), run);
    agents::freed(ctx, leased.workspace, agent);
}

template <class Row>
void drop_all(Context& ctx) {
    for (const typename Row::Key& key : ctx.tables.sorted_keys<Row>()) ctx.tables.erase<Row>(key);
}

void drop_agents(Context& ctx) {
    for (const AgentRow::Key& key : ctx.tables.sorted_keys<AgentRow>()) {
        const auto& [workspace, agent] = key;
        ctx.disarm(TimerKind::backoff, workspace, agent);
        ctx.disarm(TimerKind::limit_end, workspace, agent);
        ctx.tables.erase<AgentRow>(key);
        ctx.changed_agents.emplace_back(workspace, agent);
    }
    for (const auto& [workspace, agent] : ctx.tables.sorted_keys<CooldownRow>()) {
        ctx.disarm(TimerKind::cooldown, workspace, agent);
        ctx.tables.erase<CooldownRow>({workspace, agent});
    }
}

}  // namespace

bool schedule(Context& ctx) {
    if (ctx.tables.contains<TimerRow>({TimerKind::reset, kHub, "", 0})) return false;
    ctx.arm(TimerKind::reset, kHub, "", ctx.in_ms(ctx.settings.reset_delay_ms));
    return true;
}

int64_t take_back_all(Context& ctx, const std::string& cause) {
    std::vector<WorkspaceName> held;
    for (const auto& [agent, tasks] : ctx.tables.indexes().leases) {
        for (const std::string& task : tasks) held.emplace_back(agent.first, task);
    }
    for (const WorkspaceName& name : held) take_back(ctx, TaskRow(*ctx.tables.find<TaskRow>(name)), cause);
    return static_cast<int64_t>(held.size());
}

void run(Context& ctx) {
    if (ctx.runtime().stopping) return;
    const int64_t sockets = close_sockets(ctx);
    const int64_t tasks = take_back_all(ctx, "reset");
    drop_agents(ctx);
    drop_all<BucketRow>(ctx);
    drop_all<LimitViolationRow>(ctx);
    drop_all<FairnessRow>(ctx);
    ctx.log("reset_done", {{"sockets", sockets}, {"tasks", tasks}});
}

}  // namespace agentcom::reset
