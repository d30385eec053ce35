#include "core/access/address_group.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <vector>

namespace agentcom {

namespace {

/// The 16-bit parts of one side of "::"; nothing for text that is none.
std::optional<std::vector<uint16_t>> parts_of(std::string_view text) {
    std::vector<uint16_t> parts;
    while (!text.empty()) {
        const size_t colon = text.find(':');
        const std::string_view word = text.substr(0, colon);
        uint16_t part = 0;
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), part, 16);
        if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
        parts.push_back(part);
        if (colon == std::string_view::npos) break;
        text.remove_prefix(colon + 1);
        if (text.empty()) return std::nullopt;
    }
    return parts;
}

std::optional<std::array<uint16_t, 8>> parse_ipv6(std::string_view text) {
    const size_t gap = text.find("::");
    const auto front = parts_of(text.substr(0, gap));
    const auto back = gap == std::string_view::npos ? std::vector<uint16_t>{} : parts_of(text.substr(gap + 2));
    if (!front || !back) return std::nullopt;
    const size_t count = front->size() + back->size();
    if (gap == std::string_view::npos ? count != 8 : count > 7) return std::nullopt;
    std::array<uint16_t, 8> parts{};
    for (size_t i = 0; i < front->size(); ++i) parts.at(i) = (*front)[i];
    for (size_t i = 0; i < back->size(); ++i) parts.at(8 - back->size() + i) = (*back)[i];
    return parts;
}

}  // namespace

std::string address_group(std::string_view address) {
    constexpr std::string_view kSuffix = "/64";
    std::string_view bare = address;
    if (bare.ends_with(kSuffix)) bare.remove_suffix(kSuffix.size());
    bare = bare.substr(0, bare.find('%'));  // the zone of a link-local address
    if (bare.find(':') == std::string_view::npos) return std::string(address);
    const auto parts = parse_ipv6(bare);
    if (!parts) return std::string(address);
    std::string group;
    for (size_t i = 0; i < 4; ++i) {
        std::array<char, 4> digits{};
        const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), parts->at(i), 16);
        group.append(digits.data(), end);
        group += ':';
    }
    return group + ":/64";
}

}  // namespace agentcom
