#include "core/access/token_bucket.hpp"

#include <algorithm>

namespace agentcom::bucket {

namespace {

/// Whole tokens of a sum of fractions; what is left over stays in `fraction`.
int64_t whole_tokens(int64_t elapsed_us, int64_t rate, int64_t& fraction) {
    int64_t sum = 0;
    if (!__builtin_mul_overflow(elapsed_us, rate, &sum) && !__builtin_add_overflow(sum, fraction, &sum)) {
        fraction = sum % kWhole;
        return sum / kWhole;
    }
    // Years of idleness times a high rate do not fit into 64 bits.
    __extension__ using Wide = __int128;
    const Wide wide = static_cast<Wide>(elapsed_us) * rate + fraction;
    fraction = static_cast<int64_t>(wide % kWhole);
    return static_cast<int64_t>(std::min<Wide>(wide / kWhole, kTokensMax));
}

}  // namespace

Level full(const Rate& rate, int64_t now_us) { return {rate.capacity, 0, now_us}; }

void fill(Level& level, const Rate& rate, int64_t now_us) {
    if (now_us > level.filled_us) {
        level.tokens += whole_tokens(now_us - level.filled_us, rate.refill_millionths_per_min, level.fraction);
        level.filled_us = now_us;
    }
    if (level.tokens >= rate.capacity) {
        level.tokens = rate.capacity;
        level.fraction = 0;
    }
}

bool take(Level& level) {
    if (level.tokens < 1) return false;
    --level.tokens;
    return true;
}

int64_t wait_us(const Level& level, const Rate& rate) {
    if (level.tokens >= 1) return 0;
    return (kWhole - level.fraction + rate.refill_millionths_per_min - 1) / rate.refill_millionths_per_min;
}

bool is_full(const Level& level, const Rate& rate) { return level.tokens >= rate.capacity; }

}  // namespace agentcom::bucket
