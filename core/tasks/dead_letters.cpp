#include "core/tasks/dead_letters.hpp"

#include <string>
#include <utility>
#include <vector>

#include "core/tasks/transitions.hpp"

namespace agentcom::tasks {

namespace {

/// So many at a time: a turn must stay short.
constexpr size_t kLot = 100;

std::vector<WorkspaceName> too_old(const Context& ctx) {
    const int64_t kept_since = ctx.now.wall_ms - ctx.settings.dead_letter_ms;
    std::vector<WorkspaceName> found;
    for (const auto& [workspace, letters] : ctx.tables.indexes().dead_letters) {
        for (const auto& [updated_at, task] : letters) {
            if (updated_at >= kept_since || found.size() == kLot) break;
            found.emplace_back(workspace, task);
        }
    }
    return found;
}

}  // namespace

void expire_dead_letters(Context& ctx) {
    if (ctx.settings.dead_letter_ms == 0) return;
    const std::vector<WorkspaceName> old = too_old(ctx);
    for (const auto& [workspace, task] : old) {
        end_cancelled(ctx, TaskRow(*ctx.tables.find<TaskRow>({workspace, task})), "", "dead_letter_ms", "");
        blocker_failed(ctx, workspace, task);
    }
    const int64_t next = old.size() == kLot ? ctx.now.wall_ms : saturating_add(ctx.now.wall_ms, kMsPerHour);
    ctx.arm(TimerKind::dead_letter_age, 0, "", next);
}

}  // namespace agentcom::tasks
