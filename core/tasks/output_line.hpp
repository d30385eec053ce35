// The last line of a program's output, followed piece by piece.
#pragma once

#include <string>
#include <string_view>

namespace agentcom::tasks {

/// Code points of the line that are kept: its beginning.
inline constexpr size_t kOutputLineCodePoints = 200;

/// The last line that holds something. White space around it is cut off; a carriage return begins the line anew, as on
/// a terminal.
struct OutputLine {
    std::string text;
    bool open = false;  ///< the next piece goes on with it

    /// Takes the next piece of valid UTF-8.
    void take(std::string_view piece);
};

}  // namespace agentcom::tasks
