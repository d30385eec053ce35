#include <charconv>
#include <ostream>
#include <utility>

#include "core/base/json.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/login.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/task_wait.hpp"
#include "tools/cli/text.hpp"
#include "tools/cli/times.hpp"

namespace agentcom::cli {

namespace {

// Columns of a table for people; a pipe gets everything.
size_t table_columns(const CommandContext& context) {
    return context.terminal.is_terminal ? static_cast<size_t>(context.terminal.columns) : 0;
}

// The failure with another hint when it is of this kind.
Failure with_hint(Failure failure, ExitCode code, std::string hint) {
    if (failure.code == code) failure.next = std::move(hint);
    return failure;
}

}  // namespace

// -- Looking ----------------------------------------------------------------------------------------------------------

Trouble run(const CommandContext& context, const TaskShowCommand& command) {
    Outcome<HubClient> client = client_for(context, LoginNeed::any);
    if (!client) return client.failure();
    Outcome<std::string> answer = client->get("cannot show task " + command.task_id, task_target(command.task_id));
    if (!answer) return answer.failure();
    return emit(context, {*answer, "", [&] { return task_text(members_of(*answer)); }});
}

Trouble run(const CommandContext& context, const TaskListCommand& command) {
    Outcome<HubClient> client = client_for(context, LoginNeed::any);
    if (!client) return client.failure();
    QueryTarget target("/api/tasks");
    target.add("status", command.status);
    target.add("priority", command.priority);
    target.add("assigned_to", command.assigned_to);
    if (command.limit) target.add("limit", std::to_string(*command.limit));
    target.add("cursor", command.cursor);
    Outcome<std::string> answer = client->get("cannot list the tasks", target.text());
    if (!answer) return answer.failure();
    const json::Object members = members_of(*answer);
    const auto as_text = [&] { return task_table(elements_of(members, "tasks"), table_columns(context)); };
    if (Trouble trouble = emit(context, {*answer, "tasks", as_text})) return trouble;
    const std::string next = text_of(members, "next_cursor");
    if (!context.options.json && !next.empty()) {
        context.surroundings.notice("there are more: --cursor " + next);
    }
    return std::nullopt;
}

// -- Talking ----------------------------------------------------------------------------------------------------------

namespace {

Outcome<std::string> say(HubClient& client, const std::string& what, const std::string& task_id,
                         const std::string& text) {
    json::Writer body;
    body.begin_object().member("text", text).end_object();
    Outcome<std::string> answer = client.post(what, task_target(task_id) + "/say", body.take());
    if (answer) return answer;
    return with_hint(
        answer.failure(), ExitCode::conflict,
        "Only who works on a task right now can be told something; see `agentcom task show " + task_id + "`.");
}

// The text, or the offered answer that it is the number of.
std::string chosen_option(const json::Object& question, const std::string& text) {
    const std::vector<json::Value> options = elements_of(question, "options");
    size_t number = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool is_number = error == std::errc{} && stop == text.data() + text.size();
    for (const json::Value& option : options) {
        // An option that is itself a number means itself.
        if (json::decode_string(option) == text) return text;
    }
    return is_number && number >= 1 && number <= options.size() ? json::decode_string(options[number - 1]) : text;
}

}  // namespace

Trouble run(const CommandContext& context, const TaskSayCommand& command) {
    Outcome<HubClient> client = client_for(context, LoginNeed::any);
    if (!client) return client.failure();
    Outcome<std::string> answer =
        say(*client, "cannot say that to task " + command.task_id, command.task_id, command.text);
    if (!answer) return answer.failure();
    return emit(context, {*answer, "", [&]() -> std::string {
                              const bool delivered = raw_of(members_of(*answer), "delivered") == "true";
                              return delivered ? "said\n"
                                               : "said; it arrives when who works on it is connected again\n";
                          }});
}

Trouble run(const CommandContext& context, const TaskAnswerCommand& command) {
    Outcome<HubClient> client = client_for(context, LoginNeed::any);
    if (!client) return client.failure();
    const std::string what = "cannot answer task " + command.task_id;
    Outcome<std::string> task = client->get(what, task_target(command.task_id));
    if (!task) return task.failure();
    const json::Object question = members_of(raw_of(members_of(*task), "question"));
    if (question.empty()) {
        return Failure{ExitCode::conflict,
                       what,
                       "it has asked nothing, or the question is answered already",
                       "To tell who works on it something all the same: agentcom task say " + command.task_id + " TEXT",
                       {}};
    }
    Outcome<std::string> answer = say(*client, what, command.task_id, chosen_option(question, command.text));
    if (!answer) return answer.failure();
    return emit(context, {*answer, "", [] { return std::string("answered\n"); }});
}

// -- Ending -----------------------------------------------------------------------------------------------------------

Trouble run(const CommandContext& context, const TaskCancelCommand& command) {
    Outcome<HubClient> client = client_for(context, LoginNeed::any);
    if (!client) return client.failure();
    const std::string what = "cannot cancel task " + command.task_id;
    const bool at_once = !command.grace_ms && command.reason.empty();
    json::Writer body;
    body.begin_object();
    if (command.grace_ms) body.member("grace_ms", *command.grace_ms);
    if (!command.reason.empty()) body.member("reason", command.reason);
    body.end_object();
    Outcome<std::string> answer = at_once ? client->remove(what, task_target(command.task_id))
                                          : client->post(what, task_target(command.task_id) + "/cancel", body.take());
    if (!answer) {
        return with_hint(answer.failure(), ExitCode::conflict, "A task that has ended cannot be cancelled.");
    }
    return emit(context, {*answer, "", [&] {
                              const json::Object members = members_of(*answer);
                              if (text_of(members, "status") != "cancelling") {
                                  return "cancelled " + command.task_id + "\n";
                              }
                              return "cancelling " + command.task_id + "; it may finish until " +
                                     instant_text(number_of(members, "until")) + "\n";
                          }});
}

Trouble run(const CommandContext& context, const TaskRetryCommand& command) {
    Outcome<HubClient> client = client_for(context, LoginNeed::any);
    if (!client) return client.failure();
    Outcome<std::string> answer =
        client->post("cannot retry task " + command.task_id, task_target(command.task_id) + "/retry", "");
    if (!answer) return with_hint(answer.failure(), ExitCode::not_found, "Only a dead letter can be retried.");
    return emit(context, {*answer, "", [&] { return "queued " + command.task_id + " again\n"; }});
}

Trouble run(const CommandContext& context, const TaskWaitCommand& command) {
    Outcome<HubClient> client = client_for(context, LoginNeed::any);
    if (!client) return client.failure();
    return wait_for_tasks(context, *client, command.task_ids, EndShown::states);
}

}  // namespace agentcom::cli
