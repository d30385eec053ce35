#include "tools/cli/output.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <vector>

#include "core/base/utf8.hpp"
#include "tools/cli/text.hpp"

namespace agentcom::cli {

namespace {

constexpr size_t kTableDescriptionCodePoints = 50;

std::string priority_name(const json::Object& task) {
    constexpr std::array<std::string_view, 4> kNames = {"urgent", "high", "normal", "low"};
    const int64_t priority = number_of(task, "priority", -1);
    if (priority < 0 || priority >= static_cast<int64_t>(kNames.size())) return text_of(task, "priority");
    return std::string(kNames[static_cast<size_t>(priority)]);
}

// Newer hubs tell more than the four statuses of AgentCom v1.1.
std::string state_name(const json::Object& task) {
    const std::string state = text_of(task, "state");
    return state.empty() ? text_of(task, "status") : state;
}

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
    padded.resize(std::max<size_t>(padded.size(), 14), ' ');
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

std::string padded_row(const std::vector<std::string>& cells, const std::vector<size_t>& widths) {
    std::string line;
    for (size_t i = 0; i < cells.size(); ++i) {
        line += cells[i];
        if (i + 1 < cells.size()) line.append(widths[i] - count_code_points(cells[i]) + 2, ' ');
    }
    return line + "\n";
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

std::string instant_text(int64_t unix_ms) {
    using namespace std::chrono;
    // Years 1 to 9999: others have no place in the format, and come from broken clocks.
    if (unix_ms <= 0 || unix_ms > 253'402'300'799'999) return "-";
    const sys_time<milliseconds> instant{milliseconds{unix_ms}};
    const auto day = floor<days>(instant);
    const year_month_day date{day};
    const hh_mm_ss time{floor<seconds>(instant - day)};
    std::array<char, 64> buffer{};
    std::snprintf(buffer.data(), buffer.size(), "%04d-%02u-%02u %02d:%02d:%02dZ", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                  static_cast<int>(time.seconds().count()));
    return buffer.data();
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
    const std::string_view payload_raw = raw_of(message, "payload");
    const json::Object payload = members_of(payload_raw);
    const bool only_text = payload.size() == 1 && !text_of(payload, "text").empty();
    return head + "\n" + indented(terminal_safe(only_text ? text_of(payload, "text") : std::string(payload_raw)));
}

std::string task_text(const json::Object& task) {
    std::string out;
    add_line(out, "task", text_of(task, "id"));
    add_line(out, "description", text_of(task, "description"));
    add_line(out, "status", state_name(task));
    add_line(out, "priority", priority_name(task));
    add_line(out, "needs", strings_text(raw_of(task, "needed_capabilities")));
    add_line(out, "submitted by", text_of(task, "submitted_by"));
    add_line(out, "assigned to", text_of(task, "assigned_to"));
    add_line(out, "generation", raw_of(task, "generation"));
    add_line(out, "failures",
             std::to_string(number_of(task, "retry_count")) + " of " + std::to_string(number_of(task, "max_retries")));
    add_line(out, "last error", text_of(task, "last_error"));
    add_line(out, "blocked by", strings_text(raw_of(task, "blocked_by")));
    add_line(out, "deadline", optional_instant(task, "complete_by"));
    add_line(out, "created", optional_instant(task, "created_at"));
    add_line(out, "updated", optional_instant(task, "updated_at"));
    if (const std::string_view metadata = raw_of(task, "metadata"); metadata != "{}") {
        add_line(out, "metadata", metadata);
    }
    add_line(out, "tokens used", raw_of(task, "tokens_used"));
    add_line(out, "result", raw_of(task, "result"));
    return out;
}

std::string task_table(std::string_view tasks_array_raw) {
    std::vector<std::vector<std::string>> rows = {
        {"ID", "STATUS", "PRIORITY", "ASSIGNED TO", "CREATED", "DESCRIPTION"}};
    if (tasks_array_raw.starts_with('[')) {
        for (const json::Value& value : json::elements(tasks_array_raw)) {
            const json::Object task = members_of(value.raw);
            const std::string assigned_to = one_line(text_of(task, "assigned_to"), 32);
            rows.push_back({text_of(task, "id"), state_name(task), priority_name(task),
                            assigned_to.empty() ? "-" : assigned_to, instant_text(number_of(task, "created_at")),
                            one_line(text_of(task, "description"), kTableDescriptionCodePoints)});
        }
    }
    if (rows.size() == 1) return "no tasks\n";
    std::vector<size_t> widths(rows.front().size(), 0);
    for (const auto& row : rows) {
        for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], count_code_points(row[i]));
    }
    std::string out;
    for (const auto& row : rows) out += padded_row(row, widths);
    return out;
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
