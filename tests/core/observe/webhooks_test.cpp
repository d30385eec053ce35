#include "core/observe/webhooks.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/core/hub/routes_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

TEST_CASE("where a webhook may point", "[outputs]") {
    for (const char* good : {"https://a.example", "http://a.example/x?y=z", "https://[2001:db8::1]:8443/in",
                             "https://hooks.example/services/T0/B0/x", "http://127.0.0.1:9000/"}) {
        INFO(good);
        CHECK(webhooks::is_url(good));
    }
    for (const char* bad : {"", "ftp://a.example", "https://", "https:///x", "https://user@a.example/", "//a.example",
                            "https://a.example/#x", "https://a b", "https://:80/", "file:///etc/passwd",
                            "https://u:p@a.example", "https://a\\b", "javascript:x"}) {
        INFO(bad);
        CHECK(!webhooks::is_url(bad));
    }
    CHECK(webhooks::origin_of("https://a.example:8443/secret/path") == "https://a.example:8443");
    CHECK(webhooks::origin_of("https://a.example?x") == "https://a.example");
}

TEST_CASE("names of webhooks", "[outputs]") {
    CHECK(webhooks::is_id("ops-1.prod_a"));
    CHECK(!webhooks::is_id(""));
    CHECK(!webhooks::is_id("a/b"));
    CHECK(!webhooks::is_id(std::string(65, 'a')));
}

namespace {

struct Hooks {
    void make(const std::string& id, const std::string& kinds) {
        const Response made = world.hub.http(
            Method::post, "/api/webhooks",
            R"({"webhook_id":")" + id + R"(","url":"https://)" + id + R"(.example/","kinds":)" + kinds + "}", kAdmin);
        CAPTURE(made.body);
        REQUIRE(made.status == 201);
    }
    /// "receiver kind" of all that was sent; every one is answered with this status.
    Ids answer_all(int64_t status) {
        Ids all;
        while (!world.hub.sent().empty()) {
            const Deliver what = world.hub.sent().front();
            world.hub.sent().erase(world.hub.sent().begin());
            all.push_back(what.receiver + " " + TestHub::member(TestHub::member(what.body, "event"), "kind"));
            world.hub.apply(Delivered{what.workspace, what.receiver, what.seq, status, 0, ""});
        }
        return all;
    }
    World world;
};

}  // namespace

TEST_CASE("a webhook gets what it has chosen, by kind, by beginning, or all", "[outputs]") {
    Hooks hooks;
    hooks.make("by-kind", R"(["task_submitted"])");
    hooks.make("by-word", R"(["task_*","agent_*"])");
    hooks.make("other", R"(["alert_fired","task_submit_*"])");
    hooks.make("both", R"(["task_submitted","task_*","*"])");
    hooks.answer_all(200);
    hooks.world.submit();
    CHECK(hooks.answer_all(200) ==
          Ids{"webhook/both task_submitted", "webhook/by-kind task_submitted", "webhook/by-word task_submitted"});
}

TEST_CASE("that a webhook fails, recovers or is gone is told to others, and not to itself", "[outputs]") {
    Hooks hooks;
    hooks.make("bad", R"(["task_submitted","webhook_*"])");
    hooks.make("watch", R"(["webhook_*"])");
    hooks.answer_all(200);
    hooks.world.submit();
    for (int64_t i = 1; i < deliveries::kFailuresToTell; ++i) {
        CHECK(hooks.answer_all(500) == Ids{"webhook/bad task_submitted"});
        hooks.world.hub.advance_ms(10'000);
    }
    CHECK(hooks.answer_all(503) == Ids{"webhook/bad task_submitted", "webhook/watch webhook_failing"});
    hooks.world.hub.advance_ms(600'000);
    Ids told = hooks.answer_all(200);
    std::sort(told.begin(), told.end());
    CHECK(told ==
          Ids{"webhook/bad task_submitted", "webhook/watch webhook_failing", "webhook/watch webhook_recovered"});
    hooks.world.submit();
    CHECK(hooks.answer_all(410) == Ids{"webhook/bad task_submitted", "webhook/watch webhook_gone"});
    for (const char* id : {"bad", "watch"}) {
        const std::string shown =
            hooks.world.hub.http(Method::get, "/api/webhooks/" + std::string(id), "", kAdmin).body;
        CHECK(TestHub::member(shown, "state") == "gone");
    }
    hooks.world.submit();
    CHECK(hooks.answer_all(200).empty());
}

TEST_CASE("events of another workspace go nowhere", "[outputs]") {
    Hooks hooks;
    hooks.make("ops", R"(["agent_registered"])");
    hooks.answer_all(200);
    hooks.world.hub.register_agent("eve", "other");
    CHECK(hooks.answer_all(200).empty());
    hooks.world.hub.register_agent("eve");
    CHECK(hooks.answer_all(200).size() == 1);
}
