// GET /api/dashboard/state: the snapshot in v1.1's shape.
#include "core/hub/dashboard_state.hpp"

#include <algorithm>

#include "tests/core/hub/dashboard_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

std::string state(Dashboards& world) {
    const Response response = world.get("/api/dashboard/state");
    CAPTURE(response.body);
    REQUIRE(response.status == 200);
    return response.body;
}

}  // namespace

TEST_CASE("the state of a quiet hub has every member") {
    Dashboards world;
    const std::string text = state(world);
    for (const char* member :
         {"uptime_ms", "timestamp", "health", "agents", "queue", "dead_letter_tasks", "recent_completions",
          "throughput", "dets_health", "compaction_history", "validation", "active_alerts", "rate_limits"}) {
        CAPTURE(member);
        CHECK_FALSE(TestHub::member(text, member).empty());
    }
    CHECK(at_path(text, "queue.by_priority") == R"({"0":0,"1":0,"2":0,"3":0})");
    CHECK(at_path(text, "health.status") == "ok");
}

TEST_CASE("the state counts what is queued, and nothing else, by priority (W-34)") {
    Dashboards world;
    world.complete(world.submit(R"("priority":"urgent")"));
    const std::string dead = world.bury("bob");
    world.submit(R"("priority":"urgent")");
    const std::string text = state(world);
    CHECK(at_path(text, "queue.by_priority.0") == "1");
    CHECK(at_path(text, "queue.dead_letter") == "1");
    CHECK(at_path(text, "queue.by_status.completed") == "1");
    const json::Object members = json::members(text);
    CHECK(json::elements(members.find("queued_tasks")->raw).size() == 1);
    CHECK(at_path(std::string(json::elements(members.find("dead_letter_tasks")->raw).at(0).raw), "id") == dead);
}

