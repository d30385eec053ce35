// The token file of a v1.1 hub: priv/tokens.json, {"<token>":"<agent_id>", …}, in the clear.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "tools/cli/failure.hpp"

namespace agentcom::cli {

struct OldToken {
    std::string token;
    std::string agent;

    // What the new hub is told of it; the token itself stays here.
    std::string sha256() const;
    std::string prefix() const;
};

// In the order of the file.
Outcome<std::vector<OldToken>> parse_token_file(std::string_view text);
Outcome<std::vector<OldToken>> read_token_file(const std::filesystem::path& file);

// Whether somebody but its owner may read it.
bool is_readable_by_others(const std::filesystem::path& file);

}  // namespace agentcom::cli
