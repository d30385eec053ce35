// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
//
// Lengths on the wire are counted in code points: the predecessor counted grapheme clusters, which needs Unicode tables
// that change every year and differs only for combining sequences.
#pragma once

#include <cstddef>
#include <string_view>

namespace agentcom {

bool is_valid_utf8(std::string_view bytes);

// The number of code points in valid UTF-8.
size_t count_code_points(std::string_view text);

// Whether valid UTF-8 has more than `limit` code points; does not look further than it must.
bool exceeds_code_points(std::string_view text, size_t limit);

// The first `count` code points of valid UTF-8, or all of it.
std::string_view truncate_code_points(std::string_view text, size_t count);

}  // namespace agentcom
