#include "core/hub/config_routes.hpp"

#include <catch2/catch.hpp>

#include "tests/core/hub/routes_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

struct ConfigWorld : World {
    using World::World;
    Response put(const std::string& name, const std::string& body, const std::string& token = kAdmin) {
        return hub.http(Method::put, "/api/config/" + name, body, token);
    }
    std::string show(const std::string& name) { return hub.http(Method::get, "/api/config/" + name, "", ann).body; }
    EventRow last_event() { return *row_from_values<EventRow>(hub.store().rows(TableId::events).back()); }
    size_t mail(const std::string& agent) {
        const Response box = hub.http(Method::get, "/api/mailbox/" + agent, "", TestHub::token_of(agent));
        return static_cast<size_t>(std::stoi(TestHub::member(box.body, "count")));
    }
};

Settings open_settings() {
    Settings settings;
    settings.open_admin = 1;
    return settings;
}

}  // namespace

TEST_CASE("the configuration routes answer as v1.1's", "[admin]") {
    ConfigWorld world(v11_profile());
    CHECK(world.show("heartbeat-interval") == R"({"heartbeat_interval_ms":900000})");
    CHECK(world.show("mailbox-retention") == R"({"mailbox_ttl_ms":604800000})");
    CHECK(world.show("default-repo") == R"({"default_repo":null,"configured":false,"url":null})");
    CHECK(world.hub.http(Method::get, "/api/config/default-repo").status == 200);
    CHECK(world.show("alert-thresholds").starts_with(R"({"queue_growing_checks":3,)"));
    // Under open_admin any token may set them.
    CHECK(world.put("heartbeat-interval", R"({"heartbeat_interval_ms":30000})", world.ann).body ==
          R"({"heartbeat_interval_ms":30000,"status":"updated"})");
    CHECK(world.put("mailbox-retention", R"({"mailbox_ttl_ms":86400000})", world.ann).body ==
          R"({"mailbox_ttl_ms":86400000,"status":"updated"})");
    CHECK(world.put("default-repo", R"({"url":"https://example.org/r"})", world.ann).body ==
          R"({"status":"ok","default_repo":"https://example.org/r"})");
    CHECK(world.put("alert-thresholds", R"({"failure_rate_pct":20})", world.ann).body ==
          R"({"status":"updated","effective":"next_check_cycle"})");
    world.hub.restart();
    CHECK(world.show("heartbeat-interval") == R"({"heartbeat_interval_ms":30000})");
    CHECK(world.show("mailbox-retention") == R"({"mailbox_ttl_ms":86400000})");
    CHECK(world.show("default-repo") ==
          R"({"default_repo":"https://example.org/r","configured":true,"url":"https://example.org/r"})");
    CHECK(world.show("alert-thresholds").find(R"("failure_rate_pct":20,"stuck_task_ms":300000)") != std::string::npos);
}

TEST_CASE("configuration is validated and for administrators", "[admin]") {
    ConfigWorld world;
    struct Case {
        const char* name;
        const char* body;
        const char* says;
    };
    const Case cases[] = {
        {"heartbeat-interval", R"({})", R"("field":"heartbeat_interval_ms","error":"required")"},
        {"heartbeat-interval", R"({"heartbeat_interval_ms":-1})", "expected positive integer, got -1"},
        {"heartbeat-interval", R"({"heartbeat_interval_ms":"5"})", R"("error":"wrong_type")"},
        {"heartbeat-interval", R"({"heartbeat_interval_ms":99999999999999999999})", R"("error":"out_of_range")"},
        {"mailbox-retention", R"({"mailbox_ttl_ms":0})", R"("error":"wrong_type")"},
        {"mailbox-retention", R"({"mailbox_ttl_ms":9999999999999})", R"("error":"out_of_range")"},
        {"default-repo", R"({"default_repo":"x"})", R"("field":"url","error":"required")"},
        {"alert-thresholds", R"({"failure_rate_pct":"50"})", R"("error":"wrong_type")"},
        {"alert-thresholds", R"({"failure_rate_pct":150})", R"("error":"out_of_range")"},
        {"alert-thresholds", R"({"cooldowns":{"no":1}})", R"("field":"cooldowns.no","error":"unknown_field")"},
        {"public-url", R"({"url":"ftp://x"})", R"("error":"invalid_value")"},
        {"public-url", R"({"url":"https://"})", R"("error":"invalid_value")"},
        {"public-url", R"({"url":"https://u@x"})", R"("error":"invalid_value")"},
        {"public-url", R"({"url":"http://x y"})", R"("error":"invalid_value")"},
    };
    for (const Case& c : cases) {
        CAPTURE(c.name, c.body);
        const std::string before = world.show(c.name);
        const Response refused = world.put(c.name, c.body);
        CHECK(refused.status == 422);
        CHECK(refused.body.find(c.says) != std::string::npos);
        CHECK(world.show(c.name) == before);
    }
    CHECK(world.put("heartbeat-interval", R"({"heartbeat_interval_ms":1})", world.ann).status == 403);
    CHECK(world.put("heartbeat-interval", R"({"heartbeat_interval_ms":1})", "").status == 401);
    CHECK(world.hub.http(Method::get, "/api/config/alert-thresholds").status == 401);
}

TEST_CASE("what is configured can be listed, and given back to the settings", "[admin]") {
    ConfigWorld world;
    CHECK(world.put("heartbeat-interval", R"({"heartbeat_interval_ms":1234})").status == 200);
    const EventRow set = world.last_event();
    CHECK(set.kind == "config_set");
    CHECK(set.subject == "heartbeat-interval");
    CHECK(set.principal == "admin");
    CHECK(set.cause == "admin");
    CHECK(set.data == R"({"before":30000,"after":1234})");
    const std::string listed = world.get("/api/config").body;
    CHECK(listed.find(R"({"name":"heartbeat-interval","value":1234,"source":"stored","set_at":)") != std::string::npos);
    CHECK(listed.find(
              R"({"name":"mailbox-retention","value":2592000000,"source":"settings","set_at":null,"set_by":null})") !=
          std::string::npos);
    const auto unset = [&](const std::string& name) {
        return world.hub.http(Method::post, "/api/config/unset", R"({"name":")" + name + "\"}", kAdmin);
    };
    CHECK(unset("heartbeat-interval").body == R"({"status":"unset","name":"heartbeat-interval","value":30000})");
    CHECK(world.last_event().data == R"({"before":1234,"after":30000})");
    CHECK(unset("heartbeat-interval").status == 200);
    CHECK(unset("max_slots").status == 422);
    CHECK(world.show("heartbeat-interval") == R"({"heartbeat_interval_ms":30000})");
}

TEST_CASE("the heartbeat interval is what identified offers", "[admin]") {
    ConfigWorld world;
    const auto offered = [&] {
        const int64_t socket = world.hub.open();
        world.hub.send(socket,
                       R"({"type":"identify","agent_id":"ann","protocol_version":2,"token":")" + world.ann + "\"}");
        return TestHub::member(world.hub.take_frame(socket, "identified"), "heartbeat_interval_ms");
    };
    CHECK(offered() == "30000");
    CHECK(world.put("heartbeat-interval", R"({"heartbeat_interval_ms":5000})").status == 200);
    CHECK(offered() == "5000");
    CHECK(world.put("heartbeat-interval", R"({"heartbeat_interval_ms":900000})").status == 200);
    CHECK(offered() == "120000");
}

TEST_CASE("registration tells the repository and the public address", "[admin]") {
    ConfigWorld world;
    CHECK(world.put("default-repo", R"({"url":"https://example.org/r"})").status == 200);
    CHECK(world.put("public-url", R"({"url":"https://hub.example/team/"})").body ==
          R"({"status":"ok","public_url":"https://hub.example/team"})");
    const Response made = world.hub.http(Method::post, "/api/onboard/register", R"({"agent_id":"new"})");
    CHECK(TestHub::member(made.body, "hub_api_url") == "https://hub.example/team");
    CHECK(TestHub::member(made.body, "hub_ws_url") == "wss://hub.example/team/ws");
    CHECK(TestHub::member(made.body, "default_repo") == "https://example.org/r");
    CHECK(world.get("/api/config/public-url").body == R"({"public_url":"https://hub.example/team","configured":true})");
}

TEST_CASE("retention holds for the mail that is there, and for what comes", "[admin]") {
    ConfigWorld world(open_settings());
    constexpr int64_t kHour = 3'600'000;
    const auto send = [&](const std::string& more) {
        const Response sent = world.post("/api/message", R"({"to":"bob","payload":{})" + more + "}");
        REQUIRE(sent.status == 200);
    };
    send("");
    world.hub.advance_ms(2 * kHour);
    send("");
    send(R"(,"expires_at":)" + std::to_string(world.hub.now_ms() + kHour));
    CHECK(world.mail("bob") == 3);
    // Shorter than the age of the first one.
    CHECK(world.put("mailbox-retention", R"({"mailbox_ttl_ms":5400000})").status == 200);
    CHECK(world.mail("bob") == 2);
    // What a sender dated ends by then; the other one by the retention.
    world.hub.advance_ms(kHour + 1);
    CHECK(world.mail("bob") == 1);
    // Longer: it stays on, past a restart too.
    CHECK(world.put("mailbox-retention", R"({"mailbox_ttl_ms":36000000})").status == 200);
    world.hub.restart();
    world.hub.advance_ms(8 * kHour);
    CHECK(world.mail("bob") == 1);
    world.hub.advance_ms(kHour + 1);
    CHECK(world.mail("bob") == 0);
}
