#include "core/hub/access_routes.hpp"

#include <catch2/catch.hpp>

#include "tests/core/hub/routes_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

TEST_CASE("registering and tokens") {
    World world;
    const Response made = world.hub.http(Method::post, "/api/onboard/register", R"({"agent_id":"new"})");
    CHECK(made.status == 201);
    const std::string token = TestHub::member(made.body, "token");
    CHECK(token.size() == 64);
    CHECK(made.body ==
          R"({"agent_id":"new","token":")" + token +
              R"(","hub_ws_url":"ws://127.0.0.1:4000/ws","hub_api_url":"http://127.0.0.1:4000","default_repo":null})");
    CHECK(world.hub.http(Method::get, "/api/tasks/stats", "", token).status == 200);
    const Response again = world.hub.http(Method::post, "/api/onboard/register", R"({"agent_id":"new"})");
    CHECK(again.status == 409);
    CHECK(again.body == R"({"error":"agent_id already registered"})");
    CHECK(
        world.hub.http(Method::post, "/api/onboard/register", R"({"agent_id":""})").body ==
        R"({"error":"validation_failed","errors":[{"field":"agent_id","error":"required","detail":"agent_id must not be empty"}]})");
    for (const char* bad : {" x", "x ", "broadcast", "a\\u0000b", "a\\nb", ".", ".."}) {
        CAPTURE(bad);
        const Response refused =
            world.hub.http(Method::post, "/api/onboard/register", R"({"agent_id":")" + std::string(bad) + "\"}");
        CHECK(refused.status == 422);
        CHECK(refused.body.find("invalid_characters") != std::string::npos);
    }
    // A further token works beside the first one.
    const Response further = world.hub.http(Method::post, "/admin/tokens", R"({"agent_id":"new"})", token);
    CHECK(further.status == 201);
    CHECK(world.hub.http(Method::get, "/api/tasks/stats", "", TestHub::member(further.body, "token")).status == 200);
    CHECK(world.hub.http(Method::get, "/api/tasks/stats", "", token).status == 200);
    CHECK(world.hub.http(Method::post, "/admin/tokens", R"({"agent_id":"bob"})", token).status == 403);
    CHECK(world.hub.http(Method::post, "/admin/tokens", R"({"agent_id":"bob"})", kAdmin).status == 201);
    // An agent sees its own, the admin all; never more than a prefix.
    const Response own = world.hub.http(Method::get, "/admin/tokens", "", token);
    CHECK(own.body.find("\"ann\"") == std::string::npos);
    CHECK(own.body.find(token.substr(0, 8) + "...") != std::string::npos);
    CHECK(own.body.find(token.substr(0, 9)) == std::string::npos);
    const Response all = world.hub.http(Method::get, "/admin/tokens", "", kAdmin);
    CHECK(all.body.find("\"ann\"") != std::string::npos);
    CHECK(world.hub.http(Method::delete_, "/admin/tokens/new", "", token).status == 200);
    CHECK(world.hub.http(Method::get, "/api/tasks/stats", "", token).status == 401);
    CHECK(world.hub.http(Method::delete_, "/admin/tokens/nobody", "", kAdmin).status == 200);
    CHECK(world.hub.http(Method::post, "/api/onboard/register", R"({"agent_id":"new"})").status == 201);
}

TEST_CASE("whoami tells whose token it is") {
    World world;
    CHECK(world.get("/api/whoami").body ==
          R"({"principal":"ann","kind":"agent","role":"agent","workspace":"default","of_hub":false,"token_prefix":")" +
              world.ann.substr(0, 8) + R"(...","scopes":[],"expires_at":null})");
    CHECK(
        world.hub.http(Method::get, "/api/whoami", "", kAdmin).body ==
        R"({"principal":"admin","kind":"system","role":"admin","workspace":"default","of_hub":true,"token_prefix":"admin-to...","scopes":[],"expires_at":null})");
    CHECK(world.hub.http(Method::get, "/api/whoami").status == 401);
}

TEST_CASE("a rotated token takes the place of all others") {
    World world;
    const int64_t socket = world.hub.connect("ann");
    const Response further = world.hub.http(Method::post, "/admin/tokens", R"({"agent_id":"ann"})", kAdmin);
    CHECK(world.hub.http(Method::post, "/admin/tokens/bob/rotate", "", world.ann).status == 403);
    const Response missing = world.hub.http(Method::post, "/admin/tokens/nobody/rotate", "", kAdmin);
    CHECK(missing.status == 404);
    CHECK(TestHub::member(missing.body, "error") == "agent_not_found");
    const Response rotated = world.hub.http(Method::post, "/admin/tokens/ann/rotate", "", world.ann, "key");
    CHECK(rotated.status == 201);
    const std::string token = TestHub::member(rotated.body, "token");
    CHECK(rotated.body == R"({"agent_id":"ann","token":")" + token + R"("})");
    REQUIRE(world.hub.closed(socket) != nullptr);
    CHECK(world.hub.closed(socket)->code == 1008);
    CHECK(world.get("/api/whoami").status == 401);
    CHECK(world.hub.http(Method::get, "/api/whoami", "", TestHub::member(further.body, "token")).status == 401);
    CHECK(world.hub.http(Method::get, "/api/whoami", "", token).status == 200);
    const EventRow event = *row_from_values<EventRow>(world.hub.store().rows(TableId::events).back());
    CHECK(event.kind == "token_rotated");
    CHECK(event.subject == "ann");
    CHECK(event.cause == kAdminCause);
    const json::Object data = json::members(event.data);
    CHECK(json::elements(data.find("before")->raw).size() == 2);
    CHECK(json::elements(data.find("after")->raw).size() == 1);
    world.hub.restart();
    CHECK(world.hub.http(Method::get, "/api/whoami", "", token).status == 200);
}

TEST_CASE("people are made by administrators, and known by their ids") {
    World world;
    const auto make = [&](const std::string& body, const std::string& token) {
        return world.hub.http(Method::post, "/admin/tokens", body, token);
    };
    CHECK(world.hub.http(Method::post, "/api/onboard/register", R"({"agent_id":"human:eve"})").status == 403);
    CHECK(make(R"({"agent_id":"human:eve"})", world.ann).status == 403);
    CHECK(make(R"({"agent_id":"eve","kind":"human"})", kAdmin).status == 422);
    CHECK(make(R"({"agent_id":"human:eve","kind":"agent"})", kAdmin).status == 422);
    CHECK(make(R"({"agent_id":"human:eve","kind":"robot"})", kAdmin).status == 422);
    CHECK(make(R"({"agent_id":"human:"})", kAdmin).status == 422);
    const Response made = make(R"({"agent_id":"human:eve","kind":"human"})", kAdmin);
    CHECK(made.status == 201);
    const Response who = world.hub.http(Method::get, "/api/whoami", "", TestHub::member(made.body, "token"));
    CHECK(TestHub::member(who.body, "kind") == "human");
    CHECK(TestHub::member(who.body, "principal") == "human:eve");
    CHECK(make(R"({"agent_id":"human:bob"})", kAdmin).status == 201);
    CHECK(make(R"({"agent_id":"robot","kind":"agent"})", kAdmin).status == 201);
    CHECK(world.hub.tables().find<PrincipalRow>({1, "human:bob"})->kind == PrincipalKind::human);
    CHECK(world.hub.http(Method::post, "/api/onboard/register", R"({"agent_id":"human:dan"})", kAdmin).status == 201);
}
