#include "native-server/log/sampler.hpp"

#include <catch2/catch.hpp>

namespace agentcom {

TEST_CASE("of a flood so many lines are written per second, the rest is counted", "[log]") {
    LogSampler sampler(3);
    int written = 0;
    for (int i = 0; i < 10; ++i) written += sampler.admit("flood", 1'000 + i) ? 1 : 0;
    CHECK(written == 3);
    CHECK(sampler.admit("other", 1'005));
    CHECK(sampler.take(1'500).empty());
    const auto told = sampler.take(2'000);
    REQUIRE(told.size() == 1);
    CHECK(told[0].event == "flood");
    CHECK(told[0].lines == 7);
    CHECK(sampler.take(3'000).empty());
    CHECK(sampler.admit("flood", 2'100));
}

TEST_CASE("what was suppressed is told although the next second has begun", "[log]") {
    LogSampler sampler(1);
    CHECK(sampler.admit("a", 0));
    CHECK_FALSE(sampler.admit("a", 1));
    CHECK(sampler.admit("a", 1'000));
    CHECK_FALSE(sampler.admit("a", 1'001));
    const auto told = sampler.take(2'000);
    REQUIRE(told.size() == 1);
    CHECK(told[0].lines == 2);
}

TEST_CASE("a clock that is set back, and no limit at all", "[log]") {
    LogSampler sampler(1);
    CHECK(sampler.admit("a", 10'000));
    CHECK_FALSE(sampler.admit("a", 10'001));
    CHECK(sampler.admit("a", 500));
    LogSampler all(0);
    for (int i = 0; i < 1'000; ++i) CHECK(all.admit("a", 0));
    CHECK(all.take(INT64_MAX).empty());
}

}  // namespace agentcom
