// Keeps secrets out of the log, whatever was handed to it: by the names of members at any depth of a value, and by
// what credentials look like in any text.
//
// This is the last line of defence. Credentials are cut out of frames and requests before the core sees them
// (core/protocol/credentials.hpp); what is caught here came by another way, such as a task's metadata.
#pragma once

#include <string>
#include <string_view>

namespace agentcom {

inline constexpr std::string_view kRedacted = "[REDACTED]";

/// A member of this name holds a secret: its last words are token, secret, password, api key, authorization, cookie or
/// the like, however they are joined and capitalized ("authToken", "X-Api-Key"). Numbers of tokens ("tokens_used") and
/// the public beginnings of tokens ("token_prefix") are none.
bool is_secret_name(std::string_view name);

/// The text without what looks like a credential: what follows "Bearer", "Basic" or `token=`, 64 hex digits in a row
/// (the hub's own tokens), JSON Web Tokens, and the prefixed keys of common services.
std::string redact_text(std::string_view text);

/// A valid JSON value, with the values of secret names replaced and every other text redacted.
std::string redact_json(std::string_view valid_json);

}  // namespace agentcom
