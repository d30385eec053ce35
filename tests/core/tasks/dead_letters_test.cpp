#include "core/tasks/dead_letters.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/core/tasks/task_hub.hpp"

using namespace agentcom;
using namespace agentcom::test;

TEST_CASE("W-31: dead letters that nobody looks after do not stay for ever", "[dead_letters]") {
    struct Case {
        int64_t dead_letter_ms;
        int64_t wait_ms;
        const char* state;
    };
    const Case each =
        GENERATE(Case{kMsPerDay, kMsPerDay - kMsPerHour, "dead_letter"},
                 Case{kMsPerDay, kMsPerDay + 2 * kMsPerHour, "cancelled"}, Case{0, 400 * kMsPerDay, "dead_letter"});
    CAPTURE(each.dead_letter_ms, each.wait_ms);
    Settings settings;
    settings.dead_letter_ms = each.dead_letter_ms;
    TaskHub hub(settings);
    const std::string id = hub.submit(with_number(R"("needed_capabilities":["x"])", "complete_by", hub.now_ms() + 50));
    hub.advance_ms(50);
    REQUIRE(hub.state(id) == "dead_letter");
    for (int64_t waited = 0; waited < each.wait_ms; waited += kMsPerHour) hub.advance_ms(kMsPerHour);
    if (std::string(each.state) == "dead_letter") {
        CHECK(hub.state(id) == "dead_letter");
    } else {
        // It has gone to the archive, and says why.
        CHECK(hub.row(id) == nullptr);
        CHECK(hub.hub().tables().indexes().dead_letters.empty());
    }
}

TEST_CASE("many old dead letters are cancelled in lots, one after the other", "[dead_letters]") {
    Settings settings;
    settings.dead_letter_ms = kMsPerDay;
    TaskHub hub(settings);
    std::vector<std::string> ids;
    for (int i = 0; i < 250; ++i) {
        ids.push_back(hub.submit(with_number(R"("needed_capabilities":["x"])", "complete_by", hub.now_ms() + 50)));
    }
    hub.advance_ms(1'000);
    REQUIRE(hub.state(ids.back()) == "dead_letter");
    for (int hour = 0; hour < 27; ++hour) hub.advance_ms(kMsPerHour);
    CHECK(hub.hub().tables().indexes().dead_letters.empty());
}
