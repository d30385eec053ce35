#include "core/hub/dashboard_events.hpp"

#include "tests/core/hub/dashboard_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

TEST_CASE("presence, status and alerts are told as v1.1 told them") {
    Dashboards world;
    const int64_t dashboard = world.hub.open_dashboard();
    const int64_t bob = world.hub.connect("bob", R"("name":"Bob","capabilities":["code"])");
    CHECK(world.events(dashboard) == std::vector<std::string>{"agent_joined"});
    CHECK(TestHub::member(world.last_event, "name") == "Bob");
    CHECK(TestHub::member(world.last_event, "capabilities") == R"(["code"])");
    world.hub.send(bob, R"({"type":"status","status":"thinking"})");
    CHECK(world.events(dashboard) == std::vector<std::string>{"status_changed"});
    CHECK(TestHub::member(world.last_event, "status") == "thinking");
    world.hub.disconnect(bob);
    CHECK(world.events(dashboard).empty());
    world.hub.advance_ms(30'000);
    CHECK(world.events(dashboard) == std::vector<std::string>{"agent_left"});
}

TEST_CASE("storage events are told, table by table (W-36)") {
    Dashboards world;
    const int64_t dashboard = world.hub.open_dashboard();
    const int64_t backup = world.hub.begin_http(Method::post, "/api/admin/backup", "{}", kAdmin);
    REQUIRE(world.hub.storage_jobs().size() == 1);
    StorageJobDone done;
    done.job = world.hub.storage_jobs()[0].job;
    done.ok = true;
    done.result =
        R"({"name":"b","path":"/b","bytes":1,"sha256":"x","copied_to":null,"tables":[{"table":"task_queue","rows":2,"bytes":3}]})";
    world.hub.apply(done);
    CHECK(world.hub.answer(backup).status == 200);
    CHECK(world.events(dashboard) == std::vector<std::string>{"backup_complete"});
    CHECK(TestHub::member(world.last_event, "tables_backed_up") == R"(["task_queue"])");
    const int64_t compaction = world.hub.begin_http(Method::post, "/api/admin/compact", "{}", kAdmin);
    StorageJobDone failed;
    failed.job = world.hub.storage_jobs()[1].job;
    failed.error = "no room";
    world.hub.apply(failed);
    CHECK(world.hub.answer(compaction).status == 500);
    CHECK(world.events(dashboard) == std::vector<std::string>{"compaction_failed"});
    CHECK(TestHub::member(world.last_event, "failures") == R"([{"table":"all","reason":"no room"}])");
}

TEST_CASE("what v1.1 had nothing for is not told") {
    Dashboards world;
    const int64_t dashboard = world.hub.open_dashboard();
    world.hub.register_agent("eve");
    world.post("/api/message", R"({"to":"nobody","payload":{}})");
    CHECK(world.events(dashboard).empty());
}
