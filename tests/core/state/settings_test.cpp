#include "core/state/settings.hpp"

#include <catch2/catch.hpp>

#include <set>

using namespace agentcom;

TEST_CASE("each setting is named once, lies in its range by default and under the profile, and says what it does") {
    const Settings defaults;
    std::set<std::string_view> names;
    for (const SettingInfo& info : setting_infos()) {
        CAPTURE(info.name);
        CHECK(names.insert(info.name).second);
        CHECK(info.minimum <= info.maximum);
        CHECK(defaults.*info.member >= info.minimum);
        CHECK(defaults.*info.member <= info.maximum);
        CHECK(info.v11 >= info.minimum);
        CHECK(info.v11 <= info.maximum);
        CHECK(info.help.size() > 10);
        // No two names for one number.
        Settings probe;
        for (const SettingInfo& other : setting_infos()) probe.*other.member = 0;
        probe.*info.member = 1;
        int64_t ones = 0;
        for (const SettingInfo& other : setting_infos()) ones += probe.*other.member;
        CHECK(ones == 1);
    }
    CHECK(check_settings(defaults).ok());
}

TEST_CASE("the profile of v1.1 has v1.1's numbers") {
    const Settings v11 = v11_profile();
    // spec/websocket.md, section 11.
    CHECK(v11.idle_timeout_ms == 60'000);
    CHECK(v11.violations_to_close == 10);
    CHECK(v11.violation_window_ms == 60'000);
    CHECK(v11.limit_light_per_min == 120);
    CHECK(v11.limit_normal_per_min == 60);
    CHECK(v11.limit_heavy_per_min == 10);
    CHECK(v11.limit_skip_ms == 60'000);
    CHECK(v11.acceptance_timeout_ms == 60'000);
    CHECK(v11.stuck_after_ms == 300'000);
    CHECK(v11.stuck_reclaim == 1);
    CHECK(v11.default_max_retries == 3);
    CHECK(v11.mailbox_entries == 100);
    CHECK(v11.mailbox_ttl_ms == 7LL * 86'400'000);
    CHECK(v11.message_history == 10'000);
    // spec/behaviour.md, section 25.1.
    CHECK(v11.retry_delay_ms == 0);
    CHECK(v11.reject_backoff_ms == 0);
    CHECK(v11.reconnect_grace_ms == 0);
    CHECK(v11.reclaim_limit >= 1'000'000);
    CHECK(v11.finished_tasks >= 1'000'000);
    CHECK(v11.max_run_ms == 0);
    CHECK(v11.max_slots == 1);
    CHECK(v11.overdue_requeue == 1);
    CHECK(v11.open_admin == 1);
    CHECK(v11.open_reads == 1);
    CHECK(v11.open_registration == 1);
    CHECK(v11.strict_failure_text == 1);
    CHECK(v11.limits == 1);
    CHECK(check_settings(v11).ok());
}

namespace {

/// The number behind a bound, which may be that of the type.
std::string beyond(int64_t bound, int64_t step) {
    return bound == INT64_MAX ? "9223372036854775808" : std::to_string(bound + step);
}

}  // namespace

TEST_CASE("settings are set by name, within their range") {
    Settings settings;
    for (const SettingInfo& info : setting_infos()) {
        CAPTURE(info.name);
        CHECK(set_setting(settings, info.name, std::to_string(info.minimum)).ok());
        CHECK(settings.*info.member == info.minimum);
        CHECK(set_setting(settings, info.name, std::to_string(info.maximum)).ok());
        CHECK(settings.*info.member == info.maximum);
        for (const std::string& bad :
             {beyond(info.maximum, 1), beyond(info.minimum, -1), std::string(), std::string("1x"), std::string(" 1"),
              std::string("1.0"), std::string("99999999999999999999")}) {
            CAPTURE(bad);
            const Status refused = set_setting(settings, info.name, bad);
            REQUIRE_FALSE(refused.ok());
            CHECK(refused.error().code == "bad_value");
            CHECK(refused.error().text.find(std::string(info.name)) != std::string::npos);
            CHECK(refused.error().text.find(std::to_string(info.maximum)) != std::string::npos);
            CHECK(settings.*info.member == info.maximum);
        }
    }
    CHECK(set_setting(settings, "no_such", "1").error().code == "unknown_setting");
    CHECK(set_setting(settings, "planted_fault", "1").error().code == "unknown_setting");
}

TEST_CASE("settings that contradict each other are found") {
    Settings settings;
    settings.retry_delay_ms = settings.retry_delay_max_ms + 1;
    CHECK(check_settings(settings).error().code == "contradicting_settings");
    settings = {};
    settings.reject_backoff_ms = settings.unresponsive_backoff_max_ms + 1;
    CHECK(check_settings(settings).error().code == "contradicting_settings");
    settings = {};
    settings.ping_interval_ms = settings.idle_timeout_ms;
    CHECK(check_settings(settings).error().code == "contradicting_settings");
    settings.ping_interval_ms = 0;
    CHECK(check_settings(settings).ok());
}
