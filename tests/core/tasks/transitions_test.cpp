#include "core/tasks/transitions.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "tests/core/tasks/task_hub.hpp"

using namespace agentcom;
using namespace agentcom::test;

TEST_CASE("B10: who takes tasks back too often makes a dead letter of them") {
    TaskHub hub;
    hub.submit(R"({"description":"x"})");
    const std::string id = hub.submit(R"({"description":"poison","priority":"urgent"})");
    for (int i = 0; i < 5; ++i) {
        const int64_t bob = hub.worker("bob");
        REQUIRE(hub.assignments(bob) == Names{id});
        hub.disconnect(bob);
        hub.advance_ms(30'000);
        REQUIRE(hub.state(id) == "queued");
        CHECK(hub.row(id)->reclaim_count == i + 1);
        CHECK(hub.row(id)->retry_count == 0);
    }
    const int64_t bob = hub.worker("bob");
    hub.disconnect(bob);
    hub.advance_ms(30'000);
    CHECK(hub.state(id) == "dead_letter");
    CHECK(hub.last_event(id) == "task_dead_letter/reclaim_limit");
    CHECK(hub.stored(id).last_error == "taken back 6 times, last: disconnect");
    CHECK(hub.attempts(id).size() == 6);
    // Revived, it counts from zero.
    REQUIRE(hub.retry(id) == 200);
    CHECK(hub.row(id)->reclaim_count == 0);
    CHECK(hub.broken_history() == "");
}

TEST_CASE("B16: no commit that fails loses a task on its way to or from the dead letters") {
    TaskHub hub;
    const int64_t bob = hub.worker("bob");
    const std::string id = hub.submit(R"({"description":"x","max_retries":1})");
    SECTION("to") {
        hub.store().set_failing(true);
        CHECK(hub.fail(bob, id, 1) == "storage_unavailable");
        CHECK(hub.state(id) == "assigned");
    }
    SECTION("from") {
        REQUIRE(hub.fail(bob, id, 1) == "dead_letter");
        hub.store().set_failing(true);
        CHECK(hub.retry(id) == 503);
        CHECK(hub.state(id) == "dead_letter");
    }
    CHECK(hub.broken_rule() == "");
    const std::string before = hub.state(id);
    hub.store().set_failing(false);
    hub.restart();
    CHECK(hub.state(id) == before);
    CHECK(hub.generation(id) == 1);
    const int64_t again = hub.worker("bob");
    CHECK(hub.fail(again, id, 1) == "dead_letter");
    CHECK(hub.retry(id) == 200);
    CHECK(hub.assignments(again).back() == id);
    CHECK(hub.broken_history() == "");
}

TEST_CASE("what becomes of a task whose blocker fails is what it was submitted with") {
    struct Case {
        std::string policy;
        std::string state;
    };
    for (const Case& each : std::vector<Case>{{"hold", "held"}, {"cancel", "cancelled"}, {"run", "queued"}}) {
        for (const bool dead : {false, true}) {
            CAPTURE(each.policy, dead);
            TaskHub hub;
            const std::string blocker = hub.submit(R"({"description":"d","max_retries":1})");
            const std::string id = hub.submit(R"({"description":"d","blocked_by":[")" + blocker +
                                              R"("],"on_blocker_failure":")" + each.policy + "\"}");
            // One that hangs on the dependent in turn.
            const std::string next =
                hub.submit(R"({"description":"d","blocked_by":[")" + id + R"("],"on_blocker_failure":"cancel"})");
            if (dead) {
                const int64_t bob = hub.worker("bob");
                hub.fail(bob, blocker, 1);
                hub.disconnect(bob);
                hub.advance_ms(60'000);
                CHECK(hub.state(blocker) == "dead_letter");
            } else {
                REQUIRE(hub.cancel(blocker) == 200);
            }
            CHECK(hub.state(id) == each.state);
            CHECK(hub.state(next) == (each.policy == "cancel" ? "cancelled" : "held"));
            // Submitted after the failure it fares alike.
            const std::string late = hub.submit(R"({"description":"d","blocked_by":[")" + blocker +
                                                R"("],"on_blocker_failure":")" + each.policy + "\"}");
            CHECK(hub.state(late) == each.state);
            if (dead && each.policy == "hold") {
                const int64_t bob = hub.worker("bob");
                REQUIRE(hub.retry(blocker) == 200);
                CHECK(hub.complete(bob, blocker, hub.generation(blocker)) == "complete");
                CHECK(hub.state(id) == "assigned");
            }
            hub.restart();
            CHECK(hub.broken_rule() == "");
            CHECK(hub.broken_history() == "");
        }
    }
    TaskHub hub;
    hub.register_agent("submitter");
    CHECK(hub.http(Method::post, "/api/tasks", R"({"description":"d","on_blocker_failure":"maybe"})",
                   TestHub::token_of("submitter"))
              .status == 422);
}

TEST_CASE("a long chain of dependents is cancelled at once") {
    Settings settings;
    settings.limits = 0;
    TaskHub hub(settings);
    const std::string first = hub.submit(R"({"description":"d"})");
    std::string last = first;
    for (int i = 0; i < 2'000; ++i) {
        last = hub.submit(R"({"description":"d","blocked_by":[")" + last + R"("],"on_blocker_failure":"cancel"})");
    }
    REQUIRE(hub.cancel(first) == 200);
    CHECK(hub.state(last) == "cancelled");
    CHECK(hub.tables().count<TaskRow>() == 0);
}
