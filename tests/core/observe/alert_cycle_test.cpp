#include "core/observe/alert_cycle.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "core/base/time.hpp"

using namespace agentcom;

namespace {

/// Plays checks against a rule, one each 30 s, and writes down what each does: '.' nothing, 'R' raised, 'q' raised
/// quietly, 'T' told again, 'C' cleared. Of the input, 'b' is bad, 'w' bad and worse, 'g' good, 'a' bad once somebody
/// has acknowledged, 'e' bad when the acknowledgement has expired.
std::string play(const std::string& checks, const AlertTempo& tempo) {
    AlertWatchRow watch;
    AlertStanding standing;
    std::string seen;
    int64_t now_us = 0;
    for (const char check : checks) {
        if (check == 'a') standing.acknowledged = true;
        if (check == 'e') standing.acknowledged = false;
        const AlertStep step = alert_step(watch, standing, check != 'g', check == 'w', tempo, now_us);
        seen += std::string(".RqTC")[static_cast<size_t>(step)];
        if (step == AlertStep::raise || step == AlertStep::raise_quietly) {
            standing = {true, false, step == AlertStep::raise};
        }
        if (step == AlertStep::tell) {
            standing.told = true;
            if (check == 'w') standing.acknowledged = false;
        }
        if (step == AlertStep::clear) standing = {};
        now_us += 30 * kUsPerSecond;
    }
    return seen;
}

struct Case {
    std::string why;
    AlertTempo tempo;
    std::string checks;
    std::string steps;
};

}  // namespace

TEST_CASE("alerts begin, are told again and end as their tempo says", "[alerts]") {
    const std::vector<Case> cases = {
        {"nothing happens while all is well", {}, "gggg", "...."},
        {"a rule of no patience", {.rest_ms = kMsPerHour}, "bbg", "R.C"},
        {"so many bad checks in a row", {.raise_after = 3, .rest_ms = kMsPerHour}, "bbgbbbg", ".....RC"},
        {"so many good checks in a row", {.clear_after = 3, .rest_ms = kMsPerHour}, "bggbggg", "R.....C"},
        {"bad for so long", {.for_ms = 90'000, .rest_ms = kMsPerHour}, "bbbgbbbbb", ".......R."},
        {"W-23: a critical alert is told once in its rest, not at each check",
         {.rest_ms = 120'000},
         "bbbbbbbbb",
         "R...T...T"},
        {"without a rest, as v1.1 had it, at each check", {.rest_ms = 0}, "bbb", "RTT"},
        {"W-23: what flaps is told once in a rest", {.rest_ms = 180'000}, "bgbgbgbg", "RCqCqCRC"},
        {"a quiet one is told when its rest is over", {.rest_ms = 120'000}, "bgbbbb", "RCq.T."},
        {"an acknowledged alert is not told again", {.rest_ms = 60'000}, "bbaaaaag", "R......C"},
        {"and is when the acknowledgement expires", {.rest_ms = 60'000}, "bbaaaeb", "R....T."},
        {"and an acknowledgement ends with its alert", {.rest_ms = 60'000}, "baagb", "R..CR"},
        {"what gets worse is told at once, acknowledged or not", {.rest_ms = kMsPerHour}, "baawb", "R..T."},
        {"a rule that does not repeat is told once", {.rest_ms = 30'000, .repeats = false}, "bbbbwbb", "R...T.."},
    };
    for (const Case& each : cases) {
        CAPTURE(each.why);
        CHECK(play(each.checks, each.tempo) == each.steps);
    }
}
