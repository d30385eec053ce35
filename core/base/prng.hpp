// The core's only source of randomness: xoshiro256** (Blackman and Vigna, 2018), seeded through SplitMix64.
//
// Its state is plain data that is saved, loaded and hashed with the rest of the core, so that a replay draws the same
// ids. It is not for secrets: tokens are drawn by the machine from the operating system.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/base/assert.hpp"

namespace agentcom {

struct Prng {
    std::array<uint64_t, 4> state{};

    Prng() : Prng(0) {}

    // Any seed will do, zero too.
    explicit Prng(uint64_t seed) {
        for (uint64_t& word : state) {
            seed += 0x9e3779b97f4a7c15U;
            uint64_t z = seed;
            z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
            z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
            word = z ^ (z >> 31U);
        }
    }

    // The next 64 random bits.
    uint64_t next() {
        const uint64_t result = rotate_left(state[1] * 5, 7) * 9;
        const uint64_t shifted = state[1] << 17U;
        state[2] ^= state[0];
        state[3] ^= state[1];
        state[1] ^= state[2];
        state[0] ^= state[3];
        state[2] ^= shifted;
        state[3] = rotate_left(state[3], 45);
        return result;
    }

    // Uniform in [0, bound), without bias. `bound` must not be 0.
    uint64_t below(uint64_t bound) {
        AGENTCOM_ASSERT(bound != 0, "a random number below zero was asked for");
        const uint64_t first_unbiased = (0 - bound) % bound;
        uint64_t draw = next();
        while (draw < first_unbiased) draw = next();
        return draw % bound;
    }

    // The same for positions in memory: uniform in [0, size).
    size_t index_below(size_t size) { return static_cast<size_t>(below(size)); }

    // 16 lowercase hex digits from 64 bits: the form of message and task ids.
    std::string hex16() {
        static constexpr char kDigits[] = "0123456789abcdef";
        const uint64_t bits = next();
        std::string text(16, '0');
        for (unsigned i = 0; i < 16; ++i) text[i] = kDigits[(bits >> (60U - 4U * i)) & 15U];
        return text;
    }

    bool operator==(const Prng&) const = default;

  private:
    static constexpr uint64_t rotate_left(uint64_t x, unsigned by) { return (x << by) | (x >> (64U - by)); }
};

}  // namespace agentcom
