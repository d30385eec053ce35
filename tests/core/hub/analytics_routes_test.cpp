#include "core/hub/analytics_routes.hpp"

#include <catch2/catch.hpp>

#include "tests/core/support/test_hub.hpp"

using namespace agentcom;
using agentcom::test::TestHub;

TEST_CASE("analytics count messages, connections and time, whatever way messages take", "[analytics]") {
    TestHub hub;
    hub.register_agent("ann");
    hub.register_agent("bob");
    const int64_t ann = hub.connect("ann");
    hub.send(ann, R"({"type":"message","to":"bob","payload":{}})");
    hub.send(ann, R"({"type":"message","to":"nobody","payload":{}})");
    hub.http(Method::post, "/api/message", R"({"payload":{}})", TestHub::token_of("ann"));
    hub.advance_ms(5'000);
    const auto get = [&hub](const std::string& target) { return hub.http(Method::get, target).body; };
    CHECK(get("/api/analytics/summary") ==
          R"({"total_agents":2,"agents_connected":1,"agents_active":1,"agents_idle":0,"agents_offline":1,)"
          R"("total_messages_24h":3,"timestamp":)" +
              std::to_string(hub.now_ms()) + "}");
    const std::string start = std::to_string(hub.now_ms() - 5'000);
    CHECK(get("/api/analytics/agents") ==
          R"({"agents":[{"agent_id":"ann","connected":true,"idle_ms":5000,"status":"active","messages_sent_24h":3,)"
          R"("messages_received_24h":0,"messages_sent_this_hour":3,"connection_time_24h_ms":5000,"last_active":)" +
              start +
              R"(,"last_seen":null,"total_connections":1},{"agent_id":"bob","connected":false,"idle_ms":null,)"
              R"("status":"offline","messages_sent_24h":0,"messages_received_24h":1,)"
              R"("messages_sent_this_hour":0,"connection_time_24h_ms":0,"last_active":null,"last_seen":null,)"
              R"("total_connections":0}]})");
    hub.send(ann, R"({"type":"ping"})");
    for (int minute = 0; minute < 5; ++minute) {
        hub.advance_ms(60'000);
        hub.send(ann, R"({"type":"ping"})");
    }
    CHECK(TestHub::member(get("/api/analytics/summary"), "agents_idle") == "1");
    hub.disconnect(ann);
    CHECK(TestHub::member(get("/api/analytics/summary"), "agents_offline") == "2");
}

TEST_CASE("any name has 24 hours", "[analytics]") {
    TestHub hub;
    hub.register_agent("ann");
    hub.http(Method::post, "/api/message", R"({"payload":{}})", TestHub::token_of("ann"));
    const std::string ann = hub.http(Method::get, "/api/analytics/agents/ann/hourly").body;
    CHECK(ann.ends_with(R"("hour":"08:00","sent":1,"received":0}]})"));
    const std::string nobody = hub.http(Method::get, "/api/analytics/agents/nobody/hourly").body;
    CHECK(nobody.starts_with(R"({"agent_id":"nobody","hourly":[{"bucket":)"));
    size_t buckets = 0;
    for (size_t at = nobody.find("bucket"); at != std::string::npos; at = nobody.find("bucket", at + 1)) ++buckets;
    CHECK(buckets == 24);
}
