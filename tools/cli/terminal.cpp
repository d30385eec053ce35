#include "tools/cli/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace agentcom::cli {

namespace {

constexpr int kMinColumns = 40;
constexpr int kMaxColumns = 500;

const char* sequence_of(Colour colour) {
    switch (colour) {
        case Colour::none:
            return "";
        case Colour::bold:
            return "\x1B[1m";
        case Colour::dim:
            return "\x1B[2m";
        case Colour::red:
            return "\x1B[31m";
        case Colour::green:
            return "\x1B[32m";
        case Colour::yellow:
            return "\x1B[33m";
        case Colour::cyan:
            return "\x1B[36m";
    }
    return "";
}

// A positive number from the environment, or 0.
int number_of_variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? 0 : std::max(std::atoi(value), 0);
}

}  // namespace

Terminal Terminal::of_standard_output() {
    Terminal terminal;
    terminal.is_terminal = ::isatty(STDOUT_FILENO) == 1;
    winsize size{};
    if (terminal.is_terminal && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        terminal.columns = size.ws_col;
        terminal.lines = size.ws_row;
    } else if (const int columns = number_of_variable("COLUMNS"); columns > 0) {
        terminal.columns = columns;
    }
    terminal.columns = std::clamp(terminal.columns, kMinColumns, kMaxColumns);
    const char* no_colour = std::getenv("NO_COLOR");
    const char* kind = std::getenv("TERM");
    const bool unwanted = no_colour != nullptr && no_colour[0] != '\0';
    const bool dumb = kind == nullptr || std::strcmp(kind, "dumb") == 0;
    terminal.colour = terminal.is_terminal && !unwanted && !dumb;
    return terminal;
}

std::string coloured(const Terminal& terminal, Colour colour, std::string_view text) {
    if (!terminal.colour || colour == Colour::none || text.empty()) return std::string(text);
    return sequence_of(colour) + std::string(text) + "\x1B[0m";
}

}  // namespace agentcom::cli
