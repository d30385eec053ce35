#include "core/hub/push_routes.hpp"

#include <catch2/catch.hpp>

#include "tests/core/hub/routes_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

std::string subscription(const std::string& endpoint, const std::string& more = "") {
    return R"({"endpoint":")" + endpoint + R"(","keys":{"p256dh":"B)" + std::string(86, 'x') + R"(","auth":")" +
           std::string(22, 'y') + R"("})" + more + "}";
}

const std::string kEndpoint = "https://fcm.googleapis.com/fcm/send/one";

}  // namespace

TEST_CASE("the key that browsers subscribe with is for everybody", "[outputs]") {
    World world;
    const Response key = world.hub.http(Method::get, "/api/dashboard/vapid-key");
    CHECK(key.status == 200);
    CHECK(TestHub::member(key.body, "vapid_public_key") == TestHub::kVapidKey);
}

TEST_CASE("W-32: a subscription needs a token, keys and a known push service", "[outputs]") {
    World world;
    const auto subscribe = [&](const std::string& body, const std::string& token) {
        return world.hub.http(Method::post, "/api/dashboard/push-subscribe", body, token).status;
    };
    CHECK(subscribe(subscription(kEndpoint), "") == 401);
    CHECK(subscribe(subscription(kEndpoint), world.ann) == 200);
    CHECK(subscribe(subscription("https://evil.example/"), world.ann) == 422);
    CHECK(subscribe(R"({"endpoint":")" + kEndpoint + "\"}", world.ann) == 422);
    CHECK(subscribe(R"({"endpoint":")" + kEndpoint + R"(","keys":{}})", world.ann) == 422);
    CHECK(subscribe(R"({"endpoint":")" + kEndpoint + R"(","keys":{"p256dh":5,"auth":"x"}})", world.ann) == 422);
    CHECK(subscribe(R"({"keys":{}})", world.ann) == 422);
    CHECK(subscribe(subscription(kEndpoint, R"(,"kinds":["No Kind"])"), world.ann) == 422);
    CHECK(subscribe(subscription(kEndpoint, R"(,"min_severity":"loud")"), world.ann) == 422);
    CHECK(world.hub.tables().count<PushSubscriptionRow>() == 1);
}

TEST_CASE("subscriptions are listed and ended by their owner and by administrators", "[outputs]") {
    World world;
    const std::string bob = TestHub::token_of("bob");
    const Response made = world.post("/api/dashboard/push-subscribe", subscription(kEndpoint));
    const std::string target = "/api/push/subscriptions/" + TestHub::member(made.body, "id");
    CHECK(world.hub.http(Method::get, "/api/push/subscriptions", "", bob).body == R"({"subscriptions":[]})");
    const std::string own = world.get("/api/push/subscriptions").body;
    CHECK(own.find("fcm.googleapis.com") != std::string::npos);
    CHECK(own.find("/fcm/send/one") == std::string::npos);
    CHECK(world.hub.http(Method::get, "/api/push/subscriptions", "", kAdmin).body == own);
    CHECK(world.hub.http(Method::delete_, target, "", bob).status == 404);
    CHECK(world.hub.http(Method::delete_, target, "", kAdmin).status == 200);
    CHECK(world.hub.http(Method::delete_, target, "", world.ann).status == 404);
    // By the endpoint, which is what a browser knows.
    world.post("/api/dashboard/push-subscribe", subscription(kEndpoint));
    const std::string body = R"({"endpoint":")" + kEndpoint + "\"}";
    const auto unsubscribe = [&](const std::string& token) {
        return TestHub::member(world.hub.http(Method::post, "/api/dashboard/push-unsubscribe", body, token).body,
                               "status");
    };
    CHECK(unsubscribe(bob) == "not_subscribed");
    CHECK(unsubscribe(world.ann) == "unsubscribed");
    CHECK(unsubscribe(world.ann) == "not_subscribed");
}

TEST_CASE("a test notifies one's own browsers", "[outputs]") {
    World world;
    CHECK(world.post("/api/push/test", "").status == 404);
    world.post("/api/dashboard/push-subscribe", subscription(kEndpoint, R"(,"kinds":["task_stuck"])"));
    CHECK(world.hub.http(Method::post, "/api/push/test", "", TestHub::token_of("bob")).status == 404);
    CHECK(world.post("/api/push/test", "").status == 200);
    REQUIRE(world.hub.sent().size() == 1);
    const Deliver what = world.hub.sent().front();
    CHECK(what.kind == Deliver::Kind::push);
    CHECK(what.url == kEndpoint);
    CHECK(what.p256dh.size() == 87);
    CHECK(what.ttl_s == 86'400);
    CHECK(TestHub::member(what.body, "body").find("this is a test") != std::string::npos);
}

TEST_CASE("the hub's own admin can be notified, too", "[outputs]") {
    World world;
    CHECK(world.hub
              .http(Method::post, "/api/dashboard/push-subscribe",
                    subscription(kEndpoint, R"(,"kinds":["task_submitted"])"), kAdmin)
              .status == 200);
    world.submit();
    CHECK(world.hub.sent().size() == 1);
}
