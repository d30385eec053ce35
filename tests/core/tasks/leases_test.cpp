#include "core/tasks/leases.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "core/tasks/reports.hpp"
#include "core/tasks/task_timers.hpp"
#include "core/tasks/tasks.hpp"
#include "tests/core/tasks/task_hub.hpp"

using namespace agentcom;
using namespace agentcom::test;

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

TEST_CASE("N claimers race for one task: one gets it") {
    Bench bench;
    const std::string id = bench.run([](Context& ctx) {
        tasks::NewTask task;
        task.description = "x";
        task.needed_capabilities = {"c"};
        return tasks::submit(ctx, 1, std::move(task)).value().task.id;
    });
    CHECK_FALSE(claim(bench, "incapable", {"b"}));
    std::vector<std::string> winners;
    for (int i = 0; i < 50; ++i) {
        const std::string agent = "claimer" + std::to_string(i);
        if (const auto task = claim(bench, agent, {"c", "d"})) {
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
        CHECK(claim(bench, "claimer1", {"c"})->generation == 3);
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
    const TaskRow task = *claim(bench, "cron", {}, 10'000);
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
