// Text in columns of a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace agentcom::cli {

// How many columns valid UTF-8 takes: two for wide characters (East Asian ones, emoji), none for combining marks.
size_t display_width(std::string_view text);

// The text on one line, cut to so many columns; a cut one ends in "…". Control characters are shown as U+FFFD.
std::string fitted(std::string_view text, size_t columns);

// The same with spaces behind it up to that width.
std::string padded(std::string_view text, size_t columns);

// A text in lines of at most so many columns, broken at spaces where there are any.
std::vector<std::string> wrapped(std::string_view text, size_t columns);

// Rows in columns two spaces apart, a heading first. Lines are no wider than `columns` (0: as wide as it takes); what
// is too much is taken from the column `elastic`, down to 10, so the last resort is a line that is too long.
std::string table_text(const std::vector<std::string>& heading, std::vector<std::vector<std::string>> rows,
                       size_t elastic, size_t columns);

}  // namespace agentcom::cli
