#include "core/protocol/encoding.hpp"

#include <array>
#include <catch2/catch.hpp>

#include "core/base/assert.hpp"

using namespace agentcom;

TEST_CASE("frames have exactly the keys of v1.1") {
    CHECK(error_frame("invalid_json") == R"({"type":"error","error":"invalid_json"})");
    CHECK(pong_frame(1795225854031) == R"({"type":"pong","timestamp":1795225854031})");
    CHECK(identified_frame("my-agent") == R"({"type":"identified","agent_id":"my-agent"})");
    CHECK(message_sent_frame("fc181af7d6b54e05") == R"({"type":"message_sent","id":"fc181af7d6b54e05"})");
    CHECK(message_acked_frame(7) == R"({"type":"message_acked","seq":7})");
    CHECK(unknown_recipient_frame("a\"", {"b"}) ==
          R"({"type":"error","error":"unknown_recipient","to":"a\"","near":["b"]})");
    CHECK(unknown_recipient_body("a", {}) == R"({"error":"unknown_recipient","to":"a","near":[]})");
    CHECK(status_updated_frame() == R"({"type":"status_updated"})");
    CHECK(task_ack_frame("t", "complete") == R"({"type":"task_ack","task_id":"t","status":"complete"})");
    CHECK(task_continue_frame("t", 3) == R"({"type":"task_continue","task_id":"t","generation":3})");
    CHECK(task_reassign_frame("t") == R"({"type":"task_reassign","task_id":"t"})");
    CHECK(rate_limit_warning_frame(Tier::normal, 11, 60) ==
          R"({"type":"rate_limit_warning","tier":"normal","remaining":11,"capacity":60})");
    CHECK(rate_limited_frame(Tier::light, 1000) == R"({"type":"rate_limited","tier":"light","retry_after_ms":1000})");
    CHECK(agent_left_frame("a\"1") == R"({"type":"agent_left","agent_id":"a\"1"})");
    CHECK(task_assign_frame("task-1", "do it", R"({"repo":"x"})", 1, 1795225898826) ==
          R"({"type":"task_assign","task_id":"task-1","description":"do it","metadata":{"repo":"x"},"generation":1,)"
          R"("assigned_at":1795225898826})");
}

TEST_CASE("protocol 2 learns more when it identifies") {
    const std::array<std::string_view, 2> features = {"slots", "cancel"};
    const HubFacts facts{2, "0.1.0", features, 4, 30'000};
    CHECK(
        identified_frame("a", facts) ==
        R"({"type":"identified","agent_id":"a","protocol_version":2,"hub_version":"0.1.0","features":["slots","cancel"],)"
        R"("mailbox_pending":4,"heartbeat_interval_ms":30000})");
}

TEST_CASE("agents are shown with five keys, nulls among them") {
    AgentEntry alpha;
    alpha.agent_id = "a1";
    alpha.name = "Alpha";
    alpha.status = "idle";
    alpha.capabilities_raw = R"(["code"])";
    alpha.connected_at_ms = 1795225847705;
    AgentEntry bare;
    bare.agent_id = "a2";
    bare.capabilities_raw = "null";
    const std::string alpha_text =
        R"({"agent_id":"a1","name":"Alpha","status":"idle","capabilities":["code"],"connected_at":1795225847705})";
    const std::string bare_text = R"({"agent_id":"a2","name":null,"status":null,"capabilities":null,"connected_at":0})";
    CHECK(agents_frame(std::array{alpha, bare}) ==
          R"({"type":"agents","agents":[)" + alpha_text + "," + bare_text + "]}");
    CHECK(agents_frame({}) == R"({"type":"agents","agents":[]})");
    CHECK(agent_joined_frame(alpha) == R"({"type":"agent_joined","agent":)" + alpha_text + "}");
    CHECK(status_changed_frame(bare) == R"({"type":"status_changed","agent":)" + bare_text + "}");
}

TEST_CASE("a message is pushed without `to` and stored with it, its payload byte for byte") {
    MessageEntry message;
    message.id = "fc181af7d6b54e05";
    message.from = "a1";
    message.payload_raw = R"({"n":1e400, "big":123456789012345678901234567890})";
    message.timestamp_ms = 5;
    CHECK(message_frame(message) ==
          R"({"type":"message","id":"fc181af7d6b54e05","from":"a1","message_type":"chat",)"
          R"("payload":{"n":1e400, "big":123456789012345678901234567890},"reply_to":null,"timestamp":5})");
    message.payload_raw = "{}";
    message.to = "bob";
    message.reply_to = "r";
    json::Writer out;
    out.begin_array();
    write_message(out, message, 7);
    message.to.reset();
    message.reply_to.reset();
    write_message(out, message, std::nullopt);
    CHECK(
        out.end_array().take() ==
        R"([{"seq":7,"id":"fc181af7d6b54e05","from":"a1","to":"bob","type":"chat","payload":{},"reply_to":"r","timestamp":5},)"
        R"({"id":"fc181af7d6b54e05","from":"a1","to":null,"type":"chat","payload":{},"reply_to":null,"timestamp":5}])");
}

TEST_CASE("a request id is added to a reply") {
    CHECK(with_request_id(status_updated_frame(), "\"r1\"") == R"({"type":"status_updated","request_id":"r1"})");
    CHECK(with_request_id(status_updated_frame(), "") == R"({"type":"status_updated"})");
    CHECK_THROWS_AS(with_request_id("[]", "1"), CoreFault);
}

TEST_CASE("HTTP errors have the bodies of v1.1") {
    CHECK(error_body("not_found") == R"({"error":"not_found"})");
    CHECK(unauthorized_body(Auth::strict) ==
          R"({"error":"unauthorized","hint":"provide Authorization: Bearer <token>"})");
    CHECK(unauthorized_body(Auth::flex_owner) == R"({"error":"unauthorized"})");
    CHECK(rate_limited_body(Tier::heavy, 6000) == R"({"error":"rate_limited","retry_after_ms":6000,"tier":"heavy"})");
}
