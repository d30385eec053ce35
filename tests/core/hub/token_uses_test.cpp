#include "core/hub/token_uses.hpp"

#include <catch2/catch.hpp>

#include "tests/core/hub/routes_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

/// Makes a token for ann with these members and gives it.
std::string make(World& world, const std::string& more) {
    const Response made = world.hub.http(Method::post, "/admin/tokens", R"({"agent_id":"ann",)" + more + "}", kAdmin);
    CAPTURE(made.body);
    REQUIRE(made.status == 201);
    return TestHub::member(made.body, "token");
}

int64_t identify(World& world, const std::string& token) {
    const int64_t socket = world.hub.open();
    world.hub.send(socket, R"({"type":"identify","agent_id":"ann","token":")" + token + "\"}");
    REQUIRE(world.hub.take_frame(socket, "identified") != "");
    return socket;
}

/// Everything that a token can have open, at once.
struct Uses {
    Uses(World& world, const std::string& token)
        : socket(identify(world, token)),
          stream(world.hub.begin("/api/events", token, "text/event-stream")),
          poll(world.hub.begin("/api/events?wait_ms=50000&subject=nobody", token)),
          mail(world.hub.begin("/api/mailbox/ann?wait_ms=50000", token)),
          claim(world.hub.begin_http(Method::post, "/api/tasks/claim", R"({"wait_ms":50000,"capabilities":["none"]})",
                                     token)) {
        REQUIRE(world.hub.closed(socket) == nullptr);
        for (const int64_t request : {poll, mail, claim}) REQUIRE(world.hub.response(request) == nullptr);
        REQUIRE_FALSE(world.hub.stream(stream).complete);
    }

    void check_open(World& world) const {
        CHECK(world.hub.closed(socket) == nullptr);
        for (const int64_t request : {poll, mail, claim}) CHECK(world.hub.response(request) == nullptr);
        CHECK_FALSE(world.hub.stream(stream).complete);
    }
    void check_ended(World& world, const std::string& reason) const {
        REQUIRE(world.hub.closed(socket) != nullptr);
        CHECK(world.hub.closed(socket)->code == 1008);
        CHECK(world.hub.closed(socket)->reason == reason);
        CHECK(world.hub.stream(stream).complete);
        for (const int64_t request : {poll, mail, claim}) {
            const Response* response = world.hub.response(request);
            REQUIRE(response != nullptr);
            CHECK(response->status == 401);
        }
    }

    int64_t socket, stream, poll, mail, claim;
};

}  // namespace

TEST_CASE("what a token opened ends in the turn that revokes it", "[access]") {
    World world;
    const std::string token = make(world, R"("label":"x")");
    const Uses uses(world, token);
    SECTION("all of the agent's") {
        REQUIRE(world.hub.http(Method::delete_, "/admin/tokens/ann", "", kAdmin).status == 200);
    }
    SECTION("this one") {
        REQUIRE(world.hub.http(Method::delete_, "/admin/tokens/ann?prefix=" + token.substr(0, 8) + "...", "", kAdmin)
                    .status == 200);
        CHECK(world.get("/api/whoami").status == 200);
    }
    SECTION("by rotation") {
        REQUIRE(world.hub.http(Method::post, "/admin/tokens/ann/rotate", "", kAdmin).status == 201);
    }
    uses.check_ended(world, "token revoked");
    world.hub.clear_frames();
    REQUIRE(
        world.hub.http(Method::post, "/api/message", R"({"to":"ann","payload":{}})", TestHub::token_of("bob")).status ==
        200);
    CHECK(world.hub.frames(uses.socket).empty());
}

TEST_CASE("another token's uses go on", "[access]") {
    World world;
    const Uses uses(world, make(world, R"("label":"x")"));
    CHECK(world.hub.http(Method::delete_, "/admin/tokens/ann?prefix=00000000", "", kAdmin).status == 404);
    REQUIRE(world.hub.http(Method::delete_, "/admin/tokens/ann?prefix=" + world.ann.substr(0, 8), "", kAdmin).status ==
            200);
    uses.check_open(world);
}

