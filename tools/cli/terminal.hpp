// What standard output is: a person's terminal of some width, or a pipe.
#pragma once

#include <string>
#include <string_view>

namespace agentcom::cli {

struct Terminal {
    bool is_terminal = false;
    // Never with NO_COLOR (https://no-color.org) or TERM=dumb.
    bool colour = false;
    int columns = 80;
    int lines = 24;

    // Of standard output, now: a window may change its size.
    static Terminal of_standard_output();
};

enum class Colour { none, bold, dim, red, green, yellow, cyan };

// The text in a colour, if there are colours.
std::string coloured(const Terminal& terminal, Colour colour, std::string_view text);

}  // namespace agentcom::cli
