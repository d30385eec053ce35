#include "core/observe/push.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/core/hub/routes_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

TEST_CASE("W-32: notifications go to the known push services and nowhere else", "[outputs]") {
    const Settings settings;
    for (const char* good : {"https://fcm.googleapis.com/fcm/send/abc:def", "https://FCM.googleapis.com/x",
                             "https://updates.push.services.mozilla.com/wpush/v2/abc", "https://web.push.apple.com/abc",
                             "https://wns2-par02p.notify.windows.com/w/?token=x", "https://fcm.googleapis.com:443/x"}) {
        INFO(good);
        CHECK(push::is_allowed(settings, good));
    }
    for (const char* bad :
         {"", "http://fcm.googleapis.com/x", "https://evil.example/", "https://fcm.googleapis.com.evil.example/",
          "https://evil.example/fcm.googleapis.com", "https://fcm.googleapis.com@evil.example/",
          "https://evilnotify.windows.com/", "https://169.254.169.254/latest", "https://localhost/",
          "https://fcm.googleapis.com:8443/", "https://evil.example#.push.apple.com/", "file:///etc/passwd",
          "https://evil.example\\.push.apple.com/", "https://.push.apple.com.evil.example/"}) {
        INFO(bad);
        CHECK(!push::is_allowed(settings, bad));
    }
}

TEST_CASE("push_hosts replaces the known push services", "[outputs]") {
    Settings settings;
    settings.push_hosts = {"push.example", "http://127.0.0.1:9000"};
    CHECK(push::is_allowed(settings, "https://push.example/x"));
    CHECK(push::is_allowed(settings, "http://127.0.0.1:9000/x"));
    CHECK(!push::is_allowed(settings, "http://127.0.0.1:90001/x"));
    CHECK(!push::is_allowed(settings, "http://push.example/x"));
    CHECK(!push::is_allowed(settings, "https://fcm.googleapis.com/x"));
}

TEST_CASE("keys of a subscription", "[outputs]") {
    const std::string key = "B" + std::string(86, 'x');
    CHECK(push::is_public_key(key));
    CHECK(push::is_public_key(key + "="));
    CHECK(!push::is_public_key("A" + std::string(86, 'x')));
    CHECK(!push::is_public_key(key + "x"));
    CHECK(!push::is_public_key("B" + std::string(85, 'x') + "+"));
    CHECK(push::is_secret(std::string(22, '_')));
    CHECK(!push::is_secret(std::string(21, '_')));
    // Padding is kept with the rest: it may not be longer than it has to be.
    CHECK(push::is_secret(std::string(22, '_') + "=="));
    CHECK(!push::is_secret(std::string(22, '_') + "==="));
    CHECK(!push::is_public_key(key + "=="));
    CHECK(!push::is_public_key(key + std::string(100'000, '=')));
}

namespace {

struct Browser {
    explicit Browser(const std::string& more = "", Settings settings = {}) : world(std::move(settings)) {
        CHECK(subscribe(world.ann, "one", more).status == 200);
    }
    Response subscribe(const std::string& token, const std::string& name, const std::string& more = "") {
        return world.hub.http(Method::post, "/api/dashboard/push-subscribe",
                              R"({"endpoint":"https://fcm.googleapis.com/)" + name +
                                  R"(","expirationTime":null,"keys":{"p256dh":"B)" + std::string(86, 'x') +
                                  R"(","auth":")" + std::string(22, 'y') + R"("})" + more + "}",
                              token);
    }
    /// The body that the browser is shown, of the first that was sent; it is answered with this status.
    std::string take(int64_t status = 201) {
        if (world.hub.sent().empty()) return {};
        const Deliver what = world.hub.sent().front();
        world.hub.sent().erase(world.hub.sent().begin());
        world.hub.apply(Delivered{what.workspace, what.receiver, what.seq, status, 0, ""});
        return what.body;
    }
    int64_t count() const { return world.hub.tables().count<PushSubscriptionRow>(); }
    World world;
};

EventRow alert(const std::string& kind, const std::string& severity, const std::string& more = "") {
    EventRow event;
    event.workspace = 1;
    event.seq = 5;
    event.kind = kind;
    event.subject = "stuck_tasks";
    event.data = severity.empty() ? "{}" : R"({"severity":")" + severity + "\"" + more + "}";
    return event;
}

/// Whether the one subscription there is would be told.
bool is_wanted(Browser& browser, const EventRow& event) {
    const auto& tables = browser.world.hub.tables();
    const std::string id = std::get<1>(tables.sorted_keys<PushSubscriptionRow>().front());
    std::vector<Effect> effects;
    const Settings settings;
    const Context ctx(const_cast<Tables&>(tables), settings, browser.world.hub.time(), 1, effects);
    return push::wants(ctx, event, id);
}

}  // namespace

