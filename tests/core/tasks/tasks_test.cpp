#include "core/tasks/tasks.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "tests/core/tasks/task_hub.hpp"

using namespace agentcom;
using agentcom::test::Bench;
using agentcom::test::Names;
using agentcom::test::TaskHub;

namespace {

const std::string kPing = R"({"type":"ping"})";

std::string with_number(const std::string& members, const std::string& name, int64_t number) {
    return R"({"description":"d")" + (members.empty() ? "" : "," + members) + ",\"" + name +
           "\":" + std::to_string(number) + "}";
}

/// A hub where agent "bob" works on one task.
struct Working {
    explicit Working(Settings settings = {}, const std::string& more = "", const std::string& task_more = "")
        : hub(settings) {
        bob = hub.worker("bob", more);
        id = hub.submit(R"({"description":"d")" + (task_more.empty() ? "" : "," + task_more) + "}");
        REQUIRE(hub.assignments(bob) == Names{id});
        REQUIRE(hub.accept(bob, id) == "accepted");
        REQUIRE(hub.state(id) == "working");
    }
    ~Working() {
        CHECK(hub.broken_rule() == "");
        CHECK(hub.broken_history() == "");
    }

    TaskHub hub;
    int64_t bob = 0;
    std::string id;
};

}  // namespace

// -- leases and their timers ------------------------------------------------------------------------------------------

