// Takes what people and agents wrote out of a recording, so that it can be given away: who did what when stays.
//
// Values of a JSON text stay where their name says that they are a name, a word of the protocol or a number; any other
// text becomes "x", any other object {} and any other list []. Columns of rows with contents of that kind are treated
// the same. What was empty stays empty. The result can be played, but its digests are others, and so may be what the
// hub answers.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/hub/input.hpp"

namespace agentcom::replay {

/// The contents of a block of either kind without payloads; nullopt when they are not what such a block holds.
std::optional<std::string> strip_rows(std::string_view raw);
std::optional<std::string> strip_records(std::string_view raw);

void strip_input(InputBody&);
/// A valid JSON text.
std::string strip_json(std::string_view text);

}  // namespace agentcom::replay