TEST_CASE("a completion counts once, with the tokens it says (W-35)") {
    Dashboards world;
    const int64_t bob = world.hub.connect("bob");
    for (const char* tokens : {"7", "\"a lot\"", "35"}) {
        const std::string id = world.submit();
        world.hub.send(bob, R"({"type":"task_complete","task_id":")" + id + R"(","generation":)" +
                                std::to_string(world.hub.row(id)->generation) + R"(,"result":{"tokens_used":)" +
                                tokens + "}}");
    }
    world.hub.advance_ms(0);
    const std::string text = state(world);
    CHECK(at_path(text, "throughput.completed_last_hour") == "3");
    CHECK(at_path(text, "throughput.total_tokens_hour") == "42");
    // Hours slide: what is an hour old is gone, and nothing before (W-36).
    world.hub.advance_ms(3'500'000);
    CHECK(at_path(state(world), "throughput.completed_last_hour") == "3");
    world.hub.advance_ms(200'000);
    CHECK(at_path(state(world), "throughput.completed_last_hour") == "0");
}

TEST_CASE("what completed is counted without what was cancelled, and so it is in the statistics") {
    Settings settings = at_once();
    settings.finished_tasks = 10;
    settings.live_tasks_max = 5'000;
    Dashboards world(settings);
    const auto completed = [&] { return at_path(state(world), "queue.by_status.completed"); };
    const auto counted = [&] { return at_path(world.get("/api/tasks/stats").body, "by_status.completed"); };
    const auto cancel = [&] {
        REQUIRE(world.hub.http(Method::delete_, "/api/tasks/" + world.submit(), "", kAdmin).status == 200);
    };
    cancel();
    CHECK(completed() == "0");
    world.complete(world.submit());
    CHECK(completed() == "1");
    CHECK(counted() == "1");
    // A hundred completions are shown, however many are cancelled between them.
    const int64_t bob = world.hub.connect("bob");
    const auto complete = [&] {
        const std::string id = world.submit();
        world.hub.send(bob, R"({"type":"task_complete","task_id":")" + id + R"(","generation":)" +
                                std::to_string(world.hub.row(id)->generation) + "}");
    };
    for (int i = 0; i < 120; ++i) complete();
    world.hub.clear_frames();
    world.hub.disconnect(bob);
    for (int i = 0; i < 200; ++i) cancel();
    const std::string text = state(world);
    const json::Object members = json::members(text);
    CHECK(json::elements(members.find("recent_completions")->raw).size() == 100);
    CHECK(completed() == "121");
    CHECK(counted() == "121");
    // Retention takes the first thousand: these, and 879 that were cancelled.
    for (int i = 322; i < 1'009; ++i) cancel();
    CHECK(completed() == "121");
    cancel();
    world.complete(world.submit());
    CHECK(completed() == "1");
    CHECK(counted() == "1");
}

TEST_CASE("an agent whose task waits for an answer is blocked") {
    Dashboards world;
    const int64_t bob = world.hub.connect("bob", R"("protocol_version":2)");
    const std::string id = world.submit();
    const std::string of_task =
        R"("task_id":")" + id + R"(","generation":)" + std::to_string(world.hub.row(id)->generation);
    const auto fsm_state = [&] {
        const std::string text = state(world);
        const json::Object members = json::members(text);
        return TestHub::member(std::string(json::elements(members.find("agents")->raw).at(0).raw), "fsm_state");
    };
    world.hub.send(bob, R"({"type":"task_accepted",)" + of_task + "}");
    CHECK(fsm_state() == "working");
    world.hub.send(bob, R"({"type":"task_waiting",)" + of_task + R"(,"question":"which?","options":["a","b"]})");
    CHECK(fsm_state() == "blocked");
    CHECK(TestHub::member(world.get("/api/agents/bob/state").body, "fsm_state") == "blocked");
    CHECK(world.post("/api/tasks/" + id + "/say", R"({"text":"a"})").status == 200);
    CHECK(fsm_state() == "working");
}

TEST_CASE("a frame that is refused counts once, whatever is wrong with it, for an hour") {
    Dashboards world;
    const int64_t bob = world.hub.connect("bob");
    world.hub.send(bob, R"({"type":"message","to":5,"payload":7})");
    // None of v1.1's: a request, and what is only observed.
    CHECK(world.post("/api/message", R"({"to":5,"payload":7})").status == 422);
    world.hub.advance_ms(0);
    const auto failures = [&] { return TestHub::member(state(world), "validation"); };
    const std::string at = std::to_string(world.hub.now_ms());
    CHECK(failures() ==
          R"({"recent_failures":[{"agent_id":"bob","message_type":"message","error_count":2,"timestamp":)" + at +
              R"(}],"failure_counts_by_agent":{"bob":1},"recent_disconnects":[],)" +
              R"("total_failures_this_hour":1})");
    // Two at the same moment are two.
    world.hub.send(bob, R"({"type":"message","to":5,"payload":{}})");
    world.hub.send(bob, R"({"type":"message","to":5,"payload":{}})");
    world.hub.advance_ms(0);
    const std::string text = failures();
    const json::Object validation = json::members(text);
    CHECK(json::elements(validation.find("recent_failures")->raw).size() == 3);
    CHECK(validation.find("failure_counts_by_agent")->raw == R"({"bob":3})");
    CHECK(validation.find("total_failures_this_hour")->raw == "3");
    world.hub.advance_ms(61 * kMsPerMinute);
    CHECK(at_path(state(world), "validation.failure_counts_by_agent") == "{}");
    CHECK(at_path(state(world), "validation.total_failures_this_hour") == "0");
}

TEST_CASE("bad frames and refusals of the last hour are in the state") {
    Settings settings = at_once();
    settings.limits = 1;
    settings.limit_light_per_min = 5;
    Dashboards world(settings);
    const int64_t bob = world.hub.connect("bob");
    world.hub.send(bob, R"({"type":"bogus"})");
    for (int i = 0; i < 10; ++i) world.hub.send(bob, R"({"type":"list_agents"})");
    world.hub.advance_ms(0);
    const std::string text = state(world);
    CHECK(at_path(text, "validation.total_failures_this_hour") == "1");
    CHECK(at_path(text, "validation.failure_counts_by_agent") == R"({"bob":1})");
    CHECK(at_path(text, "rate_limits.summary.total_violations_1h") == "5");
    CHECK(at_path(text, "rate_limits.summary.active_rate_limited") == "1");
    CHECK(at_path(text, "rate_limits.per_agent.bob.ws.light.remaining") == "0");
    CHECK(at_path(text, "rate_limits.per_agent.bob.rate_limited") == "true");
}

TEST_CASE("W-18: how full tables are is as the machine last counted, and no look asks the store") {
    Dashboards world;
    CHECK(TestHub::member(state(world), "dets_health") == "null");
    StorageFigures figures;
    figures.database_bytes = 1'000;
    figures.free_bytes = 250;
    figures.tables = R"([{"table":"task_queue","record_count":7,"file_size_bytes":900}])";
    figures.backups = "[]";
    world.hub.apply(figures);
    const size_t asked = world.hub.queries().size();
    CHECK(
        at_path(state(world), "dets_health.tables") ==
        R"([{"table":"task_queue","record_count":7,"file_size_bytes":900,"fragmentation_ratio":0.250,"status":"ok"}])");
    world.hub.open_dashboard();
    world.hub.advance_ms(400'000);
    CHECK(world.hub.queries().size() == asked);
}
