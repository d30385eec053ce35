#include <cstdlib>
#include <istream>
#include <ostream>
#include <utility>

#include "core/base/json.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/login.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/task_wait.hpp"
#include "tools/cli/times.hpp"

namespace agentcom::cli {

namespace {

// What POST /api/tasks/batch takes at a time.
constexpr size_t kMaxBatch = 1'000;

// The members that the command line gives a task, without its description.
json::Writer submitted_members(const SubmitCommand& command, int64_t now_ms) {
    json::Writer body;
    body.begin_object();
    const auto add = [&body](std::string_view name, const std::string& value) {
        if (!value.empty()) body.member(name, value);
    };
    const auto add_list = [&body](std::string_view name, const std::vector<std::string>& values) {
        if (!values.empty()) body.raw_member(name, json::encode_strings(values));
    };
    const auto add_time = [&body, now_ms](std::string_view name, const std::string& value) {
        if (!value.empty()) body.member(name, parse_time_ms(value, now_ms));
    };
    add("priority", command.priority);
    add_list("needed_capabilities", command.needs);
    if (!command.metadata_raw.empty()) body.raw_member("metadata", command.metadata_raw);
    if (command.max_retries) body.member("max_retries", *command.max_retries);
    add_time("complete_by", command.complete_by);
    add_time("not_before", command.not_before);
    if (command.max_run_ms) body.member("max_run_ms", *command.max_run_ms);
    add("unique_key", command.unique_key);
    add_list("blocked_by", command.blocked_by);
    add("on_blocker_failure", command.on_blocker_failure);
    add("kind", command.kind);
    add_list("labels", command.labels);
    add("parent_id", command.parent_id);
    add("fairness_key", command.fairness_key);
    add("trace", command.trace);
    return body;
}

Trouble submit_one(const CommandContext& context, HubClient& client, const SubmitCommand& command) {
    json::Writer body = submitted_members(command, context.surroundings.wall_ms());
    body.member("description", command.description).end_object();
    Outcome<std::string> answer = client.post("cannot submit the task", "/api/tasks", body.take());
    if (!answer) {
        Failure failure = answer.failure();
        if (failure.code == ExitCode::conflict && failure.next.empty() && !command.unique_key.empty()) {
            failure.next = "An unfinished task has this --unique-key; see `agentcom task list`.";
        }
        return failure;
    }
    const json::Object members = members_of(*answer);
    const std::string task_id = text_of(members, "task_id");
    if (!command.wait) {
        const bool duplicate = raw_of(members, "duplicate") == "true";
        return emit(context, {*answer, "", [&] {
                                  return (duplicate ? "there is one with this key already: " : "submitted ") + task_id +
                                         "\n";
                              }});
    }
    // Standard output is for the result alone.
    context.surroundings.notice("submitted " + task_id + "; waiting for its end");
    return wait_for_tasks(context, client, {task_id}, EndShown::results);
}

// -- Many -------------------------------------------------------------------------------------------------------------

Failure bad_line(size_t number, std::string why) {
    return Failure{
        ExitCode::usage,
        "cannot submit the tasks",
        "line " + std::to_string(number) + " " + std::move(why),
        "Each line is one JSON object, such as {\"description\":\"count the stars\"}. Nothing was submitted.",
        {}};
}

// A line's object with the members that the command line gives and the line does not.
std::string with_defaults(std::string_view line_raw, std::string_view defaults_raw) {
    const json::Object line = json::members(line_raw, json::Duplicates::last_wins);
    json::Writer out;
    out.begin_object();
    for (const json::Member& member : line) out.raw_member(member.key, member.value.raw);
    for (const json::Member& member : json::members(defaults_raw)) {
        if (!line.contains(member.key)) out.raw_member(member.key, member.value.raw);
    }
    return out.end_object().take();
}

struct Batch {
    std::string body = R"({"tasks":[)";
    std::vector<size_t> line_numbers;
};

Outcome<Batch> read_batch(std::istream& in, std::string_view defaults_raw) {
    Batch batch;
    std::string line;
    for (size_t number = 1; std::getline(in, line); ++number) {
        if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
        if (!json::validate(line)) return bad_line(number, "is not valid JSON");
        const json::Value value = json::parse_value(line);
        if (value.kind != json::Kind::object) return bad_line(number, "is not a JSON object");
        if (batch.line_numbers.size() == kMaxBatch) {
            return bad_line(number, "is one too many: a batch has at most " + std::to_string(kMaxBatch) + " tasks");
        }
        if (!batch.line_numbers.empty()) batch.body += ',';
        batch.body += with_defaults(value.raw, defaults_raw);
        batch.line_numbers.push_back(number);
    }
    batch.body += "]}";
    if (batch.line_numbers.empty()) return bad_line(1, "is missing: standard input is empty");
    return batch;
}

// "tasks[3].description: …" says little to who wrote lines.
Failure with_line_number(Failure failure, const std::vector<size_t>& line_numbers) {
    constexpr std::string_view kMark = "tasks[";
    const size_t mark = failure.why.find(kMark);
    if (mark == std::string::npos) return failure;
    const size_t index = std::strtoul(failure.why.c_str() + mark + kMark.size(), nullptr, 10);
    if (index >= line_numbers.size()) return failure;
    failure.next = "Correct line " + std::to_string(line_numbers[index]) + " of standard input. Nothing was submitted.";
    return failure;
}

Trouble submit_many(const CommandContext& context, HubClient& client, const SubmitCommand& command) {
    const std::string defaults = submitted_members(command, context.surroundings.wall_ms()).end_object().take();
    Outcome<Batch> batch = read_batch(context.in, defaults);
    if (!batch) return batch.failure();
    Outcome<std::string> answer = client.post("cannot submit the tasks", "/api/tasks/batch", std::move(batch->body));
    if (!answer) return with_line_number(answer.failure(), batch->line_numbers);
    std::vector<std::string> task_ids;
    for (const json::Value& task : elements_of(members_of(*answer), "tasks")) {
        task_ids.push_back(text_of(members_of(task.raw), "task_id"));
    }
    if (command.wait) {
        context.surroundings.notice("submitted " + std::to_string(task_ids.size()) + " tasks; waiting for their end");
        return wait_for_tasks(context, client, task_ids, EndShown::results);
    }
    return emit(context, {*answer, "tasks", [&] {
                              std::string text;
                              for (const std::string& task_id : task_ids) text += "submitted " + task_id + "\n";
                              return text;
                          }});
}

}  // namespace

Trouble run(const CommandContext& context, const SubmitCommand& command) {
    Outcome<HubClient> client = client_for(context, LoginNeed::any);
    if (!client) return client.failure();
    if (command.description == "-") return submit_many(context, *client, command);
    return submit_one(context, *client, command);
}

}  // namespace agentcom::cli