TEST_CASE("B2: a stock v1.1 sidecar keeps a two-hour task to its completion") {
    Working world({}, R"("client_type":"sidecar","protocol_version":1)");
    TaskHub& hub = world.hub;
    constexpr int64_t kHour = 3'600'000;
    hub.advance_pinging(kHour, {world.bob});
    hub.advance_ms(180'000);  // git runs
    hub.send(world.bob, kPing);
    hub.advance_pinging(kHour - 180'000, {world.bob});
    CHECK(hub.closed(world.bob) == nullptr);
    CHECK(hub.complete(world.bob, world.id, 1) == "complete");
    CHECK(hub.attempts(world.id) == Names{"1 bob completed"});
    // It was marked as stuck, once, and lost nothing by that.
    CHECK(hub.kinds(world.id) ==
          Names{"task_submitted", "task_assigned", "task_accepted", "task_stuck", "task_completed"});
}

TEST_CASE("a holder that is silent for 240 s loses its task, not a moment earlier") {
    Settings settings;
    SECTION("its connection is closed for silence at the same moment") {}
    SECTION("its connection stays") { settings.idle_timeout_ms = 10'000'000; }
    Working world(settings);
    TaskHub& hub = world.hub;
    hub.advance_ms(100'000);
    hub.send(world.bob, kPing);
    hub.advance_ms(239'999);
    CHECK(hub.state(world.id) == "working");
    hub.advance_ms(1);
    CHECK(hub.state(world.id) == "queued");
    CHECK(hub.last_event(world.id) == "task_reclaimed/silent");
    CHECK(hub.attempts(world.id) == Names{"1 bob silent"});
    CHECK(hub.generation(world.id) == 2);
}

TEST_CASE("any sign of life of the holder's connection renews all its leases") {
    Settings settings;
    settings.idle_timeout_ms = 10'000'000;
    TaskHub hub(settings);
    const int64_t bob = hub.worker("bob", R"("slots":2)");
    const std::string one = hub.submit(R"({"description":"x"})");
    const std::string two = hub.submit(R"({"description":"x"})");
    hub.accept(bob, one);
    hub.accept(bob, two);
    for (int i = 0; i < 10; ++i) {
        hub.advance_ms(239'000);
        if (i % 3 == 0) hub.apply(ControlReceived{bob});
        if (i % 3 == 1) hub.send(bob, "{broken");
        if (i % 3 == 2) hub.report(bob, "task_progress", one);
    }
    CHECK(hub.state(one) == "working");
    CHECK(hub.state(two) == "working");
    CHECK(hub.row(one)->generation == 1);
}

TEST_CASE("max_run_ms ends a lease, of the task or else of the setting") {
    struct Case {
        int64_t setting;
        std::string task;
        int64_t ends_at;
    };
    const Case cases[] = {{100'000, "", 100'000},
                          {100'000, R"("max_run_ms":50000)", 50'000},
                          {0, R"("max_run_ms":50000)", 50'000},
                          {14'400'000, "", 14'400'000}};
    for (const Case& each : cases) {
        CAPTURE(each.setting, each.task);
        Settings settings;
        settings.max_run_ms = each.setting;
        settings.stuck_after_ms = 1'000'000'000;
        Working world(settings, "", each.task);
        world.hub.advance_pinging(each.ends_at - 1, {world.bob});
        CHECK(world.hub.state(world.id) == "working");
        world.hub.advance_ms(1);
        CHECK(world.hub.state(world.id) == "queued");
        CHECK(world.hub.last_event(world.id) == "task_reclaimed/max_run");
    }
    Settings unbounded;
    unbounded.max_run_ms = 0;
    Working world(unbounded);
    world.hub.advance_pinging(100'000'000, {world.bob});
    CHECK(world.hub.state(world.id) == "working");
}

TEST_CASE("no progress for 300 s marks a task as stuck and takes nothing away") {
    Working world;
    TaskHub& hub = world.hub;
    hub.advance_pinging(200'000, {world.bob});
    hub.report(world.bob, "task_progress", world.id, R"("progress":40)");
    hub.advance_pinging(299'999, {world.bob});
    CHECK(TaskHub::member(hub.task(world.id), "stuck") == "false");
    CHECK(TaskHub::member(hub.task(world.id), "progress") == "40");
    hub.advance_ms(1);
    CHECK(TaskHub::member(hub.task(world.id), "stuck") == "true");
    CHECK(hub.last_event(world.id) == "task_stuck/no progress");
    hub.advance_pinging(3'000'000, {world.bob});
    CHECK(hub.kinds(world.id).size() == 4);
    CHECK(hub.row(world.id)->generation == 1);
    // Progress clears the mark; a second halt is told again.
    hub.report(world.bob, "task_progress", world.id);
    CHECK(TaskHub::member(hub.task(world.id), "stuck") == "false");
    hub.advance_pinging(600'000, {world.bob});
    CHECK(hub.kinds(world.id).size() == 5);
    CHECK(hub.complete(world.bob, world.id, 1) == "complete");
}

TEST_CASE("B1: a stuck task that is taken back leaves its holder free for other work") {
    Settings settings;
    settings.stuck_reclaim = 1;
    Working world(settings);
    TaskHub& hub = world.hub;
    hub.advance_pinging(299'999, {world.bob});
    CHECK(hub.state(world.id) == "working");
    const int64_t amy = hub.worker("amy");
    hub.advance_ms(1);
    CHECK(hub.attempts(world.id) == Names{"1 bob stuck"});
    CHECK(hub.assignments(amy) == Names{world.id});
    CHECK(hub.work_state("bob") == "idle");
    // The late report is refused, and bob is not left with work that is no longer his.
    CHECK(hub.complete(world.bob, world.id, 1) == "task_complete_failed: stale_generation");
    CHECK(hub.work_state("bob") == "idle");
    hub.advance_ms(5'000);
    const std::string next = hub.submit(R"({"description":"next"})");
    CHECK(hub.assignments(world.bob) == Names{next});
    CHECK(hub.complete(amy, world.id, 3) == "complete");
}

TEST_CASE("B1, B11: one overdue task does not disable the fleet") {
    for (const int64_t requeue : {0, 1}) {
        CAPTURE(requeue);
        Settings settings;
        settings.overdue_requeue = requeue;
        TaskHub hub(settings);
        std::vector<int64_t> fleet;
        for (const char* name : {"a", "b", "c", "d"}) fleet.push_back(hub.worker(name));
        const std::string id = hub.submit(with_number("", "complete_by", hub.now_ms() + 10'000));
        const std::string holder = *hub.row(id)->assigned_to;
        for (int i = 0; i < 10; ++i) hub.advance_pinging(30'000, fleet);
        const Names kinds = hub.kinds(id);
        if (requeue == 0) {
            CHECK(hub.state(id) == "dead_letter");
            CHECK(hub.stored(id).last_error == "deadline exceeded");
            CHECK(hub.attempts(id) == Names{"1 " + holder + " deadline"});
            CHECK(kinds == Names{"task_submitted", "task_assigned", "task_dead_letter"});
        } else {
            // Once, as v1.1 did, and then never again.
            CHECK(std::count(kinds.begin(), kinds.end(), "task_reclaimed") >= 1);
            CHECK(hub.attempts(id).front() == "1 " + holder + " deadline");
            CHECK_FALSE(hub.stored(id).complete_by);
        }
        const std::string other = hub.submit(R"({"description":"other"})");
        CHECK(hub.state(other) == "assigned");
        CHECK(hub.broken_rule() == "");
        CHECK(hub.broken_history() == "");
    }
}

TEST_CASE("a deadline counts in every state before the end") {
    TaskHub hub;
    const std::string queued =
        hub.submit(with_number(R"("needed_capabilities":["x"])", "complete_by", hub.now_ms() + 50));
    const std::string held = hub.submit(
        with_number(R"("not_before":)" + std::to_string(hub.now_ms() + 90'000), "complete_by", hub.now_ms() + 50));
    const std::string late =
        hub.submit(with_number(R"("needed_capabilities":["x"])", "complete_by", hub.now_ms() - 50));
    hub.advance_ms(49);
    CHECK(hub.state(late) == "dead_letter");
    CHECK(hub.state(queued) == "queued");
    CHECK(hub.state(held) == "held");
    SECTION("while the hub runs") { hub.advance_ms(1); }
    SECTION("while the hub is down") {
        hub.set_time({hub.now_ms() + 1'000, hub.time().mono_us});
        hub.restart();
        hub.advance_ms(0);
    }
    CHECK(hub.state(queued) == "dead_letter");
    CHECK(hub.state(held) == "dead_letter");
    hub.advance_ms(100'000);
    CHECK(hub.state(held) == "dead_letter");
    CHECK(hub.broken_history() == "");
}

TEST_CASE("B11: retrying a dead letter whose deadline has passed does not bury it again") {
    TaskHub hub;
    const std::string id = hub.submit(with_number(R"("needed_capabilities":["x"])", "complete_by", hub.now_ms() + 50));
    hub.advance_ms(50);
    REQUIRE(hub.state(id) == "dead_letter");
    REQUIRE(hub.retry(id) == 200);
    CHECK_FALSE(hub.row(id)->complete_by);
    hub.advance_ms(10'000'000);
    CHECK(hub.state(id) == "queued");
    CHECK_FALSE(hub.row(id)->last_error);
    CHECK(hub.row(id)->generation == 1);
    SECTION("a deadline that is still to come stays") {
        const std::string other = hub.submit(with_number(R"("max_retries":1)", "complete_by", hub.now_ms() + 60'000));
        const int64_t bob = hub.worker("bob");
        REQUIRE(hub.fail(bob, other, 1) == "dead_letter");
        hub.disconnect(bob);
        REQUIRE(hub.retry(other) == 200);
        hub.advance_ms(59'999);
        CHECK(hub.state(other) == "queued");
        hub.advance_ms(1);
        CHECK(hub.state(other) == "dead_letter");
    }
}

TEST_CASE("a wall clock that jumps expires nothing at once, and leases not at all") {
    Working world({}, "", R"("complete_by":1800000600000)");
    TaskHub& hub = world.hub;
    hub.set_time({hub.now_ms() + 3'600'000, hub.time().mono_us});
    hub.apply(ClockJumped{3'600'000});
    hub.advance_ms(59'999);
    CHECK(hub.state(world.id) == "working");
    hub.advance_ms(1);
    CHECK(hub.state(world.id) == "dead_letter");
}

TEST_CASE("B9: the acceptance timer belongs to one lease") {
    TaskHub hub;
    const int64_t bob = hub.worker("bob");
    const std::string id = hub.submit(R"({"description":"x"})");
    hub.advance_ms(50'000);
    hub.reject(bob, id);
    hub.advance_ms(5'000);
    REQUIRE(hub.row(id)->generation == 3);
    hub.advance_ms(59'999);  // the first lease's timer would have fired long ago
    CHECK(hub.state(id) == "assigned");
    SECTION("it fires for the lease that it belongs to") {
        hub.advance_ms(1);
        CHECK(hub.last_event(id) == "task_reclaimed/acceptance_timeout");
        CHECK(hub.attempts(id) == Names{"1 bob rejected", "3 bob acceptance_timeout"});
    }
    SECTION("and not once the task is accepted") {
        hub.accept(bob, id);
        hub.advance_ms(60'000);
        CHECK(hub.state(id) == "working");
        CHECK(hub.generation(id) == 3);
    }
}

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

// -- failures ---------------------------------------------------------------------------------------------------------

TEST_CASE("the retry delay is 1 s and doubles to 5 min") {
    Settings settings;
    settings.default_max_retries = 12;
    settings.limits = 0;
    TaskHub hub(settings);
    const int64_t bob = hub.worker("bob");
    const std::string id = hub.submit(R"({"description":"x"})");
    int64_t delay_ms = 1'000;
    for (int failures = 1; failures < 12; ++failures) {
        REQUIRE(hub.fail(bob, id, hub.generation(id)) == "retried");
        REQUIRE(hub.state(id) == "held");
        CHECK(hub.row(id)->hold == HoldReason::retry_delay);
        hub.advance_pinging(delay_ms - 1, {bob});
        CHECK(hub.state(id) == "held");
        hub.advance_ms(1);
        hub.send(bob, kPing);
        CHECK(hub.state(id) == "assigned");
        CHECK(hub.generation(id) == 2 * failures + 1);
        delay_ms = std::min<int64_t>(delay_ms * 2, 300'000);
    }
    CHECK(hub.fail(bob, id, hub.generation(id), "last") == "dead_letter");
    CHECK(hub.stored(id).last_error == "last");
    CHECK(hub.stored(id).retry_count == 12);
    CHECK(hub.broken_history() == "");
}

TEST_CASE("a retry delay begins anew after a restart") {
    TaskHub hub;
    const int64_t bob = hub.worker("bob");
    const std::string id = hub.submit(R"({"description":"x"})");
    hub.fail(bob, id, 1);
    hub.advance_ms(900);
    hub.restart();
    CHECK(hub.state(id) == "held");
    hub.advance_ms(999);
    CHECK(hub.state(id) == "held");
    hub.advance_ms(1);
    CHECK(hub.state(id) == "queued");
}

TEST_CASE("a report that is repeated gets the same answer and does nothing") {
    Working world;
    TaskHub& hub = world.hub;
    SECTION("complete") {
        for (int i = 0; i < 3; ++i) CHECK(hub.complete(world.bob, world.id, 1) == "complete");
        CHECK(hub.attempts(world.id).size() == 1);
        hub.restart();
        const int64_t bob = hub.worker("bob");
        CHECK(hub.complete(bob, world.id, 1) == "complete");
        CHECK(hub.fail(bob, world.id, 1) == "task_fail_failed: invalid_state");
        // Nobody else, and no other generation.
        const int64_t amy = hub.worker("amy");
        CHECK(hub.complete(amy, world.id, 1) == "task_complete_failed: invalid_state");
        CHECK(hub.complete(bob, world.id, 2) == "task_complete_failed: invalid_state");
    }
    SECTION("failed, to be tried again") {
        for (int i = 0; i < 3; ++i) CHECK(hub.fail(world.bob, world.id, 1) == "retried");
        CHECK(hub.row(world.id)->retry_count == 1);
        hub.advance_ms(1'000);
        REQUIRE(hub.state(world.id) == "assigned");
        CHECK(hub.fail(world.bob, world.id, 1) == "retried");
        CHECK(hub.row(world.id)->retry_count == 1);
        CHECK(hub.complete(world.bob, world.id, 1) == "task_complete_failed: stale_generation");
        CHECK(hub.complete(world.bob, world.id, 3) == "complete");
        CHECK(hub.fail(world.bob, world.id, 1) == "retried");
    }
    SECTION("failed for good") {
        const std::string last = hub.submit(R"({"description":"x","max_retries":1})");
        const int64_t amy = hub.worker("amy");
        for (int i = 0; i < 3; ++i) CHECK(hub.fail(amy, last, 1) == "dead_letter");
        CHECK(hub.attempts(last) == Names{"1 amy dead_letter"});
    }
    SECTION("reported together in one turn") {
        FrameReceived frame;
        frame.connection = world.bob;
        frame.text = R"({"type":"task_complete","task_id":")" + world.id + R"(","generation":1})";
        for (int i = 0; i < 3; ++i) hub.apply_in_turn(frame);
        hub.apply(Tick{});
        int acks = 0;
        while (hub.take_frame(world.bob, "task_ack") != "") ++acks;
        CHECK(acks == 3);
        CHECK(hub.attempts(world.id) == Names{"1 bob completed"});
    }
}

// -- fencing ----------------------------------------------------------------------------------------------------------

TEST_CASE("B7: a report counts only from the holder and for its generation") {
    struct Case {
        const char* type;
        const char* more;
        const char* to_stranger;
        const char* to_old_generation;  // "" = the report carries none
    };
    const Case cases[] = {
        {"task_accepted", "", "accepted", ""},
        {"task_progress", R"("progress":1)", "", ""},
        {"task_complete", "", "task_complete_failed: stale_generation", "task_complete_failed: stale_generation"},
        {"task_failed", "", "task_fail_failed: stale_generation", "task_fail_failed: stale_generation"},
        {"task_rejected", "", "rejected", ""},
        {"task_recovering", "", "task_reassign", ""},
    };
    for (const Case& each : cases) {
        CAPTURE(each.type);
        TaskHub hub;
        const int64_t bob = hub.worker("bob");
        const std::string id = hub.submit(R"({"description":"x"})");
        const int64_t eve = hub.worker("eve");
        hub.reject(bob, id);  // the holder is eve now, with generation 3
        REQUIRE(hub.assignments(eve) == Names{id});
        const TaskRow before = *hub.row(id);
        REQUIRE(before.generation == 3);
        const Names kinds = hub.kinds(id);
        const auto with_generation = [&](int64_t generation) {
            const std::string more = each.more;
            return (more.empty() ? "" : more + ",") + R"("generation":)" + std::to_string(generation);
        };
        // Bob knows the right generation, and is not the holder.
        CHECK(hub.report(bob, each.type, id, with_generation(3)) == each.to_stranger);
        if (*each.to_old_generation != '\0') {
            for (const int64_t generation : {0, 1, 2, 4, -3}) {
                CHECK(hub.report(eve, each.type, id, with_generation(generation)) == each.to_old_generation);
            }
        }
        CHECK(row_hash(*hub.row(id)) == row_hash(before));
        CHECK(hub.kinds(id) == kinds);
        CHECK(hub.work_state("bob") == "idle");
        CHECK(hub.work_state("eve") == "assigned");
    }
}

TEST_CASE("B7: who loses his connection loses only what he holds") {
    TaskHub hub;
    const int64_t bob = hub.worker("bob");
    const std::string id = hub.submit(R"({"description":"x"})");
    const int64_t eve = hub.worker("eve");
    hub.reject(bob, id);
    REQUIRE(hub.assignments(eve) == Names{id});
    hub.accept(eve, id);
    hub.disconnect(bob);
    hub.advance_ms(60'000);
    CHECK(hub.row(id)->assigned_to == "eve");
    CHECK(hub.row(id)->generation == 3);
    CHECK(hub.complete(eve, id, 3) == "complete");
}

TEST_CASE("B8: who completes without having accepted is free") {
    TaskHub hub;
    const int64_t bob = hub.worker("bob");
    const std::string one = hub.submit(R"({"description":"x"})");
    const std::string two = hub.submit(R"({"description":"x"})");
    CHECK(hub.complete(bob, one, 1) == "complete");
    CHECK(hub.assignments(bob) == Names{one, two});
    CHECK(hub.fail(bob, two, 1) == "retried");
    CHECK(hub.work_state("bob") == "idle");
    CHECK(hub.kinds(one) == Names{"task_submitted", "task_assigned", "task_completed"});
}

TEST_CASE("B8: completing one task says nothing about another") {
    TaskHub hub;
    const int64_t bob = hub.worker("bob", R"("slots":2)");
    const std::string one = hub.submit(R"({"description":"x"})");
    const std::string two = hub.submit(R"({"description":"x"})");
    hub.accept(bob, one);
    hub.accept(bob, two);
    CHECK(hub.complete(bob, two, 1) == "complete");
    CHECK(hub.work_state("bob") == "working");
    CHECK(hub.state(one) == "working");
    CHECK(hub.complete(bob, one, 1) == "complete");
}

TEST_CASE("B6: task_rejected is known, is no violation, and gives the task back") {
    TaskHub hub;
    const int64_t bob = hub.worker("bob");
    const std::string id = hub.submit(R"({"description":"x"})");
    for (int i = 0; i < 30; ++i) CHECK(hub.reject(bob, id) == "rejected");
    CHECK(hub.closed(bob) == nullptr);
    CHECK(hub.kinds(id) == Names{"task_submitted", "task_assigned", "task_rejected"});
    CHECK(hub.row(id)->retry_count == 0);
    CHECK(hub.row(id)->reclaim_count == 0);
}

// -- connections ------------------------------------------------------------------------------------------------------

TEST_CASE("B4: a short disconnect keeps the task and its generation") {
    Working world;
    TaskHub& hub = world.hub;
    hub.disconnect(world.bob);
    CHECK(hub.state(world.id) == "working");
    CHECK(hub.work_state("bob") == "");  // nobody of that name is online
    SECTION("back within the grace period") {
        hub.advance_ms(29'999);
        world.bob = hub.worker("bob");
        CHECK(hub.work_state("bob") == "working");
        CHECK(hub.assignments(world.bob).empty());
        hub.advance_pinging(120'000, {world.bob});
        CHECK(hub.complete(world.bob, world.id, 1) == "complete");
        CHECK(hub.kinds(world.id) == Names{"task_submitted", "task_assigned", "task_accepted", "task_completed"});
    }
    SECTION("not back in time") {
        const int64_t amy = hub.worker("amy");
        hub.advance_ms(29'999);
        CHECK(hub.assignments(amy).empty());
        hub.advance_ms(1);
        CHECK(hub.assignments(amy) == Names{world.id});
        CHECK(hub.attempts(world.id) == Names{"1 bob disconnect"});
        CHECK(hub.generation(world.id) == 3);
        world.bob = hub.worker("bob");
        CHECK(hub.complete(world.bob, world.id, 1) == "task_complete_failed: stale_generation");
        CHECK(hub.work_state("bob") == "idle");
    }
    SECTION("back and gone again: each absence has its own grace") {
        hub.advance_ms(20'000);
        world.bob = hub.worker("bob");
        hub.advance_ms(5'000);
        hub.disconnect(world.bob);
        hub.advance_ms(29'999);
        CHECK(hub.row(world.id)->generation == 1);
        hub.advance_ms(1);
        CHECK(hub.row(world.id)->generation == 2);
    }
}

TEST_CASE("B4: the grace period is whole whenever the connection breaks") {
    for (int64_t moment = 600'000; moment < 850'000; moment += 10'000) {
        CAPTURE(moment);
        Working world;
        world.hub.advance_pinging(moment, {world.bob});
        world.hub.send(world.bob, kPing);
        world.hub.disconnect(world.bob);
        world.hub.advance_ms(29'999);
        CHECK(world.hub.state(world.id) == "working");
        world.bob = world.hub.worker("bob");
        CHECK(world.hub.complete(world.bob, world.id, 1) == "complete");
    }
}

TEST_CASE("B3: the newest connection of an agent has its tasks and gets the new ones") {
    Working world;
    TaskHub& hub = world.hub;
    const int64_t newer = hub.worker("bob");
    REQUIRE(hub.closed(world.bob) != nullptr);
    CHECK(hub.closed(world.bob)->code == 4000);
    CHECK(hub.closed(world.bob)->reason == "replaced");
    // The old socket's end comes later and takes nothing along.
    hub.apply(ConnectionClosed{world.bob});
    hub.advance_pinging(120'000, {newer});
    CHECK(hub.work_state("bob") == "working");
    CHECK(hub.complete(newer, world.id, 1) == "complete");
    for (int i = 0; i < 5; ++i) {
        const std::string id = hub.submit(R"({"description":"x"})");
        CHECK(hub.assignments(newer) == Names{id});
        CHECK(hub.complete(newer, id, 1) == "complete");
    }
}

TEST_CASE("B5: a recovering holder goes on, a stranger does not") {
    TaskHub hub;
    const int64_t bob = hub.worker("bob");
    const std::string id = hub.submit(R"({"description":"x"})");
    const int64_t eve = hub.worker("eve");
    CHECK(hub.recover(eve, id) == "task_reassign");
    CHECK(hub.recover(eve, "task-none") == "task_reassign");
    CHECK(hub.recover(bob, id) == "task_continue 1");
    CHECK(hub.state(id) == "working");
    // It counts as acceptance: the timer is off.
    hub.advance_pinging(120'000, {bob, eve});
    CHECK(hub.row(id)->generation == 1);
    CHECK(hub.recover(bob, id) == "task_continue 1");
    CHECK(hub.kinds(id) == Names{"task_submitted", "task_assigned", "task_accepted"});
    CHECK(hub.complete(bob, id, 1) == "complete");
}

TEST_CASE("7.C: a sidecar that was restarted goes on with its task") {
    TaskHub hub;
    int64_t bob = hub.worker("bob", R"("client_type":"sidecar")");
    const std::string id = hub.submit(R"({"description":"x"})");
    SECTION("working, back within grace") {
        hub.accept(bob, id);
        hub.disconnect(bob);
        hub.advance_ms(10'000);
        hub.clear_frames();
        bob = hub.worker("bob", R"("client_type":"sidecar")");
        CHECK(hub.recover(bob, id) == "task_continue 1");
        CHECK(hub.assignments(bob).empty());
        CHECK(hub.complete(bob, id, 1) == "complete");
    }
    SECTION("only assigned, back within grace: nothing is pushed that it would refuse") {
        hub.disconnect(bob);
        hub.advance_ms(10'000);
        hub.clear_frames();
        bob = hub.worker("bob", R"("client_type":"sidecar")");
        CHECK(hub.assignments(bob).empty());
        CHECK(hub.recover(bob, id) == "task_continue 1");
        hub.advance_pinging(120'000, {bob});
        CHECK(hub.state(id) == "working");
    }
    SECTION("back too late, and nobody has taken it") {
        hub.accept(bob, id);
        hub.disconnect(bob);
        hub.advance_ms(30'000);
        REQUIRE(hub.state(id) == "queued");
        hub.clear_frames();
        // In one turn, as the frames of a socket that says both at once.
        bob = hub.worker("bob", R"("client_type":"sidecar")");
        const std::string answer = hub.recover(bob, id);
        // The scheduler may have given it back already: then that lease goes on.
        CHECK(answer == "task_continue 3");
        CHECK(hub.state(id) == "working");
        CHECK(hub.complete(bob, id, 3) == "complete");
    }
    SECTION("back too late, and another has it") {
        hub.accept(bob, id);
        hub.disconnect(bob);
        const int64_t amy = hub.worker("amy");
        hub.advance_ms(30'000);
        REQUIRE(hub.assignments(amy) == Names{id});
        bob = hub.worker("bob", R"("client_type":"sidecar")");
        CHECK(hub.recover(bob, id) == "task_reassign");
        CHECK(hub.row(id)->assigned_to == "amy");
        CHECK(hub.complete(amy, id, 3) == "complete");
    }
    SECTION("it was completed, cancelled or buried meanwhile") {
        hub.cancel(id);
        CHECK(hub.recover(bob, id) == "task_reassign");
    }
    CHECK(hub.broken_rule() == "");
    CHECK(hub.broken_history() == "");
}

TEST_CASE("7.C: a task that waits after its last holder was lost goes on with him") {
    TaskHub hub;
    const int64_t bob = hub.worker("bob", R"("slots":2)");
    const std::string id = hub.submit(R"({"description":"x"})");
    hub.accept(bob, id);
    hub.disconnect(bob);
    hub.advance_ms(30'000);
    // Back, but with other capabilities and a task pinned elsewhere: the scheduler would not choose him.
    REQUIRE(hub.state(id) == "queued");
    hub.store().set_failing(true);
    hub.http(Method::post, "/api/tasks", R"({"description":"y"})", TaskHub::token_of("submitter"));
    const int64_t again = hub.connect("bob");  // the hub is read-only: nothing is given out
    REQUIRE(hub.state(id) == "queued");
    CHECK(hub.recover(again, id) == "storage_unavailable");
    hub.store().set_failing(false);
    hub.apply(StorageRecovered{});
    CHECK(hub.recover(again, id) == "task_continue 3");
    CHECK(hub.broken_rule() == "");
}

TEST_CASE("7.D: a reconnect without a word keeps what was working, without acceptance timer") {
    Working world({}, R"("client_type":"sidecar")");
    TaskHub& hub = world.hub;
    hub.disconnect(world.bob);
    hub.advance_ms(7'000);
    world.bob = hub.worker("bob", R"("client_type":"sidecar")");
    hub.advance_pinging(600'000, {world.bob});
    CHECK(hub.row(world.id)->generation == 1);
    CHECK(hub.complete(world.bob, world.id, 1) == "complete");
}

TEST_CASE("a task that was only assigned is pushed again with the same generation") {
    TaskHub hub;
    int64_t bob = hub.worker("bob");
    const std::string id = hub.submit(R"({"description":"x"})");
    hub.disconnect(bob);
    hub.advance_ms(10'000);
    hub.clear_frames();
    bob = hub.worker("bob");
    const std::string frame = hub.take_frame(bob, "task_assign");
    CHECK(TaskHub::member(frame, "task_id") == id);
    CHECK(TaskHub::member(frame, "generation") == "1");
    hub.advance_ms(59'999);
    CHECK(hub.state(id) == "assigned");
    hub.advance_ms(1);
    CHECK(hub.last_event(id) == "task_reclaimed/acceptance_timeout");
}

TEST_CASE("B13: after a restart each lease has its full period and grace") {
    Working world;
    TaskHub& hub = world.hub;
    hub.advance_pinging(230'000, {world.bob});
    hub.restart();
    CHECK(hub.state(world.id) == "working");
    SECTION("its holder comes back late") {
        hub.advance_ms(269'999);
        CHECK(hub.state(world.id) == "working");
        world.bob = hub.worker("bob");
        hub.advance_pinging(600'000, {world.bob});
        CHECK(hub.complete(world.bob, world.id, 1) == "complete");
    }
    SECTION("its holder does not come back") {
        hub.advance_ms(269'999);
        CHECK(hub.state(world.id) == "working");
        hub.advance_ms(1);
        CHECK(hub.state(world.id) == "queued");
        CHECK(hub.generation(world.id) == 2);
        const int64_t amy = hub.worker("amy");
        CHECK(hub.assignments(amy) == Names{world.id});
    }
    SECTION("its holder reports at once what it has done meanwhile") {
        world.bob = hub.worker("bob");
        CHECK(hub.complete(world.bob, world.id, 1) == "complete");
    }
    SECTION("another must not take what waits for its holder") {
        const int64_t amy = hub.worker("amy");
        CHECK(hub.assignments(amy).empty());
        CHECK(hub.complete(amy, world.id, 1) == "task_complete_failed: stale_generation");
    }
}

TEST_CASE("B14: a task that was given to a connection which dies in the same turn is not lost") {
    TaskHub hub;
    const int64_t bob = hub.worker("bob");
    hub.submission("");
    hub.apply_in_turn(hub.submission(R"({"description":"x"})"));
    hub.apply_in_turn(ConnectionClosed{bob});
    hub.apply(Tick{});
    REQUIRE(hub.tables().count<TaskRow>() == 1);
    const std::string id = std::get<1>(hub.tables().sorted_keys<TaskRow>().front());
    const int64_t amy = hub.worker("amy");
    hub.advance_ms(30'000);
    CHECK(hub.assignments(amy) == Names{id});
    CHECK(hub.broken_rule() == "");
}

TEST_CASE("B15: an agent that was thrown out and returns gets work again") {
    TaskHub hub;
    int64_t bob = hub.worker("bob");
    for (int i = 0; i < 10; ++i) hub.send(bob, "nonsense");
    REQUIRE(hub.closed(bob) != nullptr);
    CHECK(hub.closed(bob)->code == 1008);
    const std::string id = hub.submit(R"({"description":"x"})");
    CHECK(hub.state(id) == "queued");
    hub.apply(ConnectionClosed{bob});
    hub.advance_ms(30'000);
    bob = hub.worker("bob");
    CHECK(hub.assignments(bob) == Names{id});
    CHECK(hub.broken_rule() == "");
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

TEST_CASE("a report that could not be written can be made again") {
    Working world;
    TaskHub& hub = world.hub;
    hub.store().set_failing(true);
    CHECK(hub.complete(world.bob, world.id, 1) == "storage_unavailable");
    CHECK(hub.state(world.id) == "working");
    hub.advance_pinging(400'000, {world.bob});  // timers that would write rest meanwhile
    hub.store().set_failing(false);
    hub.apply(StorageRecovered{});
    CHECK(hub.complete(world.bob, world.id, 1) == "complete");
}

TEST_CASE("B27: a second identify is refused and changes nothing") {
    Working world;
    TaskHub& hub = world.hub;
    CHECK(hub.reply(world.bob, R"({"type":"identify","agent_id":"bob","token":")" + TaskHub::token_of("bob") + "\"}") ==
          "already_identified");
    CHECK(hub.closed(world.bob) == nullptr);
    CHECK(hub.work_state("bob") == "working");
    CHECK(hub.complete(world.bob, world.id, 1) == "complete");
}

TEST_CASE("B28: frames that are no frames are answered, and the task stays") {
    Working world;
    TaskHub& hub = world.hub;
    for (const char* text : {"[]", "1", "null", "\"x\"", "{", "", "\xff"}) {
        CAPTURE(text);
        CHECK(hub.reply(world.bob, text) != "");
    }
    CHECK(hub.reply(world.bob, R"({"type":5})") == "validation_failed");
    CHECK(hub.closed(world.bob) == nullptr);
    CHECK(hub.complete(world.bob, world.id, 1) == "complete");
}

TEST_CASE("reports about tasks are never refused by the rate limiter") {
    Settings settings;
    settings.limit_normal_per_min = 5;
    TaskHub hub(settings);
    const int64_t bob = hub.worker("bob", R"("slots":64)");
    Names ids;
    hub.submission("");
    for (int i = 0; i < 20; ++i) hub.apply_in_turn(hub.submission(R"({"description":"x"})"));
    hub.apply(Tick{});
    for (const std::string& id : hub.assignments(bob)) {
        CHECK(hub.accept(bob, id) == "accepted");
        CHECK(hub.complete(bob, id, 1) == "complete");
    }
}

// -- people -----------------------------------------------------------------------------------------------------------

TEST_CASE("a cancelled task is taken from its holder") {
    TaskHub hub;
    const int64_t bob = hub.worker("bob", R"("protocol_version":2)");
    const int64_t amy = hub.worker("amy");
    const std::string one = hub.submit(R"({"description":"x"})");
    const std::string two = hub.submit(R"({"description":"x"})");
    const std::string next = hub.submit(R"({"description":"x"})");
    const bool amy_has_one = hub.row(one)->assigned_to == "amy";
    const std::string bobs = amy_has_one ? two : one;
    const std::string amys = amy_has_one ? one : two;
    CHECK(hub.cancel(bobs) == 200);
    const std::string told = hub.take_frame(bob, "task_cancelled");
    CHECK(TaskHub::member(told, "task_id") == bobs);
    CHECK(TaskHub::member(told, "generation") == "1");
    CHECK(hub.row(next)->assigned_to == "bob");  // he is free at once
    CHECK(hub.complete(bob, bobs, 1) == "task_complete_failed: not_found");
    CHECK(hub.fail(bob, bobs, 1) == "task_fail_failed: not_found");
    CHECK(hub.work_state("bob") == "assigned");
    // Protocol 1 has no word for it.
    CHECK(hub.cancel(amys) == 200);
    CHECK(hub.take_frame(amy, "task_cancelled") == "");
    CHECK(hub.work_state("amy") == "idle");
    CHECK(hub.cancel("task-none") == 404);
    CHECK(hub.broken_history() == "");
}

TEST_CASE("of tasks with one unique_key only one lives") {
    TaskHub hub;
    const std::string body = R"({"description":"x","unique_key":"k","needed_capabilities":["c"],"max_retries":1})";
    const std::string id = hub.submit(body);
    CHECK(hub.submit(body) == id);
    hub.restart();
    CHECK(hub.submit(body) == id);
    const int64_t bob = hub.worker("bob", R"("capabilities":["c"])");
    CHECK(hub.submit(body) == id);
    SECTION("until it is completed") { CHECK(hub.complete(bob, id, 1) == "complete"); }
    SECTION("until it is cancelled") { CHECK(hub.cancel(id) == 200); }
    SECTION("until it is buried, and then it cannot come back beside its successor") {
        CHECK(hub.fail(bob, id, 1) == "dead_letter");
        const std::string successor = hub.submit(body);
        CHECK(successor != id);
        CHECK(hub.retry(id) == 409);
        CHECK(hub.state(id) == "dead_letter");
        CHECK(hub.complete(bob, successor, 1) == "complete");
        CHECK(hub.retry(id) == 200);
        return;
    }
    CHECK(hub.submit(body) != id);
}

TEST_CASE("a task waits for those that block it") {
    TaskHub hub;
    const int64_t bob = hub.worker("bob", R"("slots":8)");
    const std::string a = hub.submit(R"({"description":"a"})");
    const std::string b = hub.submit(R"({"description":"b","max_retries":1})");
    const std::string both =
        hub.submit(R"({"description":"c","blocked_by":[")" + a + R"(",")" + b + R"(",")" + a + "\"]}");
    CHECK(hub.state(both) == "held");
    CHECK(hub.row(both)->hold == HoldReason::blocked_by);
    CHECK(hub.row(both)->blocked_count == 2);
    CHECK(hub.complete(bob, a, 1) == "complete");
    CHECK(hub.state(both) == "held");
    SECTION("until the last is completed") {
        hub.restart();
        const int64_t again = hub.worker("bob", R"("slots":8)");
        CHECK(hub.complete(again, b, 1) == "complete");
        CHECK(hub.state(both) == "assigned");
        CHECK(hub.kinds(both) == Names{"task_submitted", "task_unblocked", "task_assigned"});
    }
    SECTION("a dead letter blocks until it is revived and completed") {
        CHECK(hub.fail(bob, b, 1) == "dead_letter");
        hub.advance_ms(100'000);
        CHECK(hub.state(both) == "held");
        CHECK(hub.retry(b) == 200);
        CHECK(hub.complete(bob, b, hub.generation(b)) == "complete");
        CHECK(hub.state(both) == "assigned");
    }
    SECTION("what was completed before blocks nothing") {
        const std::string free = hub.submit(R"({"description":"d","blocked_by":[")" + a + "\"]}");
        CHECK(hub.state(free) == "assigned");
    }
    SECTION("the blocked one can be cancelled, and what comes later is no harm") {
        CHECK(hub.cancel(both) == 200);
        CHECK(hub.complete(bob, b, 1) == "complete");
        CHECK(hub.state(both) == "cancelled");
    }
    SECTION("an unknown one is refused") {
        const auto answer = hub.http(Method::post, "/api/tasks", R"({"description":"d","blocked_by":["task-none"]})",
                                     TaskHub::token_of("submitter"));
        CHECK(answer.status == 422);
        CHECK(answer.body.find("blocked_by") != std::string::npos);
    }
    CHECK(hub.broken_rule() == "");
    CHECK(hub.broken_history() == "");
}

TEST_CASE("a task knows its parent and the root of them all") {
    TaskHub hub;
    const int64_t bob = hub.worker("bob");
    const std::string root = hub.submit(R"({"description":"root"})");
    const std::string child = hub.submit(R"({"description":"child","parent_id":")" + root + "\"}");
    REQUIRE(hub.complete(bob, root, 1) == "complete");
    const std::string grandchild = hub.submit(R"({"description":"grandchild","parent_id":")" + child + "\"}");
    // The root is in the store alone by now.
    const std::string late = hub.submit(R"({"description":"late","parent_id":")" + root + "\"}");
    CHECK(hub.stored(root).root_id == root);
    for (const std::string& id : {child, grandchild, late}) CHECK(hub.stored(id).root_id == root);
    CHECK(hub.stored(grandchild).parent_id == child);
    const auto answer = hub.http(Method::post, "/api/tasks", R"({"description":"d","parent_id":"task-none"})",
                                 TaskHub::token_of("submitter"));
    CHECK(answer.status == 422);
}

TEST_CASE("not_before holds a task until its time") {
    TaskHub hub;
    const int64_t bob = hub.worker("bob");
    const std::string id = hub.submit(with_number("", "not_before", hub.now_ms() + 100'000));
    CHECK(hub.row(id)->hold == HoldReason::not_before);
    hub.advance_pinging(99'999, {bob});
    CHECK(hub.assignments(bob).empty());
    SECTION("while the hub runs") { hub.advance_ms(1); }
    SECTION("while it is down") {
        hub.set_time({hub.now_ms() + 1, hub.time().mono_us + 1'000});
        hub.restart();
        hub.worker("bob");
        hub.advance_ms(0);
    }
    CHECK(hub.state(id) == "assigned");
    CHECK(hub.kinds(id) == Names{"task_submitted", "task_unheld", "task_assigned"});
    // A time that has passed holds nothing.
    CHECK(hub.row(hub.submit(with_number("", "not_before", hub.now_ms() - 1)))->hold == HoldReason::none);
}

TEST_CASE("a text too long for memory is fetched when its task is given out") {
    Settings settings;
    settings.inline_body_bytes = 100;
    TaskHub hub(settings);
    const std::string text(5'000, 'x');
    const std::string metadata = R"({"k":")" + std::string(3'000, 'y') + "\"}";
    const std::string id = hub.submit(R"({"description":")" + text + R"(","metadata":)" + metadata + "}");
    SECTION("which lay in the queue") {}
    SECTION("and after a restart") { hub.restart(); }
    CHECK_FALSE(hub.tables().find<TaskInputRow>({1, id})->description.resident);
    const int64_t bob = hub.worker("bob");
    const std::string frame = hub.take_frame(bob, "task_assign");
    CHECK(TaskHub::member(frame, "description") == text);
    CHECK(TaskHub::member(frame, "metadata") == metadata);
    CHECK(TaskHub::member(frame, "generation") == "1");
    CHECK(TaskHub::member(hub.task(id), "description") == text);
    CHECK(hub.complete(bob, id, 1) == "complete");
    CHECK(TaskHub::member(hub.task(id), "description") == text);
}

TEST_CASE("a text that arrives when its holder is another is not sent") {
    Settings settings;
    settings.inline_body_bytes = 100;
    TaskHub hub(settings);
    const std::string id = hub.submit(R"({"description":")" + std::string(5'000, 'x') + "\"}");
    hub.register_agent("bob");
    const int64_t bob = hub.open();
    // Bob is given the task and goes before the store has answered.
    const std::string token = TaskHub::token_of("bob");
    FrameReceived identify;
    identify.connection = bob;
    const CutFrame cut = cut_frame_credentials(R"({"type":"identify","agent_id":"bob","token":")" + token + "\"}");
    identify.text = std::string(cut.document.text());
    identify.credential = cut.credential;
    hub.apply_in_turn(identify);
    REQUIRE(hub.state(id) == "assigned");
    hub.apply(ConnectionClosed{bob});
    CHECK(hub.assignments(bob).empty());
    const int64_t again = hub.worker("bob");
    CHECK(hub.assignments(again) == Names{id});
}

TEST_CASE("no more tasks than live_tasks_max are taken in") {
    Settings settings;
    settings.live_tasks_max = 3;
    TaskHub hub(settings);
    const int64_t bob = hub.worker("bob");
    Names ids;
    for (int i = 0; i < 3; ++i) ids.push_back(hub.submit(R"({"description":"x"})"));
    const auto refused = hub.http(Method::post, "/api/tasks", R"({"description":"x"})", TaskHub::token_of("submitter"));
    CHECK(refused.status == 503);
    CHECK(refused.body.find("queue_full") != std::string::npos);
    CHECK(hub.complete(bob, ids[0], 1) == "complete");
    hub.submit(R"({"description":"x"})");
}

// -- leases without a session -----------------------------------------------------------------------------------------

TEST_CASE("N claimers race for one task: one gets it") {
    Bench bench;
    const std::string id = bench.run([](Context& ctx) {
        tasks::NewTask task;
        task.description = "x";
        task.needed_capabilities = {"c"};
        return tasks::submit(ctx, 1, std::move(task)).value().task.id;
    });
    CHECK_FALSE(bench.run([](Context& ctx) { return tasks::claim(ctx, 1, "incapable", {"b"}, 0); }));
    std::vector<std::string> winners;
    for (int i = 0; i < 50; ++i) {
        const std::string agent = "claimer" + std::to_string(i);
        if (const auto task = bench.run([&](Context& ctx) { return tasks::claim(ctx, 1, agent, {"c", "d"}, 0); })) {
            CHECK(task->id == id);
            CHECK(task->state == TaskState::working);
            CHECK(task->generation == 1);
            winners.push_back(agent);
        }
    }
    CHECK(winners == Names{"claimer0"});
    const auto report = [&](const std::string& agent, int64_t generation) {
        return tasks::Report{1, agent, id, generation};
    };
    CHECK_FALSE(bench.run([&](Context& ctx) { return tasks::release(ctx, report("claimer1", 1), "").ok(); }));
    CHECK_FALSE(bench.run([&](Context& ctx) { return tasks::release(ctx, report("claimer0", 2), "").ok(); }));

    SECTION("released, it is the next one's, with a generation of its own") {
        CHECK(bench.run([&](Context& ctx) { return tasks::release(ctx, report("claimer0", 1), "done here").ok(); }));
        const TaskRow row = *bench.tables.find<TaskRow>({1, id});
        CHECK(row.state == TaskState::queued);
        CHECK(row.generation == 2);
        CHECK(row.reclaim_count == 0);
        CHECK(bench.tables.find<AttemptRow>({1, id, 1})->outcome == Outcome::released);
        CHECK(bench.run([&](Context& ctx) { return tasks::claim(ctx, 1, "claimer1", {"c"}, 0); })->generation == 3);
        const Status again = bench.run([&](Context& ctx) { return tasks::release(ctx, report("claimer0", 1), ""); });
        CHECK(again.error().code == "stale_generation");
    }
    SECTION("completed, it is gone") {
        CHECK(bench.run([&](Context& ctx) {
            return tasks::complete(ctx, report("claimer0", 1), "{}", std::nullopt, std::nullopt).ok();
        }));
        CHECK(bench.tables.count<LeaseRow>() == 0);
        CHECK(bench.tables.count<TimerRow>() == 0);
        CHECK(bench.tables.count<TaskRow>() == 0);
    }
}

TEST_CASE("a claimed lease lasts as long as it was asked for and each report renews it") {
    Bench bench;
    bench.run([](Context& ctx) {
        tasks::NewTask task;
        task.description = "x";
        return tasks::submit(ctx, 1, std::move(task)).value().task.id;
    });
    const TaskRow task = *bench.run([](Context& ctx) { return tasks::claim(ctx, 1, "cron", {}, 10'000); });
    const auto lease_timer = [&] { return *bench.tables.find<TimerRow>({TimerKind::lease, 1, task.id, 1}); };
    const auto fire = [&] {
        const TimerRow timer = lease_timer();
        bench.now.mono_us = timer.deadline;
        bench.run([&](Context& ctx) {
            ctx.tables.erase<TimerRow>(timer.key());
            tasks::on_timer(ctx, timer);
            return 0;
        });
    };
    CHECK(lease_timer().deadline == bench.now.mono_us + 10'000'000);
    bench.now.mono_us += 6'000'000;
    CHECK(bench.run([&](Context& ctx) { return tasks::progress(ctx, {1, "cron", task.id, 1}, 50).ok(); }));
    const int64_t renewed = bench.now.mono_us;
    fire();
    CHECK(bench.tables.find<TaskRow>({1, task.id})->state == TaskState::working);
    CHECK(lease_timer().deadline == renewed + 10'000'000);
    fire();
    CHECK(bench.tables.find<TaskRow>({1, task.id})->state == TaskState::queued);
    CHECK(bench.tables.find<AttemptRow>({1, task.id, 1})->outcome == Outcome::silent);
}

TEST_CASE("B9: a timer that outlived its lease does nothing to the next one") {
    Bench bench;
    const std::string id = bench.run([](Context& ctx) {
        tasks::NewTask task;
        task.description = "x";
        return tasks::submit(ctx, 1, std::move(task)).value().task.id;
    });
    bench.run([](Context& ctx) { return tasks::claim(ctx, 1, "a", {}, 0).has_value(); });
    bench.run([&](Context& ctx) { return tasks::release(ctx, {1, "a", id, 1}, "").ok(); });
    bench.run([&](Context& ctx) {
        tasks::begin_lease(ctx, TaskRow(*ctx.tables.find<TaskRow>({1, id})), "b", 0, false);
        return 0;
    });
    const Hash128 before = row_hash(*bench.tables.find<TaskRow>({1, id}));
    bench.now.mono_us += us_from_ms(1'000'000);
    for (const TimerKind kind :
         {TimerKind::acceptance, TimerKind::lease, TimerKind::max_run, TimerKind::grace, TimerKind::stuck}) {
        CAPTURE(to_text(kind));
        TimerRow timer;
        timer.kind = kind;
        timer.workspace = 1;
        timer.subject = id;
        timer.generation = 1;
        timer.deadline = bench.now.mono_us;
        bench.run([&](Context& ctx) {
            tasks::on_timer(ctx, timer);
            return 0;
        });
        CHECK(row_hash(*bench.tables.find<TaskRow>({1, id})) == before);
    }
}

TEST_CASE("release is in each state what the table says") {
    for (size_t i = 0; i < kTaskStates; ++i) {
        const auto state = static_cast<TaskState>(i);
        CAPTURE(to_text(state));
        const LifecycleCell& cell = lifecycle(state, TaskEvent::release);
        Bench bench;
        const auto with_task = [&](auto&& operation) {
            return bench.run([&](Context& ctx) { return operation(ctx); });
        };
        tasks::NewTask wanted;
        wanted.description = "x";
        wanted.max_retries = 1;
        if (state == TaskState::held) wanted.not_before = bench.now.wall_ms + 1;
        const std::string id =
            with_task([&](Context& ctx) { return tasks::submit(ctx, 1, std::move(wanted)).value().task.id; });
        if (state == TaskState::assigned) {
            with_task([&](Context& ctx) {
                tasks::begin_lease(ctx, TaskRow(*ctx.tables.find<TaskRow>({1, id})), "a", 0, false);
                return 0;
            });
        } else if (state > TaskState::assigned) {
            with_task([&](Context& ctx) { return tasks::claim(ctx, 1, "a", {}, 0).has_value(); });
        }
        const tasks::Report report{1, "a", id, 1};
        if (state == TaskState::dead_letter) {
            with_task([&](Context& ctx) { return tasks::fail(ctx, report, "bad").ok(); });
        }
        if (state == TaskState::completed) {
            with_task([&](Context& ctx) { return tasks::complete(ctx, report, "{}", {}, {}).ok(); });
        }
        if (state == TaskState::cancelled) {
            with_task([&](Context& ctx) { return tasks::cancel(ctx, 1, id, "p", "").ok(); });
        }
        tasks::Report again = report;
        if (cell.action == TaskAction::nothing) again.generation = 7;
        const Status done = with_task([&](Context& ctx) { return tasks::release(ctx, again, "why"); });
        CHECK(done.ok() == (cell.action == TaskAction::give_back));
        const bool in_memory = state != TaskState::completed && state != TaskState::cancelled;
        if (!done.ok()) CHECK(done.error().code == (in_memory ? cell.error : "not_found"));
        if (done.ok()) CHECK(bench.tables.find<TaskRow>({1, id})->state == TaskState::queued);
    }
}
