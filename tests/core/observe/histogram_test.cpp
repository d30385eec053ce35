#include "core/observe/histogram.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <vector>

#include "core/base/prng.hpp"

using namespace agentcom;

namespace {

Histogram of(const std::vector<int64_t>& values) {
    Histogram histogram;
    for (const int64_t value : values) histogram.record(value);
    return histogram;
}

/// The nearest rank of a sorted list: what a percentile is.
int64_t nearest_rank(const std::vector<int64_t>& sorted, int64_t per_mille) {
    const auto count = static_cast<int64_t>(sorted.size());
    const int64_t rank = std::max<int64_t>(1, (count * per_mille + 999) / 1'000);
    return sorted[static_cast<size_t>(rank - 1)];
}

}  // namespace

TEST_CASE("W-19: the 99th percentile of five values is the largest of them, not the one before", "[metrics]") {
    const Histogram histogram = of({100, 200, 300, 400, 1'000});
    CHECK(histogram.percentile(990) == 1'000);
    CHECK(histogram.percentile(900) == 1'000);
    CHECK(histogram.percentile(1) == 100);
    CHECK(histogram.count() == 5);
    CHECK(histogram.sum() == 2'000);
    CHECK(histogram.mean() == 400);
    CHECK(histogram.min() == 100);
    CHECK(histogram.max() == 1'000);
}

TEST_CASE("an empty histogram is nothing but zeros", "[metrics]") {
    const Histogram none;
    CHECK(none.count() == 0);
    CHECK(none.percentile(500) == 0);
    CHECK(none.mean() == 0);
    CHECK(none.count_up_to(1'000) == 0);
    CHECK(of({-5}).max() == 0);
}

TEST_CASE("values up to 127 are exact", "[metrics]") {
    std::vector<int64_t> values;
    for (int64_t i = 0; i < 128; ++i) values.push_back(i);
    const Histogram histogram = of(values);
    for (int64_t per_mille = 0; per_mille <= 1'000; ++per_mille) {
        REQUIRE(histogram.percentile(per_mille) == nearest_rank(values, per_mille));
    }
    CHECK(histogram.count_up_to(63) == 64);
}

TEST_CASE("percentiles are off by less than one percent, whatever the values are", "[metrics]") {
    for (uint64_t seed = 1; seed <= 40; ++seed) {
        CAPTURE(seed);
        Prng prng(seed);
        std::vector<int64_t> values;
        const uint64_t bits = 1 + prng.below(62);
        for (uint64_t left = 1 + prng.below(500); left > 0; --left) {
            values.push_back(static_cast<int64_t>(prng.next() >> (64 - bits)));
        }
        const Histogram histogram = of(values);
        std::sort(values.begin(), values.end());
        for (int64_t per_mille = 0; per_mille <= 1'000; per_mille += 10) {
            const int64_t exact = nearest_rank(values, per_mille);
            const int64_t given = histogram.percentile(per_mille);
            CAPTURE(per_mille, exact, given);
            REQUIRE((given > exact ? given - exact : exact - given) <= exact / 100);
        }
    }
}

TEST_CASE("the parts of a distribution add up to the whole", "[metrics]") {
    Histogram whole;
    Histogram left;
    Histogram right;
    Prng prng(7);
    for (int i = 0; i < 2'000; ++i) {
        const auto value = static_cast<int64_t>(prng.below(1'000'000));
        whole.record(value);
        (i % 3 == 0 ? left : right).record(value);
    }
    left.merge(right);
    CHECK(left == whole);
    Histogram none;
    none.merge(whole);
    CHECK(none == whole);
}

TEST_CASE("a histogram is saved and loaded, and a bad one is refused", "[metrics]") {
    const Histogram histogram = of({0, 5, 127, 128, 1'305, 1'000'000'007, INT64_MAX});
    ByteWriter out;
    histogram.save(out);
    ByteReader in(out.bytes());
    Histogram loaded;
    REQUIRE(loaded.load(in));
    CHECK(loaded == histogram);
    CHECK(loaded.percentile(1'000) == INT64_MAX);
    for (size_t size = 0; size < out.bytes().size(); ++size) {
        ByteReader cut(std::string_view(out.bytes()).substr(0, size));
        Histogram part;
        CHECK_FALSE(part.load(cut));
    }
}
