// Base64 with the alphabet for URLs (RFC 4648 §5), as Web Push writes bytes: without padding.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace agentcom {

std::string to_base64url(std::string_view bytes);
/// Padding at the end is passed over; nullopt for anything else that is not of the alphabet.
std::optional<std::string> from_base64url(std::string_view text);

}  // namespace agentcom
