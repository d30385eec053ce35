#include "core/tasks/reports.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "core/base/json.hpp"
#include "core/tasks/leases.hpp"
#include "core/tasks/tasks.hpp"
#include "tests/core/tasks/task_hub.hpp"

using namespace agentcom;
using namespace agentcom::test;

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
            claim(bench, "a", {});
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

// -- the talk of a running task ---------------------------------------------------------------------------------------

namespace {

/// As Working, with bob on protocol 2.
struct Talking : Working {
    explicit Talking(Settings settings = {}) : Working(settings, R"("protocol_version":2)") {}

    int say(const std::string& text) {
        said = hub.http(Method::post, "/api/tasks/" + id + "/say", R"({"text":)" + json::encode_string(text) + "}",
                        TaskHub::token_of("submitter"));
        return said.status;
    }
    int cancel(const std::string& body) {
        said = hub.http(Method::post, "/api/tasks/" + id + "/cancel", body, TaskHub::token_of("submitter"));
        return said.status;
    }
    std::string output(int64_t offset, const std::string& text, const std::string& stream = "stdout") {
        return hub.report(bob, "task_output", id,
                          R"("generation":1,"stream":")" + stream + R"(","offset":)" + std::to_string(offset) +
                              R"(,"text":)" + json::encode_string(text));
    }
    /// GET /api/tasks/:id/output
    std::string read(const std::string& query = "") {
        said = hub.http(Method::get, "/api/tasks/" + id + "/output" + query, "", TaskHub::token_of("submitter"));
        CAPTURE(said.body);
        REQUIRE(said.status == 200);
        std::string text;
        const std::string chunks = TestHub::member(said.body, "chunks");
        for (const json::Value& chunk : json::elements(chunks)) {
            text += TestHub::member(std::string(chunk.raw), "text");
        }
        return text;
    }
    Response said;
};

}  // namespace

TEST_CASE("a holder asks and a person answers") {
    Talking world;
    TaskHub& hub = world.hub;
    CHECK(hub.report(world.bob, "task_waiting", world.id,
                     R"("generation":1,"question":"which?","options":["a","b"])") == "waiting");
    const std::string asked = hub.task(world.id);
    CHECK(TestHub::member(asked, "state") == "waiting_input");
    CHECK(TestHub::member(asked, "status") == "assigned");
    CHECK(TestHub::member(TestHub::member(asked, "question"), "question") == "which?");
    CHECK(TestHub::member(TestHub::member(asked, "question"), "options") == R"(["a","b"])");
    CHECK(hub.last_event(world.id) == "task_waiting_input/");

    SECTION("the answer goes to the session and ends the question") {
        CHECK(world.say("b") == 200);
        CHECK(TestHub::member(world.said.body, "delivered") == "true");
        const std::string push = hub.take_frame(world.bob, "task_say");
        CHECK(TestHub::member(push, "text") == "b");
        CHECK(TestHub::member(push, "seq") == "1");
        CHECK(TestHub::member(push, "from") == "submitter");
        CHECK(TestHub::member(push, "generation") == "1");
        CHECK(TestHub::member(hub.task(world.id), "state") == "working");
        CHECK(hub.last_event(world.id) == "task_said/answer");
    }
    SECTION("who waits for an answer is not stuck") {
        hub.advance_pinging(1'000'000, {world.bob});
        CHECK(TestHub::member(hub.task(world.id), "stuck") == "false");
    }
    SECTION("the question survives a restart, and what was said is said again to the new session") {
        hub.restart();
        CHECK(TestHub::member(hub.task(world.id), "state") == "waiting_input");
        CHECK(world.say("later") == 200);
        CHECK(TestHub::member(world.said.body, "delivered") == "false");
        world.bob = hub.connect("bob", R"("protocol_version":2)");
        CHECK(TestHub::member(hub.take_frame(world.bob, "task_say"), "text") == "later");
    }
    SECTION("an empty question takes it back") {
        CHECK(hub.report(world.bob, "task_waiting", world.id, R"("question":"")") == "waiting");
        CHECK(TestHub::member(hub.task(world.id), "question") == "null");
    }
    SECTION("its end ends the question") {
        CHECK(hub.complete(world.bob, world.id, 1) == "complete");
        CHECK(hub.tables().count<RunRow>() == 0);
    }
    SECTION("a stale generation asks nothing") {
        CHECK(hub.report(world.bob, "task_waiting", world.id, R"("generation":9,"question":"x")") ==
              "task_waiting_failed: stale_generation");
        CHECK(TestHub::member(TestHub::member(hub.task(world.id), "question"), "question") == "which?");
    }
}

