#include "core/messaging/channels.hpp"

#include <catch2/catch.hpp>

#include "core/base/prng.hpp"
#include "tests/core/support/test_hub.hpp"

using namespace agentcom;
using agentcom::test::Response;
using agentcom::test::TestHub;

namespace {

struct World {
    TestHub hub;
    explicit World(Settings settings = {}) : hub(settings) {
        for (const char* agent : {"ann", "bob", "cid"}) hub.register_agent(agent);
        REQUIRE(http(Method::post, "/api/channels", R"({"name":"dev"})").status == 201);
    }
    Response http(Method method, const std::string& target, const std::string& body = "",
                  const std::string& as = "ann") {
        return hub.http(method, target, body, TestHub::token_of(as));
    }
    void join(const std::string& agent) { http(Method::post, "/api/channels/dev/subscribe", "", agent); }
    void leave(const std::string& agent) { http(Method::post, "/api/channels/dev/unsubscribe", "", agent); }
    void publish(const std::string& text, const std::string& from = "ann") {
        const Response sent =
            http(Method::post, "/api/channels/dev/publish", R"({"payload":{"t":")" + text + "\"}}", from);
        REQUIRE(sent.status == 200);
    }
    int64_t mail(const std::string& agent) {
        const Response box = http(Method::get, "/api/mailbox/" + agent, "", agent);
        return std::stoll(TestHub::member(box.body, "count"));
    }
};

}  // namespace

TEST_CASE("names of channels are normalised as v1.1 did", "[channels]") {
    CHECK(channels::normalized("##Dev Chat!") == "devchat");
    CHECK(channels::normalized("a#b-c_9") == "ab-c_9");
    CHECK(channels::normalized("###").empty());
    CHECK(channels::normalized("Ünï") == "n");
}

