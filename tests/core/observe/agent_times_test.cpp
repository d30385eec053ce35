#include "core/observe/agent_times.hpp"

#include <catch2/catch.hpp>

using namespace agentcom;

namespace {

int64_t ms_of(const AgentTimes::Totals& totals, WorkState state) { return totals.ms.at(static_cast<size_t>(state)); }

}  // namespace

TEST_CASE("the time of an agent is spent on what it was at", "[metrics]") {
    AgentTimes times(WorkState::idle, 0);
    times.enter(WorkState::working, 10 * kUsPerMinute);
    times.enter(WorkState::blocked, 17 * kUsPerMinute);
    times.enter(WorkState::offline, 20 * kUsPerMinute);
    const AgentTimes::Totals totals = times.totals(30 * kUsPerMinute);
    CHECK(ms_of(totals, WorkState::idle) == 10 * kMsPerMinute);
    CHECK(ms_of(totals, WorkState::working) == 7 * kMsPerMinute);
    CHECK(ms_of(totals, WorkState::blocked) == 3 * kMsPerMinute);
    CHECK(ms_of(totals, WorkState::offline) == 10 * kMsPerMinute);
    CHECK(totals.known_ms() == 30 * kMsPerMinute);
}

TEST_CASE("W-19: offline time counts as such, not as what came before", "[metrics]") {
    AgentTimes times(WorkState::working, 0);
    times.enter(WorkState::offline, kUsPerMinute);
    const AgentTimes::Totals totals = times.totals(kUsPerHour);
    CHECK(ms_of(totals, WorkState::working) <= kMsPerMinute);
    CHECK(ms_of(totals, WorkState::offline) >= 54 * kMsPerMinute);
}

TEST_CASE("what is older than the window is gone", "[metrics]") {
    AgentTimes times(WorkState::working, 0);
    times.completed(1'000, kUsPerMinute);
    times.failed(kUsPerMinute);
    times.enter(WorkState::idle, 2 * kUsPerMinute);
    const AgentTimes::Totals totals = times.totals(3 * kUsPerHour);
    CHECK(ms_of(totals, WorkState::working) == 0);
    CHECK(totals.completed == 0);
    CHECK(totals.failed == 0);
    CHECK(totals.known_ms() <= kMsPerHour);
    CHECK(totals.known_ms() >= 55 * kMsPerMinute);
}

TEST_CASE("many short spells lose no fractions", "[metrics]") {
    AgentTimes times(WorkState::idle, 0);
    for (int64_t us = 0; us < 10 * kUsPerSecond; us += 700) {
        times.enter(us / 700 % 2 == 0 ? WorkState::working : WorkState::idle, us);
    }
    CHECK(times.totals(10 * kUsPerSecond).known_ms() == 10'000);
}

TEST_CASE("an agent's times are saved and loaded", "[metrics]") {
    AgentTimes times(WorkState::idle, 5);
    times.enter(WorkState::assigned, 90 * kUsPerMinute);
    times.completed(77, 91 * kUsPerMinute);
    ByteWriter out;
    times.save(out);
    ByteReader in(out.bytes());
    AgentTimes loaded;
    REQUIRE(loaded.load(in));
    CHECK(in.at_end());
    ByteWriter again;
    loaded.save(again);
    CHECK(again.bytes() == out.bytes());
    CHECK(work_state_of("blocked") == WorkState::blocked);
    CHECK(work_state_of("waiting") == std::nullopt);
    for (const WorkState state : {WorkState::offline, WorkState::idle, WorkState::assigned, WorkState::working}) {
        CHECK(work_state_of(to_text(state)) == state);
    }
}
