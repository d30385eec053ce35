#include "tools/bench/compare.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

namespace agentcom::bench {

TEST_CASE("rounds are compared one by one, so that what slows both down does not count") {
    // The machine is half as fast in the second round; B is a tenth faster in both.
    const std::vector<std::vector<Figure>> a{{{"rate", 100}}, {{"rate", 50}}};
    const std::vector<std::vector<Figure>> b{{{"rate", 110}}, {{"rate", 55}}};
    const std::vector<Comparison> found = compare_rounds(a, b);
    REQUIRE(found.size() == 1);
    CHECK(found[0].name == "rate");
    CHECK(found[0].a.median == 75);
    CHECK(found[0].ratio.median == Approx(1.1));
    CHECK(found[0].ratio.least == Approx(1.1));
    CHECK(found[0].ratio.most == Approx(1.1));
}

TEST_CASE("numbers that a round lacks are left out") {
    const std::vector<Comparison> found =
        compare_rounds({{{"x", 1}, {"zero", 0}, {"y", 2}}, {{"x", 1}, {"zero", 1}, {"y", 2}}},
                       {{{"x", 2}, {"zero", 1}}, {{"x", 3}, {"zero", 1}}});
    REQUIRE(found.size() == 1);
    CHECK(found[0].name == "x");
    CHECK(found[0].ratio.median == 2.5);
    CHECK(compare_rounds({}, {}).empty());
}

TEST_CASE("a comparison as JSON and as text") {
    const CompareReport report{"direct", "old", "new", 1, compare_rounds({{{"rate", 4}}}, {{{"rate", 5}}})};
    const boost::json::value document = boost::json::parse(compare_json(report));
    CHECK(document.at("schema_version") == kSchemaVersion);
    CHECK(document.at_pointer("/data/figures/rate/ratio/median").as_double() == 1.25);
    CHECK(compare_text(report).find("rate") != std::string::npos);
}

}  // namespace agentcom::bench