TEST_CASE("a member that is online is pushed what others publish, and it does not stay as mail", "[channels]") {
    World world;
    TestHub& hub = world.hub;
    const int64_t ann = hub.connect("ann");
    const int64_t bob = hub.connect("bob");
    hub.send(bob, R"({"type":"channel_subscribe","channel":"#Dev"})");
    CHECK(hub.take_frame(bob, "channel_subscribed") == R"({"type":"channel_subscribed","channel":"#Dev"})");
    hub.send(bob, R"({"type":"channel_subscribe","channel":"dev"})");
    CHECK(hub.take_frame(bob, "channel_subscribed") ==
          R"({"type":"channel_subscribed","channel":"dev","note":"already_subscribed"})");
    hub.send(ann, R"({"type":"channel_publish","channel":"DEV","payload":{"x":1}})");
    const std::string published = hub.take_frame(ann, "channel_published");
    CHECK(TestHub::member(published, "channel") == "DEV");
    CHECK(TestHub::member(published, "seq") == "1");
    const std::string push = hub.take_frame(bob, "channel_message");
    CHECK(push == R"({"type":"channel_message","channel":"dev","id":")" + TestHub::member(published, "id") +
                      R"(","from":"ann","message_type":"chat","payload":{"x":1},"reply_to":null,"timestamp":)" +
                      std::to_string(hub.now_ms()) + "}");
    CHECK(hub.take_frame(ann, "channel_message").empty());
    hub.apply(MailPushed{bob, 1});
    hub.advance_ms(1'000);
    hub.disconnect(bob);
    CHECK(world.mail("bob") == 0);
}

TEST_CASE("members that join are announced to the others that are online, over HTTP as well", "[channels]") {
    World world;
    const int64_t bob = world.hub.connect("bob");
    world.join("bob");
    CHECK(world.hub.take_frame(bob, "channel_agent_joined").empty());
    world.join("cid");
    CHECK(world.hub.take_frame(bob, "channel_agent_joined") ==
          R"({"type":"channel_agent_joined","channel":"dev","agent_id":"cid"})");
    world.join("cid");
    CHECK(world.hub.take_frame(bob, "channel_agent_joined").empty());
    world.publish("live");
    CHECK_FALSE(world.hub.take_frame(bob, "channel_message").empty());
    world.leave("bob");
    world.publish("gone");
    CHECK(world.hub.take_frame(bob, "channel_message").empty());
}

TEST_CASE("mail of a channel is for those who were members when it was sent, also after they left", "[channels]") {
    World world;
    world.publish("before");
    world.join("bob");
    world.publish("one");
    world.publish("own", "bob");
    world.leave("bob");
    world.publish("between");
    CHECK(world.mail("bob") == 1);
    world.join("bob");
    world.publish("two");
    CHECK(world.mail("bob") == 2);
    CHECK(world.mail("cid") == 0);
    const Response box = world.http(Method::get, "/api/mailbox/bob", "", "bob");
    CHECK(box.body.find(R"("payload":{"t":"one","channel":"dev"})") != std::string::npos);
    CHECK(box.body.find("between") == std::string::npos);
    world.hub.restart();
    CHECK(world.mail("bob") == 2);
    world.http(Method::post, "/api/mailbox/bob/ack", R"({"seq":)" + TestHub::member(box.body, "last_seq") + "}", "bob");
    CHECK(world.mail("bob") == 0);
    world.hub.restart();
    CHECK(world.mail("bob") == 0);
}

TEST_CASE("a channel keeps its newest messages, through retention of the log and a restart", "[channels]") {
    Settings settings;
    settings.channel_history = 3;
    settings.message_history = 1;
    World world(settings);
    world.join("bob");
    for (int i = 1; i <= 5; ++i) world.publish(std::to_string(i));
    for (int i = 0; i < 1'100; ++i) {
        world.http(Method::post, "/api/message", R"({"to":"ann","payload":{}})", "cid");
        if (i % 100 == 0) world.http(Method::post, "/api/mailbox/ann/ack", R"({"seq":1000000})");
    }
    const auto kept = [&world] { return world.http(Method::get, "/api/channels/dev/history").body; };
    const std::string before = kept();
    CHECK(TestHub::member(before, "count") == "3");
    CHECK(before.find(R"("seq":3)") != std::string::npos);
    CHECK(world.mail("bob") == 3);
    world.hub.restart();
    CHECK(kept() == before);
    CHECK(world.mail("bob") == 3);
    world.publish("6");
    CHECK(kept().find(R"("seq":6)") != std::string::npos);
    CHECK(world.hub.store().rows(TableId::messages).size() < 1'000);
}

TEST_CASE("what leaves a channel's history unread is told by an event", "[channels]") {
    Settings settings;
    settings.channel_history = 2;
    World world(settings);
    world.join("bob");
    for (int i = 0; i < 3; ++i) world.publish("x");
    const Response events = world.http(Method::get, "/api/events?kind=mail_dropped&since=0");
    CHECK(events.body.find(R"("subject":"#dev")") != std::string::npos);
}

TEST_CASE("channels and members have limits", "[channels]") {
    Settings settings;
    settings.channels_max = 1;
    settings.channel_members_max = 1;
    World world(settings);
    CHECK(world.http(Method::post, "/api/channels", R"({"name":"two"})").status == 503);
    world.join("bob");
    CHECK(world.http(Method::post, "/api/channels/dev/subscribe", "", "cid").status == 503);
    world.leave("bob");
    CHECK(world.http(Method::post, "/api/channels/dev/subscribe", "", "cid").status == 200);
}

TEST_CASE("a failed commit takes channels, members and counters back", "[channels]") {
    World world;
    world.join("bob");
    world.publish("one");
    const Hash128 digest = world.hub.tables().sums().back().sum;
    world.hub.store().set_failing(true);
    CHECK(world.http(Method::post, "/api/channels/dev/publish", R"({"payload":{}})").status == 503);
    world.hub.store().set_failing(false);
    world.hub.apply(StorageRecovered{});
    CHECK(world.hub.tables().sums().back().sum == digest);
    CHECK(TestHub::member(world.http(Method::post, "/api/channels/dev/publish", R"({"payload":{}})").body, "seq") ==
          "2");
}

TEST_CASE("random membership: mail is what was published while a member, whatever happened since", "[channels]") {
    const uint64_t seed = 4'711;
    CAPTURE(seed);
    Prng prng(seed);
    World world;
    const std::vector<std::string> agents = {"ann", "bob", "cid"};
    std::map<std::string, bool> member;
    std::map<std::string, int64_t> owed;
    for (int step = 0; step < 300; ++step) {
        const std::string& agent = agents[prng.index_below(agents.size())];
        switch (prng.below(6)) {
            case 0:
                world.join(agent);
                member[agent] = true;
                break;
            case 1:
                world.leave(agent);
                member[agent] = false;
                break;
            case 2:
                if (prng.below(4) == 0) world.hub.restart();
                break;
            case 3:
                world.http(Method::post, "/api/mailbox/" + agent + "/ack", R"({"seq":1000000})", agent);
                owed[agent] = 0;
                break;
            default:
                world.publish("x", agent);
                for (const std::string& other : agents) owed[other] += other != agent && member[other] ? 1 : 0;
        }
        for (const std::string& each : agents) CHECK(world.mail(each) == std::min<int64_t>(owed[each], 100));
    }
}
