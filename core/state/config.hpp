// What an administrator can change while the hub runs.
//
// A few settings, and some values that only make sense at run time, can be stored in the hub itself. A stored value
// beats what the command line, the environment, the file and the profile say, survives restarts, and holds for every
// workspace; `unset` gives the word back to them. Whoever needs such a value asks here and never `Context::settings`.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.hpp"
#include "core/state/context.hpp"

namespace agentcom::config {

inline constexpr std::string_view kHeartbeatInterval = "heartbeat_interval_ms";
inline constexpr std::string_view kMailboxTtl = "mailbox_ttl_ms";
inline constexpr std::string_view kDefaultRepo = "default_repo";
inline constexpr std::string_view kPublicUrl = "public_url";
inline constexpr std::string_view kAlertThresholds = "alert_thresholds";

/// All of them.
inline constexpr std::array<std::string_view, 5> kNames{kHeartbeatInterval, kMailboxTtl, kDefaultRepo, kPublicUrl,
                                                        kAlertThresholds};

/// The stored value as JSON; nullptr: nothing is stored.
const std::string* stored(const Context&, std::string_view name);
/// The value that counts as JSON, stored or not.
std::string value_json(const Context&, std::string_view name);
void set(Context&, std::string_view name, std::string value_json, const std::string& by);
void unset(Context&, std::string_view name);

/// How often clients shall give a sign of life, as configured.
int64_t heartbeat_interval_ms(const Context&);
/// What `identified` asks of a client: never more than half of what the hub bears (`idle_timeout_ms`,
/// `lease_silence_ms`), so that whoever keeps to it is not taken for gone when one sign is lost.
int64_t offered_heartbeat_ms(const Context&);
/// How long mail is kept.
int64_t mailbox_ttl_ms(const Context&);
/// The repository that new agents are pointed to.
std::optional<std::string> default_repo(const Context&);
/// scheme://host[:port] under which clients reach the hub, e.g. through a proxy; without a slash at its end.
std::optional<std::string> public_url(const Context&);

/// When the hub raises alerts.
struct AlertThresholds {
    int64_t queue_growing_checks = 3;
    int64_t failure_rate_pct = 50;
    int64_t stuck_task_ms = 300'000;
    int64_t error_count_hour = 10;
    int64_t check_interval_ms = 30'000;
    // How long a warning that nobody acknowledged rests before it is given again.
    int64_t queue_growing_cooldown_ms = 300'000;
    int64_t high_failure_rate_cooldown_ms = 600'000;
    int64_t stuck_tasks_cooldown_ms = 0;
    int64_t no_agents_online_cooldown_ms = 0;
    int64_t high_error_rate_cooldown_ms = 300'000;
    friend bool operator==(const AlertThresholds&, const AlertThresholds&) = default;
};
AlertThresholds alert_thresholds(const Context&);

/// {"queue_growing_checks":3,…,"cooldowns":{"queue_growing":300000,…}}
std::string to_json(const AlertThresholds&);

/// What is wrong with one threshold.
struct BadThreshold {
    std::string field;  ///< "cooldowns.queue_growing"
    std::string code;   ///< unknown_field, wrong_type, out_of_range
    std::string detail;
    std::string value_raw;
};
/// Takes over what the object says; the rest stays. With errors nothing is taken over.
std::vector<BadThreshold> merge(AlertThresholds&, const json::Object&);

}  // namespace agentcom::config
