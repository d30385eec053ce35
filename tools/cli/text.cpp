#include "tools/cli/text.hpp"

#include <algorithm>
#include <cstdint>

#include "core/base/utf8.hpp"

namespace agentcom::cli {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
// NAME_MAX is 255; temporary files add an ending to these names.
constexpr size_t kMaxFileNameBytes = 200;

// The length that a UTF-8 sequence starting with this byte has, or 0 for a byte that starts none.
size_t sequence_length(unsigned char first) {
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first <= 0xDF) return 2;
    if (first >= 0xE0 && first <= 0xEF) return 3;
    if (first >= 0xF0 && first <= 0xF4) return 4;
    return 0;
}

bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
}

void append_percent(std::string& out, char c) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
}

// FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/
uint64_t fnv1a(std::string_view text) {
    uint64_t hash = 14695981039346656037U;
    for (const char c : text) {
        hash ^= static_cast<unsigned char>(c);
        hash *= 1099511628211U;
    }
    return hash;
}

}  // namespace

std::string repaired_utf8(std::string_view bytes) {
    if (is_valid_utf8(bytes)) return std::string(bytes);
    std::string out;
    out.reserve(bytes.size());
    while (!bytes.empty()) {
        const size_t length = sequence_length(static_cast<unsigned char>(bytes.front()));
        if (length > 0 && length <= bytes.size() && is_valid_utf8(bytes.substr(0, length))) {
            out += bytes.substr(0, length);
            bytes.remove_prefix(length);
        } else {
            out += kReplacement;
            bytes.remove_prefix(1);
        }
    }
    return out;
}

std::string_view last_code_points(std::string_view text, size_t count) {
    size_t begin = text.size();
    while (begin > 0 && count > 0) {
        --begin;
        const bool continues = (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80;
        if (!continues) --count;
    }
    return text.substr(begin);
}

std::string percent_encode(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (is_unreserved(c) || c == '~') {
            out += c;
        } else {
            append_percent(out, c);
        }
    }
    return out;
}

void QueryTarget::add(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    text_ += text_.find('?') == std::string::npos ? '?' : '&';
    text_ += std::string(name) + "=" + percent_encode(value);
}

std::string file_name_for(std::string_view text) {
    if (text.empty()) return "%";
    std::string out;
    for (const char c : text) {
        const bool hides = c == '.' && out.empty();
        if (is_unreserved(c) && !hides) {
            out += c;
        } else {
            append_percent(out, c);
        }
    }
    if (out.size() <= kMaxFileNameBytes) return out;
    constexpr std::string_view kDigits = "0123456789abcdef";
    out.resize(kMaxFileNameBytes - 17);
    out += '+';
    const uint64_t hash = fnv1a(text);
    for (int shift = 60; shift >= 0; shift -= 4) out += kDigits[(hash >> shift) & 15];
    return out;
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kSpace = " \t\r\n";
    const size_t first = text.find_first_not_of(kSpace);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string terminal_safe(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        const bool c1 = byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
        if (c1) {
            out += kReplacement;
            ++i;
        } else if ((byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7F) {
            out += kReplacement;
        } else {
            out += text[i];
        }
    }
    return out;
}

}  // namespace agentcom::cli
