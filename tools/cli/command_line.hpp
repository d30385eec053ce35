// From argv to Options: names, help texts and usage errors of every command.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tools/cli/failure.hpp"
#include "tools/cli/options.hpp"

namespace agentcom::cli {

// A text to print instead of running a command: --help, --version.
struct Information {
    std::string text;
};

using CommandLine = std::variant<Options, Information>;

// `arguments` are those after the program's name. Reads AGENTCOM_HUB, AGENTCOM_AGENT and AGENTCOM_TOKEN, which flags
// override.
Outcome<CommandLine> parse_command_line(const std::vector<std::string>& arguments);

// Milliseconds of "500ms", "90s", "15m", "2h", "1d", or plain seconds. Nothing when it is none of these or below 1 ms.
std::optional<int64_t> parse_duration_ms(std::string_view text);

// Milliseconds since 1970 of "2026-01-31T18:00:00Z" (with or without Z: UTC), or a plain count of milliseconds.
std::optional<int64_t> parse_instant_ms(std::string_view text);

}  // namespace agentcom::cli
