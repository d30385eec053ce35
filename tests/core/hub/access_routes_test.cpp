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
