#include "core/tasks/output_line.hpp"

#include "core/base/utf8.hpp"

namespace agentcom::tasks {

namespace {

constexpr std::string_view kLineEnds = "\r\n";
constexpr std::string_view kBlanks = " \t\r\n";

std::string_view trimmed(std::string_view text) {
    const size_t first = text.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace

void OutputLine::take(std::string_view piece) {
    if (piece.empty()) return;
    const size_t last = piece.find_last_not_of(kBlanks);
    if (last == std::string_view::npos) {
        open = open && piece.find_first_of(kLineEnds) == std::string_view::npos;
        return;
    }
    const std::string_view before = piece.substr(0, last + 1);
    const size_t line_end = before.find_last_of(kLineEnds);
    const bool goes_on = line_end == std::string_view::npos && open;
    std::string line = goes_on ? text : std::string{};
    // Blanks between two pieces of a line belong to it.
    line += goes_on ? before : trimmed(before.substr(line_end == std::string_view::npos ? 0 : line_end + 1));
    text = std::string(truncate_code_points(line, kOutputLineCodePoints));
    open = piece.substr(last + 1).find_first_of(kLineEnds) == std::string_view::npos;
}

}  // namespace agentcom::tasks
