// Secrets and other randomness of the operating system. The core never draws any: it is given digests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/hub/input.hpp"

namespace agentcom {

/// Lowercase hex digits of so many random bytes. Ends the process when the system has no randomness to give.
std::string random_hex(size_t bytes);
int64_t random_int64();

/// A new token: 64 hex digits, as AgentCom's have always been.
std::string draw_token();
/// What the hub may know of a token.
FreshSecret describe_token(const std::string& token);
/// Overwrites a secret and empties the string.
void wipe(std::string& secret);

}  // namespace agentcom
