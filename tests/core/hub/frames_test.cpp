#include "core/hub/frames.hpp"

#include <catch2/catch.hpp>

#include "tests/core/support/test_hub.hpp"

using namespace agentcom;
using agentcom::test::TestHub;

namespace {

struct World {
    explicit World(Settings settings = {}) : hub(std::move(settings)) {
        hub.register_agent("ann");
        ann = hub.connect("ann", R"("slots":3)");
        hub.clear_frames();
    }
    /// The one reply to a frame.
    std::string ask(const std::string& text) {
        hub.clear_frames();
        hub.send(ann, text);
        CAPTURE(text);
        REQUIRE(hub.frames(ann).size() == 1);
        return hub.frames(ann)[0];
    }
    std::string assigned() {
        const std::string id = hub.submit(R"({"description":"x"})");
        REQUIRE(hub.take_frame(ann, "task_assign") != "");
        return id;
    }
    TestHub hub;
    int64_t ann = 0;
};

}  // namespace

TEST_CASE("what is no frame is told so, in v1.1's words") {
    World world;
    CHECK(world.ask("{") == R"({"type":"error","error":"invalid_json"})");
    CHECK(world.ask("") == R"({"type":"error","error":"invalid_json"})");
    CHECK(
        world.ask("[1]") ==
        R"({"type":"error","error":"validation_failed","message_type":"unknown","errors":[{"field":"message","error":"wrong_type","detail":"expected JSON object"}]})");
    CHECK(
        world.ask(R"({"type":"message"})") ==
        R"({"type":"error","error":"validation_failed","message_type":"message","errors":[{"field":"payload","error":"required","detail":"field is required"}]})");
    CHECK(TestHub::member(world.ask(R"({"type":"from_the_future"})"), "errors").find("known_types") !=
          std::string::npos);
}

TEST_CASE("ping tells the time of the wall clock") {
    World world;
    CHECK(world.ask(R"({"type":"ping"})") ==
          R"({"type":"pong","timestamp":)" + std::to_string(world.hub.now_ms()) + "}");
}

TEST_CASE("reports about tasks that are not one's own get v1.1's answers and change nothing") {
    World world;
    const std::string id = world.assigned();
    const std::vector<TableSum> before = world.hub.tables().sums();
    CHECK(world.ask(R"({"type":"task_accepted","task_id":"none"})") ==
          R"({"type":"task_ack","task_id":"none","status":"accepted"})");
    CHECK(world.ask(R"({"type":"task_complete","task_id":"none","generation":1})") ==
          R"({"type":"error","error":"task_complete_failed: not_found"})");
    CHECK(world.ask(R"({"type":"task_complete","task_id":")" + id + R"(","generation":9})") ==
          R"({"type":"error","error":"task_complete_failed: stale_generation"})");
    CHECK(world.ask(R"({"type":"task_failed","task_id":"none","generation":1})") ==
          R"({"type":"error","error":"task_fail_failed: not_found"})");
    CHECK(world.ask(R"({"type":"task_recovering","task_id":"none"})") ==
          R"({"type":"task_reassign","task_id":"none"})");
    const std::vector<TableSum> after = world.hub.tables().sums();
    for (size_t i = 0; i < before.size(); ++i) {
        if (before[i].table == TableId::tasks || before[i].table == TableId::attempts)
            CHECK(before[i].sum == after[i].sum);
    }
    CHECK(world.ask(R"({"type":"task_recovering","task_id":")" + id + "\"}") ==
          R"({"type":"task_continue","task_id":")" + id + R"(","generation":1})");
}

TEST_CASE("tokens_used is the frame's own, else the result's, and usage is kept as it came") {
    World world;
    const auto finish = [&](const std::string& more) {
        const std::string id = world.assigned();
        world.ask(R"({"type":"task_complete","task_id":")" + id + R"(","generation":1,)" + more + "}");
        return world.hub.task(id);
    };
    CHECK(TestHub::member(finish(R"("tokens_used":5,"result":{"tokens_used":6})"), "tokens_used") == "5");
    CHECK(TestHub::member(finish(R"("result":{"tokens_used":"many"})"), "tokens_used") == "many");
    CHECK(TestHub::member(finish(R"("result":{"tokens_used":null})"), "tokens_used") == "null");
    CHECK(TestHub::member(finish(R"("usage":{"model":"m","cost_micros":1e2})"), "usage") ==
          R"({"model":"m","cost_micros":1e2})");
    CHECK(TestHub::member(finish(R"("result":{"a":12345678901234567890})"), "result") ==
          R"({"a":12345678901234567890})");
}

TEST_CASE("the text of a failure is error, else reason, else unknown, cut to what is kept") {
    World world;
    const auto last_error = [&](const std::string& more) {
        const std::string id = world.assigned();
        CHECK(TestHub::member(world.ask(R"({"type":"task_failed","generation":1,"task_id":")" + id + "\"" + more + "}"),
                              "status") == "retried");
        const std::string error = TestHub::member(world.hub.task(id), "last_error");
        world.hub.http(Method::delete_, "/api/tasks/" + id, "", TestHub::token_of("ann"));
        return error;
    };
    CHECK(last_error("") == "unknown");
    CHECK(last_error(R"(,"reason":"r")") == "r");
    CHECK(last_error(R"(,"reason":"r","error":"e")") == "e");
    CHECK(last_error(R"(,"error":{"code":5})") == R"({"code":5})");
    CHECK(last_error(",\"error\":\"" + std::string(2'500, 'x') + "\"") == std::string(2'000, 'x'));
}

TEST_CASE("under the profile a failure's odd text is refused, as v1.1 did") {
    World world(v11_profile());
    const std::string id = world.assigned();
    CHECK(TestHub::member(world.ask(R"({"type":"task_failed","generation":1,"error":5,"task_id":")" + id + "\"}"),
                          "error") == "validation_failed");
}
