// Lowercase hexadecimal, and the comparison that does not tell how much of a secret was right.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace agentcom {

// Two lowercase digits per byte.
std::string to_hex(std::string_view bytes);

// The bytes, or nothing when the text has an odd length or a character that is not a hex digit. Takes both cases.
std::optional<std::string> from_hex(std::string_view text);

// An id of 16 digits that rises with `number` (its low 32 bits) and cannot be guessed from it: the second half is that
// of `random`, 16 digits. Ids that rise keep what is stored together together: a store of millions then writes a few
// pages at the end of each index, where random ids would touch pages all over.
std::string rising_id(int64_t number, std::string_view random);

// Compares without an early exit: the time taken depends on the lengths only.
bool equal_constant_time(std::string_view a, std::string_view b);

}  // namespace agentcom