TEST_CASE("only a holder that can hear is told something") {
    SECTION("protocol 1") {
        Working world;
        CHECK(world.hub
                  .http(Method::post, "/api/tasks/" + world.id + "/say", R"({"text":"x"})",
                        TaskHub::token_of("submitter"))
                  .status == 409);
    }
    SECTION("nobody") {
        TaskHub hub;
        const std::string id = hub.submit(R"({"description":"d"})");
        CHECK(hub.http(Method::post, "/api/tasks/" + id + "/say", R"({"text":"x"})", TaskHub::token_of("submitter"))
                  .status == 409);
        CHECK(hub.http(Method::post, "/api/tasks/none/say", R"({"text":"x"})", TaskHub::token_of("submitter")).status ==
              404);
    }
    SECTION("no more than can be kept") {
        Talking world;
        for (int i = 0; i < 100; ++i) REQUIRE(world.say("x") == 200);
        CHECK(world.say("x") == 409);
    }
    SECTION("a program without a socket hears it with its next report") {
        TaskHub hub;
        const std::string id = hub.submit(R"({"description":"d"})");
        hub.register_agent("bob");
        const std::string bob = TaskHub::token_of("bob");
        REQUIRE(hub.http(Method::post, "/api/tasks/claim", "{}", bob).status == 200);
        const auto say = [&](const std::string& text) {
            return hub
                .http(Method::post, "/api/tasks/" + id + "/say", R"({"text":")" + text + "\"}",
                      TaskHub::token_of("submitter"))
                .status;
        };
        const auto progress = [&] {
            return hub.http(Method::post, "/api/tasks/" + id + "/progress", R"({"generation":1})", bob).body;
        };
        CHECK(say("one") == 200);
        CHECK(say("two") == 200);
        const std::string heard = TestHub::member(progress(), "say");
        CHECK(heard.find("one") < heard.find("two"));
        CHECK(TestHub::member(progress(), "say") == "[]");
        REQUIRE(hub.http(Method::post, "/api/tasks/" + id + "/cancel", R"({"grace_ms":5000,"reason":"stop"})",
                         TaskHub::token_of("submitter"))
                    .status == 200);
        CHECK(TestHub::member(TestHub::member(progress(), "cancel"), "reason") == "stop");
    }
}

