// The hub's program as a tool: what knows the files of a data directory is agentcom-hub, which lies beside this
// program.
#pragma once

#include <string>
#include <vector>

#include "tools/cli/commands.hpp"
#include "tools/cli/failure.hpp"

namespace agentcom::cli {

// Runs it on the data directory that the options name, or the default one, and gives the JSON object that it prints.
// What it says of an error is a failure of `what`.
Outcome<std::string> run_hub_tool(const CommandContext& context, const std::string& what,
                                  std::vector<std::string> arguments);

// Where that is.
std::string hub_data_of(const CommandContext& context);

}  // namespace agentcom::cli
