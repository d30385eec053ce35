#include <algorithm>
#include <chrono>
#include <ostream>
#include <utility>

#include "core/base/json.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/login.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/text.hpp"

namespace agentcom::cli {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstPoll{100};
constexpr milliseconds kSlowestPoll{2'000};
// A hub that restarts is back long before; one that stays away this long needs a person.
constexpr milliseconds kMaxHubAbsence{300'000};

std::string task_target(std::string_view task_id) { return "/api/tasks/" + percent_encode(task_id); }

Outcome<HubClient> client_for(const CommandContext& context) {
    Outcome<Identity> login = choose_login(context.options, context.hub, context.directories, LoginNeed::any);
    if (!login) return login.failure();
    return HubClient(context.hub, login->token, context.transport, context.surroundings);
}

std::string submit_body(const SubmitCommand& command) {
    json::Writer body;
    body.begin_object().member("description", command.description).member("priority", command.priority);
    if (!command.needs.empty()) body.raw_member("needed_capabilities", json::encode_strings(command.needs));
    if (!command.metadata_raw.empty()) body.raw_member("metadata", command.metadata_raw);
    if (command.max_retries) body.member("max_retries", *command.max_retries);
    if (command.complete_by_ms) {
        const int64_t now =
            std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
        body.member("complete_by", command.complete_in ? now + *command.complete_by_ms : *command.complete_by_ms);
    }
    if (command.max_run_ms) body.member("max_run_ms", *command.max_run_ms);
    if (!command.unique_key.empty()) body.member("unique_key", command.unique_key);
    if (!command.blocked_by.empty()) body.raw_member("blocked_by", json::encode_strings(command.blocked_by));
    return body.end_object().take();
}

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

Trouble report_end(const CommandContext& context, const std::string& task_id, TaskEnd end,
                   const std::string& task_raw) {
    const json::Object task = members_of(task_raw);
    if (context.options.json) context.out << task_raw << "\n";
    switch (end) {
        case TaskEnd::completed:
            if (!context.options.json) context.out << result_text(task);
            return std::nullopt;
        case TaskEnd::cancelled:
            return Failure{ExitCode::failed,
                           "task " + task_id + " gave no result",
                           "it was cancelled",
                           "Submit it again if it is still wanted.",
                           {}};
        case TaskEnd::dead_letter:
            return Failure{
                ExitCode::failed,
                "task " + task_id + " failed",
                text_of(task, "last_error"),
                "See `agentcom task show " + task_id + "`; `agentcom task retry " + task_id + "` queues it again.",
                {}};
    }
    return std::nullopt;
}

Trouble wait_for_task(const CommandContext& context, HubClient& client, const std::string& task_id,
                      std::optional<int64_t> timeout_ms) {
    const milliseconds start = context.surroundings.now();
    milliseconds last_answer = start;
    bool absent = false;
    milliseconds pause = kFirstPoll;
    for (;;) {
        Outcome<std::string> answer = client.get("cannot watch task " + task_id, task_target(task_id));
        const milliseconds now = context.surroundings.now();
        if (answer) {
            last_answer = now;
            absent = false;
            const json::Object task = members_of(*answer);
            if (const std::optional<TaskEnd> end = end_of(task)) return report_end(context, task_id, *end, *answer);
        } else {
            // The task is safe in the hub, which may be restarting.
            if (answer.failure().code != ExitCode::unavailable) return answer.failure();
            if (!absent) {
                absent = true;
                context.surroundings.notice("the hub is away (" + answer.failure().why + "); waiting for it");
            }
            if (now - last_answer >= kMaxHubAbsence) return answer.failure();
        }
        if (timeout_ms) {
            const milliseconds left = milliseconds(*timeout_ms) - (now - start);
            if (left <= milliseconds{0}) {
                return Failure{ExitCode::timeout,
                               "task " + task_id + " has not ended",
                               "the time given with --timeout is over",
                               "It goes on; see `agentcom task show " + task_id + "`.",
                               {}};
            }
            context.surroundings.sleep(std::min(pause, left));
        } else {
            context.surroundings.sleep(pause);
        }
        pause = std::min(pause * 3 / 2, kSlowestPoll);
    }
}

}  // namespace

Trouble run_submit(const CommandContext& context, const SubmitCommand& command) {
    Outcome<HubClient> client = client_for(context);
    if (!client) return client.failure();
    Outcome<std::string> answer = client->post("cannot submit the task", "/api/tasks", submit_body(command));
    if (!answer) {
        Failure failure = answer.failure();
        if (failure.code == ExitCode::conflict && failure.next.empty() && !command.unique_key.empty()) {
            failure.next = "An unfinished task has this --unique-key; see `agentcom task list`.";
        }
        return failure;
    }
    const std::string task_id = text_of(members_of(*answer), "task_id");
    if (!command.wait) {
        context.out << (context.options.json ? *answer : "submitted " + task_id) << "\n";
        return std::nullopt;
    }
    if (task_id.empty()) {
        return Failure{ExitCode::failed, "cannot wait for the task", "the hub's answer does not name it", "", *answer};
    }
    // Standard output is for the result alone.
    context.surroundings.notice("submitted " + task_id + "; waiting for its end");
    return wait_for_task(context, *client, task_id, command.timeout_ms);
}

Trouble run_task_show(const CommandContext& context, const TaskShowCommand& command) {
    Outcome<HubClient> client = client_for(context);
    if (!client) return client.failure();
    Outcome<std::string> answer = client->get("cannot show task " + command.task_id, task_target(command.task_id));
    if (!answer) return answer.failure();
    context.out << (context.options.json ? *answer + "\n" : task_text(members_of(*answer)));
    return std::nullopt;
}

Trouble run_task_list(const CommandContext& context, const TaskListCommand& command) {
    Outcome<HubClient> client = client_for(context);
    if (!client) return client.failure();
    std::string target = "/api/tasks";
    const auto add = [&target](std::string_view name, const std::string& value) {
        if (value.empty()) return;
        target += target.find('?') == std::string::npos ? '?' : '&';
        target += std::string(name) + "=" + percent_encode(value);
    };
    add("status", command.status);
    add("priority", command.priority);
    add("assigned_to", command.assigned_to);
    if (command.limit) add("limit", std::to_string(*command.limit));
    Outcome<std::string> answer = client->get("cannot list the tasks", target);
    if (!answer) return answer.failure();
    const json::Object members = members_of(*answer);
    context.out << (context.options.json ? *answer + "\n" : task_table(raw_of(members, "tasks")));
    if (!context.options.json && !text_of(members, "next_cursor").empty()) {
        context.surroundings.notice("there are more; see --limit, --status, --priority and --assigned-to");
    }
    return std::nullopt;
}

Trouble run_task_cancel(const CommandContext& context, const TaskCancelCommand& command) {
    Outcome<HubClient> client = client_for(context);
    if (!client) return client.failure();
    Outcome<std::string> answer = client->remove("cannot cancel task " + command.task_id, task_target(command.task_id));
    if (!answer) {
        Failure failure = answer.failure();
        if (failure.code == ExitCode::conflict) failure.next = "A task that has ended cannot be cancelled.";
        return failure;
    }
    context.out << (context.options.json ? *answer : "cancelled " + command.task_id) << "\n";
    return std::nullopt;
}

Trouble run_task_retry(const CommandContext& context, const TaskRetryCommand& command) {
    Outcome<HubClient> client = client_for(context);
    if (!client) return client.failure();
    Outcome<std::string> answer =
        client->post("cannot retry task " + command.task_id, task_target(command.task_id) + "/retry", "");
    if (!answer) {
        Failure failure = answer.failure();
        if (failure.code == ExitCode::not_found) failure.next = "Only a dead letter can be retried.";
        return failure;
    }
    context.out << (context.options.json ? *answer : "queued " + command.task_id + " again") << "\n";
    return std::nullopt;
}

}  // namespace agentcom::cli