TEST_CASE("what a token opened ends when its time is over", "[access]") {
    World world;
    const Uses uses(world, make(world, R"("ttl_ms":1000)"));
    world.hub.advance_ms(999);
    uses.check_open(world);
    world.hub.advance_ms(1);
    uses.check_ended(world, "token expired");
    const EventRow event = *row_from_values<EventRow>(world.hub.store().rows(TableId::events).back());
    CHECK(event.kind == "token_expired");
    CHECK(event.subject == "ann");
}

TEST_CASE("a token expires across a restart, and its name stays taken", "[access]") {
    World world;
    const Response made = world.hub.http(Method::post, "/admin/tokens", R"({"agent_id":"eve","ttl_ms":1000})", kAdmin);
    const std::string token = TestHub::member(made.body, "token");
    world.hub.restart();
    const int64_t socket = world.hub.open();
    world.hub.send(socket, R"({"type":"identify","agent_id":"eve","token":")" + token + "\"}");
    REQUIRE(world.hub.take_frame(socket, "identified") != "");
    world.hub.advance_ms(1'000);
    REQUIRE(world.hub.closed(socket) != nullptr);
    CHECK(world.hub.http(Method::get, "/api/whoami", "", token).status == 401);
    CHECK(world.hub.http(Method::post, "/api/onboard/register", R"({"agent_id":"eve"})").status == 409);
}

TEST_CASE("a token for reading opens no socket", "[access]") {
    World world;
    const std::string token = make(world, R"("role":"viewer")");
    const int64_t socket = world.hub.open();
    world.hub.send(socket, R"({"type":"identify","agent_id":"ann","token":")" + token + "\"}");
    CHECK(TestHub::member(world.hub.take_frame(socket, "error"), "error") == "forbidden");
    CHECK(world.hub.http(Method::get, "/api/tasks", "", token).status == 200);
    CHECK(world.hub.http(Method::post, "/api/tasks", R"({"description":"x"})", token).status == 403);
}

TEST_CASE("nobody gives more than they have", "[access]") {
    World world;
    const auto made = [&world](const std::string& more, const std::string& token) {
        return world.hub.http(Method::post, "/admin/tokens", R"({"agent_id":"ann")" + more + "}", token);
    };
    CHECK(made(R"(,"role":"admin")", world.ann).status == 403);
    CHECK(made(R"(,"role":"operator")", world.ann).status == 403);
    CHECK(made(R"(,"role":"viewer")", world.ann).status == 201);
    CHECK(made(R"(,"role":"king")", kAdmin).status == 422);
    CHECK(made(R"(,"scopes":["all"])", kAdmin).status == 422);
    CHECK(made(R"(,"ttl_ms":5,"expires_at":1900000000000)", kAdmin).status == 422);
    CHECK(made(R"(,"expires_at":1)", kAdmin).status == 422);
    const std::string narrow = TestHub::member(made(R"(,"scopes":["read"],"ttl_ms":60000)", world.ann).body, "token");
    // Without a word it is like the one that made it.
    const Response like = made("", narrow);
    CHECK(like.status == 201);
    CHECK(like.body.find(R"("scopes":["read"])") != std::string::npos);
    CHECK(like.body.find(R"("expires_at":1800000060000)") != std::string::npos);
    CHECK(made(R"(,"scopes":[])", narrow).status == 403);
    CHECK(made(R"(,"scopes":["read","work"])", narrow).status == 403);
    CHECK(made(R"(,"ttl_ms":60001)", narrow).status == 403);
    CHECK(made(R"(,"ttl_ms":59999)", narrow).status == 201);
    const std::string rotated =
        TestHub::member(world.hub.http(Method::post, "/admin/tokens/ann/rotate", "", narrow).body, "token");
    const Response who = world.hub.http(Method::get, "/api/whoami", "", rotated);
    CHECK(TestHub::member(who.body, "expires_at") == "1800000060000");
    CHECK(TestHub::member(who.body, "scopes") == R"(["read"])");
}
