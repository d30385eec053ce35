#include "tools/cli/table.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "tools/cli/text.hpp"

namespace agentcom::cli {

namespace {

constexpr size_t kGap = 2;
constexpr size_t kMinElastic = 10;

struct Range {
    uint32_t first;
    uint32_t last;
};

// Blocks of Unicode 15 whose characters are W or F in EastAsianWidth.txt, joined where only unassigned ones lie
// between.
constexpr std::array kWide = {
    Range{0x1100, 0x115F},   Range{0x231A, 0x231B},   Range{0x2329, 0x232A},   Range{0x23E9, 0x23EC},
    Range{0x25FD, 0x25FE},   Range{0x2614, 0x2615},   Range{0x2648, 0x2653},   Range{0x26A1, 0x26A1},
    Range{0x26BD, 0x26BE},   Range{0x2705, 0x2705},   Range{0x274C, 0x274C},   Range{0x2753, 0x2757},
    Range{0x2795, 0x2797},   Range{0x2B1B, 0x2B1C},   Range{0x2B50, 0x2B55},   Range{0x2E80, 0x303E},
    Range{0x3041, 0x33FF},   Range{0x3400, 0x4DBF},   Range{0x4E00, 0xA4C6},   Range{0xA960, 0xA97C},
    Range{0xAC00, 0xD7A3},   Range{0xF900, 0xFAFF},   Range{0xFE10, 0xFE19},   Range{0xFE30, 0xFE6B},
    Range{0xFF01, 0xFF60},   Range{0xFFE0, 0xFFE6},   Range{0x16FE0, 0x18CD8}, Range{0x1B000, 0x1B2FB},
    Range{0x1F004, 0x1F004}, Range{0x1F0CF, 0x1F0CF}, Range{0x1F18E, 0x1F19A}, Range{0x1F200, 0x1F320},
    Range{0x1F32D, 0x1F335}, Range{0x1F337, 0x1F64F}, Range{0x1F680, 0x1F6FF}, Range{0x1F7E0, 0x1F7EB},
    Range{0x1F90C, 0x1F9FF}, Range{0x1FA70, 0x1FAFF}, Range{0x20000, 0x3FFFD},
};
// The common blocks of combining marks, joiners and variation selectors.
constexpr std::array kZero = {
    Range{0x0300, 0x036F}, Range{0x0483, 0x0489}, Range{0x0591, 0x05BD}, Range{0x0610, 0x061A},   Range{0x064B, 0x065F},
    Range{0x1AB0, 0x1AFF}, Range{0x1DC0, 0x1DFF}, Range{0x200B, 0x200F}, Range{0x202A, 0x202E},   Range{0x2060, 0x2064},
    Range{0x20D0, 0x20FF}, Range{0xFE00, 0xFE0F}, Range{0xFE20, 0xFE2F}, Range{0xE0100, 0xE01EF},
};

template <size_t N>
bool is_in(const std::array<Range, N>& ranges, uint32_t code_point) {
    const auto found = std::ranges::upper_bound(ranges, code_point, {}, &Range::first);
    return found != ranges.begin() && code_point <= std::prev(found)->last;
}

// Takes one code point off the front of valid UTF-8.
uint32_t take_code_point(std::string_view& text, std::string_view& bytes) {
    const auto first = static_cast<unsigned char>(text.front());
    const size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    uint32_t code_point = length == 1 ? first : first & (0xFFU >> (length + 1));
    for (size_t i = 1; i < length && i < text.size(); ++i) {
        code_point = (code_point << 6) | (static_cast<unsigned char>(text[i]) & 0x3FU);
    }
    bytes = text.substr(0, length);
    text.remove_prefix(bytes.size());
    return code_point;
}

size_t width_of(uint32_t code_point) {
    if (is_in(kZero, code_point)) return 0;
    return is_in(kWide, code_point) ? 2 : 1;
}

// The longest beginning that takes no more columns.
std::string_view beginning(std::string_view text, size_t columns) {
    std::string_view rest = text;
    size_t used = 0;
    while (!rest.empty()) {
        const std::string_view before = rest;
        std::string_view bytes;
        used += width_of(take_code_point(rest, bytes));
        if (used > columns) return text.substr(0, text.size() - before.size());
    }
    return text;
}

std::string one_line(std::string_view text) {
    std::string line = terminal_safe(text);
    std::ranges::replace(line, '\n', ' ');
    std::ranges::replace(line, '\t', ' ');
    return line;
}

}  // namespace

size_t display_width(std::string_view text) {
    size_t width = 0;
    std::string_view bytes;
    while (!text.empty()) width += width_of(take_code_point(text, bytes));
    return width;
}

std::string fitted(std::string_view text, size_t columns) {
    std::string line = one_line(text);
    if (display_width(line) <= columns) return line;
    if (columns == 0) return {};
    return std::string(beginning(line, columns - 1)) + "…";
}

std::string padded(std::string_view text, size_t columns) {
    std::string line = fitted(text, columns);
    line.append(columns - display_width(line), ' ');
    return line;
}

std::vector<std::string> wrapped(std::string_view text, size_t columns) {
    std::vector<std::string> lines;
    const std::string safe = one_line(text);
    std::string_view rest = trimmed(safe);
    columns = std::max<size_t>(columns, 2);
    while (!rest.empty()) {
        std::string_view line = beginning(rest, columns);
        if (line.size() < rest.size() && rest[line.size()] != ' ') {
            const size_t space = line.rfind(' ');
            if (space != std::string_view::npos && space > 0) line = line.substr(0, space);
        }
        rest.remove_prefix(line.size());
        lines.emplace_back(trimmed(line));
        rest = trimmed(rest);
    }
    return lines;
}

std::string table_text(const std::vector<std::string>& heading, std::vector<std::vector<std::string>> rows,
                       size_t elastic, size_t columns) {
    for (auto& row : rows) {
        for (std::string& cell : row) cell = one_line(cell);
    }
    rows.insert(rows.begin(), heading);
    std::vector<size_t> widths(heading.size(), 0);
    for (const auto& row : rows) {
        for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));
    }
    size_t total = kGap * (widths.size() - 1);
    for (const size_t width : widths) total += width;
    if (columns > 0 && total > columns) {
        const size_t excess = total - columns;
        const size_t least = std::min(widths[elastic], kMinElastic);
        widths[elastic] = widths[elastic] > excess + least ? widths[elastic] - excess : least;
    }
    std::string out;
    for (const auto& row : rows) {
        std::string line;
        for (size_t i = 0; i < row.size(); ++i) {
            const bool last = i + 1 == row.size();
            line += last ? fitted(row[i], widths[i]) : padded(row[i], widths[i]) + std::string(kGap, ' ');
        }
        out += line + "\n";
    }
    return out;
}

}  // namespace agentcom::cli
