#include "core/tasks/tasks.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "core/tasks/leases.hpp"
#include "tests/core/tasks/task_hub.hpp"

using namespace agentcom;
using namespace agentcom::test;

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
