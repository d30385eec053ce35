#include "core/base/utf8.hpp"

#include <cstdint>
#include <cstring>

namespace agentcom {
namespace {

constexpr bool is_continuation(unsigned char byte) { return (byte & 0xC0U) == 0x80U; }

// The length of the well-formed sequence at `at`, or 0. The ranges are those of Unicode's table 3-7.
size_t sequence_length(const unsigned char* at, size_t left) {
    const unsigned char lead = at[0];
    if (lead < 0x80) return 1;
    if (lead < 0xC2) return 0;
    if (lead < 0xE0) return left >= 2 && is_continuation(at[1]) ? 2 : 0;
    if (lead < 0xF0) {
        if (left < 3 || !is_continuation(at[1]) || !is_continuation(at[2])) return 0;
        if (lead == 0xE0 && at[1] < 0xA0) return 0;
        if (lead == 0xED && at[1] > 0x9F) return 0;
        return 3;
    }
    if (lead < 0xF5) {
        if (left < 4 || !is_continuation(at[1]) || !is_continuation(at[2]) || !is_continuation(at[3])) return 0;
        if (lead == 0xF0 && at[1] < 0x90) return 0;
        if (lead == 0xF4 && at[1] > 0x8F) return 0;
        return 4;
    }
    return 0;
}

}  // namespace

bool is_valid_utf8(std::string_view bytes) {
    const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
    size_t left = bytes.size();
    while (left > 0) {
        // Most text is ASCII: eight bytes at a time.
        while (left >= 8) {
            uint64_t word = 0;
            std::memcpy(&word, at, 8);
            if ((word & 0x8080808080808080U) != 0) break;
            at += 8;
            left -= 8;
        }
        if (left == 0) break;
        const size_t length = sequence_length(at, left);
        if (length == 0) return false;
        at += length;
        left -= length;
    }
    return true;
}

size_t count_code_points(std::string_view text) {
    size_t count = 0;
    for (const char c : text) count += is_continuation(static_cast<unsigned char>(c)) ? 0U : 1U;
    return count;
}

bool exceeds_code_points(std::string_view text, size_t limit) {
    if (text.size() <= limit) return false;
    return truncate_code_points(text, limit).size() < text.size();
}

std::string_view truncate_code_points(std::string_view text, size_t count) {
    if (text.size() <= count) return text;
    size_t seen = 0;
    for (size_t i = 0; i < text.size(); ++i) {
        if (is_continuation(static_cast<unsigned char>(text[i]))) continue;
        if (seen == count) return text.substr(0, i);
        ++seen;
    }
    return text;
}

}  // namespace agentcom
