// The hub's answers as text for people. Pure functions from JSON to lines, each ending in a line end; what comes from
// agents is made safe for a terminal. A member that is missing or of another type shows as nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.hpp"

namespace agentcom::cli {

// -- Reading answers --------------------------------------------------------------------------------------------------

// The members of an answer; none when it is not an object. The text must be valid JSON and outlive the result.
json::Object members_of(std::string_view valid_json);
// The member's text, or "" when it is missing or no string.
std::string text_of(const json::Object& object, std::string_view key);
// The member's number, or `otherwise`.
int64_t number_of(const json::Object& object, std::string_view key, int64_t otherwise = 0);
// The member's JSON, or "null".
std::string_view raw_of(const json::Object& object, std::string_view key);
// The elements of the member that is a list; none when it is not.
std::vector<json::Value> elements_of(const json::Object& object, std::string_view key);

// -- Writing them -----------------------------------------------------------------------------------------------------

// A message: one line of envelope, then its text (or payload) indented.
std::string message_text(const json::Object& message);

// A task with all that is known, a line per member, and why it waits if it does.
std::string task_text(const json::Object& task);

// Tasks in columns, one line each, no wider than `columns` (0: as wide as it takes).
std::string task_table(const std::vector<json::Value>& tasks, size_t columns);

// What a completed task gave: its result's `output` when that is a text, else the result as JSON.
std::string result_text(const json::Object& task);

// "urgent" for 0, …; the member as it is when it is something else.
std::string priority_name(const json::Object& task);

// "queued", "waiting_input", …: `state` of newer hubs, else `status`.
std::string state_name(const json::Object& task);

}  // namespace agentcom::cli
