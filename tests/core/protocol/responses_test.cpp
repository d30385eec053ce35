#include "core/protocol/responses.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "core/protocol/encoding.hpp"
#include "tests/core/support/shape_check.hpp"

using namespace agentcom;

namespace {

void collect(const Shape& shape, std::set<std::string>& names) {
    if (shape.kind == Shape::Kind::named) names.insert(shape.text);
    for (const Shape& part : shape.parts) collect(part, names);
    for (const ShapeMember& member : shape.members) collect(member.shape, names);
}

const AnswerShape* find(const std::vector<AnswerShape>& all, int status, std::string_view code) {
    for (const AnswerShape& answer : all) {
        const auto& codes = answer.codes;
        if (answer.status == status && (code.empty() || std::find(codes.begin(), codes.end(), code) != codes.end())) {
            return &answer;
        }
    }
    return nullptr;
}

}  // namespace

TEST_CASE("the answers of every route are described", "[schemas]") {
    std::string missing;
    for (const Operation& operation : catalogue()) {
        if (operation.is_frame() || has_answers(operation.id)) continue;
        missing.append("\n  ").append(operation.name);
    }
    INFO("routes without an entry in the table of core/protocol/responses.cpp:" << missing);
    CHECK(missing.empty());
}

TEST_CASE("every route says how it succeeds, with the status of the catalogue", "[schemas]") {
    for (const Operation& operation : catalogue()) {
        if (operation.is_frame() || !has_answers(operation.id)) continue;
        CAPTURE(operation.name);
        const auto all = answers(operation);
        CHECK(find(all, operation.success_status, "") != nullptr);
    }
}

TEST_CASE("common errors follow from the catalogue", "[schemas]") {
    const auto submit = answers(operation(OperationId::http_task_submit));
    for (const int status : {200, 201, 400, 401, 403, 404, 422, 429, 500, 503}) {
        CAPTURE(status);
        CHECK(find(submit, status, "") != nullptr);
    }
    CHECK(find(submit, 503, "queue_full") != nullptr);
    CHECK(find(submit, 503, "storage_unavailable") != nullptr);
    CHECK(find(submit, 422, "idempotency_conflict") != nullptr);
    const auto health = answers(operation(OperationId::http_health));
    CHECK(find(health, 401, "") == nullptr);
    CHECK(find(health, 422, "") == nullptr);
    const auto reported = answers(operation(OperationId::http_task_accept));
    const AnswerShape* stale = find(reported, 409, "stale_generation");
    REQUIRE(stale != nullptr);
    CHECK(stale->codes == std::vector<std::string>{"stale_generation", "not_assigned", "invalid_state"});
    CHECK(test::mismatch(stale->shape,
                         json::parse_value(R"({"error":"stale_generation","message":"x","task_id":"t"})")) == "");
    CHECK(test::mismatch(stale->shape, json::parse_value(R"({"error":"other","task_id":"t"})")) != "");
    const auto registered = answers(operation(OperationId::http_register));
    CHECK(find(registered, 409, "agent_id already registered") != nullptr);
}

TEST_CASE("shapes that are referred to exist", "[schemas]") {
    std::set<std::string> names;
    for (const NamedShape& named : named_shapes()) {
        CHECK_FALSE(named_shape_summary(named.name).empty());
        collect(named.shape, names);
    }
    for (const Operation& operation : catalogue()) {
        if (operation.is_frame()) continue;
        for (const AnswerShape& answer : answers(operation)) collect(answer.shape, names);
    }
    for (const HubFrame& frame : hub_frames()) collect(frame.shape, names);
    for (const std::string& name : names) {
        CAPTURE(name);
        CHECK(std::any_of(named_shapes().begin(), named_shapes().end(),
                          [&](const NamedShape& each) { return each.name == name; }));
    }
}

TEST_CASE("the frames that the hub writes are as described", "[schemas]") {
    AgentEntry agent;
    agent.agent_id = "a";
    MessageEntry message;
    message.id = "m";
    message.from = "a";
    message.importance = "high";
    const std::string frames[] = {
        error_frame("invalid_json"),
        pong_frame(1),
        identified_frame("a"),
        identified_frame("a", HubFacts{}),
        with_request_id(message_sent_frame("m"), "7"),
        message_acked_frame(1),
        unknown_recipient_frame("b", {"c"}),
        status_updated_frame(),
        task_ack_frame("t", "accepted"),
        task_continue_frame("t", 1),
        task_reassign_frame("t"),
        rate_limit_warning_frame(Tier::light, 1, 2),
        rate_limited_frame(Tier::light, 1),
        agents_frame({&agent, 1}),
        agent_joined_frame(agent),
        agent_left_frame("a"),
        status_changed_frame(agent),
        message_frame(message),
        message_frame(message, 1),
        task_assign_frame("t", "d", "{}", 1, 2),
    };
    for (const std::string& frame : frames) {
        CAPTURE(frame);
        CHECK(test::frame_mismatch(frame) == "");
    }
    CHECK(test::frame_mismatch(R"({"type":"pong"})") == "$.timestamp is missing");
    CHECK(test::frame_mismatch(R"({"type":"nope"})") != "");
}
