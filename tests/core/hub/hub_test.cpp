#include "core/hub/hub.hpp"

#include <catch2/catch.hpp>

#include "tests/core/support/test_hub.hpp"

using namespace agentcom;
using agentcom::test::TestHub;

TEST_CASE("a task travels from submission to its result") {
    TestHub hub;
    hub.register_agent("worker");
    const int64_t worker = hub.connect("worker", R"("capabilities":["code"])");
    const std::string id =
        hub.submit(R"({"description":"do it","metadata":{"k":1e400},"needed_capabilities":["code"]})");
    const std::string assign = hub.take_frame(worker, "task_assign");
    CHECK(TestHub::member(assign, "task_id") == id);
    CHECK(TestHub::member(assign, "metadata") == R"({"k":1e400})");
    CHECK(TestHub::member(assign, "generation") == "1");
    hub.send(worker, R"({"type":"task_accepted","task_id":")" + id + "\"}");
    CHECK(TestHub::member(hub.take_frame(worker, "task_ack"), "status") == "accepted");
    hub.send(worker,
             R"({"type":"task_complete","task_id":")" + id + R"(","generation":1,"result":{"tokens_used":42}})");
    CHECK(TestHub::member(hub.take_frame(worker, "task_ack"), "status") == "complete");
    const std::string task = hub.task(id);
    CHECK(TestHub::member(task, "status") == "completed");
    CHECK(TestHub::member(task, "tokens_used") == "42");
    CHECK(hub.row(id) == nullptr);

    SECTION("the same report again gets the same answer") {
        hub.send(worker,
                 R"({"type":"task_complete","task_id":")" + id + R"(","generation":1,"result":{"tokens_used":42}})");
        CHECK(TestHub::member(hub.take_frame(worker, "task_ack"), "status") == "complete");
    }
    SECTION("it is still there after a crash") {
        hub.restart();
        CHECK(TestHub::member(hub.task(id), "status") == "completed");
    }
}

TEST_CASE("a message to an agent that is away waits in its mailbox, over a crash") {
    TestHub hub;
    hub.register_agent("alice");
    hub.register_agent("bob");
    const int64_t alice = hub.connect("alice");
    hub.send(alice, R"({"type":"message","to":"bob","payload":{"text":"hi"}})");
    const std::string id = TestHub::member(hub.take_frame(alice, "message_sent"), "id");
    hub.restart();
    const auto mailbox = hub.http(Method::get, "/api/mailbox/bob", "", TestHub::token_of("bob"));
    CHECK(mailbox.status == 200);
    CHECK(mailbox.body.find(id) != std::string::npos);
    CHECK(TestHub::member(mailbox.body, "count") == "1");
    const std::string seq = TestHub::member(mailbox.body, "last_seq");
    CHECK(hub.http(Method::post, "/api/mailbox/bob/ack", R"({"seq":)" + seq + "}", TestHub::token_of("bob")).status ==
          200);
    CHECK(TestHub::member(hub.http(Method::get, "/api/mailbox/bob", "", TestHub::token_of("bob")).body, "count") ==
          "0");
}
