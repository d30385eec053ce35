#include "core/observe/alerts.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

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

TEST_CASE("without samples there are no alerts", "[alerts]") {
    TestHub hub;
    sample_with_lost_rows(hub, 1);
    hub.advance_ms(10 * kMsPerMinute);
    CHECK(hub.tables().count<LiveAlertRow>() == 0);
}
