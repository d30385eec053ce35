#include "native-server/server/machine_figures.hpp"

#include <catch2/catch.hpp>

#include "core/base/time.hpp"

using namespace agentcom;

TEST_CASE("figures of the machine are collected between two samples", "[server]") {
    MachineFigures figures("/tmp");
    CHECK(figures.is_due(0));
    figures.turn_took(5);
    figures.committed(700);
    figures.committed(900);
    figures.core_failed();
    figures.swept(kUsPerSecond);
    figures.swept(kUsPerSecond * 3 / 2);
    figures.swept(kUsPerSecond * 3 / 2 + kUsPerSecond / 2 + 40'000);
    const MachineSample first = figures.take(2 * kUsPerSecond);
    CHECK(first.turn_us.count() == 1);
    CHECK(first.commit_us.max() == 900);
    CHECK(first.loop_lag_us == 40'000);
    CHECK(first.core_faults == 1);
    CHECK(first.memory_bytes > 0);
    CHECK(first.disk_free_bytes >= 0);
    CHECK(first.disk_total_bytes >= first.disk_free_bytes);
    CHECK(first.database_bytes == -1);
    CHECK_FALSE(figures.is_due(11 * kUsPerSecond));
    CHECK(figures.is_due(12 * kUsPerSecond));
    const MachineSample second = figures.take(12 * kUsPerSecond);
    CHECK(second.turn_us.count() == 0);
    CHECK(second.commit_us.count() == 0);
    CHECK(second.loop_lag_us == 0);
    // Of these it says how many there were in all.
    CHECK(second.core_faults == 1);
}