TEST_CASE("W-38: alerts reach a browser by severity, and so does their end", "[outputs]") {
    struct {
        const char* minimum;
        const char* kind;
        const char* severity;
        bool wanted;
    } const cases[] = {
        {"warning", "alert_fired", "critical", true},    {"warning", "alert_fired", "warning", true},
        {"warning", "alert_fired", "notice", false},     {"critical", "alert_fired", "warning", false},
        {"critical", "alert_cleared", "critical", true}, {"critical", "alert_cleared", "", true},
        {"notice", "alert_fired", "notice", true},       {"critical", "task_dead_letter", "", true},
    };
    for (const auto& each : cases) {
        INFO(each.minimum << " " << each.kind << " " << each.severity);
        Browser browser(R"(,"min_severity":")" + std::string(each.minimum) + "\"");
        CHECK(is_wanted(browser, alert(each.kind, each.severity)) == each.wanted);
    }
}

TEST_CASE("W-23: an alert that people are not to be told of is not pushed", "[outputs]") {
    Browser browser;
    for (const char* kind : {"alert_fired", "alert_refired", "alert_cleared"}) {
        INFO(kind);
        CHECK(is_wanted(browser, alert(kind, "critical", R"(,"notify":true)")));
        CHECK(!is_wanted(browser, alert(kind, "critical", R"(,"notify":false)")));
    }
}

TEST_CASE("without a choice a browser hears of an alert that is told again", "[outputs]") {
    const std::vector<std::string> kinds = push::default_kinds();
    for (const char* kind : {"alert_fired", "alert_refired", "alert_cleared"}) {
        INFO(kind);
        CHECK(std::count(kinds.begin(), kinds.end(), kind) == 1);
    }
}

