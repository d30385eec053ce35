#include "core/observe/alerts.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "tests/core/support/bare_context.hpp"
#include "tests/core/support/test_hub.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

const std::string kAdmin(TestHub::kAdminToken);

/// What a machine says that opened a damaged database.
void sample_with_lost_rows(TestHub& hub, int64_t rows) {
    StorageFigures files;
    files.lost_rows = rows;
    hub.apply(files);
    hub.apply(MachineSample{});
}

struct Watched {
    Watched() : hub(Settings{}, 1, TestHub::Watch::figures) {}

    void lose_rows(int64_t rows) {
        sample_with_lost_rows(hub, rows);
        hub.advance_ms(30'000);
    }
    void fill_disk(int64_t free_percent, int64_t wait_ms) {
        MachineSample sample;
        sample.disk_total_bytes = 100'000'000;
        sample.disk_free_bytes = free_percent * 1'000'000 + 500'000;
        hub.apply(sample);
        hub.advance_ms(wait_ms);
    }
    /// What the event log says of alerts: "fired!" was to be told, "fired" was not.
    std::vector<std::string> told() {
        std::vector<std::string> all;
        const Response events = hub.http(Method::get, "/api/events?since=start&kind=alert_*", "", kAdmin);
        REQUIRE(events.status == 200);
        const json::Object body = json::members(events.body);
        for (const json::Value& event : json::elements(body.find("events")->raw)) {
            const std::string text(event.raw);
            const bool notify = TestHub::member(TestHub::member(text, "data"), "notify") == "true";
            all.push_back(TestHub::member(text, "kind").substr(6) + (notify ? "!" : ""));
        }
        return all;
    }
    std::string alert(std::string_view member) {
        const Response response = hub.http(Method::get, "/api/alerts", "", kAdmin);
        const json::Object body = json::members(response.body);
        const std::vector<json::Value> all = json::elements(body.find("alerts")->raw);
        return all.empty() ? "" : TestHub::member(std::string(all.front().raw), member);
    }
    int acknowledge(const std::string& body = "") {
        return hub.http(Method::post, "/api/alerts/rows_lost/acknowledge", body, kAdmin).status;
    }
    std::string last_episode(std::string_view member) {
        const Response response = hub.http(Method::get, "/api/alerts/history", "", kAdmin);
        const json::Object body = json::members(response.body);
        const std::vector<json::Value> all = json::elements(body.find("alerts")->raw);
        return all.empty() ? "" : TestHub::member(std::string(all.front().raw), member);
    }

    TestHub hub;
};

using Told = std::vector<std::string>;

}  // namespace

TEST_CASE("an alert is written into the event log from its beginning to its end, and kept", "[alerts]") {
    Watched world;
    world.lose_rows(3);
    CHECK(world.alert("rule_id") == "rows_lost");
    CHECK(world.alert("of_hub") == "true");
    CHECK(world.alert("acknowledged") == "false");
    CHECK(world.last_episode("rule_id").empty());
    world.lose_rows(0);
    CHECK(world.alert("rule_id").empty());
    CHECK(world.told() == Told{"fired!", "cleared!"});
    CHECK(world.last_episode("rule_id") == "rows_lost");
    CHECK(world.last_episode("message") == "3 stored rows are missing or damaged");
}

TEST_CASE("W-23: an acknowledgement says who, and outlives a restart", "[alerts]") {
    Watched world;
    CHECK(world.acknowledge() == 404);
    world.lose_rows(3);
    CHECK(world.acknowledge(R"({"note":"restoring","expires_in_ms":7200000})") == 200);
    CHECK(world.alert("acknowledged") == "true");
    const std::string by = world.alert("acknowledged_by");
    CHECK_FALSE(by.empty());
    world.hub.restart();
    CHECK(world.alert("acknowledged_by") == by);
    CHECK(world.alert("note") == "restoring");
    // It is quiet for as long as that was to hold, though a rest of an hour is over in between.
    for (int minute = 0; minute < 119; ++minute) {
        sample_with_lost_rows(world.hub, 3);
        world.hub.advance_ms(kMsPerMinute);
    }
    CHECK(world.told() == Told{"fired!", "acknowledged"});
    world.hub.advance_ms(2 * kMsPerMinute);
    CHECK(world.told() == Told{"fired!", "acknowledged", "refired!"});
    CHECK(world.alert("acknowledged") == "false");
}

