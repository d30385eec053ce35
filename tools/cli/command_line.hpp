// From argv to Options: names, help texts and usage errors of every command.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "tools/cli/failure.hpp"
#include "tools/cli/options.hpp"

namespace agentcom::cli {

// A text to print instead of running a command: --help, --version, completion.
struct Information {
    std::string text;
};

using CommandLine = std::variant<Options, Information>;

// `arguments` are those after the program's name. Knows nothing of the environment.
Outcome<CommandLine> parse_command_line(const std::vector<std::string>& arguments);

// Whether --json is among our own arguments, also when the rest makes no sense: then the error is JSON too.
bool wants_json(const std::vector<std::string>& arguments);

}  // namespace agentcom::cli
