#include "core/messaging/envelope.hpp"

#include <catch2/catch.hpp>

#include "tests/core/support/test_hub.hpp"

using namespace agentcom;
using agentcom::test::Response;
using agentcom::test::TestHub;

namespace {

constexpr std::string_view kWhole =
    R"("thread_root":"t1","importance":"high","ack_required":true,"ack_by":1900000000000,"expires_at":1800000005000,"labels":["a","b"])";

EnvelopeCheck read(const std::string& members) {
    const json::Document document = json::Document::from_valid("{" + members + "}", json::Duplicates::first_wins);
    return read_envelope(Arguments(operation(OperationId::ws_message), document.object()), 1'800'000'000'000);
}

struct World {
    World() {
        for (const char* agent : {"ann", "bob", "cat"}) hub.register_agent(agent);
    }
    Response post(const std::string& members) {
        return hub.http(Method::post, "/api/message", "{" + members + R"(,"payload":{}})", TestHub::token_of("ann"));
    }
    TestHub hub;
};

}  // namespace

TEST_CASE("an envelope is read as it stands, and nothing is set that was not said") {
    const EnvelopeCheck whole = read(std::string(kWhole));
    CHECK(whole.errors.empty());
    CHECK(whole.envelope.thread_root == "t1");
    CHECK(whole.envelope.importance == "high");
    CHECK(whole.envelope.ack_required);
    CHECK(whole.envelope.ack_by == 1'900'000'000'000);
    CHECK(whole.envelope.expires_at == 1'800'000'005'000);
    CHECK(whole.envelope.labels == R"(["a","b"])");
    const EnvelopeCheck none = read(R"("labels":[],"importance":null,"ack_required":false)");
    CHECK(none.errors.empty());
    CHECK_FALSE(none.envelope.labels);
    CHECK_FALSE(none.envelope.importance);
    CHECK_FALSE(none.envelope.ack_required);
    CHECK_FALSE(none.envelope.expires_at);
}

TEST_CASE("values that mean nothing are named, and left out") {
    const EnvelopeCheck bad = read(R"("importance":"huge","expires_at":1800000000000)");
    REQUIRE(bad.errors.size() == 2);
    CHECK(bad.errors[0].field == "expires_at");
    CHECK(bad.errors[1].field == "importance");
    CHECK(bad.errors[1].value_raw == "\"huge\"");
    CHECK_FALSE(bad.envelope.importance);
    CHECK_FALSE(bad.envelope.expires_at);
    // Of another type: the catalogue ignores it in a frame.
    CHECK(read(R"("importance":5,"labels":"x","ack_required":1,"expires_at":"soon")").errors.empty());
}

TEST_CASE("protocol 2 and mailboxes see the envelope, protocol 1 no key of it") {
    World world;
    const int64_t bob = world.hub.connect("bob", R"("protocol_version":2)");
    const int64_t cat = world.hub.connect("cat");
    world.hub.clear_frames();
    const Response sent = world.post(std::string(kWhole));
    REQUIRE(sent.status == 200);
    const std::string id = TestHub::member(sent.body, "id");
    const std::string old_keys = R"({"type":"message","id":")" + id +
                                 R"(","from":"ann","message_type":"chat","payload":{},"reply_to":null,"timestamp":)" +
                                 std::to_string(world.hub.now_ms());
    CHECK(world.hub.frames(cat) == std::vector<std::string>{old_keys + "}"});
    CHECK(world.hub.frames(bob) == std::vector<std::string>{old_keys + R"(,"seq":1,)" + std::string(kWhole) + "}"});
    const Response box = world.hub.http(Method::get, "/api/mailbox/bob", "", TestHub::token_of("bob"));
    CHECK(box.body.find(std::string(kWhole) + "}") != std::string::npos);
    // Without an envelope nothing but the number is new.
    world.hub.clear_frames();
    world.post(R"("to":"bob")");
    REQUIRE(world.hub.frames(bob).size() == 1);
    CHECK(world.hub.frames(bob)[0].ends_with(",\"seq\":2}"));
}

TEST_CASE("an expiry ends mail before the mailbox would, never after") {
    World world;
    world.post(R"("to":"bob","expires_at":)" + std::to_string(world.hub.now_ms() + 1'000));
    world.post(R"("to":"bob","expires_at":9000000000000000)");
    const auto count = [&] {
        return TestHub::member(world.hub.http(Method::get, "/api/mailbox/bob", "", TestHub::token_of("bob")).body,
                               "count");
    };
    world.hub.advance_ms(999);
    CHECK(count() == "2");
    world.hub.advance_ms(1);
    CHECK(count() == "1");
    const std::vector<RowValues> stored = world.hub.store().rows(TableId::messages);
    CHECK(row_from_values<MessageRow>(stored[1])->expires_at ==
          row_from_values<MessageRow>(stored[1])->sent_at + Settings{}.mailbox_ttl_ms);
    world.hub.restart();
    CHECK(count() == "1");
}

TEST_CASE("bad envelopes: refused over HTTP and by protocol 2, ignored by protocol 1") {
    World world;
    const Response refused = world.post(R"("importance":"huge")");
    CHECK(refused.status == 422);
    CHECK(
        refused.body ==
        R"({"error":"validation_failed","errors":[{"field":"importance","error":"invalid_value","detail":"is none of low, normal, high, urgent","value":"huge"}]})");
    CHECK(world.post(R"("labels":"x")").status == 422);
    const int64_t ann = world.hub.connect("ann", R"("protocol_version":2)");
    const int64_t bob = world.hub.connect("bob");
    world.hub.clear_frames();
    const std::string frame = R"({"type":"message","to":"cat","payload":{},"expires_at":5,"request_id":1})";
    world.hub.send(ann, frame);
    CHECK(
        world.hub.frames(ann) ==
        std::vector<std::string>{
            R"({"type":"error","error":"validation_failed","message_type":"message","errors":[{"field":"expires_at","error":"invalid_value","detail":"lies in the past","value":5}],"request_id":1})"});
    world.hub.send(bob, frame);
    CHECK(TestHub::member(world.hub.frames(bob).at(0), "type") == "message_sent");
    CHECK(world.hub.tables().count<MailRow>() == 1);
}
