#include "core/access/token_bucket.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

#include "core/base/prng.hpp"

using namespace agentcom;
using bucket::Level;
using bucket::Rate;

namespace {

__extension__ using Wide = __int128;

int64_t between(Prng& prng, int64_t low, int64_t high) {
    return low + static_cast<int64_t>(prng.below(static_cast<uint64_t>(high - low) + 1));
}

/// A number of any size up to `high`: small and large ones are as likely.
int64_t of_any_size(Prng& prng, int64_t high) {
    int64_t bound = 1;
    while (bound < high && prng.below(4) != 0) bound = bound > high / 8 ? high : bound * 8;
    return between(prng, 1, bound);
}

/// Asks at a moment: true when a token was granted.
bool ask(Level& level, const Rate& rate, int64_t now_us) {
    bucket::fill(level, rate, now_us);
    return bucket::take(level);
}

}  // namespace

TEST_CASE("over any window a bucket grants at most its capacity and its rate", "[limits]") {
    const uint64_t seed = GENERATE(range<uint64_t>(1, 101));
    CAPTURE(seed);
    Prng prng(seed);
    const Rate rate{of_any_size(prng, 2'000), of_any_size(prng, 10'000'000 * bucket::kMillionths)};
    CAPTURE(rate.capacity, rate.refill_millionths_per_min);
    int64_t now_us = between(prng, 0, 1'000'000'000'000);
    int64_t latest_us = now_us;
    Level level = bucket::full(rate, now_us);
    // About as fast as the bucket fills, in steps from nothing to many tokens' worth.
    const int64_t token_us = std::max<int64_t>(1, bucket::kWhole / rate.refill_millionths_per_min);
    std::vector<int64_t> granted;
    for (int i = 0; i < 3'000; ++i) {
        switch (prng.below(8)) {
            case 0:
                now_us += between(prng, 0, 4 * token_us);
                break;
            case 1:
                now_us += between(prng, 0, token_us / 7 + 1);
                break;
            case 2:
                now_us += prng.below(100) == 0 ? between(prng, 0, 1'000 * token_us) : 0;
                break;
            default:
                break;  // the clock stands still
        }
        // A clock that goes back does not count: it is as late as it ever was.
        const int64_t asked_us = prng.below(50) == 0 ? latest_us - between(prng, 0, token_us) : now_us;
        latest_us = std::max(latest_us, asked_us);
        if (ask(level, rate, asked_us)) granted.push_back(latest_us);
        REQUIRE(level.tokens >= 0);
        REQUIRE(level.tokens <= rate.capacity);
        REQUIRE(level.fraction >= 0);
        REQUIRE(level.fraction < bucket::kWhole);
    }
    // The definition itself, for every pair of grants: what came in, in exact arithmetic, pays for what is beyond the
    // capacity. Nothing here knows how the bucket counts.
    for (size_t from = 0; from < granted.size(); ++from) {
        for (size_t to = from; to < granted.size(); to += 1 + prng.below(7)) {
            const Wide beyond = static_cast<Wide>(to - from + 1) - rate.capacity;
            const Wide came_in = static_cast<Wide>(granted[to] - granted[from]) * rate.refill_millionths_per_min;
            REQUIRE(beyond * bucket::kWhole <= came_in);
        }
    }
}

TEST_CASE("who waits as told is granted, and not a microsecond earlier", "[limits]") {
    const uint64_t seed = GENERATE(range<uint64_t>(1, 51));
    CAPTURE(seed);
    Prng prng(seed);
    for (int round = 0; round < 50; ++round) {
        const Rate rate{of_any_size(prng, 50), of_any_size(prng, bucket::kTokensMax * bucket::kMillionths)};
        CAPTURE(rate.capacity, rate.refill_millionths_per_min);
        int64_t now_us = between(prng, 0, 1'000'000'000);
        Level level = bucket::full(rate, now_us);
        for (int64_t i = 0; i < rate.capacity; ++i) REQUIRE(ask(level, rate, now_us));
        for (int i = 0; i < 20; ++i) {
            REQUIRE_FALSE(ask(level, rate, now_us));
            const int64_t wait_us = bucket::wait_us(level, rate);
            REQUIRE(wait_us > 0);
            // Hammering meanwhile costs nothing and gains nothing.
            for (int k = 0; k < 5 && wait_us > 1; ++k) {
                Level early = level;
                REQUIRE_FALSE(ask(early, rate, now_us + between(prng, 0, wait_us - 1)));
            }
            Level hammered = level;
            int64_t at_us = now_us;
            for (int k = 0; k < 5; ++k) {
                at_us = between(prng, at_us, now_us + wait_us - 1);
                REQUIRE_FALSE(ask(hammered, rate, at_us));
            }
            now_us += wait_us;
            REQUIRE(ask(hammered, rate, now_us));
            REQUIRE(ask(level, rate, now_us));
            // At a high rate more than one may have come in within the microsecond.
            while (bucket::take(level)) {
            }
        }
    }
}

TEST_CASE("the extremes: one token an hour, millions a minute, a clock far ahead or behind", "[limits]") {
    constexpr int64_t kPerHour = 16'667;  // 1/60 of a token a minute
    const Rate slow{1, kPerHour};
    Level level = bucket::full(slow, 0);
    CHECK(ask(level, slow, 0));
    CHECK(bucket::wait_us(level, slow) == 3'599'928'002);  // 60 / 0.016667 s, rounded up
    CHECK_FALSE(ask(level, slow, kUsPerHour - 100'000));
    CHECK(ask(level, slow, kUsPerHour));

    const Rate fast = Rate::per_minute(10'000'000);
    level = bucket::full(fast, 0);
    for (int i = 0; i < 1'000; ++i) CHECK(ask(level, fast, 0));
    CHECK(level.tokens == 9'999'000);
    bucket::fill(level, fast, 6'000);
    CHECK(bucket::is_full(level, fast));

    const Rate most = Rate::per_minute(bucket::kTokensMax);
    level = Level{0, 0, 0};
    bucket::fill(level, most, INT64_MAX);
    CHECK(level.tokens == bucket::kTokensMax);
    CHECK(ask(level, most, 0));  // the clock cannot go back: nothing comes in, nothing is lost
    CHECK(level.tokens == bucket::kTokensMax - 1);
    CHECK(level.filled_us == INT64_MAX);

    // A century idle at one token an hour.
    level = Level{0, 0, 0};
    const Rate patient{1'000'000, kPerHour};
    bucket::fill(level, patient, 100 * 365 * 24 * kUsPerHour);
    CHECK(level.tokens == 876'017);
}

TEST_CASE("a capacity that has shrunk spills what is too much", "[limits]") {
    Level level = bucket::full(Rate::per_minute(100), 0);
    bucket::fill(level, Rate::per_minute(3), 0);
    CHECK(level.tokens == 3);
    CHECK(level.fraction == 0);
}