TEST_CASE("W-38: an agent that says goodbye is not reported, one that is lost is", "[outputs]") {
    Browser browser;
    const int64_t first = browser.world.hub.connect("bob");
    browser.world.hub.apply(ConnectionClosed{first, true});
    browser.world.hub.advance_ms(60'000);
    CHECK(browser.take().empty());
    const int64_t second = browser.world.hub.connect("bob");
    browser.world.hub.apply(ConnectionClosed{second});
    browser.world.hub.advance_ms(60'000);
    const std::string body = browser.take();
    CHECK(TestHub::member(body, "title") == "AgentCom Alert");
    CHECK(TestHub::member(body, "body") == "bob is offline: its connection was lost");
    CHECK(TestHub::member(body, "icon") == "/favicon.ico");
    CHECK(TestHub::member(TestHub::member(body, "data"), "kind") == "agent_offline");
    // A socket that came back in time was never gone.
    const int64_t third = browser.world.hub.connect("bob");
    browser.world.hub.apply(ConnectionClosed{third});
    browser.world.hub.connect("bob");
    browser.world.hub.advance_ms(60'000);
    CHECK(browser.take().empty());
}

TEST_CASE("W-38: what a browser is told is its own choice, completed tasks too", "[outputs]") {
    Browser browser(R"(,"kinds":["task_completed"])");
    browser.world.complete(browser.world.submit());
    CHECK(TestHub::member(browser.take(), "body").find("is done") != std::string::npos);
    // Another choice for the same browser replaces the first.
    CHECK(browser.subscribe(browser.world.ann, "one", R"(,"kinds":["task_submitted"])").status == 200);
    CHECK(browser.count() == 1);
    browser.world.submit();
    CHECK(!browser.take().empty());
}

TEST_CASE("W-38: subscriptions survive a restart, and end when their service says so", "[outputs]") {
    Browser browser(R"(,"kinds":["task_submitted"])");
    browser.world.hub.restart();
    browser.world.submit();
    CHECK(!browser.take().empty());
    CHECK(TestHub::member(browser.world.get("/api/push/subscriptions").body, "subscriptions")
              .find("\"delivered_at\":null") == std::string::npos);
    browser.world.submit();
    CHECK(!browser.take(410).empty());
    CHECK(browser.count() == 0);
    CHECK(browser.world.hub.tables().count<DeliveryRow>() == 0);
    browser.world.submit();
    CHECK(browser.world.hub.sent().empty());
}

TEST_CASE("who has no token any more is told nothing", "[outputs]") {
    Browser browser(R"(,"kinds":["agent_registered"])");
    browser.world.hub.register_agent("eve");
    CHECK(!browser.take().empty());
    CHECK(browser.world.hub.http(Method::delete_, "/admin/tokens/ann", "", kAdmin).status == 200);
    browser.world.hub.register_agent("eva");
    CHECK(browser.world.hub.sent().empty());
}

TEST_CASE("subscriptions end with the last token of their owner, and are not there for the next one", "[outputs]") {
    const std::string kinds = R"(,"kinds":["agent_registered"])";
    Browser browser(kinds);
    TestHub& hub = browser.world.hub;
    const std::string bob = TestHub::token_of("bob");
    CHECK(browser.subscribe(bob, "bobs", kinds).status == 200);
    // A further token may go: it may not be the one that subscribed.
    const Response further = hub.http(Method::post, "/admin/tokens", R"({"agent_id":"ann"})", kAdmin);
    const std::string prefix = TestHub::member(further.body, "token").substr(0, 8);
    CHECK(hub.http(Method::delete_, "/admin/tokens/ann?prefix=" + prefix, "", kAdmin).status == 200);
    CHECK(browser.count() == 2);
    const std::string last = browser.world.ann.substr(0, 8);
    CHECK(hub.http(Method::delete_, "/admin/tokens/ann?prefix=" + last, "", kAdmin).status == 200);
    CHECK(browser.count() == 1);
    CHECK(hub.http(Method::post, "/admin/tokens/bob/rotate", "", bob).status == 201);
    CHECK(browser.count() == 0);
    hub.register_agent("ann");
    CHECK(hub.sent().empty());
    CHECK(browser.subscribe(browser.world.ann, "one").status == 200);
    CHECK(hub.http(Method::delete_, "/admin/tokens/ann", "", kAdmin).status == 200);
    CHECK(browser.count() == 0);
}

TEST_CASE("the admin's subscriptions end when the admin has another token", "[outputs]") {
    Browser browser;
    CHECK(browser.subscribe(kAdmin, "admins").status == 200);
    CHECK(browser.count() == 2);
    browser.world.hub.restart();
    CHECK(browser.count() == 2);
    browser.world.hub.restored.admin_token_sha256 = sha256_hex("another one");
    browser.world.hub.restart();
    CHECK(browser.count() == 1);
}

TEST_CASE("W-32: there are no more subscriptions than the caps allow", "[outputs]") {
    Settings settings;
    settings.push_per_principal = 2;
    settings.push_subscriptions_max = 3;
    Browser browser("", settings);
    CHECK(browser.subscribe(browser.world.ann, "two").status == 200);
    CHECK(browser.subscribe(browser.world.ann, "three").status == 409);
    const std::string bob = TestHub::token_of("bob");
    CHECK(browser.subscribe(bob, "one").status == 200);
    CHECK(browser.subscribe(bob, "two").status == 409);
    // The same browser again is no further one.
    CHECK(browser.subscribe(browser.world.ann, "two").status == 200);
    CHECK(browser.count() == 3);
}
