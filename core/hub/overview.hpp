// One workspace on one page: who is there and at work on what, how long the queue is, and what needs a person.
//
// It is what `GET /api/overview` answers, and what a reader of events gets when the events it asks for are not to be
// had. All of it comes from memory and from indexes, so it costs as much as it shows, however many tasks there are.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/state/context.hpp"

namespace agentcom::overview {

/// The overview as JSON, as of now; `cursor` in it is where the events that follow begin.
std::string text(const Context&, int64_t workspace);

/// Something that needs a person.
struct Need {
    std::string_view kind;  ///< waiting_input, stuck, dead_letter, unresponsive, undeliverable
    std::string subject;
    std::string text;
    std::optional<int64_t> since;
    std::optional<std::string> agent;
};
struct Needs {
    std::vector<Need> shown;
    int64_t total = 0;
};
Needs needs(const Context&, int64_t workspace);

/// What a task's holder asks; nullopt: nothing.
std::optional<std::string> question_of(const Context&, const std::string& task_id, int64_t workspace);

}  // namespace agentcom::overview
