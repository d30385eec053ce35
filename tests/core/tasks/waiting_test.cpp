#include "core/tasks/waiting.hpp"

#include <catch2/catch.hpp>

#include "tests/core/tasks/task_hub.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

/// `waiting` of GET /api/tasks/:id.
std::string waiting(TaskHub& hub, const std::string& id) { return TestHub::member(hub.task(id), "waiting"); }
std::string reason(TaskHub& hub, const std::string& id) { return TestHub::member(waiting(hub, id), "reason"); }

}  // namespace

TEST_CASE("a task says why it waits") {
    TaskHub hub;
    const std::string id = hub.submit(R"({"description":"d","needed_capabilities":["code"]})");
    CHECK(reason(hub, id) == "no_capable_agent");
    CHECK(TestHub::member(waiting(hub, id), "detail") == "no agent is connected");
    hub.worker("painter", R"("capabilities":["paint"])");
    CHECK(reason(hub, id) == "no_capable_agent");
    CHECK(TestHub::member(waiting(hub, id), "detail") == "no connected agent has all of: code");
    const int64_t bob = hub.worker("bob", R"("capabilities":["code"])");
    CHECK(waiting(hub, id) == "null");
    CHECK(hub.assignments(bob) == Names{id});
    const std::string second = hub.submit(R"({"description":"d","needed_capabilities":["code"]})");
    const std::string third = hub.submit(R"({"description":"d","needed_capabilities":["code"]})");
    const std::string urgent = hub.submit(R"({"description":"d","needed_capabilities":["code"],"priority":"urgent"})");
    CHECK(reason(hub, third) == "agents_busy");
    CHECK(TestHub::member(waiting(hub, urgent), "position") == "0");
    CHECK(TestHub::member(waiting(hub, second), "position") == "1");
    CHECK(TestHub::member(waiting(hub, third), "position") == "2");
    hub.reject(bob, id);
    CHECK(reason(hub, third) == "agents_backing_off");
    const std::string targeted = hub.submit(R"({"description":"d","metadata":{"target_agent":"zoe"}})");
    CHECK(reason(hub, targeted) == "target_offline");
}

TEST_CASE("a held task says what holds it, and until when") {
    TaskHub hub;
    const std::string later =
        hub.submit(R"({"description":"d","not_before":)" + std::to_string(hub.now_ms() + 5'000) + "}");
    CHECK(reason(hub, later) == "held");
    CHECK(TestHub::member(waiting(hub, later), "held_by") == "not_before");
    CHECK(TestHub::member(waiting(hub, later), "until") == std::to_string(hub.now_ms() + 5'000));
    CHECK(TestHub::member(waiting(hub, later), "position") == "null");

    const int64_t bob = hub.worker("bob");
    const std::string id = hub.submit(R"({"description":"d"})");
    hub.fail(bob, id, 1);
    CHECK(TestHub::member(waiting(hub, id), "held_by") == "retry_delay");
    CHECK(TestHub::member(waiting(hub, id), "until") == std::to_string(hub.now_ms() + 1'000));

    const std::string blocked = hub.submit(R"({"description":"d","blocked_by":[")" + id + "\"]}");
    CHECK(TestHub::member(waiting(hub, blocked), "held_by") == "blocked_by");
    CHECK(TestHub::member(waiting(hub, blocked), "blockers") == R"([{"task_id":")" + id + R"(","state":"held"}])");
    REQUIRE(hub.cancel(id) == 200);
    CHECK(TestHub::member(waiting(hub, blocked), "blockers") == R"([{"task_id":")" + id + R"(","state":"cancelled"}])");
    CHECK(TestHub::member(waiting(hub, blocked), "detail").find("1 of which failed") != std::string::npos);
}