TEST_CASE("a cancelled task's holder has the time it was given") {
    Talking world;
    TaskHub& hub = world.hub;
    CHECK(world.cancel(R"({"grace_ms":5000,"reason":"enough"})") == 200);
    CHECK(TestHub::member(world.said.body, "status") == "cancelling");
    const std::string push = hub.take_frame(world.bob, "task_cancelled");
    CHECK(TestHub::member(push, "reason") == "enough");
    CHECK(TestHub::member(push, "grace_ms") == "5000");
    CHECK(hub.state(world.id) == "working");
    CHECK(TestHub::member(TestHub::member(hub.task(world.id), "cancel_requested"), "by") == "submitter");

    SECTION("a result still counts") {
        CHECK(hub.complete(world.bob, world.id, 1) == "complete");
        CHECK(hub.state(world.id) == "completed");
    }
    SECTION("a failure is the end") {
        CHECK(hub.fail(world.bob, world.id, 1) == "cancelled");
        CHECK(hub.state(world.id) == "cancelled");
    }
    SECTION("so is giving it back") {
        CHECK(hub.reject(world.bob, world.id) == "rejected");
        CHECK(hub.state(world.id) == "cancelled");
    }
    SECTION("and losing it") {
        hub.disconnect(world.bob);
        hub.advance_ms(40'000);
        CHECK(hub.state(world.id) == "cancelled");
    }
    SECTION("and the end of the time") {
        hub.advance_ms(4'999);
        CHECK(hub.state(world.id) == "working");
        hub.advance_ms(1);
        CHECK(hub.state(world.id) == "cancelled");
        CHECK(TestHub::member(hub.take_frame(world.bob, "task_cancelled"), "grace_ms").empty());
        CHECK(hub.attempts(world.id) == Names{"1 bob cancelled"});
    }
    SECTION("which begins anew after a restart, and is told again") {
        hub.restart();
        world.bob = hub.connect("bob", R"("protocol_version":2)");
        CHECK(TestHub::member(hub.take_frame(world.bob, "task_cancelled"), "grace_ms") == "5000");
        hub.advance_ms(5'000);
        CHECK(hub.state(world.id) == "cancelled");
    }
    SECTION("another cancel without grace ends it at once") {
        CHECK(world.cancel("{}") == 200);
        CHECK(TestHub::member(world.said.body, "status") == "cancelled");
        CHECK(hub.state(world.id) == "cancelled");
    }
}

TEST_CASE("who cannot be told gets no time") {
    Working world;
    const Response done = world.hub.http(Method::post, "/api/tasks/" + world.id + "/cancel", R"({"grace_ms":5000})",
                                         TaskHub::token_of("submitter"));
    CHECK(TestHub::member(done.body, "status") == "cancelled");
    CHECK(world.hub.state(world.id) == "cancelled");
    CHECK(world.hub
              .http(Method::post, "/api/tasks/" + world.id + "/cancel", R"({"grace_ms":-1})",
                    TaskHub::token_of("submitter"))
              .status == 422);
    CHECK(world.hub.http(Method::post, "/api/tasks/" + world.id + "/cancel", "{}", TaskHub::token_of("submitter"))
              .status == 409);
}

TEST_CASE("output is kept in order, once, and read from any position") {
    Talking world;
    CHECK(world.read().empty());
    CHECK(TestHub::member(world.said.body, "ended") == "false");
    CHECK(world.output(0, "hello ") == "");
    CHECK(world.output(6, "wörld", "stderr") == "");
    CHECK(world.read() == "hello wörld");
    CHECK(TestHub::member(world.said.body, "next") == "12");
    CHECK(TestHub::member(world.said.body, "generation") == "1");
    // Sent again, in part or whole, it is there once.
    CHECK(world.output(0, "hello ") == "");
    CHECK(world.output(6, "wörld!") == "");
    CHECK(world.read() == "hello wörld!");
    CHECK(world.read("?since=8") == "rld!");  // within a character: from the next one
    CHECK(world.read("?since=12") == "!");
    CHECK(world.read("?since=99").empty());
    CHECK(world.read("?limit=1") == "hello ");
    CHECK(TestHub::member(world.said.body, "next") == "6");
    // A reader may wait for more.
    const int64_t waiting = world.hub.begin_http(
        Method::get, "/api/tasks/" + world.id + "/output?since=13&wait_ms=5000", "", TaskHub::token_of("submitter"));
    CHECK(world.hub.answer(waiting).status == 0);
    CHECK(world.output(13, "more") == "");
    CHECK(world.hub.answer(waiting).body.find("more") != std::string::npos);
    // What others or other leases send is none.
    CHECK(world.hub.report(world.bob, "task_output", world.id,
                           R"("generation":2,"stream":"stdout","offset":0,"text":"x")") ==
          "task_output_failed: stale_generation");
    CHECK(world.hub.report(world.bob, "task_output", world.id,
                           R"("generation":1,"stream":"stdlog","offset":0,"text":"x")") ==
          "task_output_failed: invalid_value");
    for (const std::string offset : {"-1", "9007199254740992", "9223372036854775807", "99999999999999999999"}) {
        CHECK(world.hub.report(world.bob, "task_output", world.id,
                               R"("generation":1,"stream":"stdout","text":"x","offset":)" + offset) ==
              "task_output_failed: invalid_value");
    }
    const int64_t last = world.hub.begin_http(Method::get, "/api/tasks/" + world.id + "/output?since=17&wait_ms=5000",
                                              "", TaskHub::token_of("submitter"));
    CHECK(world.hub.complete(world.bob, world.id, 1) == "complete");
    CHECK(TestHub::member(world.hub.answer(last).body, "ended") == "true");
    CHECK(world.read() == "hello wörld!more");
    CHECK(TestHub::member(world.said.body, "ended") == "true");
    CHECK(world.hub.http(Method::get, "/api/tasks/none/output", "", TaskHub::token_of("submitter")).status == 404);
}

TEST_CASE("of a long output the last 256 KiB are kept") {
    Talking world;
    const std::string piece(10'000, 'p');
    int64_t offset = 0;
    for (int i = 0; i < 100; ++i, offset += 10'000) REQUIRE(world.output(offset, piece) == "");
    world.read("?since=0&limit=1");
    const int64_t start = std::stoll(TestHub::member(world.said.body, "start"));
    CHECK(start > 0);
    CHECK(TestHub::member(world.said.body, "end") == "1000000");
    CHECK(1'000'000 - start >= 256 * 1024);
    CHECK(1'000'000 - start <= (256 + 64) * 1024 + 20'000);
    // A second attempt has an output of its own; both can be read.
    CHECK(world.hub.fail(world.bob, world.id, 1) == "retried");
    world.hub.advance_ms(2'000);
    REQUIRE(world.hub.accept(world.bob, world.id) == "accepted");
    CHECK(world.hub.report(world.bob, "task_output", world.id,
                           R"("generation":3,"stream":"stdout","offset":0,"text":"again")") == "");
    CHECK(world.read() == "again");
    CHECK(world.read("?generation=1&since=999999") == "p");
}

TEST_CASE("a note is part of the history") {
    Talking world;
    CHECK(world.hub.report(world.bob, "task_note", world.id, R"("text":"halfway")") == "noted");
    CHECK(world.hub.last_event(world.id) == "task_note/");
    CHECK(world.hub.events(world.id).back().data.find("halfway") != std::string::npos);
}

TEST_CASE("protocol 1 knows none of the new frames") {
    Working world;
    for (const std::string type : {"task_output", "task_note", "task_waiting"}) {
        CHECK(world.hub.report(world.bob, type, world.id, R"("generation":1,"text":"x","question":"y")") ==
              "validation_failed");
    }
}
