#include "tools/cli/times.hpp"

#include <catch2/catch.hpp>

using namespace agentcom::cli;

TEST_CASE("instants are shown in UTC") {
    CHECK(instant_text(0) == "-");
    CHECK(instant_text(-5) == "-");
    CHECK(instant_text(1'769'882'400'999) == "2026-01-31 18:00:00Z");
    CHECK(instant_text(INT64_MAX) == "-");
}

TEST_CASE("time spans and instants") {
    CHECK(parse_duration_ms("90") == 90'000);
    CHECK(parse_duration_ms("500ms") == 500);
    CHECK(parse_duration_ms("2h") == 7'200'000);
    CHECK(parse_duration_ms("1d") == 86'400'000);
    for (const char* text : {"", "0", "-1", "1w", "h", "1.5h", "99999999999999999999", "9999999d"}) {
        INFO(text);
        CHECK(!parse_duration_ms(text));
    }
    CHECK(parse_instant_ms("1795225854031") == 1'795'225'854'031);
    CHECK(parse_instant_ms("1970-01-02T00:00:01Z") == 86'401'000);
    CHECK(parse_instant_ms("2026-01-31T18:00:00") == 1'769'882'400'000);
    for (const char* text :
         {"", "5", "2026-02-30T00:00:00Z", "2026-01-31", "2026-01-31T25:00:00Z", "2026-01-31T18:00:00+01"}) {
        INFO(text);
        CHECK(!parse_instant_ms(text));
    }
}

TEST_CASE("a time is an instant or a span from now") {
    CHECK(parse_time_ms("+2h", 1'000) == 7'201'000);
    CHECK(parse_time_ms("1970-01-02T00:00:01Z", 5) == 86'401'000);
    CHECK(!parse_time_ms("+", 0));
    CHECK(!parse_time_ms("2h", 0));
}

TEST_CASE("spans and ages for people") {
    CHECK(span_text(-1) == "0 s");
    CHECK(span_text(59'999) == "59 s");
    CHECK(span_text(3'599'000) == "59 min");
    CHECK(span_text(11'520'000) == "3 h 12 min");
    CHECK(span_text(2 * 86'400'000) == "2 d");
    CHECK(age_text(10'000, 9'000) == "1s");
    CHECK(age_text(10'000, 0) == "-");
    CHECK(age_text(10'000, 11'000) == "-");
    CHECK(age_text(400 * int64_t{86'400'000} + 1, 1) == "400d");
}
