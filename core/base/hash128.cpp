#include "core/base/hash128.hpp"

#include "core/base/hex.hpp"

namespace agentcom {

std::string Hash128::to_hex() const {
    std::string bytes(16, '\0');
    for (unsigned i = 0; i < 8; ++i) {
        bytes[i] = static_cast<char>(hi >> (56U - 8U * i));
        bytes[8 + i] = static_cast<char>(lo >> (56U - 8U * i));
    }
    return agentcom::to_hex(bytes);
}

bool hash128_from_hex(std::string_view text, Hash128& out) {
    if (text.size() != 32) return false;
    const auto bytes = from_hex(text);
    if (!bytes) return false;
    Hash128 hash;
    for (unsigned i = 0; i < 8; ++i) {
        hash.hi = hash.hi << 8U | static_cast<unsigned char>((*bytes)[i]);
        hash.lo = hash.lo << 8U | static_cast<unsigned char>((*bytes)[8 + i]);
    }
    out = hash;
    return true;
}

}  // namespace agentcom
