// Lowercase hexadecimal, and the comparison that does not tell how much of a secret was right.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace agentcom {

// Two lowercase digits per byte.
std::string to_hex(std::string_view bytes);

// The bytes, or nothing when the text has an odd length or a character that is not a hex digit. Takes both cases.
std::optional<std::string> from_hex(std::string_view text);

// Compares without an early exit: the time taken depends on the lengths only.
bool equal_constant_time(std::string_view a, std::string_view b);

}  // namespace agentcom
