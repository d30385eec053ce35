// The arithmetic of a token bucket, exact to the last bit.
//
// A bucket holds up to `capacity` tokens and fills steadily; whoever wants something takes one. Over any stretch of
// time it grants at most its capacity and what the rate brings in that time, and whoever waits as long as it says is
// granted. The part of a token that has come in so far is kept as an integer, so nothing is lost however often one
// asks.
//
//     bucket::Level level = bucket::full(rate, now_us);
//     bucket::fill(level, rate, now_us);
//     if (!bucket::take(level)) answer(bucket::wait_us(level, rate));
#pragma once

#include <cstdint>

#include "core/base/time.hpp"

namespace agentcom::bucket {

inline constexpr int64_t kMillionths = 1'000'000;

/// A capacity of at most this many tokens, and at most as many per minute, keep every sum below 2^63.
inline constexpr int64_t kTokensMax = 100'000'000;

struct Rate {
    int64_t capacity = 1;                   ///< tokens; at least 1
    int64_t refill_millionths_per_min = 1;  ///< of a token; at least 1

    /// A minute's worth, and full after a minute.
    static Rate per_minute(int64_t tokens) { return {tokens, tokens * kMillionths}; }
    bool operator==(const Rate&) const = default;
};

struct Level {
    int64_t tokens = 0;
    /// Of the next token: microseconds of filling, times millionths of a token per minute. A whole one is `kWhole`.
    int64_t fraction = 0;
    int64_t filled_us = 0;  ///< up to when it has been filled
};

inline constexpr int64_t kWhole = kMillionths * kUsPerMinute;

Level full(const Rate&, int64_t now_us);
/// Fills up to now; a clock behind `filled_us` fills nothing. A capacity that has shrunk spills what is too much.
void fill(Level&, const Rate&, int64_t now_us);
/// Takes a token if there is a whole one.
bool take(Level&);
/// From `filled_us` until there is a whole token; 0 when there is one.
int64_t wait_us(const Level&, const Rate&);
bool is_full(const Level&, const Rate&);

}  // namespace agentcom::bucket
