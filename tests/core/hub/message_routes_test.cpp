#include "core/hub/message_routes.hpp"

#include <catch2/catch.hpp>

#include "tests/core/hub/routes_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

TEST_CASE("the mailbox is its owner's alone") {
    World world;
    const std::string bob = TestHub::token_of("bob");
    CHECK(world.get("/api/mailbox/bob").status == 401);
    CHECK(world.post("/api/mailbox/bob/ack", R"({"seq":1})").status == 401);
    CHECK(world.hub.http(Method::get, "/api/mailbox/bob", "", bob).body ==
          R"({"agent_id":"bob","messages":[],"last_seq":0,"count":0})");
    CHECK(world.hub.http(Method::get, "/api/mailbox/bob?since=41", "", bob).body ==
          R"({"agent_id":"bob","messages":[],"last_seq":41,"count":0})");
    CHECK(world.hub.http(Method::get, "/api/mailbox/bob?since=x", "", bob).status == 422);
    CHECK(world.hub.http(Method::post, "/api/mailbox/bob/ack", "{}", bob).status == 422);
    const Response sent = world.post("/api/message", R"({"to":"bob","type":null,"payload":{"k":1},"reply_to":"r"})");
    const std::string id = TestHub::member(sent.body, "id");
    CHECK(sent.body == R"({"status":"sent","id":")" + id + "\"}");
    CHECK(world.hub.http(Method::get, "/api/mailbox/bob", "", bob).body ==
          R"({"agent_id":"bob","messages":[{"seq":1,"id":")" + id +
              R"(","from":"ann","to":"bob","type":"chat","payload":{"k":1},"reply_to":"r","timestamp":)" +
              std::to_string(world.hub.now_ms()) + R"(}],"last_seq":1,"count":1})");
}

// -- frames behind a query
// ---------------------------------------------------------------------------------------------
