// The token of the hub's own admin, in DIR/admin.token (0600). Whoever can read the data directory is the admin.
#pragma once

#include <string>

#include "core/base/result.hpp"

namespace agentcom {

struct AdminToken {
    std::string token;
    bool created = false;  ///< there was no file: this is a new token
};

/// Reads the token, or draws one and writes the file. Deleting the file and starting again replaces a lost token.
/// Errors: `cannot_write`, `bad_admin_token` (the file is there and holds nothing).
Result<AdminToken> load_admin_token(const std::string& data_directory);

}  // namespace agentcom
