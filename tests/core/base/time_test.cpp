#include "core/base/time.hpp"

#include <catch2/catch.hpp>

using namespace agentcom;

TEST_CASE("durations from outside saturate rather than overflow") {
    CHECK(us_from_ms(3) == 3'000);
    CHECK(us_from_ms(-3) == -3'000);
    CHECK(us_from_ms(INT64_MAX) == INT64_MAX);
    CHECK(us_from_ms(INT64_MIN) == INT64_MIN);
    CHECK(us_from_ms(INT64_MAX / 1000) == INT64_MAX / 1000 * 1000);
    CHECK(us_from_ms(INT64_MAX / 1000 + 1) == INT64_MAX);
    CHECK(ms_from_us(2'999) == 2);
    CHECK(saturating_add(1, 2) == 3);
    CHECK(saturating_add(INT64_MAX, 1) == INT64_MAX);
    CHECK(saturating_add(INT64_MIN, -1) == INT64_MIN);
    CHECK(saturating_add(INT64_MIN, INT64_MAX) == -1);
}
