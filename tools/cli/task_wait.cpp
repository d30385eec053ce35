#include "tools/cli/task_wait.hpp"

#include <ostream>
#include <utility>

#include "core/base/json.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/patience.hpp"
#include "tools/cli/text.hpp"

namespace agentcom::cli {

namespace {

using std::chrono::milliseconds;

// How a task has ended, or nothing while it has not. AgentCom v1.1 shows a cancelled task as a dead letter.
enum class TaskEnd { completed, dead_letter, cancelled };
std::optional<TaskEnd> end_of(const json::Object& task) {
    const std::string status = text_of(task, "status");
    const std::string state = text_of(task, "state");
    if (status == "completed") return TaskEnd::completed;
    if (status == "cancelled" || state == "cancelled") return TaskEnd::cancelled;
    if (status != "dead_letter") return std::nullopt;
    return text_of(task, "last_error") == "cancelled" ? TaskEnd::cancelled : TaskEnd::dead_letter;
}

Trouble trouble_of_end(const std::string& task_id, TaskEnd end, const std::string& task_raw) {
    switch (end) {
        case TaskEnd::completed:
            return std::nullopt;
        case TaskEnd::cancelled:
            return Failure{ExitCode::failed, "task " + task_id + " gave no result", "it was cancelled",
                           "Submit it again if it is still wanted.", task_raw};
        case TaskEnd::dead_letter:
            return Failure{
                ExitCode::failed, "task " + task_id + " failed", text_of(members_of(task_raw), "last_error"),
                "See `agentcom task show " + task_id + "`; `agentcom task retry " + task_id + "` queues it again.",
                task_raw};
    }
    return std::nullopt;
}

struct EndedTask {
    TaskEnd end;
    std::string task_raw;
};

Outcome<EndedTask> wait_for_end(const CommandContext& context, HubClient& client, const std::string& task_id) {
    HubPatience patience(context.surroundings);
    for (;;) {
        const milliseconds wait = context.long_poll();
        if (wait <= milliseconds{0}) {
            return time_is_over("task " + task_id + " has not ended",
                                "It goes on; see `agentcom task show " + task_id + "`.");
        }
        const milliseconds asked_at = context.surroundings.now();
        const std::string target = task_target(task_id) + "?wait_ms=" + std::to_string(wait.count());
        Outcome<std::string> answer = client.long_poll("cannot wait for task " + task_id, target, wait);
        if (answer) {
            if (const std::optional<TaskEnd> end = end_of(members_of(*answer))) return EndedTask{*end, *answer};
        }
        if (!answer && answer.failure().code == ExitCode::timeout) continue;
        if (Trouble trouble = patience.after_long_poll(answer, asked_at, wait, context.time_left())) return *trouble;
    }
}

Answer answer_of(const std::vector<EndedTask>& tasks, EndShown shown) {
    const auto as_text = [&tasks, shown] {
        std::string text;
        for (const EndedTask& task : tasks) {
            const json::Object members = members_of(task.task_raw);
            text += shown == EndShown::results ? result_text(members)
                                               : text_of(members, "id") + "  " + state_name(members) + "\n";
        }
        return text;
    };
    if (shown == EndShown::results && tasks.size() == 1) return {tasks.front().task_raw, "", as_text};
    json::Writer data;
    data.begin_object().key("tasks").begin_array();
    for (const EndedTask& task : tasks) data.raw(task.task_raw);
    data.end_array().end_object();
    return {data.take(), "tasks", as_text};
}

}  // namespace

std::string task_target(std::string_view task_id) { return "/api/tasks/" + percent_encode(task_id); }

Trouble wait_for_tasks(const CommandContext& context, HubClient& client, const std::vector<std::string>& task_ids,
                       EndShown shown) {
    std::vector<EndedTask> ended;
    Trouble first;
    for (const std::string& task_id : task_ids) {
        Outcome<EndedTask> task = wait_for_end(context, client, task_id);
        if (!task) return task.failure();
        if (Trouble trouble = trouble_of_end(task_id, task->end, task->task_raw)) {
            if (!first) first = std::move(trouble);
            // The results of the others are shown all the same.
            if (shown == EndShown::results) continue;
        }
        ended.push_back(std::move(*task));
    }
    // With --json there is one document, and a failure takes it.
    if (context.options.json && first) return first;
    if (Trouble trouble = emit(context, answer_of(ended, shown))) return trouble;
    return first;
}

}  // namespace agentcom::cli