TEST_CASE("W-23: what flaps is in the log each time, and told once in a rest", "[alerts]") {
    Watched world;
    for (int i = 0; i < 3; ++i) {
        world.lose_rows(1);
        world.lose_rows(0);
    }
    CHECK(world.told() == Told{"fired!", "cleared!", "fired", "cleared", "fired", "cleared"});
}

TEST_CASE("what swings between two severities is told once of each in a rest, and stays acknowledged", "[alerts]") {
    Watched world;
    const auto check_at = [&](int64_t free_percent) { world.fill_disk(free_percent, 30'000); };
    const int64_t warning = world.hub.hub().settings().disk_free_warning_pct - 1;
    const int64_t critical = world.hub.hub().settings().disk_free_critical_pct - 1;
    REQUIRE(warning > critical + 1);
    check_at(warning);
    CHECK(world.told() == Told{"fired!"});
    check_at(critical);
    CHECK(world.told() == Told{"fired!", "refired!"});
    REQUIRE(world.hub.http(Method::post, "/api/alerts/disk_nearly_full/acknowledge", "", kAdmin).status == 200);
    for (int i = 0; i < 5; ++i) {
        check_at(warning);
        CHECK(world.alert("severity") == "warning");
        check_at(critical);
        CHECK(world.alert("severity") == "critical");
        CHECK(world.alert("acknowledged") == "true");
    }
    CHECK(world.told() == Told{"fired!", "refired!", "acknowledged"});
    // After the rest it is news again.
    check_at(warning);
    world.hub.advance_ms(kMsPerHour);
    check_at(critical);
    CHECK(world.told() == Told{"fired!", "refired!", "acknowledged", "refired!"});
    CHECK(world.alert("acknowledged") == "false");
}

TEST_CASE("a restart does not make a severity news that was told before it", "[alerts]") {
    Watched world;
    const auto check_at = [&](int64_t free_percent) { world.fill_disk(free_percent, 60'000); };
    check_at(world.hub.hub().settings().disk_free_critical_pct - 1);
    world.hub.restart();
    check_at(world.hub.hub().settings().disk_free_warning_pct - 1);
    check_at(world.hub.hub().settings().disk_free_critical_pct - 1);
    CHECK(world.told() == Told{"fired!"});
}

TEST_CASE("an acknowledgement that could not be stored was not given", "[alerts]") {
    Watched world;
    world.lose_rows(3);
    world.hub.store().set_failing(true);
    CHECK(world.acknowledge(R"({"note":"restoring"})") == 503);
    CHECK(world.alert("acknowledged") == "false");
    CHECK(world.alert("note") == "null");
    world.hub.store().set_failing(false);
    world.hub.apply(StorageRecovered{});
    world.hub.advance_ms(30'000);
    CHECK(world.alert("acknowledged") == "false");
    CHECK(world.told() == Told{"fired!"});
    // One that was stored before holds on.
    CHECK(world.acknowledge(R"({"note":"first"})") == 200);
    world.hub.store().set_failing(true);
    CHECK(world.acknowledge(R"({"note":"second"})") == 503);
    CHECK(world.alert("note") == "first");
    CHECK(world.alert("acknowledged") == "true");
}

TEST_CASE("what was said of a rule and could not be stored changes nothing", "[alerts]") {
    Watched world;
    const auto put = [&](const std::string& threshold) {
        return world.hub
            .http(Method::put, "/api/alert-rules/mine",
                  R"({"metric":"queue_depth","op":">=","threshold":)" + threshold + "}", kAdmin)
            .status;
    };
    REQUIRE(put("0") == 201);
    world.hub.advance_ms(60'000);
    CHECK(world.alert("rule_id") == "mine");
    world.hub.store().set_failing(true);
    CHECK(world.hub.http(Method::delete_, "/api/alert-rules/mine", "", kAdmin).status == 503);
    CHECK(world.alert("rule_id") == "mine");
    world.hub.store().set_failing(false);
    world.hub.apply(StorageRecovered{});
    world.hub.advance_ms(30'000);
    CHECK(world.told() == Told{"rule_set", "fired!"});
    CHECK(world.alert("rule_id") == "mine");
}

TEST_CASE("a storage failure stands while nothing can be stored, and is written down afterwards", "[alerts]") {
    Watched world;
    world.hub.store().set_failing(true);
    world.hub.http(Method::post, "/api/message", R"({"payload":{}})", kAdmin);
    world.hub.advance_ms(30'000);
    CHECK(world.alert("rule_id") == "storage_failure");
    CHECK(world.alert("severity") == "critical");
    CHECK(world.acknowledge() == 503);
    world.hub.store().set_failing(false);
    world.hub.apply(StorageRecovered{});
    CHECK(world.told().empty());
    world.hub.advance_ms(30'000);
    CHECK(world.told() == Told{"fired!"});
    world.hub.advance_ms(30'000);
    CHECK(world.told() == Told{"fired!", "cleared!"});
    CHECK(world.last_episode("rule_id") == "storage_failure");
}

TEST_CASE("alerts that are over are kept in bounds", "[alerts]") {
    Settings settings;
    settings.alert_history = 2;
    TestHub hub(settings, 1, TestHub::Watch::figures);
    for (int64_t i = 0; i < 5; ++i) {
        for (const int64_t rows : {i + 1, int64_t{0}}) {
            sample_with_lost_rows(hub, rows);
            hub.advance_ms(30'000);
        }
    }
    const std::vector<AlertEpisodeRow::Key> kept = hub.tables().sorted_keys<AlertEpisodeRow>();
    REQUIRE(kept.size() == 2);
    CHECK(std::get<0>(kept.front()) == 4);
    CHECK(std::get<0>(kept.back()) == 5);
}

namespace {

/// Tables with a run begun and a default workspace, for alerts whose turns are taken back.
struct TakenBack : BareContext {
    void put_live(const std::string& rule, const std::string& acknowledged_by) {
        LiveAlertRow live;
        live.workspace = 1;
        live.rule = rule;
        live.acknowledged_by = acknowledged_by;
        tables.put(live);
        AlertWatchRow watch;
        watch.workspace = 1;
        watch.rule = rule;
        tables.put(watch);
    }
};

}  // namespace

TEST_CASE("alerts of a rule that was taken back go with it", "[alerts]") {
    TakenBack bare;
    bare.run([&](Context& ctx) {
        bare.put_live("never_made", "");
        bare.put_live("mine", "");
        bare.put_live("stuck_tasks", "");
        AlertRuleRow rule;
        rule.workspace = 1;
        rule.rule = "mine";
        ctx.tables.put(rule);
        alerts::commit_failed(ctx);
    });
    CHECK(bare.tables.count<LiveAlertRow>() == 2);
    CHECK(bare.tables.count<AlertWatchRow>() == 2);
    CHECK_FALSE(bare.tables.contains<LiveAlertRow>({1, "never_made"}));
    CHECK_FALSE(bare.tables.contains<AlertWatchRow>({1, "never_made"}));
}

TEST_CASE("an acknowledgement that a later telling has ended does not come back", "[alerts]") {
    TakenBack bare;
    bare.run([&](Context& ctx) {
        bare.put_live("stuck_tasks", "bob");
        AlertRow stored;
        stored.workspace = 1;
        stored.rule = "stuck_tasks";
        stored.acknowledged_by = "ann";
        ctx.tables.put(stored);
        ctx.tables.modify<LiveAlertRow>({1, "stuck_tasks"}, [](LiveAlertRow& row) { row.told = 1; });
        alerts::commit_failed(ctx);
    });
    CHECK(bare.tables.find<LiveAlertRow>({1, "stuck_tasks"})->acknowledged_by.empty());
}

TEST_CASE("without samples there are no alerts", "[alerts]") {
    TestHub hub;
    sample_with_lost_rows(hub, 1);
    hub.advance_ms(10 * kMsPerMinute);
    CHECK(hub.tables().count<LiveAlertRow>() == 0);
}
