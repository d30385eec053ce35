#include "core/hub/agent_routes.hpp"

#include <catch2/catch.hpp>

#include "tests/core/hub/routes_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

TEST_CASE("the agents' routes show who is online and what they do") {
    World world;
    CHECK(world.get("/health").body == R"({"status":"ok","service":"agent_com","agents_connected":0})");
    const int64_t bob = world.hub.connect("bob", R"("capabilities":["code"],"slots":2,"name":"Bob")");
    const std::string at = std::to_string(world.hub.now_ms());
    CHECK(world.get("/health").body == R"({"status":"ok","service":"agent_com","agents_connected":1})");
    CHECK(world.get("/api/agents").body ==
          R"({"agents":[{"agent_id":"bob","name":"Bob","status":"connected","capabilities":["code"],"connected_at":)" +
              at + R"(,"fsm_state":"idle"}]})");
    const std::string id = world.submit();
    CHECK(TestHub::member(world.get("/api/agents/bob/state").body, "fsm_state") == "assigned");
    world.hub.send(bob, R"({"type":"task_accepted","task_id":")" + id + "\"}");
    const Response state = world.get("/api/agents/bob/state");
    CHECK(TestHub::member(state.body, "fsm_state") == "working");
    CHECK(TestHub::member(state.body, "current_task_id") == id);
    CHECK(TestHub::member(state.body, "capabilities") == R"([{"name":"code"}])");
    CHECK(TestHub::member(state.body, "flags") == "[]");
    CHECK(TestHub::member(state.body, "slots") == "2");
    CHECK(TestHub::member(state.body, "task_ids") == "[\"" + id + "\"]");
    CHECK(TestHub::member(state.body, "last_state_change") != "");
    const Response states = world.get("/api/agents/states");
    CHECK(states.body.find(R"("fsm_state":"working")") != std::string::npos);
    CHECK(states.body.find("last_state_change") == std::string::npos);
    CHECK(world.get("/api/agents/ann/state").status == 404);
    CHECK(world.get("/api/agents/ann/state").body == R"({"error":"agent_not_found"})");
}
