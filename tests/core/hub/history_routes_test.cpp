#include "core/hub/history_routes.hpp"

#include <catch2/catch.hpp>

#include "tests/core/support/test_hub.hpp"

using namespace agentcom;
using agentcom::test::Response;
using agentcom::test::TestHub;

namespace {

struct World {
    TestHub hub;
    World() {
        for (const char* agent : {"ann", "bob"}) hub.register_agent(agent);
        hub.http(Method::post, "/api/channels", R"({"name":"dev"})", token("ann"));
    }
    static std::string token(const std::string& agent) { return TestHub::token_of(agent); }
    std::string send(const std::string& from, const std::string& members) {
        return TestHub::member(hub.http(Method::post, "/api/message", "{" + members + "}", token(from)).body, "id");
    }
    Response get(const std::string& target) { return hub.http(Method::get, target, "", token("ann")); }
    std::string count(const std::string& query) { return TestHub::member(get("/api/messages" + query).body, "count"); }
};

}  // namespace

TEST_CASE("messages are found by every filter and in pages", "[history]") {
    World world;
    world.send("ann", R"("to":"bob","payload":{"text":"red fish"})");
    world.hub.advance_ms(1'000);
    world.send("bob", R"("to":"ann","payload":{"text":"blue fish","channel":"dev"},"type":"alert")");
    world.hub.advance_ms(1'000);
    world.send("ann", R"("payload":{"text":"all"})");
    world.hub.http(Method::post, "/api/channels/dev/publish", R"({"payload":{"text":"one fish"}})",
                   World::token("bob"));
    const int64_t now = world.hub.now_ms();
    CHECK(world.count("") == "4");
    CHECK(world.count("?from=ann") == "2");
    CHECK(world.count("?to=ann") == "1");
    CHECK(world.count("?from=ann&to=bob") == "1");
    CHECK(world.count("?channel=dev") == "2");
    CHECK(world.count("?channel=%23Dev") == "2");
    CHECK(world.count("?type=alert") == "1");
    CHECK(world.count("?q=fish") == "3");
    CHECK(world.count("?q=%22red+fish%22") == "1");
    CHECK(world.count("?q=f*&from=bob") == "2");
    CHECK(world.count("?q=%22%28") == "0");
    CHECK(world.count("?start_time=" + std::to_string(now - 1'000)) == "3");
    CHECK(world.count("?end_time=" + std::to_string(now - 1'000)) == "2");
    CHECK(world.count("?start_time=" + std::to_string(now) + "&end_time=" + std::to_string(now)) == "2");
    CHECK(world.count("?limit=0") == "0");
    CHECK(world.count("?limit=-3") == "0");
    CHECK(world.get("/api/messages?limit=x").status == 422);
    CHECK(world.get("/api/messages?order=up").status == 422);
    CHECK(world.hub.http(Method::get, "/api/messages").status == 401);

    Response page = world.get("/api/messages?limit=3");
    CHECK(TestHub::member(page.body, "cursor") == "3");
    CHECK(TestHub::member(page.body, "next_cursor") == "3");
    page = world.get("/api/messages?limit=3&cursor=3");
    CHECK(TestHub::member(page.body, "cursor") == "4");
    CHECK(TestHub::member(page.body, "next_cursor").empty());
    CHECK(page.body.find(R"("channel":"dev","channel_seq":1)") != std::string::npos);
    CHECK(world.get("/api/messages?cursor=9").body == R"({"messages":[],"cursor":9,"count":0})");
    page = world.get("/api/messages?order=desc&limit=1");
    CHECK(page.body.starts_with(R"({"messages":[{"seq":4,)"));
    CHECK(world.get("/api/messages?order=desc&limit=1&cursor=4").body.starts_with(R"({"messages":[{"seq":3,)"));
}

TEST_CASE("a clock that is set back is remembered, up to so often", "[history]") {
    World world;
    world.send("ann", R"("to":"bob","payload":{})");
    Time time = world.hub.time();
    time.wall_ms -= 5'000;
    world.hub.set_time(time);
    world.send("ann", R"("to":"bob","payload":{})");
    CHECK(world.hub.tables().find<WorkspaceRow>({1})->clock_steps == "2");
    for (int i = 0; i < 60; ++i) {
        time.wall_ms -= 1;
        world.hub.set_time(time);
        world.send("ann", R"("to":"bob","payload":{})");
    }
    const std::string steps = world.hub.tables().find<WorkspaceRow>({1})->clock_steps;
    CHECK(std::count(steps.begin(), steps.end(), ',') == 49);
    CHECK(steps.ends_with(",62"));
}

TEST_CASE("messages that are too old go once an hour", "[history]") {
    Settings settings;
    settings.message_history_ms = 10'000'000;
    settings.mailbox_ttl_ms = 1'000;
    TestHub hub(settings);
    hub.register_agent("ann");
    for (int i = 0; i < 2'500; ++i) {
        hub.http(Method::post, "/api/message", R"({"to":"ann","payload":{}})", TestHub::token_of("ann"));
        if (i == 1'499) hub.advance_ms(9'000'000);
    }
    CHECK(hub.store().rows(TableId::messages).size() == 2'500);
    hub.advance_ms(5'000'000);
    CHECK(hub.store().rows(TableId::messages).size() == 1'500);
    hub.advance_ms(20'000'000);
    CHECK(hub.store().rows(TableId::messages).size() == 500);
}

namespace {

/// Messages that somebody reads, from which retention may take what it likes.
void send_many(TestHub& hub, int messages) {
    for (int i = 0; i < messages; ++i) {
        hub.http(Method::post, "/api/message", R"({"to":"ann","payload":{}})", TestHub::token_of("ann"));
    }
}

void restart_restored(TestHub& hub, int64_t lost_messages) {
    hub.restored.restored_from = "20261121T000000Z-1";
    hub.restored.lost_messages = lost_messages;
    hub.restart();
    hub.restored = {};
}

}  // namespace

TEST_CASE("numbers that a restore has skipped do not use up what is kept", "[history]") {
    Settings settings;
    settings.message_history = 1'500;
    settings.mailbox_ttl_ms = 1'000;
    TestHub hub(settings);
    hub.register_agent("ann");
    send_many(hub, 1'800);
    hub.advance_ms(2'000);
    restart_restored(hub, 1'000'000);
    send_many(hub, 100);
    hub.advance_ms(2'000);
    CHECK(hub.store().rows(TableId::messages).size() == 1'900);
    // A second time, with the first gap still among what is kept.
    restart_restored(hub, 5'000);
    send_many(hub, 599);
    hub.advance_ms(2'000);
    CHECK(hub.store().rows(TableId::messages).size() == 2'499);
    CHECK(hub.tables().find<WorkspaceRow>({1})->skipped == "1801-1001800,1001901-1006900");
    send_many(hub, 1);
    CHECK(hub.store().rows(TableId::messages).size() == 1'500);
    // The next lot goes over both gaps.
    send_many(hub, 1'000);
    hub.advance_ms(2'000);
    CHECK(hub.store().rows(TableId::messages).size() == 1'500);
    CHECK(hub.tables().find<WorkspaceRow>({1})->messages_pruned == 1'007'000);
    CHECK(hub.tables().find<WorkspaceRow>({1})->skipped.empty());
}

TEST_CASE("messages go by their age over numbers that were skipped, and over rows that are lost", "[history]") {
    Settings settings;
    settings.message_history_ms = 10'000'000;
    settings.mailbox_ttl_ms = 1'000;
    TestHub hub(settings);
    hub.register_agent("ann");
    send_many(hub, 1'500);
    restart_restored(hub, 5'000);
    hub.advance_ms(9'000'000);
    send_many(hub, 1'500);
    Batch damage;
    damage.turn = hub.store().last_turn();
    damage.changes.push_back(
        {TableId::messages, true, {ColumnValue::of(int64_t{1}), ColumnValue::of(int64_t{7'000})}, {}});
    REQUIRE(hub.store().commit(damage));
    hub.advance_ms(5'000'000);
    CHECK(hub.store().rows(TableId::messages).size() == 1'999);
    hub.advance_ms(20'000'000);
    CHECK(hub.tables().find<WorkspaceRow>({1})->messages_pruned == 7'001);
    CHECK(hub.store().rows(TableId::messages).size() == 999);
}

TEST_CASE("threads hold every kind of message", "[threads]") {
    World world;
    const std::string root = world.send("ann", R"("to":"bob","payload":{})");
    const std::string direct = world.send("bob", R"("to":"ann","payload":{},"reply_to":")" + root + "\"");
    const std::string broadcast = world.send("ann", R"("payload":{},"reply_to":")" + root + "\"");
    const Response published = world.hub.http(Method::post, "/api/channels/dev/publish",
                                              R"({"payload":{},"reply_to":")" + direct + "\"}", World::token("bob"));
    const std::string leaf = TestHub::member(published.body, "id");
    CHECK(world.get("/api/threads/" + leaf + "/root").body ==
          R"({"message_id":")" + leaf + R"(","root":")" + root + "\"}");
    const Response thread = world.get("/api/threads/" + leaf);
    CHECK(thread.body.starts_with(R"({"root":")" + root + R"(","messages":[{"id":")" + root));
    CHECK(TestHub::member(thread.body, "count") == "4");
    const Response replies = world.get("/api/threads/" + root + "/replies");
    CHECK(replies.body.starts_with(R"({"parent":")" + root + R"(","replies":[{"id":")" + direct));
    CHECK(TestHub::member(replies.body, "count") == "2");
    CHECK(world.get("/api/threads/nothing").body == R"({"root":"nothing","messages":[],"count":0})");
    CHECK(world.get("/api/threads/nothing/root").body == R"({"message_id":"nothing","root":"nothing"})");
    CHECK(world.get("/api/threads/nothing/replies").body == R"({"parent":"nothing","replies":[],"count":0})");
    const std::string orphan = world.send("ann", R"("payload":{},"reply_to":"gone")");
    CHECK(TestHub::member(world.get("/api/threads/" + orphan + "/root").body, "root") == "gone");
    CHECK(TestHub::member(world.get("/api/threads/gone").body, "count") == "1");
    CHECK(world.hub.http(Method::get, "/api/threads/x").status == 401);
}
