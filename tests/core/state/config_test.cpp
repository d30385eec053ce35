#include "core/state/config.hpp"

#include <catch2/catch.hpp>

#include "tests/core/support/test_hub.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

/// Tables of a hub of their own, and a context over them.
struct Desk {
    explicit Desk(Settings settings_in = {}) : settings(std::move(settings_in)) { tables.begin_input(); }
    Settings settings;
    Tables tables;
    std::vector<Effect> effects;
    Context ctx{tables, settings, Time{1'000, 1'000}, 1, effects};
};

std::vector<std::string> codes(const std::string& object) {
    config::AlertThresholds thresholds;
    std::vector<std::string> found;
    for (const config::BadThreshold& bad : config::merge(thresholds, json::members(object))) {
        found.push_back(bad.field + " " + bad.code);
    }
    if (!found.empty()) CHECK(thresholds == config::AlertThresholds{});
    return found;
}

using Codes = std::vector<std::string>;

}  // namespace

TEST_CASE("a stored value beats the setting until it is unset", "[admin]") {
    Settings settings;
    settings.heartbeat_interval_ms = 20'000;
    settings.mailbox_ttl_ms = 5'000;
    Desk desk(settings);
    CHECK(config::heartbeat_interval_ms(desk.ctx) == 20'000);
    CHECK(config::mailbox_ttl_ms(desk.ctx) == 5'000);
    CHECK_FALSE(config::default_repo(desk.ctx));
    CHECK(config::value_json(desk.ctx, config::kDefaultRepo) == "null");
    config::set(desk.ctx, config::kHeartbeatInterval, "1000", "ann");
    config::set(desk.ctx, config::kMailboxTtl, "7000", "ann");
    config::set(desk.ctx, config::kDefaultRepo, "\"r\"", "ann");
    CHECK(config::heartbeat_interval_ms(desk.ctx) == 1'000);
    CHECK(config::mailbox_ttl_ms(desk.ctx) == 7'000);
    CHECK(config::default_repo(desk.ctx) == "r");
    CHECK(desk.tables.find<ConfigRow>({"mailbox_ttl_ms"})->set_by == "ann");
    CHECK(desk.tables.find<ConfigRow>({"mailbox_ttl_ms"})->set_at == 1'000);
    for (const std::string_view name : config::kNames) config::unset(desk.ctx, name);
    CHECK(config::heartbeat_interval_ms(desk.ctx) == 20'000);
    CHECK(desk.tables.count<ConfigRow>() == 0);
}

TEST_CASE("clients are asked for signs of life that keep them from being taken for gone", "[admin]") {
    struct Case {
        int64_t heartbeat, idle, silence, offered;
    };
    const Case cases[] = {{30'000, 240'000, 240'000, 30'000},
                          {900'000, 60'000, 240'000, 30'000},
                          {900'000, 240'000, 100'000, 50'000},
                          {1, 240'000, 240'000, 1},
                          {1'000, 1, 1, 1}};
    for (const Case& c : cases) {
        Settings settings;
        settings.heartbeat_interval_ms = c.heartbeat;
        settings.idle_timeout_ms = c.idle;
        settings.lease_silence_ms = c.silence;
        CHECK(config::offered_heartbeat_ms(Desk(settings).ctx) == c.offered);
    }
}

TEST_CASE("alert thresholds are merged, and every mistake is told", "[admin]") {
    config::AlertThresholds thresholds;
    CHECK(
        config::to_json(thresholds) ==
        R"({"queue_growing_checks":3,"failure_rate_pct":50,"stuck_task_ms":300000,"error_count_hour":10,"check_interval_ms":30000,)"
        R"("cooldowns":{"queue_growing":300000,"high_failure_rate":600000,"stuck_tasks":0,"no_agents_online":0,"high_error_rate":300000}})");
    const std::string some = R"({"failure_rate_pct":20,"cooldowns":{"stuck_tasks":5}})";
    CHECK(config::merge(thresholds, json::members(some)).empty());
    CHECK(thresholds.failure_rate_pct == 20);
    CHECK(thresholds.stuck_tasks_cooldown_ms == 5);
    CHECK(thresholds.stuck_task_ms == 300'000);
    // What is written is read back.
    config::AlertThresholds again;
    const std::string text = config::to_json(thresholds);
    CHECK(config::merge(again, json::members(text)).empty());
    CHECK(again == thresholds);

    CHECK(codes("{}").empty());
    CHECK(codes(R"({"failure_rate_pct":101})") == Codes{"failure_rate_pct out_of_range"});
    CHECK(codes(R"({"failure_rate_pct":-1,"stuck_task_ms":0})") ==
          Codes{"failure_rate_pct out_of_range", "stuck_task_ms out_of_range"});
    CHECK(codes(R"({"check_interval_ms":1.5})") == Codes{"check_interval_ms wrong_type"});
    CHECK(codes(R"({"check_interval_ms":null})") == Codes{"check_interval_ms wrong_type"});
    CHECK(codes(R"({"stuck":1})") == Codes{"stuck unknown_field"});
    CHECK(codes(R"({"_json":[1,2]})") == Codes{"_json unknown_field"});
    CHECK(codes(R"({"cooldowns":5})") == Codes{"cooldowns wrong_type"});
    CHECK(codes(R"({"cooldowns":{"queue_growing":-1,"x":1}})") ==
          Codes{"cooldowns.queue_growing out_of_range", "cooldowns.x unknown_field"});
    CHECK(codes(R"({"error_count_hour":99999999999999999999})") == Codes{"error_count_hour out_of_range"});
}

TEST_CASE("stored alert thresholds are what the engine reads", "[admin]") {
    Desk desk;
    CHECK(config::alert_thresholds(desk.ctx) == config::AlertThresholds{});
    config::AlertThresholds wanted;
    wanted.queue_growing_checks = 7;
    config::set(desk.ctx, config::kAlertThresholds, config::to_json(wanted), "ann");
    CHECK(config::alert_thresholds(desk.ctx) == wanted);
}
