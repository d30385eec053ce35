#include "core/hub/channel_routes.hpp"

#include <catch2/catch.hpp>

#include "tests/core/support/test_hub.hpp"

using namespace agentcom;
using agentcom::test::Response;
using agentcom::test::TestHub;

TEST_CASE("channels over HTTP: every answer of v1.1", "[channels]") {
    TestHub hub;
    hub.register_agent("ann");
    hub.register_agent("bob");
    const auto http = [&hub](Method method, const std::string& target, const std::string& body = "") {
        return hub.http(method, target, body, TestHub::token_of("ann"));
    };
    Response answer = http(Method::post, "/api/channels", R"({"name":"#Dev Ops!","description":"d"})");
    CHECK(answer.status == 201);
    CHECK(answer.body == R"({"status":"created","channel":"#Dev Ops!"})");
    answer = http(Method::post, "/api/channels", R"({"name":"devops"})");
    CHECK(answer.status == 409);
    CHECK(answer.body == R"({"error":"channel_exists"})");
    CHECK(http(Method::post, "/api/channels", R"({"name":"#!"})").status == 422);
    CHECK(http(Method::post, "/api/channels", R"({})").status == 422);
    const std::string created = std::to_string(hub.now_ms());
    CHECK(http(Method::get, "/api/channels").body ==
          R"({"channels":[{"name":"devops","description":"d","subscriber_count":0,"created_at":)" + created + "}]}");
    answer = http(Method::post, "/api/channels/%23DevOps/subscribe");
    CHECK(answer.body == R"({"status":"subscribed","channel":"#DevOps"})");
    CHECK(http(Method::post, "/api/channels/devops/subscribe").body == R"({"status":"already_subscribed"})");
    hub.http(Method::post, "/api/channels/devops/subscribe", "", TestHub::token_of("bob"));
    CHECK(http(Method::get, "/api/channels/DevOps").body ==
          R"({"name":"devops","description":"d","subscribers":["bob","ann"],"subscriber_count":2,"created_at":)" +
              created + R"(,"created_by":"ann"})");
    CHECK(http(Method::get, "/api/agents/bob/subscriptions").body == R"({"agent_id":"bob","channels":["devops"]})");
    answer = http(Method::post, "/api/channels/devops/publish", R"({"payload":{"n":1},"type":"status"})");
    CHECK(answer.status == 200);
    CHECK(TestHub::member(answer.body, "seq") == "1");
    const std::string id = TestHub::member(answer.body, "id");
    CHECK(http(Method::get, "/api/channels/%23devops/history").body ==
          R"({"channel":"#devops","messages":[{"seq":1,"message":{"id":")" + id +
              R"(","from":"ann","to":null,"type":"status","payload":{"n":1},"reply_to":null,"timestamp":)" + created +
              R"(},"stored_at":)" + created + R"(}],"count":1})");
    CHECK(http(Method::post, "/api/channels/devops/unsubscribe").body ==
          R"({"status":"unsubscribed","channel":"devops"})");
    CHECK(http(Method::post, "/api/channels/devops/unsubscribe").status == 200);
    for (const char* path :
         {"/api/channels/no/subscribe", "/api/channels/no/unsubscribe", "/api/channels/no/publish"}) {
        answer = http(Method::post, path, R"({"payload":{}})");
        CHECK(answer.status == 404);
        CHECK(answer.body == R"({"error":"channel_not_found"})");
    }
    CHECK(http(Method::post, "/api/channels/no/publish", "{}").status == 422);
    CHECK(http(Method::get, "/api/channels/no").status == 404);
    CHECK(http(Method::get, "/api/channels/no/history").body == R"({"channel":"no","messages":[],"count":0})");
    CHECK(http(Method::get, "/api/agents/no/subscriptions").body == R"({"agent_id":"no","channels":[]})");
    CHECK(hub.http(Method::post, "/api/channels", R"({"name":"x"})").status == 401);
}

TEST_CASE("a page of history: the newest without `since`, the first ones after it with", "[channels]") {
    TestHub hub;
    hub.register_agent("ann");
    const std::string token = TestHub::token_of("ann");
    hub.http(Method::post, "/api/channels", R"({"name":"dev"})", token);
    for (int i = 0; i < 10; ++i) hub.http(Method::post, "/api/channels/dev/publish", R"({"payload":{}})", token);
    struct Page {
        std::string query;
        int64_t first;
        int64_t count;
    };
    for (const Page& page : std::vector<Page>{{"", 1, 10},
                                              {"?limit=3", 8, 3},
                                              {"?since=2&limit=3", 3, 3},
                                              {"?since=0&limit=3", 1, 3},
                                              {"?since=9", 10, 1},
                                              {"?since=10", 0, 0},
                                              {"?since=-5&limit=2", 1, 2},
                                              {"?limit=0", 0, 0},
                                              {"?limit=-2", 0, 0},
                                              {"?limit=100000", 1, 10}}) {
        CAPTURE(page.query);
        const Response answer = hub.http(Method::get, "/api/channels/dev/history" + page.query);
        CHECK(TestHub::member(answer.body, "count") == std::to_string(page.count));
        if (page.count > 0) {
            CHECK(answer.body.find(R"("messages":[{"seq":)" + std::to_string(page.first) + ",") != std::string::npos);
        }
    }
    CHECK(hub.http(Method::get, "/api/channels/dev/history?limit=x").status == 422);
    CHECK(hub.http(Method::get, "/api/channels/dev/history?since=1.5").status == 422);
}

TEST_CASE("channel frames: lists and history come in the order of their requests", "[channels]") {
    TestHub hub;
    hub.register_agent("ann");
    const int64_t ann = hub.connect("ann", R"("protocol_version":2)");
    hub.http(Method::post, "/api/channels", R"({"name":"dev"})", TestHub::token_of("ann"));
    hub.send(ann, R"({"type":"channel_publish","channel":"dev","payload":{"a":1},"idempotency_key":"k"})");
    hub.send(ann, R"({"type":"channel_publish","channel":"dev","payload":{"a":1},"idempotency_key":"k"})");
    CHECK(hub.take_frame(ann, "channel_published") == hub.take_frame(ann, "channel_published"));
    hub.clear_frames();
    hub.send(ann, R"({"type":"channel_history","channel":"#DEV","request_id":7})");
    hub.send(ann, R"({"type":"list_channels","request_id":8})");
    hub.send(ann, R"({"type":"channel_history","channel":"none"})");
    hub.send(ann, R"({"type":"channel_publish","channel":"none","payload":{}})");
    REQUIRE(hub.frames(ann).size() == 4);
    CHECK(hub.frames(ann)[0].find(R"("channel":"#DEV","messages":[{"seq":1,"message":{"id":)") != std::string::npos);
    CHECK(TestHub::member(hub.frames(ann)[0], "request_id") == "7");
    CHECK(hub.frames(ann)[1].starts_with(R"({"type":"channels","channels":[{"name":"dev","description":"")"));
    CHECK(hub.frames(ann)[2] == R"({"type":"channel_history","channel":"none","messages":[]})");
    CHECK(hub.frames(ann)[3] == R"({"type":"error","error":"channel_not_found"})");
}
