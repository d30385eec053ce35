#include "core/hub/dashboard_events.hpp"

#include "tests/core/hub/dashboard_world.hpp"
#include "tests/core/support/bare_context.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

/// Ends the storage job that was begun last.
void end_job(TestHub& hub, bool ok, const std::string& result, const std::string& error = "") {
    hub.apply(StorageJobDone{hub.storage_jobs().back().job, ok, result, error});
}

std::string first_of(const std::string& event, const char* list) {
    const json::Object members = json::members(event);
    return std::string(json::elements(members.find(list)->raw).at(0).raw);
}

}  // namespace

TEST_CASE("presence and status are told as v1.1 told them") {
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

TEST_CASE("alerts are told as v1.1 told them") {
    Dashboards world(at_once(), TestHub::Watch::figures);
    const int64_t dashboard = world.hub.open_dashboard("", kAdmin);
    const auto alert_events = [&] {
        std::vector<std::string> types = world.events(dashboard);
        std::erase_if(types, [](const std::string& type) { return type.find("alert_") != 0; });
        return types;
    };
    const auto lose_rows = [&](int64_t rows) {
        StorageFigures figures;
        figures.lost_rows = rows;
        world.hub.apply(figures);
        world.hub.apply(MachineSample{});
        world.hub.advance_ms(30'000);
    };
    lose_rows(1);
    CHECK(alert_events() == std::vector<std::string>{"alert_fired"});
    const std::string fired = TestHub::member(world.last["alert_fired"], "data");
    CHECK(TestHub::member(fired, "rule_id") == "rows_lost");
    CHECK(TestHub::member(fired, "severity") == "critical");
    CHECK(TestHub::member(fired, "message") == "1 stored rows are missing or damaged");
    CHECK(TestHub::member(fired, "details") == R"({"rows_lost":1})");
    CHECK(TestHub::member(fired, "acknowledged") == "false");
    const int64_t later = world.hub.open_dashboard("", kAdmin);
    CHECK(first_of(world.hub.take_frame(later, "snapshot"), "alerts").find(R"("rule_id":"rows_lost")") !=
          std::string::npos);

    world.hub.send(dashboard, R"({"type":"acknowledge_alert","rule_id":"rows_lost"})");
    const std::string answer = world.hub.take_frame(dashboard, "alert_ack_result");
    CHECK(TestHub::member(answer, "rule_id") == "rows_lost");
    CHECK(TestHub::member(answer, "status") == "acknowledged");
    CHECK(alert_events() == std::vector<std::string>{"alert_acknowledged"});
    CHECK(world.last["alert_acknowledged"] == R"({"type":"alert_acknowledged","rule_id":"rows_lost"})");
    world.hub.send(dashboard, R"({"type":"acknowledge_alert","rule_id":"queue_growing"})");
    CHECK(TestHub::member(world.hub.take_frame(dashboard, "alert_ack_result"), "status") == "not_found");
    CHECK(alert_events().empty());

    lose_rows(0);
    CHECK(alert_events() == std::vector<std::string>{"alert_cleared"});
    CHECK(world.last["alert_cleared"] == R"({"type":"alert_cleared","rule_id":"rows_lost"})");
    const int64_t last = world.hub.open_dashboard("", kAdmin);
    CHECK(TestHub::member(world.hub.take_frame(last, "snapshot"), "alerts") == "[]");
}

TEST_CASE("the figures are told at each sample") {
    Settings settings = at_once();
    settings.metrics_interval_ms = 20'000;
    Dashboards world(settings, TestHub::Watch::figures);
    const int64_t dashboard = world.hub.open_dashboard();
    // The first sample is that of the start.
    world.hub.advance_ms(0);
    CHECK(world.events(dashboard) == std::vector<std::string>{"metrics_snapshot"});
    world.hub.advance_ms(19'999);
    CHECK(world.events(dashboard).empty());
    world.hub.advance_ms(80'001);
    CHECK(world.events(dashboard) == std::vector<std::string>(5, "metrics_snapshot"));
    const std::string data = TestHub::member(world.last_event, "data");
    CHECK(TestHub::member(data, "timestamp") == std::to_string(world.hub.now_ms()));
    for (const char* member : {"queue_depth", "task_latency", "agent_utilization", "error_rates"}) {
        CAPTURE(member);
        CHECK_FALSE(TestHub::member(data, member).empty());
    }
    CHECK(TestHub::member(data, "dets_health").empty());
    CHECK(TestHub::member(data, "window_ms").empty());
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

TEST_CASE("compactions are told with how long they took") {
    struct Case {
        const char* result;
        const char* status;
        const char* duration_ms;
    };
    const Case each = GENERATE(Case{R"({"freed_bytes":8192,"duration_ms":7})", "compacted", "7"},
                               Case{R"({"freed_bytes":0,"reason":"below_threshold"})", "skipped", "0"});
    CAPTURE(each.status);
    Dashboards world;
    const int64_t dashboard = world.hub.open_dashboard();
    world.hub.begin_http(Method::post, "/api/admin/compact", "{}", kAdmin);
    end_job(world.hub, true, each.result);
    CHECK(world.events(dashboard) == std::vector<std::string>{"compaction_complete"});
    CHECK(TestHub::member(world.last_event, "timestamp") == std::to_string(world.hub.now_ms()));
    const std::string first = first_of(world.last_event, "results");
    CHECK(TestHub::member(first, "table") == "task_queue");
    CHECK(TestHub::member(first, "status") == each.status);
    CHECK(TestHub::member(first, "duration_ms") == each.duration_ms);
}

TEST_CASE("a restore that fails is told; one that succeeds is told of after the restart") {
    Dashboards world;
    StorageFigures figures;
    figures.backups = R"([{"name":"b2","made_at":2}])";
    world.hub.apply(figures);
    const int64_t dashboard = world.hub.open_dashboard();
    const int64_t request = world.hub.begin_http(Method::post, "/api/admin/backups/b2/restore", "{}", kAdmin);
    end_job(world.hub, false, "{}", "no room");
    CHECK(world.hub.answer(request).status == 500);
    CHECK(world.events(dashboard) == std::vector<std::string>{"recovery_failed"});
    CHECK(world.last_event == R"({"type":"recovery_failed","timestamp":)" + std::to_string(world.hub.now_ms()) +
                                  R"(,"table":"all","reason":"no room"})");
    // Whoever watched has lost the socket with the restart: the events tell of it.
    world.hub.restored.restored_from = "b2";
    world.hub.restart();
    const std::string events = world.hub.http(Method::get, "/api/events?since=start&kind=recovery_*", "", kAdmin).body;
    CHECK(events.find("recovery_complete") != std::string::npos);
    EventRow event;
    event.kind = "recovery_complete";
    event.at = 5;
    event.subject = "b2";
    event.data = R"({"trigger":"manual"})";
    BareContext bare;
    bare.run([&](Context& ctx) {
        CHECK(dashboard_events::text(ctx, event) ==
              R"({"type":"recovery_complete","timestamp":5,"table":"all","trigger":"manual","backup_used":"b2",)"
              R"("record_count":null})");
    });
}

TEST_CASE("what v1.1 had nothing for is not told") {
    Dashboards world;
    const int64_t dashboard = world.hub.open_dashboard();
    world.hub.register_agent("eve");
    world.post("/api/message", R"({"to":"nobody","payload":{}})");
    CHECK(world.events(dashboard).empty());
}
