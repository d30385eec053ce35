#include "core/messaging/router.hpp"

#include <catch2/catch.hpp>

#include "tests/core/support/test_hub.hpp"

using namespace agentcom;
using agentcom::test::TestHub;

TEST_CASE("a direct message is one row, acknowledged before it is pushed, and pushed once") {
    TestHub hub;
    hub.register_agent("ann");
    hub.register_agent("bob");
    const int64_t ann = hub.connect("ann");
    const int64_t bob = hub.connect("bob");
    hub.clear_frames();
    hub.send(ann, R"({"type":"message","to":"bob","message_type":"note","reply_to":"m1","payload":{"n":1e400}})");
    REQUIRE(hub.frames(ann).size() == 1);
    const std::string id = TestHub::member(hub.frames(ann)[0], "id");
    CHECK(id.size() == 16);
    REQUIRE(hub.frames(bob).size() == 1);
    CHECK(hub.frames(bob)[0] ==
          R"({"type":"message","id":")" + id +
              R"(","from":"ann","message_type":"note","payload":{"n":1e400},"reply_to":"m1","timestamp":)" +
              std::to_string(hub.now_ms()) + "}");
    const std::vector<RowValues> stored = hub.store().rows(TableId::messages);
    REQUIRE(stored.size() == 1);
    const MessageRow row = *row_from_values<MessageRow>(stored[0]);
    CHECK(row.id == id);
    CHECK(row.seq == 1);
    CHECK(row.recipient == "bob");
    CHECK(row.expires_at == hub.now_ms() + Settings{}.mailbox_ttl_ms);
}

TEST_CASE("a broadcast is one text for each protocol version, for all who speak it") {
    TestHub hub;
    for (const char* agent : {"ann", "bob", "cat", "dan"}) hub.register_agent(agent);
    const int64_t ann = hub.connect("ann");
    const int64_t bob = hub.connect("bob", R"("protocol_version":2)");
    const int64_t cat = hub.connect("cat");
    const int64_t dan = hub.connect("dan", R"("protocol_version":2)");
    hub.clear_frames();
    hub.send(ann, R"({"type":"message","payload":{}})");
    REQUIRE(hub.frames(ann).size() == 2);
    REQUIRE(hub.frames(cat).size() == 1);
    CHECK(hub.frames(cat)[0] == hub.frames(ann)[1]);
    CHECK(TestHub::member(hub.frames(cat)[0], "seq").empty());
    REQUIRE(hub.frames(bob).size() == 1);
    CHECK(hub.frames(bob) == hub.frames(dan));
    CHECK(TestHub::member(hub.frames(bob)[0], "seq") == "1");
    hub.disconnect(bob);
    hub.disconnect(dan);
    CHECK(hub.tables().indexes().newer_sessions.empty());
}

TEST_CASE("a message to oneself is acknowledged first") {
    TestHub hub;
    hub.register_agent("ann");
    const int64_t ann = hub.connect("ann");
    hub.clear_frames();
    hub.send(ann, R"({"type":"message","to":"ann","payload":{}})");
    REQUIRE(hub.frames(ann).size() == 2);
    CHECK(TestHub::member(hub.frames(ann)[0], "type") == "message_sent");
    CHECK(TestHub::member(hub.frames(ann)[1], "type") == "message");
}

TEST_CASE("no recipient, null and \"broadcast\" address everybody, the sender too") {
    TestHub hub;
    for (const char* agent : {"ann", "bob", "cat"}) hub.register_agent(agent);
    const int64_t ann = hub.connect("ann");
    const int64_t bob = hub.connect("bob");
    const int64_t stranger = hub.open();
    for (const char* to : {"", R"("to":null,)", R"("to":"broadcast",)"}) {
        CAPTURE(to);
        hub.clear_frames();
        hub.send(ann, std::string(R"({"type":"message",)") + to + R"("payload":{}})");
        REQUIRE(hub.frames(ann).size() == 2);
        CHECK(TestHub::member(hub.frames(ann)[0], "type") == "message_sent");
        CHECK(TestHub::member(hub.frames(ann)[1], "from") == "ann");
        CHECK(hub.frames(bob).size() == 1);
        CHECK(hub.frames(stranger).empty());
    }
    CHECK(hub.store().rows(TableId::messages).size() == 3);
    CHECK(hub.tables().count<MailRow>() == 3);
}

TEST_CASE("the same key over a socket gives the same message once") {
    TestHub hub;
    hub.register_agent("ann");
    hub.register_agent("bob");
    const int64_t ann = hub.connect("ann", R"("protocol_version":2)");
    const int64_t bob = hub.connect("bob");
    const std::string frame = R"({"type":"message","to":"bob","idempotency_key":"k","payload":{"n":1}})";
    hub.send(ann, frame);
    const std::string first = hub.take_frame(ann, "message_sent");
    hub.send(ann, frame);
    CHECK(hub.take_frame(ann, "message_sent") == first);
    CHECK(hub.take_frame(bob, "message") != "");
    CHECK(hub.take_frame(bob, "message") == "");
    hub.send(ann, R"({"type":"message","to":"bob","idempotency_key":"k","payload":{"n":2}})");
    CHECK(TestHub::member(hub.take_frame(ann, "error"), "error") == "idempotency_conflict");
    hub.restart();
    const int64_t again = hub.connect("ann", R"("protocol_version":2)");
    hub.send(again, frame);
    CHECK(hub.take_frame(again, "message_sent") == first);
}
