#include "tools/bench/statistics.hpp"

#include <catch2/catch.hpp>

namespace agentcom::bench {

TEST_CASE("percentiles are the upper end of a narrow bucket, never better than what was measured") {
    LatencyHistogram histogram;
    for (int64_t us = 1; us <= 1000; ++us) histogram.record(us * 1000);
    const struct {
        double fraction;
        int64_t exact_ns;
    } rows[] = {{0.001, 1000}, {0.5, 500'000}, {0.9, 900'000}, {0.99, 990'000}, {0.999, 999'000}, {1.0, 1'000'000}};
    for (const auto& row : rows) {
        const int64_t found = histogram.percentile_ns(row.fraction);
        INFO("fraction " << row.fraction);
        CHECK(found >= row.exact_ns);
        CHECK(found <= row.exact_ns + row.exact_ns / 64);
    }
    const Percentiles percentiles = histogram.percentiles();
    CHECK(percentiles.count == 1000);
    CHECK(percentiles.max_us == 1000);
}

TEST_CASE("small, huge and negative latencies have a bucket") {
    LatencyHistogram histogram;
    CHECK(histogram.percentile_ns(0.5) == 0);
    histogram.record(-5);
    CHECK(histogram.percentile_ns(1) == 0);
    for (int64_t ns = 0; ns < 200; ++ns) {
        histogram.reset();
        histogram.record(ns);
        CHECK(histogram.percentile_ns(0.5) == ns);
    }
    histogram.reset();
    histogram.record(INT64_MAX);
    CHECK(histogram.percentile_ns(0.5) == INT64_MAX);
    CHECK(histogram.count() == 1);
}

TEST_CASE("the spread of values") {
    CHECK(spread_of({}).median == 0);
    const Spread odd = spread_of({3, 1, 2});
    CHECK(odd.median == 2);
    CHECK(odd.least == 1);
    CHECK(odd.most == 3);
    CHECK(spread_of({4, 1, 2, 3}).median == 2.5);
    CHECK(ratio_of(3, 2) == 1.5);
    CHECK(ratio_of(3, 0) == 0);
}

}  // namespace agentcom::bench
