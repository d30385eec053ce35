#include "core/hub/limit_routes.hpp"

#include <catch2/catch.hpp>

#include "tests/core/hub/routes_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

const std::string kBase = "/api/admin/rate-limits";
const std::string kWhitelist = kBase + "/whitelist";

struct Admin : World {
    using World::World;
    Response call(Method method, const std::string& target, const std::string& body = "") {
        return hub.http(method, target, body, kAdmin);
    }
};

}  // namespace

TEST_CASE("limits are shown in v1.1's shape, with human units", "[limits]") {
    Admin world(v11_profile());
    const Response put = world.call(Method::put, kBase + "/bob",
                                    R"({"heavy":{"capacity":2.5,"refill_rate_per_min":1.25},"light":null})");
    CHECK(put.status == 200);
    CHECK(put.body == R"({"status":"updated","agent_id":"bob","overrides":)"
                      R"({"heavy":{"capacity":2.5,"refill_rate_per_min":1.25},"light":null}})");
    const Response shown = world.call(Method::get, kBase);
    CHECK(shown.status == 200);
    CHECK(TestHub::member(shown.body, "defaults") == R"({"light":{"capacity":120,"refill_rate_per_min":120.0},)"
                                                     R"("normal":{"capacity":60,"refill_rate_per_min":60.0},)"
                                                     R"("heavy":{"capacity":10,"refill_rate_per_min":10.0}})");
    CHECK(TestHub::member(shown.body, "overrides") == R"({"bob":{"heavy":{"capacity":2,"refill_rate_per_min":1.25}}})");
    CHECK(TestHub::member(shown.body, "whitelist") == "[]");
    CHECK(TestHub::member(shown.body, "operations").find(R"("message":{"tier":"normal","capacity":60)") !=
          std::string::npos);
    // They stay over a restart, and another PUT replaces them.
    world.hub.restart();
    CHECK(TestHub::member(world.call(Method::get, kBase).body, "overrides") ==
          TestHub::member(shown.body, "overrides"));
    REQUIRE(world.call(Method::put, kBase + "/bob", R"({"light":{"capacity":3,"refill_rate_per_min":60}})").status ==
            200);
    CHECK(TestHub::member(world.call(Method::get, kBase).body, "overrides") ==
          R"({"bob":{"light":{"capacity":3,"refill_rate_per_min":60.0}}})");
    CHECK(world.call(Method::delete_, kBase + "/bob").body == R"({"status":"removed","agent_id":"bob"})");
    CHECK(world.call(Method::delete_, kBase + "/zed").body == R"({"status":"removed","agent_id":"zed"})");
    CHECK(TestHub::member(world.call(Method::get, kBase).body, "overrides") == "{}");
}

TEST_CASE("overrides that make no sense are refused with v1.1's texts", "[limits]") {
    Admin world;
    CHECK(world.call(Method::put, kBase + "/bob", "{}").body ==
          R"({"error":"invalid_overrides","detail":"at least one tier (light, normal, heavy) must be specified"})");
    const Response bad = world.call(Method::put, kBase + "/bob", R"({"light":{"capacity":"x"}})");
    CHECK(bad.status == 422);
    CHECK(bad.body == R"({"error":"invalid_overrides","detail":)"
                      R"("each tier must have numeric 'capacity' and 'refill_rate_per_min'"})");
    CHECK(world.call(Method::put, kBase + "/bob", R"({"light":{"capacity":0,"refill_rate_per_min":1}})").status == 422);
    CHECK(world
              .call(Method::put, kBase + "/" + std::string(200, 'x'),
                    R"({"light":{"capacity":1,"refill_rate_per_min":1}})")
              .status == 422);
}

