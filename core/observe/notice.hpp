// What is said about an event outside the hub: as JSON for programs, in a sentence for people.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.hpp"
#include "core/state/rows.hpp"

namespace agentcom::notices {

/// The event as GET /api/events gives it.
void write_event(json::Writer& out, const EventRow& event, const std::string& epoch);

/// One event, for a person who has not asked.
struct Notice {
    std::string title;
    std::string body;
    std::string tag;       ///< a newer notice of the same tag takes the place of this one
    bool urgent = false;   ///< worth waking somebody
    bool quiet = false;    ///< of alerts: people are not to be told of this one (core/observe/alerts.hpp)
    std::string severity;  ///< of alerts; "" for other events
};

/// Any kind has one; kinds that it does not know are told by their name and subject.
Notice of(const EventRow& event);

/// The beginning of a text: at most so many code points, and three bytes for each of them as JSON.
std::string short_text(std::string_view text, size_t code_points);

/// 0 notice (and what is no severity), 1 warning, 2 critical.
int severity_rank(std::string_view severity);

/// Longer than any kind of event.
inline constexpr size_t kMaxChoiceBytes = 64;
/// Whether a text can choose events: a kind ("task_stuck"), the beginning of kinds up to a whole word ("task_*"), or
/// all ("*").
bool is_choice(std::string_view text);
/// The first of them that cannot; "": all can.
std::string first_bad_choice(const std::vector<std::string>& kinds);

}  // namespace agentcom::notices
