// Scripts that complete our commands and options in a shell, made from the commands as CLI11 knows them.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>

namespace agentcom::cli {

// `shell` is bash, zsh or fish. To be used as the script itself says in its first lines.
std::string completion_script(const CLI::App& root, std::string_view shell);

}  // namespace agentcom::cli
