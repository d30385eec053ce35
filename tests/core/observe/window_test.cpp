#include "core/observe/window.hpp"

#include <catch2/catch.hpp>

#include "core/observe/histogram.hpp"

using namespace agentcom;

TEST_CASE("W-17: what happened more than an hour ago is in no window", "[metrics]") {
    HourWindow<Histogram> window;
    window.at(0).record(5);
    window.at(30 * kUsPerMinute).record(7);
    CHECK(window.total(59 * kUsPerMinute).count() == 2);
    CHECK(window.total(60 * kUsPerMinute).count() == 1);
    CHECK(window.total(89 * kUsPerMinute).count() == 1);
    CHECK(window.total(90 * kUsPerMinute).count() == 0);
    // The place of a minute is used again an hour later.
    window.at(90 * kUsPerMinute).record(9);
    CHECK(window.total(90 * kUsPerMinute).max() == 9);
    CHECK(window.total(90 * kUsPerMinute).count() == 1);
}

TEST_CASE("a window is saved and loaded", "[metrics]") {
    HourWindow<Histogram> window;
    for (int64_t minute = 0; minute < 75; minute += 3) window.at(minute * kUsPerMinute).record(minute);
    ByteWriter out;
    window.save(out);
    ByteReader in(out.bytes());
    HourWindow<Histogram> loaded;
    REQUIRE(loaded.load(in));
    CHECK(in.at_end());
    CHECK(loaded.total(80 * kUsPerMinute) == window.total(80 * kUsPerMinute));
    CHECK(loaded.total(80 * kUsPerMinute).count() > 0);
}
