// Every number that can be set, in one table.
//
// A setting is named the same everywhere: `--set NAME=VALUE` on the command line, `AGENTCOM_NAME` in the environment
// (upper case), `NAME = VALUE` in the TOML file. Precedence: command line, environment, file, profile, default.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"

namespace agentcom {

struct Settings {
    // connections
    int64_t identify_timeout_ms = 60'000;
    int64_t idle_timeout_ms = 240'000;
    int64_t ping_interval_ms = 25'000;
    int64_t violations_to_close = 10;
    int64_t violation_window_ms = 60'000;
    int64_t unknown_type_factor = 10;
    int64_t cooldown_first_ms = 30'000;
    int64_t cooldown_second_ms = 60'000;
    int64_t cooldown_third_ms = 300'000;
    int64_t cooldown_forget_ms = 600'000;
    int64_t deferred_frames_max = 1'000;
    // leases
    int64_t acceptance_timeout_ms = 60'000;
    int64_t lease_silence_ms = 240'000;
    int64_t reconnect_grace_ms = 30'000;
    int64_t stuck_after_ms = 300'000;
    int64_t stuck_reclaim = 0;
    int64_t max_run_ms = 14'400'000;
    int64_t reclaim_limit = 5;
    int64_t retry_delay_ms = 1'000;
    int64_t retry_delay_max_ms = 300'000;
    int64_t reject_backoff_ms = 5'000;
    int64_t unresponsive_backoff_max_ms = 300'000;
    int64_t ageing_ms = 0;
    int64_t overdue_requeue = 0;
    int64_t default_max_retries = 3;
    int64_t max_slots = 64;
    // mail
    int64_t mailbox_entries = 10'000;
    int64_t mailbox_ttl_ms = 2'592'000'000;
    int64_t undeliverable_entries = 10'000;
    int64_t broadcast_entries = 10'000;
    int64_t mail_flush_ms = 100;
    // archives
    int64_t message_history = 1'000'000;
    int64_t message_history_ms = 7'776'000'000;
    int64_t receipt_history = 1'000'000;
    int64_t event_history = 1'000'000;
    int64_t dead_letter_ms = 7'776'000'000;
    int64_t finished_tasks = 100'000;
    // tables
    int64_t live_tasks_max = 1'000'000;
    int64_t principals_max = 100'000;
    int64_t idempotency_ttl_ms = 86'400'000;
    int64_t idempotency_entries = 100'000;
    int64_t inline_body_bytes = 4'096;
    // channels
    int64_t channels_max = 1'000;
    int64_t channel_members_max = 10'000;
    int64_t channel_history = 1'000;
    // events
    int64_t feed_round_ms = 250;
    int64_t feed_keep_alive_ms = 15'000;
    int64_t feed_stall_ms = 60'000;
    int64_t feed_readers_max = 1'000;
    // dashboards
    int64_t dashboard_interval_ms = 200;
    int64_t dashboards_max = 500;
    // access
    int64_t open_admin = 0;
    int64_t open_reads = 0;
    int64_t open_registration = 0;
    int64_t tokens_per_principal = 100;
    int64_t invites_max = 1'000;
    /// Agents of the default workspace whose tokens of role agent are an administrator's: ADMIN_AGENTS in the
    /// environment.
    std::vector<std::string> admin_agents;
    /// Under which clients reach the hub, e.g. "https://hub.example:443"; "" = what their Host header says.
    std::string public_url;
    // limits: tokens per minute, also the burst
    int64_t limits = 1;
    int64_t limit_light_per_min = 6'000;
    int64_t limit_normal_per_min = 6'000;
    int64_t limit_heavy_per_min = 1'200;
    int64_t limit_skip_ms = 60'000;
    int64_t limit_warn_percent = 20;
    int64_t limits_by_operation = 1;
    int64_t limit_backoff = 1;
    int64_t limit_quiet_ms = 60'000;
    int64_t limit_connection_per_min = 120;
    int64_t limit_address_per_min = 30'000;
    int64_t limit_failed_logins_per_min = 60;
    // administration
    int64_t heartbeat_interval_ms = 30'000;
    int64_t reset_delay_ms = 500;
    int64_t method_not_allowed = 1;
    // outputs: webhooks and Web Push
    int64_t webhooks_max = 100;
    int64_t push_subscriptions_max = 1'000;
    int64_t push_per_principal = 20;
    int64_t deliveries_waiting_max = 1'000;
    int64_t deliveries_shown = 50;
    int64_t delivery_attempts = 12;
    int64_t delivery_ttl_ms = 86'400'000;
    int64_t delivery_retry_ms = 1'000;
    int64_t delivery_retry_max_ms = 300'000;
    int64_t delivery_timeout_ms = 15'000;
    int64_t delivery_private = 0;
    /// Where browsers may be notified: host names, "*.host" for all below it, or a whole origin. Empty: the push
    /// services of the known browsers.
    std::vector<std::string> push_hosts;
    /// Whom a push service can write to about this hub: mailto: or https:.
    std::string push_contact = "mailto:admin@agentcom.local";
    // storage care
    int64_t backup_interval_ms = 86'400'000;
    int64_t backup_start_delay_ms = 60'000;
    int64_t backup_keep_last = 3;
    int64_t backup_keep_daily = 7;
    int64_t backup_keep_weekly = 4;
    int64_t backup_keep_monthly = 6;
    int64_t backup_pace_percent = 50;
    int64_t compaction_hour = 3;
    int64_t compaction_threshold_percent = 10;
    int64_t storage_wait_ms = 25'000;
    int64_t backup_command_timeout_ms = 600'000;
    int64_t start_check_bytes = 33'554'432;
    int64_t row_check_interval_ms = 86'400'000;
    int64_t check_pace_percent = 5;
    // what answers hold
    int64_t message_page = 50;
    int64_t message_page_max = 200;
    int64_t channel_page = 50;
    int64_t channel_page_max = 200;
    int64_t task_events_shown = 50;
    int64_t active_ms = 300'000;
    // figures and alerts
    int64_t metrics_interval_ms = 10'000;
    int64_t alert_start_delay_ms = 30'000;
    int64_t alert_rest_ms = 300'000;
    int64_t alert_history = 500;
    int64_t commit_latency_alert_ms = 250;
    int64_t disk_free_warning_pct = 10;
    int64_t disk_free_critical_pct = 3;
    int64_t database_notice_bytes = 100'000'000;
    int64_t database_warning_bytes = 500'000'000;
    int64_t database_critical_bytes = 1'000'000'000;
    // validation
    int64_t strict_failure_text = 0;
    int64_t validation_v1 = 1;
    int64_t validation_v2 = 1;
    /// A text that trips a planted assertion when a frame carries it; "" = none. For tests of fault handling.
    std::string planted_fault;
};

struct SettingInfo {
    std::string_view name;
    int64_t Settings::*member;
    int64_t v11;  ///< its value under `--profile v1.1`
    int64_t minimum;
    int64_t maximum;
    std::string_view help;  ///< what it does, with its unit
};

/// Every numeric setting.
std::span<const SettingInfo> setting_infos();

/// The numbers of AgentCom v1.1.
Settings v11_profile();

/// Sets one by name. Errors `unknown_setting`, `bad_value` (with the range in the text).
Status set_setting(Settings&, std::string_view name, std::string_view value);

/// Errors when settings contradict each other, e.g. a retry delay above its own maximum.
Status check_settings(const Settings&);

}  // namespace agentcom
