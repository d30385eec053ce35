#include "core/tasks/waiting.hpp"

#include <algorithm>

namespace agentcom::tasks {

namespace {

/// Older tasks of its own lane are counted up to this.
constexpr int64_t kPositionMax = 10'000;

bool can_do(const AgentRow& agent, const TaskRow& task) {
    return std::all_of(task.needed_capabilities.begin(), task.needed_capabilities.end(), [&](const std::string& need) {
        return std::find(agent.capabilities.begin(), agent.capabilities.end(), need) != agent.capabilities.end();
    });
}

std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
}

Waiting of_held(const Context& ctx, const TaskRow& task) {
    Waiting waiting;
    waiting.reason = "held";
    switch (task.hold) {
        case HoldReason::not_before:
            waiting.until = task.not_before;
            waiting.detail = "it may not start before the time it was submitted with";
            break;
        case HoldReason::retry_delay: {
            const TimerRow* timer = ctx.tables.find<TimerRow>({TimerKind::retry_delay, task.workspace, task.id, 0});
            if (timer != nullptr) waiting.until = ctx.now.wall_ms + ms_from_us(timer->deadline - ctx.now.mono_us);
            waiting.detail = "it failed and is tried again after a delay";
            break;
        }
        case HoldReason::blocked_by: {
            int64_t failed = 0;
            const auto& blockers = ctx.tables.indexes().blockers;
            if (const auto found = blockers.find({task.workspace, task.id}); found != blockers.end()) {
                for (const std::string& id : found->second) {
                    if (ctx.tables.find<TaskEdgeRow>({task.workspace, task.id, id})->satisfied) continue;
                    const TaskRow* blocker = ctx.tables.find<TaskRow>({task.workspace, id});
                    const TaskState state = blocker == nullptr ? TaskState::cancelled : blocker->state;
                    if (state == TaskState::cancelled || state == TaskState::dead_letter) ++failed;
                    waiting.blockers.emplace_back(id, to_text(state));
                }
            }
            waiting.detail = "it waits for " + std::to_string(waiting.blockers.size()) + " other task(s)";
            if (failed > 0) {
                waiting.detail += ", " + std::to_string(failed) +
                                  " of which failed: retry those, or cancel this one and submit it anew";
            }
            break;
        }
        default:
            waiting.detail = "it is held";
            break;
    }
    return waiting;
}

Waiting of_queued(const Context& ctx, const TaskRow& task) {
    Waiting waiting;
    const auto& queues = ctx.tables.indexes().queues;
    if (const auto queue = queues.find(task.workspace); queue != queues.end()) {
        waiting.position = queue->second.position(task, kPositionMax);
    }
    int64_t online = 0;
    int64_t capable = 0;
    int64_t resting = 0;
    const auto& sessions = ctx.tables.indexes().sessions;
    if (const auto here = sessions.find(task.workspace); here != sessions.end()) {
        for (const int64_t connection : here->second) {
            const SessionRow* session = ctx.tables.find<SessionRow>({connection});
            const AgentRow* agent = ctx.tables.find<AgentRow>({task.workspace, session->agent});
            if (agent == nullptr || agent->connection == 0) continue;
            if (!task.target_agent.empty() && agent->agent != task.target_agent) continue;
            ++online;
            if (!can_do(*agent, task)) continue;
            ++capable;
            if (agent->limited || agent->backoff_until_us != 0) ++resting;
        }
    }
    if (!task.target_agent.empty() && online == 0) {
        waiting.reason = "target_offline";
        waiting.detail = "it is for " + task.target_agent + ", which is not connected";
    } else if (capable == 0) {
        waiting.reason = "no_capable_agent";
        waiting.detail = online == 0 ? std::string("no agent is connected")
                                     : "no connected agent has all of: " + joined(task.needed_capabilities);
    } else if (resting == capable) {
        waiting.reason = "agents_backing_off";
        waiting.detail = "all " + std::to_string(capable) + " capable agents rest after a rejection, a task they did " +
                         "not accept, or their rate limit";
    } else {
        waiting.reason = "agents_busy";
        waiting.detail = "all " + std::to_string(capable) + " capable agents are busy";
    }
    return waiting;
}

}  // namespace

std::optional<Waiting> why_waiting(const Context& ctx, const TaskRow& task) {
    if (task.state == TaskState::held) return of_held(ctx, task);
    if (task.state == TaskState::queued) return of_queued(ctx, task);
    return std::nullopt;
}

}  // namespace agentcom::tasks