TEST_CASE("the whitelist: agents and addresses, replaced, added to, taken from, kept", "[limits]") {
    Admin world;
    CHECK(world.call(Method::get, kWhitelist).body == R"({"whitelist":[]})");
    CHECK(world.call(Method::put, kWhitelist, R"({"agent_ids":["a","b"]})").body ==
          R"({"status":"updated","whitelist":["a","b"]})");
    CHECK(world.call(Method::post, kWhitelist, R"({"agent_id":"ip:127.0.0.1"})").body ==
          R"({"status":"added","agent_id":"ip:127.0.0.1"})");
    CHECK(world.call(Method::post, kWhitelist, R"({"agent_id":"a"})").status == 200);
    world.hub.restart();
    CHECK(world.call(Method::get, kWhitelist).body == R"({"whitelist":["ip:127.0.0.1","a","b"]})");
    CHECK(world.call(Method::delete_, kWhitelist + "/a").body == R"({"status":"removed","agent_id":"a"})");
    CHECK(world.call(Method::delete_, kWhitelist + "/nobody").status == 200);
    CHECK(world.call(Method::get, kWhitelist).body == R"({"whitelist":["ip:127.0.0.1","b"]})");
    const std::string bad_list = R"({"error":"invalid_whitelist","detail":"agent_ids must be a list of strings"})";
    for (const char* body :
         {"{}", R"({"agent_ids":null})", R"({"agent_ids":"a"})", R"({"agent_ids":["a",5]})", R"({"agent_ids":[""]})"}) {
        CAPTURE(body);
        const Response refused = world.call(Method::put, kWhitelist, body);
        CHECK(refused.status == 422);
        CHECK(refused.body == bad_list);
    }
    for (const char* body : {"{}", R"({"agent_id":""})", R"({"agent_id":5})", R"({"agent_id":null})"}) {
        CAPTURE(body);
        const Response refused = world.call(Method::post, kWhitelist, body);
        CHECK(refused.status == 422);
        CHECK(refused.body == R"({"error":"invalid_agent_id","detail":"agent_id must be a non-empty string"})");
    }
    CHECK(world.call(Method::get, kWhitelist).body == R"({"whitelist":["ip:127.0.0.1","b"]})");
    // No override of an agent called "whitelist".
    const Response none = world.call(Method::delete_, kWhitelist);
    CHECK((none.status == 404 || none.status == 405));
}

TEST_CASE("an exempt address is not limited", "[limits]") {
    Settings settings = v11_profile();
    Admin world(settings);
    int limited = 0;
    for (int i = 0; i < 130; ++i) limited += world.hub.http(Method::get, "/api/agents").status == 429 ? 1 : 0;
    CHECK(limited == 10);
    REQUIRE(world.call(Method::post, kWhitelist, R"({"agent_id":"ip:127.0.0.1"})").status == 200);
    for (int i = 0; i < 130; ++i) CHECK(world.hub.http(Method::get, "/api/agents").status == 200);
}

TEST_CASE("how it stands with an agent", "[limits]") {
    Admin world(v11_profile());
    const int64_t ann = world.hub.connect("ann");
    for (int i = 0; i < 45; ++i) world.hub.send(ann, R"({"type":"message","to":"x","payload":{}})");
    const Response fresh = world.call(Method::get, kBase + "/ann");
    CHECK(TestHub::member(fresh.body, "ws") == R"({"light":{"remaining":120,"capacity":120,"usage_pct":0.0},)"
                                               R"("normal":{"remaining":15,"capacity":60,"usage_pct":75.0},)"
                                               R"("heavy":{"remaining":10,"capacity":10,"usage_pct":0.0}})");
    CHECK(TestHub::member(fresh.body, "rate_limited") == "false");
    CHECK(TestHub::member(fresh.body, "exempt") == "false");
    for (int i = 0; i < 17; ++i) world.hub.send(ann, R"({"type":"message","to":"x","payload":{}})");
    const Response over = world.call(Method::get, kBase + "/ann");
    CHECK(TestHub::member(over.body, "violations") == R"({"consecutive":2,"total_in_window":2})");
    CHECK(TestHub::member(over.body, "rate_limited") == "true");
    CHECK(TestHub::member(world.call(Method::get, kBase).body, "limited") ==
          R"([{"agent_id":"ann","violations":2,"consecutive":2}])");
}

TEST_CASE("only administrators change limits, and each change is an event", "[limits]") {
    Admin world;
    const std::string body = R"({"light":{"capacity":1,"refill_rate_per_min":1}})";
    for (const auto& [method, target] :
         {std::pair{Method::get, kBase}, std::pair{Method::get, kBase + "/ann"}, std::pair{Method::put, kBase + "/ann"},
          std::pair{Method::delete_, kBase + "/ann"}, std::pair{Method::get, kWhitelist},
          std::pair{Method::put, kWhitelist}, std::pair{Method::post, kWhitelist},
          std::pair{Method::delete_, kWhitelist + "/ann"},
          std::pair{Method::get, std::string("/api/admin/validation")}}) {
        CAPTURE(target);
        CHECK(world.hub.http(method, target, body, world.ann).status == 403);
        CHECK(world.hub.http(method, target, body).status == 401);
    }
    REQUIRE(world.call(Method::put, kBase + "/ann", body).status == 200);
    REQUIRE(world.call(Method::delete_, kBase + "/ann").status == 200);
    REQUIRE(world.call(Method::post, kWhitelist, R"({"agent_id":"ann"})").status == 200);
    std::vector<std::string> kinds;
    const Response events = world.call(Method::get, "/api/events?since=start&kind=rate_limit*&limit=100");
    for (const json::Value& event : json::elements(json::members(events.body).find("events")->raw)) {
        kinds.push_back(TestHub::member(std::string(event.raw), "kind"));
    }
    CHECK(kinds == std::vector<std::string>{"rate_limit_set", "rate_limit_removed", "rate_limit_exempted"});
}
