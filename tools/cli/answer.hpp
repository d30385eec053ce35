// The one way in which a command prints what it found: for people as text, with --json as a document that scripts may
// rely on, with --fields as chosen members.
//
//     {"schema_version":1,"data":…}       docs/schemas/cli/<command>.json describes `data`
//
// `data` is the hub's own answer, byte for byte, wherever there is one; numbers keep their spelling. A command that
// goes on for long prints one such document a line.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/cli/failure.hpp"

namespace agentcom::cli {

// Grows with a change that a reader of today's documents would not understand; new members do not change it.
inline constexpr int kOutputSchemaVersion = 1;

struct Answer {
    // One JSON value.
    std::string data_raw;
    // The member of `data` that holds the rows of a list; "" when data is one thing.
    std::string_view rows;
    // What people see; called only when needed.
    std::function<std::string()> text;
};

// {"schema_version":1,"data":…} and a line end.
std::string data_document(std::string_view data_raw);

// The named members of each row, or of the one thing that data is, under --json. A name may be a path: "hub.version".
// What a thing does not have is null. The rest of a list's answer (cursors, counts) stays.
std::string picked_json(const Answer& answer, const std::vector<std::string>& fields);

// The same as text: a line per row, values between tabs, strings without quotes, nothing for null.
std::string picked_lines(const Answer& answer, const std::vector<std::string>& fields);

// All that goes to standard output for an answer.
std::string rendered(const Answer& answer, bool as_json, const std::vector<std::string>& fields);

}  // namespace agentcom::cli
