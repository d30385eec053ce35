#include "core/observe/alert_rules.hpp"

#include <catch2/catch.hpp>

#include <set>
#include <string>
#include <vector>

#include "core/observe/alerts.hpp"
#include "core/observe/metric_names.hpp"
#include "tests/core/support/test_hub.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

const std::string kAdmin(TestHub::kAdminToken);

Settings quick() {
    Settings settings;
    settings.retry_delay_ms = 0;
    settings.retry_delay_max_ms = 0;
    return settings;
}

struct Watched {
    explicit Watched(Settings settings = quick()) : hub(std::move(settings), 1, TestHub::Watch::figures) {
        hub.register_agent("ann");
    }
    /// The severity of a rule's alert; "" = none stands.
    std::string severity(const std::string& rule) { return of(rule, "severity"); }
    std::string of(const std::string& rule, std::string_view member) {
        const Response response = hub.http(Method::get, "/api/alerts", "", kAdmin);
        REQUIRE(response.status == 200);
        const json::Object body = json::members(response.body);
        for (const json::Value& each : json::elements(body.find("alerts")->raw)) {
            if (TestHub::member(std::string(each.raw), "rule_id") == rule) {
                return TestHub::member(std::string(each.raw), member);
            }
        }
        return "";
    }
    void thresholds(const std::string& body) {
        REQUIRE(hub.http(Method::put, "/api/config/alert-thresholds", body, kAdmin).status == 200);
    }
    /// Lets the agent fail so many tasks for good.
    void fail(int count) {
        const int64_t ann = hub.connect("ann");
        for (int i = 0; i < count; ++i) {
            const std::string id = hub.submit(R"({"description":"x","max_retries":1})");
            hub.send(ann, R"({"type":"task_failed","task_id":")" + id + R"(","generation":)" +
                              std::to_string(hub.row(id)->generation) + R"(,"error":"no"})");
        }
    }
    void complete(int count) {
        const int64_t ann = hub.connect("ann");
        for (int i = 0; i < count; ++i) {
            const std::string id = hub.submit(R"({"description":"x"})");
            hub.send(ann, R"({"type":"task_complete","task_id":")" + id + R"(","generation":)" +
                              std::to_string(hub.row(id)->generation) + "}");
        }
    }
    void check() { hub.advance_ms(30'000); }

    TestHub hub;
};

}  // namespace

TEST_CASE("every rule has a name of its own and says what it is", "[alerts]") {
    std::set<std::string_view> names;
    for (const AlertRule& rule : alert_rules()) {
        CAPTURE(rule.id);
        CHECK(names.insert(rule.id).second);
        CHECK(find_alert_rule(rule.id) == &rule);
        CHECK(rule.look != nullptr);
        CHECK(rule.summary.ends_with('.'));
    }
    CHECK(find_alert_rule("no_such_rule") == nullptr);
}

TEST_CASE("W-20: thresholds that are set take effect at the next check", "[alerts]") {
    Watched world;
    world.complete(1);
    world.fail(1);
    world.check();
    world.check();
    CHECK(world.severity("high_failure_rate").empty());
    world.thresholds(R"({"failure_rate_pct":40})");
    world.check();
    CHECK(world.severity("high_failure_rate") == "warning");
    CHECK(world.of("high_failure_rate", "message") == "High failure rate: 50.0% (1/2 tasks failed in last hour)");
    CHECK(world.of("high_failure_rate", "details") == R"({"failure_rate_pct":50.0,"failed":1,"total_tasks":2})");
    world.thresholds(R"({"failure_rate_pct":60})");
    world.check();
    world.check();
    CHECK(world.severity("high_failure_rate").empty());
}

TEST_CASE("W-21: queue_growing ends when the queue stops growing", "[alerts]") {
    Watched world;
    world.check();
    for (int i = 0; i < 3; ++i) {
        CHECK(world.severity("queue_growing").empty());
        world.hub.submit(R"({"description":"x"})");
        world.check();
    }
    CHECK(world.severity("queue_growing") == "warning");
    CHECK(world.of("queue_growing", "message") ==
          "Queue growing: depth increased for 3 consecutive checks (current: 3)");
    world.check();
    world.check();
    CHECK(world.severity("queue_growing") == "warning");
    world.check();
    CHECK(world.severity("queue_growing").empty());
    // It counts from the beginning again.
    world.hub.submit(R"({"description":"x"})");
    world.check();
    CHECK(world.severity("queue_growing").empty());
}

TEST_CASE("W-22: no_agents_online misses agents that were there, also after a restart, but nobody else", "[alerts]") {
    Watched world;
    // Registered and never there: nobody is missed.
    for (int i = 0; i < 4; ++i) world.check();
    CHECK(world.severity("no_agents_online").empty());
    const int64_t ann = world.hub.connect("ann");
    world.check();
    world.hub.advance_ms(2 * kMsPerMinute);
    world.hub.disconnect(ann);
    world.check();
    CHECK(world.severity("no_agents_online").empty());
    world.check();
    CHECK(world.severity("no_agents_online") == "critical");
    world.hub.restart();
    CHECK(world.severity("no_agents_online") == "critical");
    world.check();
    CHECK(world.severity("no_agents_online") == "critical");
    world.hub.connect("ann");
    world.check();
    CHECK(world.severity("no_agents_online").empty());
}

TEST_CASE("an agent that has not been there for a day is not missed", "[alerts]") {
    Watched world;
    const int64_t ann = world.hub.connect("ann");
    world.check();
    world.hub.disconnect(ann);
    world.hub.advance_ms(kMsPerHour);
    CHECK(world.severity("no_agents_online") == "critical");
    world.hub.advance_ms(kMsPerDay);
    CHECK(world.severity("no_agents_online").empty());
}

TEST_CASE("W-23: dead letters count as errors", "[alerts]") {
    Watched world;
    world.thresholds(R"({"error_count_hour":3})");
    world.fail(3);
    world.check();
    CHECK(world.severity("high_error_rate").empty());
    world.fail(1);
    world.check();
    CHECK(world.severity("high_error_rate") == "warning");
    CHECK(world.of("high_error_rate", "details") == R"({"failed":4,"threshold":3,"dead_letter":4})");
    world.hub.advance_ms(62 * kMsPerMinute);
    CHECK(world.severity("high_error_rate").empty());
}

TEST_CASE("W-23: a stuck task is told of and left to its holder, whatever the threshold", "[alerts]") {
    for (const int64_t threshold_ms : {120'000, 300'000, 600'000}) {
        CAPTURE(threshold_ms);
        Settings settings = quick();
        settings.idle_timeout_ms = kMsPerHour;
        settings.lease_silence_ms = kMsPerHour;
        Watched world(settings);
        world.thresholds(R"({"stuck_task_ms":)" + std::to_string(threshold_ms) + "}");
        const int64_t ann = world.hub.connect("ann");
        const std::string id = world.hub.submit(R"({"description":"x"})");
        world.hub.send(ann, R"({"type":"task_accepted","task_id":")" + id + R"("})");
        world.hub.advance_ms(threshold_ms - 1'000);
        CHECK(world.severity("stuck_tasks").empty());
        world.hub.advance_ms(31'000);
        CHECK(world.severity("stuck_tasks") == "critical");
        CHECK(world.hub.row(id)->state == TaskState::working);
        CHECK(world.of("stuck_tasks", "details").find(id) != std::string::npos);
        world.hub.send(ann, R"({"type":"task_progress","task_id":")" + id + R"("})");
        world.check();
        CHECK(world.severity("stuck_tasks").empty());
    }
}

TEST_CASE("alerts of the machine follow its figures", "[alerts]") {
    struct Case {
        std::string rule;
        void (*set)(MachineSample&);
        int checks;
        std::string severity;
    };
    const std::vector<Case> cases = {
        {"disk_nearly_full", [](MachineSample& m) { m.disk_free_bytes = 110; }, 1, ""},
        {"disk_nearly_full", [](MachineSample& m) { m.disk_free_bytes = 90; }, 1, "warning"},
        {"disk_nearly_full", [](MachineSample& m) { m.disk_free_bytes = 20; }, 1, "critical"},
        {"disk_nearly_full", [](MachineSample& m) { m.disk_total_bytes = -1; }, 1, ""},
        {"database_size", [](MachineSample& m) { m.database_bytes = 99'999'999; }, 1, ""},
        {"database_size", [](MachineSample& m) { m.database_bytes = 100'000'000; }, 1, "notice"},
        {"database_size", [](MachineSample& m) { m.database_bytes = 500'000'000; }, 1, "warning"},
        {"database_size", [](MachineSample& m) { m.database_bytes = 1'000'000'000; }, 1, "critical"},
        {"core_fault", [](MachineSample& m) { m.core_faults = 1; }, 1, "critical"},
        {"commit_latency", [](MachineSample& m) { m.commit_us.record(300'000); }, 2, ""},
        {"commit_latency", [](MachineSample& m) { m.commit_us.record(300'000); }, 3, "warning"},
        {"commit_latency", [](MachineSample& m) { m.commit_us.record(200'000); }, 4, ""},
    };
    for (const Case& each : cases) {
        Watched world;
        MachineSample sample;
        sample.disk_free_bytes = 900;
        sample.disk_total_bytes = 1'000;
        each.set(sample);
        world.hub.apply(sample);
        for (int i = 0; i < each.checks; ++i) world.check();
        CAPTURE(each.rule, each.checks, sample.disk_free_bytes, sample.database_bytes);
        CHECK(world.severity(each.rule) == each.severity);
    }
}

TEST_CASE("alerts of storage care follow what it knows of the files", "[alerts]") {
    struct Case {
        std::string rule;
        int64_t interval_ms;  ///< of backups
        StorageFigures files;
        int checks;
        std::string severity;
    };
    StorageFigures lost;
    lost.lost_rows = 1;
    StorageFigures backed_up;
    backed_up.backups = R"([{"made_at":1800000050000}])";
    const std::vector<Case> cases = {
        {"rows_lost", 0, lost, 1, "critical"},
        {"rows_lost", 0, {}, 1, ""},
        {"stale_backup", 0, {}, 2, ""},
        {"stale_backup", 20'000, {}, 1, ""},
        {"stale_backup", 20'000, {}, 2, "warning"},
        {"stale_backup", 20'000, backed_up, 2, ""},
    };
    for (const Case& each : cases) {
        Settings settings = quick();
        settings.backup_interval_ms = each.interval_ms;
        Watched world(settings);
        world.hub.apply(each.files);
        world.hub.apply(MachineSample{});
        for (int i = 0; i < each.checks; ++i) world.check();
        CAPTURE(each.rule, each.interval_ms, each.checks);
        CHECK(world.severity(each.rule) == each.severity);
    }
}

TEST_CASE("a database that grows on is told of again, one that shrinks is not", "[alerts]") {
    Watched world;
    const auto size = [&](int64_t bytes) {
        MachineSample sample;
        sample.database_bytes = bytes;
        world.hub.apply(sample);
        world.check();
        return world.severity("database_size");
    };
    CHECK(size(200'000'000) == "notice");
    const std::string told = world.of("database_size", "told_at");
    CHECK(size(250'000'000) == "notice");
    CHECK(world.of("database_size", "told_at") == told);
    CHECK(size(600'000'000) == "warning");
    CHECK(world.of("database_size", "told_at") != told);
    CHECK(size(200'000'000) == "notice");
    size(1);
    CHECK(size(1).empty());
}

TEST_CASE("a rule over a counter looks at its growth within an hour", "[alerts]") {
    Watched world;
    const auto put = [&](const std::string& body) {
        return world.hub.http(Method::put, "/api/alert-rules/mine", body, kAdmin).status;
    };
    REQUIRE(put(R"({"metric":"tasks_completed","op":">=","threshold":2,"severity":"notice"})") == 201);
    world.complete(1);
    world.check();
    CHECK(world.severity("mine").empty());
    world.complete(1);
    world.check();
    CHECK(world.severity("mine") == "notice");
    CHECK(world.of("mine", "message") == "tasks_completed is 2 (>= 2)");
    world.hub.advance_ms(62 * kMsPerMinute);
    CHECK(world.severity("mine").empty());
    REQUIRE(put(R"({"metric":"queue_depth","op":"<","threshold":1,"for_ms":60000,"message":"nothing to do"})") == 200);
    world.check();
    world.check();
    CHECK(world.severity("mine").empty());
    world.check();
    CHECK(world.of("mine", "message") == "nothing to do");
}
