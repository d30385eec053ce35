#include "core/observe/metric_history.hpp"

#include <catch2/catch.hpp>

#include "tests/core/support/test_hub.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

constexpr int64_t kAt = 1'800'000'000'000;

FigureSample sample(int64_t wall_ms, int64_t depth, int64_t completed) {
    FigureSample made;
    made.at.wall_ms = wall_ms;
    figure(made.values, Metric::queue_depth) = depth;
    figure(made.values, Metric::tasks_completed) = completed;
    return made;
}

int64_t rows(const TestHub& hub, int64_t workspace) {
    int64_t count = 0;
    for (const MetricHistoryRow::Key& key : hub.tables().sorted_keys<MetricHistoryRow>()) {
        count += std::get<0>(key) == workspace ? 1 : 0;
    }
    return count;
}

}  // namespace

TEST_CASE("a minute is packed with growths of counters, and comes back", "[metrics]") {
    const FigureSample before = sample(kAt - 10'000, 1, 5);
    const std::string text = metric_history::pack({sample(kAt, 2, 7), sample(kAt + 10'000, 0, 7)}, &before, false);
    CHECK(text == "t:1800000000000,10000 0:2,0 19:2,0");
    const std::vector<FigureSample> samples = metric_history::unpack(text);
    REQUIRE(samples.size() == 2);
    CHECK(samples[1].at.wall_ms == kAt + 10'000);
    CHECK(figure(samples[0].values, Metric::queue_depth) == 2);
    CHECK(figure(samples[0].values, Metric::tasks_completed) == 2);
    CHECK(figure(samples[1].values, Metric::tasks_completed) == 0);
    // Without a sample before it, nothing is known of growth.
    CHECK(metric_history::pack({sample(kAt, 0, 7)}, nullptr, false) == "t:1800000000000");
}

TEST_CASE("what is no packed minute gives nothing", "[metrics]") {
    for (const char* text : {"", "x", "t", "t:", "t:1 0:1,2", "t:1 0:x", "t:1 0", ":1", "t:99999999999999999999"}) {
        CAPTURE(text);
        CHECK(metric_history::unpack(text).size() <= 1);
    }
    // Figures of a later version are passed over.
    CHECK(metric_history::unpack("t:5 999:1").size() == 1);
}

TEST_CASE("history survives a restart, for a day", "[metrics]") {
    TestHub hub({}, 1, TestHub::Watch::figures);
    hub.advance_ms(5 * kMsPerMinute);
    CHECK(rows(hub, 1) >= 4);
    CHECK(rows(hub, metric_history::kHub) >= 4);
    const int64_t before = rows(hub, 1);
    hub.restart();
    CHECK(rows(hub, 1) == before);
    hub.advance_ms(25 * kMsPerHour);
    CHECK(rows(hub, 1) <= 24 * 60 + 2);
    CHECK(rows(hub, 1) >= 24 * 60 - 2);
    // What a hub that was off for two days finds is too old.
    hub.set_time({hub.now_ms() + 2 * kMsPerDay, 5});
    hub.restart();
    CHECK(rows(hub, 1) == 0);
}

TEST_CASE("minutes that a failing store did not take are written later", "[metrics]") {
    TestHub hub({}, 1, TestHub::Watch::figures);
    hub.advance_ms(3 * kMsPerMinute);
    hub.store().set_failing(true);
    const int64_t before = rows(hub, 1);
    hub.advance_ms(4 * kMsPerMinute);
    CHECK(rows(hub, 1) == before);
    hub.store().set_failing(false);
    hub.apply(StorageRecovered{});
    hub.advance_ms(kMsPerMinute);
    CHECK(rows(hub, 1) >= before + 4);
}
