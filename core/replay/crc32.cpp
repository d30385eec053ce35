#include "core/replay/crc32.hpp"

#include <array>

namespace agentcom {

namespace {

constexpr std::array<uint32_t, 256> make_table() {
    std::array<uint32_t, 256> table{};
    for (uint32_t i = 0; i < 256; ++i) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) value = (value >> 1U) ^ ((value & 1U) != 0 ? 0xedb88320U : 0U);
        table.at(i) = value;
    }
    return table;
}
constexpr std::array<uint32_t, 256> kTable = make_table();

}  // namespace

uint32_t crc32(std::string_view bytes, uint32_t before) {
    uint32_t crc = ~before;
    for (const char c : bytes) crc = (crc >> 8U) ^ kTable[(crc ^ static_cast<uint8_t>(c)) & 0xffU];
    return ~crc;
}

}  // namespace agentcom
