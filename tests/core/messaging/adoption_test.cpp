#include "core/messaging/adoption.hpp"

#include <catch2/catch.hpp>

#include "tests/core/hub/routes_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

void adopt(World& world, const std::string& key, const std::string& more) {
    const Response response = world.hub.http(Method::post, "/api/admin/import",
                                             R"({"source":"v1.1","items":[{"kind":"message","key":")" + key +
                                                 R"(","from":"ann","payload":{},"timestamp":1)" + more + "}]}",
                                             kAdmin);
    CAPTURE(response.body);
    REQUIRE(TestHub::member(response.body, "created") == "1");
}

}  // namespace

TEST_CASE("who is online is pushed adopted mail, and nothing that it has had", "[import]") {
    World world;
    const int64_t bob = world.hub.connect("bob", R"("protocol_version":2)");
    world.hub.clear_frames();
    adopt(world, "1", R"(,"to":"bob")");
    adopt(world, "2", "");
    CHECK(world.hub.frames(bob).empty());
    const std::string now = std::to_string(world.hub.now_ms());
    const Response mail =
        world.hub.http(Method::post, "/api/admin/import",
                       R"({"source":"v1.1","items":[{"kind":"message","key":"3","from":"ann","to":"bob",)"
                       R"("payload":{},"unread_by":["bob"],"timestamp":)" +
                           now + "}]}",
                       kAdmin);
    CHECK(TestHub::member(mail.body, "created") == "1");
    CHECK(TestHub::member(world.hub.take_frame(bob, "message"), "timestamp") == now);
}

TEST_CASE("what became of an adopted message that was had elsewhere", "[import]") {
    World world;
    adopt(world, "1", R"(,"to":"bob")");
    const Response sent = world.get("/api/messages/sent");
    CAPTURE(sent.body);
    CHECK(sent.body.find(R"("state":"acked")") != std::string::npos);
}

TEST_CASE("adopted mail that is older than mail may be expires", "[import]") {
    World world;
    adopt(world, "1", R"(,"to":"bob","unread_by":["bob"])");
    world.hub.advance_ms(1);
    CHECK(TestHub::member(world.hub.http(Method::get, "/api/mailbox/bob", "", TestHub::token_of("bob")).body,
                          "count") == "0");
}
