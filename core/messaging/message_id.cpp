#include "core/messaging/message_id.hpp"

namespace agentcom {

namespace {

constexpr unsigned kRandomBits = 24;
constexpr uint64_t kRandomMask = (uint64_t{1} << kRandomBits) - 1;
constexpr size_t kDigits = 16;

// The finalizer of MurmurHash3 (fmix64, public domain). Both steps are bijections of 64 bits: a shift by more than half
// the width undoes itself, and an odd factor has an inverse modulo 2^64.
constexpr uint64_t kFirst = 0xff51afd7ed558ccdU;
constexpr uint64_t kSecond = 0xc4ceb9fe1a85ec53U;
constexpr unsigned kShift = 33;

constexpr uint64_t inverse(uint64_t odd) {
    uint64_t result = odd;  // right in the low 3 bits; each step doubles their number
    for (int i = 0; i < 5; ++i) result *= 2 - odd * result;
    return result;
}
static_assert(kFirst * inverse(kFirst) == 1 && kSecond * inverse(kSecond) == 1);

constexpr uint64_t mix(uint64_t value) {
    value ^= value >> kShift;
    value *= kFirst;
    value ^= value >> kShift;
    value *= kSecond;
    return value ^ value >> kShift;
}

constexpr uint64_t unmix(uint64_t value) {
    value ^= value >> kShift;
    value *= inverse(kSecond);
    value ^= value >> kShift;
    value *= inverse(kFirst);
    return value ^ value >> kShift;
}
static_assert(unmix(mix(0x0123456789abcdefU)) == 0x0123456789abcdefU);

}  // namespace

std::string make_message_id(int64_t seq, uint64_t random) {
    const uint64_t mixed = mix(static_cast<uint64_t>(seq) << kRandomBits | (random & kRandomMask));
    std::string id(kDigits, '0');
    for (size_t i = 0; i < kDigits; ++i) id[i] = "0123456789abcdef"[mixed >> (4 * (kDigits - 1 - i)) & 15U];
    return id;
}

std::optional<int64_t> seq_of_message_id(std::string_view id) {
    if (id.size() != kDigits) return std::nullopt;
    uint64_t mixed = 0;
    for (const char c : id) {
        if ((c < '0' || c > '9') && (c < 'a' || c > 'f')) return std::nullopt;
        mixed = mixed << 4U | static_cast<uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return static_cast<int64_t>(unmix(mixed) >> kRandomBits);
}

}  // namespace agentcom
