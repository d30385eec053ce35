// SHA-256 (FIPS 180-4), for credentials: the hub keeps and compares digests of tokens, never tokens.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace agentcom {

using Digest256 = std::array<uint8_t, 32>;

Digest256 sha256(std::string_view bytes);

// The digest as 64 lowercase hex digits.
std::string sha256_hex(std::string_view bytes);

}  // namespace agentcom
