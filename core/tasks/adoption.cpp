#include "core/tasks/adoption.hpp"

#include <algorithm>
#include <charconv>

#include "core/base/hex.hpp"
#include "core/base/json.hpp"
#include "core/base/limits.hpp"
#include "core/base/utf8.hpp"
#include "core/tasks/tasks.hpp"
#include "core/tasks/transitions.hpp"

namespace agentcom::tasks {

namespace {

constexpr std::string_view kIdPrefix = "task-";
constexpr size_t kIdDigits = 16;
constexpr size_t kNumberDigits = 8;  // of an id of ours, see rising_id

/// No task was given out so often. What counts on from there stays far from the end of 64 bits.
constexpr int64_t kMaxForeignCount = int64_t{1} << 40;

/// Whether a task of this hub can have, or have had, this id, or it is none that a hub gives.
bool may_be_taken(const Context& ctx, int64_t workspace, const std::string& id, int64_t last_seq) {
    if (id.size() != kIdPrefix.size() + kIdDigits || !id.starts_with(kIdPrefix)) return true;
    const std::string_view digits = std::string_view(id).substr(kIdPrefix.size());
    if (digits.find_first_not_of("0123456789abcdef") != std::string_view::npos) return true;
    // Ids of ours begin with a number that rises: one with a higher number lies ahead.
    uint64_t number = 0;
    std::from_chars(digits.data(), digits.data() + kNumberDigits, number, 16);
    if (number <= static_cast<uint64_t>(last_seq)) return true;
    return ctx.tables.contains<TaskRow>({workspace, id});
}

std::string adoption_data(const TaskRow& task, const ForeignTask& foreign) {
    json::Writer data;
    data.begin_object().member("agent_id", foreign.assigned_to).member("generation", task.generation);
    data.member("description", truncate_code_points(foreign.description, kEventTextCodePoints));
    data.member("foreign_id", foreign.id).raw_member("history", foreign.history).end_object();
    return data.take();
}

TaskRow row_of(const ForeignTask& foreign, int64_t now_ms) {
    TaskRow task;
    task.priority = std::clamp<int64_t>(foreign.priority, 0, kLanes - 1);
    task.lane = task.priority;
    task.needed_capabilities = foreign.needed_capabilities;
    task.target_agent = target_agent_of(foreign.metadata);
    task.complete_by = foreign.complete_by;
    task.max_retries = foreign.max_retries;
    task.retry_count = std::clamp<int64_t>(foreign.retry_count, 0, kMaxForeignCount);
    task.requested_by = foreign.submitted_by;
    task.origin = "import";
    task.last_error = foreign.last_error;
    task.created_at = std::clamp<int64_t>(foreign.created_at, 0, now_ms);
    task.updated_at = std::clamp<int64_t>(foreign.updated_at, task.created_at, now_ms);
    const bool was_leased = !foreign.dead_letter && foreign.assigned_to.has_value();
    task.generation = std::clamp<int64_t>(foreign.generation, 0, kMaxForeignCount) + (was_leased ? 1 : 0);
    return task;
}

}  // namespace

Result<TaskRow> adopt(Context& ctx, int64_t workspace, const ForeignTask& foreign, const std::string& principal) {
    using Answer = Result<TaskRow>;
    if (ctx.tables.indexes().live_tasks >= ctx.settings.live_tasks_max) {
        return Answer(client_error("queue_full", 503, "the hub holds live_tasks_max tasks that have not ended"));
    }
    TaskRow task = row_of(foreign, ctx.now.wall_ms);
    task.workspace = workspace;
    int64_t last_seq = 0;
    ctx.tables.modify<WorkspaceRow>({workspace}, [&](WorkspaceRow& row) {
        last_seq = row.task_seq;
        task.seq = ++row.task_seq;
    });
    task.id = may_be_taken(ctx, workspace, foreign.id, last_seq) ? "task-" + rising_id(task.seq, ctx.random_id())
                                                                 : foreign.id;
    task.root_id = task.id;
    TaskInputRow input;
    input.workspace = workspace;
    input.task_id = task.id;
    input.description = Body(foreign.description);
    input.metadata = Body(foreign.metadata);
    ctx.tables.put(std::move(input));
    ctx.event(workspace, "task_imported", task.id, principal, foreign.dead_letter ? "dead_letter" : "queued",
              adoption_data(task, foreign));
    const std::string id = task.id;
    if (foreign.dead_letter) {
        task.state = TaskState::dead_letter;
        task.assigned_to = foreign.assigned_to;
        task.assigned_at = foreign.assigned_at;
        ctx.tables.put(std::move(task));
    } else {
        if (task.complete_by) ctx.arm(TimerKind::deadline, workspace, id, *task.complete_by);
        place(ctx, std::move(task));
    }
    return Answer(*ctx.tables.find<TaskRow>({workspace, id}));
}

}  // namespace agentcom::tasks
