// Hashes that are the same on every machine: XXH3 of xxHash 0.8 (its output is frozen), over little-endian bytes.
//
// Hash128 is the checksum of a row and, summed, of all state: addition is a true 128-bit sum, so the digest of a set of
// rows is kept up to date by adding the new row's hash and subtracting the old one's, in any order. It finds accidents
// (a flipped bit, a lost row, two machines that drifted apart); it does not stand against an attacker.
//
//     Hasher hasher;
//     hasher.bytes(row.name);
//     hasher.i64(row.generation);
//     digest += hasher.finish();
#pragma once

#ifndef XXH_INLINE_ALL
#define XXH_INLINE_ALL
#endif
#include <xxhash.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace agentcom {

struct Hash128 {
    uint64_t lo = 0;
    uint64_t hi = 0;

    Hash128& operator+=(const Hash128& other) {
        lo += other.lo;
        hi += other.hi + (lo < other.lo ? 1U : 0U);
        return *this;
    }
    Hash128& operator-=(const Hash128& other) {
        const uint64_t borrow = lo < other.lo ? 1U : 0U;
        lo -= other.lo;
        hi -= other.hi + borrow;
        return *this;
    }
    bool operator==(const Hash128&) const = default;

    // 32 lowercase hex digits, most significant first.
    std::string to_hex() const;
};

// The other direction of Hash128::to_hex; false when the text is not 32 hex digits.
bool hash128_from_hex(std::string_view text, Hash128& out);

// A hash over a sequence of typed values. Strings are prefixed with their length, so that ("ab", "c") and ("a", "bc")
// differ; nothing else separates values, so both sides must agree on the sequence of types.
class Hasher {
  public:
    Hasher() { XXH3_128bits_reset(&state_); }

    void bytes(std::string_view value) {
        u64(value.size());
        if (!value.empty()) XXH3_128bits_update(&state_, value.data(), value.size());
    }
    void u64(uint64_t value) {
        std::array<unsigned char, 8> little_endian{};
        for (unsigned i = 0; i < 8; ++i) little_endian[i] = static_cast<unsigned char>(value >> (8U * i));
        XXH3_128bits_update(&state_, little_endian.data(), little_endian.size());
    }
    void i64(int64_t value) { u64(static_cast<uint64_t>(value)); }
    void u8(uint8_t value) { XXH3_128bits_update(&state_, &value, 1); }
    void boolean(bool value) { u8(value ? 1 : 0); }

    // The hash of what was given so far; more may follow.
    Hash128 finish() const {
        const XXH128_hash_t hash = XXH3_128bits_digest(&state_);
        return {hash.low64, hash.high64};
    }

  private:
    XXH3_state_t state_;
};

// The plain XXH3-128 of these bytes, without a length prefix.
inline Hash128 hash128(std::string_view bytes) {
    const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
    return {hash.low64, hash.high64};
}

// For unordered containers with string keys; std::hash differs between standard libraries. Deterministic order is still
// not promised by the containers: do not iterate where the order shows.
//
//     std::unordered_map<std::string, Row, StringHash, std::equal_to<>> rows;   // find(std::string_view) works
struct StringHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const noexcept {
        return static_cast<size_t>(XXH3_64bits(text.data(), text.size()));
    }
};

}  // namespace agentcom
