#include "tools/cli/output.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "core/base/utf8.hpp"
#include "tools/cli/table.hpp"
#include "tools/cli/text.hpp"
#include "tools/cli/times.hpp"

namespace agentcom::cli {

namespace {

constexpr size_t kLabelColumns = 14;

std::string one_line(std::string_view text, size_t limit) {
    std::string line = terminal_safe(text);
    std::ranges::replace(line, '\n', ' ');
    std::ranges::replace(line, '\t', ' ');
    if (!exceeds_code_points(line, limit)) return line;
    return std::string(truncate_code_points(line, limit - 3)) + "...";
}

std::string indented(std::string_view text) {
    std::string out = "  ";
    for (const char c : text) {
        out += c;
        if (c == '\n') out += "  ";
    }
    return out + "\n";
}

void add_line(std::string& out, std::string_view label, std::string_view value) {
    if (value.empty() || value == "null") return;
    std::string padded(label);
    padded.resize(std::max(padded.size(), kLabelColumns), ' ');
    out += padded + terminal_safe(value) + "\n";
}

std::string strings_text(std::string_view array_raw) {
    if (!array_raw.starts_with('[')) return {};
    std::string out;
    for (const json::Value& value : json::elements(array_raw)) {
        if (!out.empty()) out += ", ";
        out += value.kind == json::Kind::string ? json::decode_string(value) : std::string(value.raw);
    }
    return out;
}

std::string optional_instant(const json::Object& task, std::string_view key) {
    const int64_t at = number_of(task, key);
    return at == 0 ? std::string{} : instant_text(at);
}

// What a message asks of its reader, and how it is filed.
std::string envelope_text(const json::Object& message) {
    std::string text;
    const std::string importance = text_of(message, "importance");
    if (importance == "high" || importance == "urgent") text += "  " + importance;
    if (raw_of(message, "ack_required") == "true") {
        const std::string by = optional_instant(message, "ack_by");
        text += "  please acknowledge" + (by.empty() ? "" : " by " + by);
    }
    for (const json::Value& label : elements_of(message, "labels")) {
        if (label.kind == json::Kind::string) text += "  [" + one_line(json::decode_string(label), 64) + "]";
    }
    return text;
}

void add_waiting(std::string& out, const json::Object& task) {
    const json::Object waiting = members_of(raw_of(task, "waiting"));
    std::string why = text_of(waiting, "detail");
    if (why.empty()) why = text_of(waiting, "reason");
    add_line(out, "why", why);
    for (const json::Value& blocker : elements_of(waiting, "blockers")) {
        const json::Object task_before = members_of(blocker.raw);
        out += std::string(kLabelColumns, ' ') + terminal_safe(text_of(task_before, "task_id")) + " (" +
               terminal_safe(text_of(task_before, "state")) + ")\n";
    }
}

void add_question(std::string& out, const json::Object& task) {
    const json::Object question = members_of(raw_of(task, "question"));
    if (question.empty()) return;
    add_line(out, "asks", text_of(question, "question"));
    int number = 0;
    for (const json::Value& option : elements_of(question, "options")) {
        add_line(out, "", std::to_string(++number) + "  " + json::decode_string(option));
    }
    add_line(out, "", "answer it with: agentcom task answer " + text_of(task, "id") + " TEXT");
}

void add_cancellation(std::string& out, const json::Object& task) {
    const json::Object cancel = members_of(raw_of(task, "cancel_requested"));
    if (cancel.empty()) return;
    const std::string reason = text_of(cancel, "reason");
    add_line(out, "cancelling",
             "by " + text_of(cancel, "by") + ", may finish until " + optional_instant(cancel, "until") +
                 (reason.empty() ? "" : ": " + reason));
}

}  // namespace

json::Object members_of(std::string_view valid_json) {
    const json::Value root = json::parse_value(valid_json);
    return root.kind == json::Kind::object ? json::members(root.raw, json::Duplicates::last_wins) : json::Object{};
}

std::string text_of(const json::Object& object, std::string_view key) {
    const json::Value* value = object.find(key);
    return value != nullptr && value->kind == json::Kind::string ? json::decode_string(*value) : std::string{};
}

int64_t number_of(const json::Object& object, std::string_view key, int64_t otherwise) {
    const json::Value* value = object.find(key);
    return value != nullptr && value->kind == json::Kind::integer ? json::to_int64(*value).value_or(otherwise)
                                                                  : otherwise;
}

std::string_view raw_of(const json::Object& object, std::string_view key) {
    const json::Value* value = object.find(key);
    return value == nullptr ? std::string_view("null") : value->raw;
}

std::vector<json::Value> elements_of(const json::Object& object, std::string_view key) {
    const std::string_view raw = raw_of(object, key);
    return raw.starts_with('[') ? json::elements(raw) : std::vector<json::Value>{};
}

std::string message_text(const json::Object& message) {
    std::string head = "#" + std::to_string(number_of(message, "seq")) + "  " +
                       instant_text(number_of(message, "timestamp")) + "  " + one_line(text_of(message, "from"), 128) +
                       "  " + one_line(text_of(message, "type"), 64);
    if (raw_of(message, "to") == "null") head += "  (to everybody)";
    head += "  " + text_of(message, "id");
    if (const std::string reply_to = text_of(message, "reply_to"); !reply_to.empty()) {
        head += "  in reply to " + one_line(reply_to, 64);
    }
    head += envelope_text(message);
    const std::string_view payload_raw = raw_of(message, "payload");
    const json::Object payload = members_of(payload_raw);
    const bool only_text = payload.size() == 1 && !text_of(payload, "text").empty();
    return head + "\n" + indented(terminal_safe(only_text ? text_of(payload, "text") : std::string(payload_raw)));
}

std::string priority_name(const json::Object& task) {
    constexpr std::array<std::string_view, 4> kNames = {"urgent", "high", "normal", "low"};
    const int64_t priority = number_of(task, "priority", -1);
    if (priority < 0 || priority >= static_cast<int64_t>(kNames.size())) return text_of(task, "priority");
    return std::string(kNames[static_cast<size_t>(priority)]);
}

std::string state_name(const json::Object& task) {
    const std::string state = text_of(task, "state");
    return state.empty() ? text_of(task, "status") : state;
}

std::string task_text(const json::Object& task) {
    std::string out;
    add_line(out, "task", text_of(task, "id"));
    add_line(out, "description", text_of(task, "description"));
    add_line(out, "state", state_name(task));
    add_waiting(out, task);
    add_question(out, task);
    add_cancellation(out, task);
    add_line(out, "priority", priority_name(task));
    add_line(out, "kind", text_of(task, "kind"));
    add_line(out, "labels", strings_text(raw_of(task, "labels")));
    add_line(out, "needs", strings_text(raw_of(task, "needed_capabilities")));
    add_line(out, "submitted by", text_of(task, "submitted_by"));
    add_line(out, "assigned to", text_of(task, "assigned_to"));
    if (number_of(task, "progress", -1) >= 0)
        add_line(out, "progress", std::to_string(number_of(task, "progress")) + " %");
    add_line(out, "generation", raw_of(task, "generation"));
    add_line(out, "failures",
             std::to_string(number_of(task, "retry_count")) + " of " + std::to_string(number_of(task, "max_retries")));
    add_line(out, "last error", text_of(task, "last_error"));
    add_line(out, "part of", text_of(task, "parent_id"));
    add_line(out, "blocked by", strings_text(raw_of(task, "blocked_by")));
    add_line(out, "not before", optional_instant(task, "not_before"));
    add_line(out, "deadline", optional_instant(task, "complete_by"));
    add_line(out, "created", optional_instant(task, "created_at"));
    add_line(out, "updated", optional_instant(task, "updated_at"));
    if (const std::string_view metadata = raw_of(task, "metadata"); metadata != "{}") {
        add_line(out, "metadata", metadata);
    }
    add_line(out, "tokens used", raw_of(task, "tokens_used"));
    add_line(out, "usage", raw_of(task, "usage"));
    add_line(out, "result", raw_of(task, "result"));
    return out;
}

std::string task_table(const std::vector<json::Value>& tasks, size_t columns) {
    std::vector<std::vector<std::string>> rows;
    for (const json::Value& value : tasks) {
        const json::Object task = members_of(value.raw);
        const std::string assigned_to = one_line(text_of(task, "assigned_to"), 32);
        rows.push_back({text_of(task, "id"), state_name(task), priority_name(task),
                        assigned_to.empty() ? "-" : assigned_to, instant_text(number_of(task, "created_at")),
                        text_of(task, "description")});
    }
    if (rows.empty()) return "no tasks\n";
    constexpr size_t kDescription = 5;
    return table_text({"ID", "STATUS", "PRIORITY", "ASSIGNED TO", "CREATED", "DESCRIPTION"}, std::move(rows),
                      kDescription, columns);
}

std::string result_text(const json::Object& task) {
    const std::string_view result_raw = raw_of(task, "result");
    const json::Object result = members_of(result_raw);
    const json::Value* output = result.find("output");
    std::string text = output != nullptr && output->kind == json::Kind::string ? json::decode_string(*output)
                                                                               : std::string(result_raw);
    if (!text.ends_with('\n')) text += '\n';
    return text;
}

}  // namespace agentcom::cli
