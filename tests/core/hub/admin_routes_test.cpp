#include "core/hub/admin_routes.hpp"

#include <catch2/catch.hpp>

#include "tests/core/hub/routes_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

EventRow last_event(TestHub& hub) { return *row_from_values<EventRow>(hub.store().rows(TableId::events).back()); }

}  // namespace

TEST_CASE("a pushed task is a real one, for that agent alone", "[admin]") {
    World world;
    const auto push = [&](const std::string& body) {
        return world.hub.http(Method::post, "/api/admin/push-task", body, kAdmin);
    };
    const Response ghost = push(R"({"agent_id":"bob","description":"x"})");
    CHECK(ghost.status == 404);
    CHECK(ghost.body == R"({"error":"agent_not_connected","agent_id":"bob"})");
    CHECK(push(R"({"agent_id":"bob"})").status == 422);
    const int64_t ann = world.hub.connect("ann");
    const int64_t bob = world.hub.connect("bob");
    const Response pushed = push(R"({"agent_id":"bob","description":"do it","metadata":{"a":1}})");
    CHECK(pushed.status == 200);
    const std::string id = TestHub::member(pushed.body, "task_id");
    CHECK(pushed.body == R"({"status":"pushed","task_id":")" + id + R"(","agent_id":"bob"})");
    const std::string assigned = world.hub.take_frame(bob, "task_assign");
    CHECK(TestHub::member(assigned, "task_id") == id);
    CHECK(TestHub::member(assigned, "metadata") == R"({"a":1})");
    // The one slot is taken: the next waits for bob, before what others asked for, and ann never gets it.
    const std::string second = TestHub::member(push(R"({"agent_id":"bob","description":"next"})").body, "task_id");
    CHECK(world.hub.row(second)->state == TaskState::queued);
    CHECK(world.hub.row(second)->priority == 1);
    CHECK(world.hub.take_frame(ann, "task_assign").empty());
    world.hub.send(bob, R"({"type":"task_complete","task_id":")" + id + R"(","generation":1})");
    CHECK(TestHub::member(world.hub.take_frame(bob, "task_ack"), "status") == "complete");
    CHECK(TestHub::member(world.hub.take_frame(bob, "task_assign"), "task_id") == second);
    CHECK(TestHub::member(world.hub.task(id), "status") == "completed");
    CHECK(TestHub::member(world.hub.task(second), "submitted_by") == "admin");
}

TEST_CASE("the log level is the machine's to change", "[admin]") {
    World world;
    const auto level = [&] { return TestHub::member(world.get("/api/admin/log-level").body, "level"); };
    const auto put = [&](const std::string& body, const std::string& token = kAdmin) {
        return world.hub.http(Method::put, "/api/admin/log-level", body, token);
    };
    CHECK(level() == "info");
    for (const std::string wanted : {"debug", "info", "notice", "warning", "error"}) {
        CHECK(put(R"({"level":")" + wanted + "\"}").body == R"({"status":"ok","level":")" + wanted + "\"}");
        CHECK(level() == wanted);
    }
    CHECK(last_event(world.hub).data == R"({"before":"warning","after":"error"})");
    for (const char* bad : {R"({})", R"({"level":"loud"})", R"({"level":5})", R"({"level":null})", R"({"level":[]})"}) {
        CAPTURE(bad);
        const Response refused = put(bad);
        CHECK(refused.status == 422);
        CHECK(refused.body == R"({"error":"invalid_level","valid":["debug","info","notice","warning","error"]})");
    }
    CHECK(put(R"({"level":"debug"})", world.ann).status == 403);
    world.hub.restart();
    CHECK(level() == "info");
}

TEST_CASE("a component may log from another level on", "[admin]") {
    World world;
    const auto put = [&](const std::string& body) {
        return world.hub.http(Method::put, "/api/admin/log-level", body, kAdmin);
    };
    const auto tasks = [&] {
        const std::string body = world.get("/api/admin/log-level").body;
        const size_t from = body.find(R"("tasks":")") + 9;
        return body.substr(from, body.find('"', from) - from);
    };
    CHECK(put(R"({"level":"debug","component":"tasks"})").body ==
          R"({"status":"ok","level":"debug","component":"tasks"})");
    CHECK(last_event(world.hub).data == R"({"before":"info","after":"info,tasks=debug"})");
    CHECK(tasks() == "debug");
    CHECK(put(R"({"level":"warning"})").status == 200);
    CHECK(tasks() == "debug");
    CHECK(put(R"({"level":"inherited","component":"tasks"})").status == 200);
    CHECK(tasks() == "warning");
    CHECK(put(R"({"level":"inherited"})").status == 422);
    CHECK(put(R"({"level":"debug","component":"engine"})").status == 422);
    CHECK(put(R"({"level":"debug","component":7})").status == 422);
}

TEST_CASE("eviction drops what is too old", "[admin]") {
    World world;
    CHECK(world.hub.http(Method::post, "/api/mailbox/evict", "", world.ann).status == 403);
    CHECK(world.hub.http(Method::post, "/api/mailbox/evict", "", kAdmin).body == R"({"status":"eviction_triggered"})");
    CHECK(last_event(world.hub).kind == "mail_evicted");
}
