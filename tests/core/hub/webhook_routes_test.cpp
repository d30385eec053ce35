#include "core/hub/webhook_routes.hpp"

#include <catch2/catch.hpp>

#include "tests/core/hub/routes_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

const std::string kMake = R"({"webhook_id":"ops","url":"https://ops.example/in/secret-path","kinds":["task_*"]})";

std::string digest_of(const World& world) {
    const WebhookRow* row = world.hub.tables().find<WebhookRow>({1, "ops"});
    return row == nullptr ? std::string{} : row->secret_sha256;
}

}  // namespace

TEST_CASE("a webhook is made, shown, changed and ended by administrators", "[outputs]") {
    World world;
    const auto as_admin = [&](Method method, const std::string& target, const std::string& body = "") {
        return world.hub.http(method, target, body, kAdmin);
    };
    CHECK(world.post("/api/webhooks", kMake).status == 403);
    const Response made = as_admin(Method::post, "/api/webhooks", kMake);
    REQUIRE(made.status == 201);
    CHECK(TestHub::member(made.body, "secret").size() == 64);
    CHECK(as_admin(Method::post, "/api/webhooks", kMake).status == 409);
    CHECK(world.get("/api/webhooks").status == 403);
    const std::string shown = as_admin(Method::get, "/api/webhooks/ops").body;
    CHECK(TestHub::member(shown, "url") == "https://ops.example/in/secret-path");
    CHECK(TestHub::member(shown, "state") == "ok");
    CHECK(shown.find("\"secret\"") == std::string::npos);
    const Response changed =
        as_admin(Method::put, "/api/webhooks/ops", R"({"url":"https://two.example/","enabled":false})");
    CHECK(changed.status == 200);
    CHECK(TestHub::member(changed.body, "kinds") == R"(["*"])");
    CHECK(TestHub::member(changed.body, "state") == "disabled");
    CHECK(as_admin(Method::post, "/api/webhooks/ops/test").status == 409);
    CHECK(as_admin(Method::delete_, "/api/webhooks/ops").status == 200);
    CHECK(as_admin(Method::delete_, "/api/webhooks/ops").status == 404);
    CHECK(as_admin(Method::get, "/api/webhooks").body == R"({"webhooks":[]})");
    for (const char* path : {"/api/webhooks/ops", "/api/webhooks/ops/deliveries"}) {
        CHECK(as_admin(Method::get, path).status == 404);
    }
    // What it did is on record, without what may be secret.
    const std::string audit = as_admin(Method::get, "/api/admin/audit").body;
    for (const char* kind : {"webhook_created", "webhook_changed", "webhook_deleted"}) {
        CHECK(audit.find(kind) != std::string::npos);
    }
    CHECK(audit.find("secret-path") == std::string::npos);
}

TEST_CASE("fields of webhooks that are no good are 422", "[outputs]") {
    World world;
    for (const char* body :
         {R"({"webhook_id":"a b","url":"https://x.example"})", R"({"webhook_id":"a","url":"gopher://x.example"})",
          R"({"webhook_id":"a","url":"https://u@x.example"})", R"({"webhook_id":"a"})",
          R"({"webhook_id":"a","url":"https://x.example","kinds":["Task"]})"}) {
        INFO(body);
        CHECK(world.hub.http(Method::post, "/api/webhooks", body, kAdmin).status == 422);
    }
    CHECK(world.hub.tables().count<WebhookRow>() == 0);
}

TEST_CASE("there are no more webhooks than webhooks_max", "[outputs]") {
    Settings settings;
    settings.webhooks_max = 1;
    World world(settings);
    CHECK(world.hub.http(Method::post, "/api/webhooks", kMake, kAdmin).status == 201);
    CHECK(world.hub.http(Method::post, "/api/webhooks", R"({"webhook_id":"b","url":"https://x.example"})", kAdmin)
              .status == 409);
}

TEST_CASE("the machine keeps the secret of each webhook, and no other", "[outputs]") {
    World world;
    const auto make = [&] { return world.hub.http(Method::post, "/api/webhooks", kMake, kAdmin, "key"); };
    const std::string first = TestHub::member(make().body, "secret");
    CHECK(digest_of(world) == sha256_hex(first));
    CHECK(world.hub.kept_secrets() == std::set<std::string>{sha256_hex(first)});
    // Whoever did not get the answer asks again, and gets one that counts.
    const std::string again = TestHub::member(make().body, "secret");
    CHECK(again != first);
    CHECK(world.hub.kept_secrets() == std::set<std::string>{sha256_hex(again)});
    const Response renewed = world.hub.http(Method::post, "/api/webhooks/ops/secret", "", kAdmin);
    REQUIRE(renewed.status == 200);
    CHECK(digest_of(world) == sha256_hex(TestHub::member(renewed.body, "secret")));
    CHECK(world.hub.kept_secrets() == std::set<std::string>{digest_of(world)});
    world.hub.http(Method::delete_, "/api/webhooks/ops", "", kAdmin);
    CHECK(world.hub.kept_secrets().empty());
}

TEST_CASE("a test goes to one webhook, whatever it has chosen", "[outputs]") {
    World world;
    world.hub.http(Method::post, "/api/webhooks", kMake, kAdmin);
    world.hub.http(Method::post, "/api/webhooks", R"({"webhook_id":"b","url":"https://b.example/","kinds":["x"]})",
                   kAdmin);
    const Response tested = world.hub.http(Method::post, "/api/webhooks/b/test", "", kAdmin);
    CHECK(tested.status == 200);
    REQUIRE(world.hub.sent().size() == 1);
    const Deliver what = world.hub.sent().front();
    CHECK(what.receiver == "webhook/b");
    CHECK(what.name == TestHub::member(tested.body, "delivery"));
    world.hub.apply(Delivered{what.workspace, what.receiver, what.seq, 0, 0, "no such host"});
    const std::string deliveries = world.hub.http(Method::get, "/api/webhooks/b/deliveries", "", kAdmin).body;
    const auto list = json::members(deliveries);
    const auto entries = json::elements(list.find("deliveries")->raw);
    REQUIRE(entries.size() == 1);
    const std::string entry(entries.front().raw);
    CHECK(TestHub::member(entry, "state") == "waiting");
    CHECK(TestHub::member(entry, "attempts") == "1");
    CHECK(TestHub::member(entry, "last_error") == "no such host");
    CHECK(TestHub::member(entry, "delivery") == what.name);
}

TEST_CASE("disabling a webhook ends what waits for it", "[outputs]") {
    World world;
    world.hub.http(Method::post, "/api/webhooks", kMake, kAdmin);
    for (int i = 0; i < 6; ++i) world.submit();
    CHECK(world.hub.sent().size() == 4);
    world.hub.http(Method::put, "/api/webhooks/ops", R"({"url":"https://x.example","enabled":false})", kAdmin);
    const std::string shown = world.hub.http(Method::get, "/api/webhooks/ops", "", kAdmin).body;
    CHECK(TestHub::member(shown, "waiting") == "0");
    // Those on their way come to nothing any more.
    const Deliver what = world.hub.sent().front();
    world.hub.apply(Delivered{what.workspace, what.receiver, what.seq, 500, 0, ""});
    world.hub.advance_ms(600'000);
    CHECK(world.hub.sent().size() == 4);
}
