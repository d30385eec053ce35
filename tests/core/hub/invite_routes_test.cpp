#include "core/hub/invite_routes.hpp"

#include <catch2/catch.hpp>

#include "tests/core/hub/routes_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

/// Registers with an invite code, by default from another machine.
Response register_with(TestHub& hub, const std::string& agent, const std::string& code, const std::string& more = "",
                       bool loopback = false) {
    static int64_t next = 2'000'000;
    HttpRequest request;
    request.request = next++;
    request.method = Method::post;
    request.path = "/api/onboard/register";
    request.body = R"({"agent_id":")" + agent + "\"" + more + "}";
    request.host = "hub.example";
    if (!code.empty()) request.invite = credential_of_token(code);
    request.peer = "192.0.2.1";
    request.loopback = loopback;
    request.secret = {sha256_hex("token of /" + agent), "prefix00"};
    const int64_t id = request.request;
    hub.apply(std::move(request));
    return *hub.response(id);
}

std::string invite(World& world, const std::string& body) {
    const Response made = world.hub.http(Method::post, "/api/admin/invites", body, kAdmin);
    CAPTURE(made.body);
    REQUIRE(made.status == 201);
    return TestHub::member(made.body, "code");
}

}  // namespace

TEST_CASE("an invite code lets agents register from elsewhere, as often as it says", "[access]") {
    World world;
    CHECK(register_with(world.hub, "x", "").status == 403);
    CHECK(register_with(world.hub, "x", "made up").status == 403);
    CHECK(register_with(world.hub, "x", "made up", "", true).status == 403);
    const std::string code = invite(world, R"({"uses":2})");
    const Response first = register_with(world.hub, "x", code);
    CHECK(first.status == 201);
    CHECK(TestHub::member(first.body, "hub_api_url") == "http://hub.example:80");
    // A registration that fails does not use it up.
    CHECK(register_with(world.hub, "x", code).status == 409);
    CHECK(register_with(world.hub, " bad", code).status == 422);
    world.hub.restart();
    CHECK(register_with(world.hub, "y", code).status == 201);
    CHECK(register_with(world.hub, "z", code).status == 403);
    CHECK(world.hub.http(Method::get, "/api/admin/invites", "", kAdmin).body == R"({"invites":[]})");
}

TEST_CASE("an invite code ends with its time, also across a restart, and when it is revoked", "[access]") {
    World world;
    const std::string brief = invite(world, R"({"ttl_ms":1000})");
    const Response made = world.hub.http(Method::post, "/api/admin/invites", R"({"uses":5})", kAdmin);
    const std::string revoked = TestHub::member(made.body, "code");
    world.hub.restart();
    world.hub.advance_ms(1'000);
    CHECK(register_with(world.hub, "x", brief).status == 403);
    const std::string target = "/api/admin/invites/" + TestHub::member(made.body, "id");
    CHECK(world.hub.http(Method::delete_, target, "", world.ann).status == 403);
    CHECK(world.hub.http(Method::delete_, target, "", kAdmin).status == 200);
    CHECK(world.hub.http(Method::delete_, target, "", kAdmin).status == 404);
    CHECK(register_with(world.hub, "x", revoked).status == 403);
}

TEST_CASE("an invite code says for whom, as what and where", "[access]") {
    World world;
    const std::string code = invite(world, R"({"agent_id":"eve","role":"viewer","workspace":"other"})");
    CHECK(register_with(world.hub, "x", code).status == 403);
    CHECK(register_with(world.hub, "eve", code, R"(,"workspace":"default")").status == 403);
    REQUIRE(register_with(world.hub, "eve", code, R"(,"workspace":"other")").status == 201);
    const Response who = world.hub.http(Method::get, "/api/whoami", "", "token of /eve");
    CHECK(TestHub::member(who.body, "role") == "viewer");
    CHECK(TestHub::member(who.body, "workspace") == "other");
    CHECK(world.hub.http(Method::post, "/api/admin/invites", R"({"role":"king"})", kAdmin).status == 422);
    CHECK(world.hub.http(Method::post, "/api/admin/invites", R"({"uses":0})", kAdmin).status == 422);
    CHECK(world.hub.http(Method::post, "/api/admin/invites", R"({"agent_id":"a","uses":2})", kAdmin).status == 422);
    CHECK(world.hub.http(Method::post, "/api/admin/invites", "{}", world.ann).status == 403);
}

TEST_CASE("a repeated request for an invite gives a code that works, and the first one no longer does", "[access]") {
    World world;
    const auto make = [&] { return world.hub.http(Method::post, "/api/admin/invites", "{}", kAdmin, "key"); };
    const std::string first = TestHub::member(make().body, "code");
    const std::string second = TestHub::member(make().body, "code");
    CHECK(first.size() == 64);
    CHECK(first != second);
    CHECK(register_with(world.hub, "x", first).status == 403);
    CHECK(register_with(world.hub, "x", second).status == 201);
}

TEST_CASE("a name that ADMIN_AGENTS raises is not for whoever comes first", "[access]") {
    Settings settings;
    settings.admin_agents = {"boss"};
    World world(settings);
    CHECK(world.hub.http(Method::post, "/api/onboard/register", R"({"agent_id":"boss"})").status == 403);
    const std::string open = invite(world, R"({"uses":3})");
    CHECK(register_with(world.hub, "boss", open).status == 403);
    const std::string named = invite(world, R"({"agent_id":"boss"})");
    CHECK(register_with(world.hub, "boss", named).status == 201);
    const Response who = world.hub.http(Method::get, "/api/whoami", "", "token of /boss");
    CHECK(TestHub::member(who.body, "role") == "admin");
}
