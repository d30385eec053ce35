#include "native-server/push/base64url.hpp"

#include <cstdint>

namespace agentcom {

namespace {

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

}  // namespace

std::string to_base64url(std::string_view bytes) {
    std::string text;
    text.reserve((bytes.size() * 4 + 2) / 3);
    uint32_t bits = 0;
    unsigned held = 0;
    for (const char byte : bytes) {
        bits = (bits << 8U) | static_cast<uint8_t>(byte);
        for (held += 8; held >= 6; held -= 6) text += kDigits[(bits >> (held - 6)) & 63U];
    }
    if (held > 0) text += kDigits[(bits << (6 - held)) & 63U];
    return text;
}

std::optional<std::string> from_base64url(std::string_view text) {
    while (text.ends_with('=')) text.remove_suffix(1);
    // One digit holds no byte.
    if (text.size() % 4 == 1) return std::nullopt;
    std::string bytes;
    bytes.reserve(text.size() * 3 / 4);
    uint32_t bits = 0;
    unsigned held = 0;
    for (const char digit : text) {
        const size_t value = kDigits.find(digit);
        if (value == std::string_view::npos) return std::nullopt;
        bits = (bits << 6U) | static_cast<uint32_t>(value);
        held += 6;
        if (held < 8) continue;
        held -= 8;
        bytes += static_cast<char>((bits >> held) & 255U);
    }
    return bytes;
}

}  // namespace agentcom
