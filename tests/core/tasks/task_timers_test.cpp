#include "core/tasks/task_timers.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "core/tasks/leases.hpp"
#include "core/tasks/reports.hpp"
#include "core/tasks/tasks.hpp"
#include "tests/core/tasks/task_hub.hpp"

using namespace agentcom;
using namespace agentcom::test;

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

TEST_CASE("W-15: a task that is taken back says why, in its event and in its attempt") {
    struct Case {
        std::string why;
        std::string outcome;
        void (*set)(Settings&);
        void (*happen)(Working&);
    };
    const Case cases[] = {
        {"silent", "silent", [](Settings&) {}, [](Working& world) { world.hub.advance_ms(240'000); }},
        {"disconnect", "disconnect", [](Settings& settings) { settings.reconnect_grace_ms = 5'000; },
         [](Working& world) {
             world.hub.disconnect(world.bob);
             world.hub.advance_ms(5'000);
         }},
        {"max_run", "max_run", [](Settings& settings) { settings.max_run_ms = 60'000; },
         [](Working& world) { world.hub.advance_pinging(60'000, {world.bob}); }},
        {"stuck", "stuck", [](Settings& settings) { settings.stuck_reclaim = 1; },
         [](Working& world) { world.hub.advance_pinging(300'000, {world.bob}); }},
        {"reset", "released", [](Settings&) {},
         [](Working& world) {
             world.hub.http(Method::post, "/api/admin/reset", R"({"reason":"r"})", std::string(TestHub::kAdminToken));
             world.hub.advance_ms(10'000);
         }},
    };
    for (const Case& each : cases) {
        CAPTURE(each.why);
        Settings settings;
        each.set(settings);
        Working world(settings);
        each.happen(world);
        Names causes;
        for (const EventRow& event : world.hub.events(world.id)) {
            if (event.kind == "task_reclaimed") causes.push_back(event.cause);
        }
        CHECK(causes == Names{each.why});
        CHECK(world.hub.attempts(world.id) == Names{"1 bob " + each.outcome});
    }
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

TEST_CASE("B9: a timer that outlived its lease does nothing to the next one") {
    Bench bench;
    const std::string id = bench.run([](Context& ctx) {
        tasks::NewTask task;
        task.description = "x";
        return tasks::submit(ctx, 1, std::move(task)).value().task.id;
    });
    claim(bench, "a", {});
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
