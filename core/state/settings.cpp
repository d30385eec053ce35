#include "core/state/settings.hpp"

#include <array>
#include <charconv>

#include "core/base/limits.hpp"

namespace agentcom {

namespace {

constexpr int64_t kDay = 86'400'000;
constexpr int64_t kYear = 366 * kDay;
constexpr int64_t kMany = 100'000'000;

using S = Settings;

// name, member, v1.1, minimum, maximum, help
constexpr SettingInfo kInfos[] = {
    {"identify_timeout_ms", &S::identify_timeout_ms, 60'000, 100, kDay,
     "ms a WebSocket may stay open without a successful identify"},
    {"idle_timeout_ms", &S::idle_timeout_ms, 60'000, 100, kDay,
     "ms without anything inbound (a pong counts) after which a socket is closed with 1002"},
    {"ping_interval_ms", &S::ping_interval_ms, 25'000, 0, kDay, "ms between WebSocket pings of the hub; 0 sends none"},
    {"violations_to_close", &S::violations_to_close, 10, 1, kMany,
     "invalid frames within the window that close a connection with 1008"},
    {"violation_window_ms", &S::violation_window_ms, 60'000, 1, kDay, "ms in which invalid frames are counted"},
    {"unknown_type_factor", &S::unknown_type_factor, 10, 1, 1'000,
     "so many frames of unknown type count as one violation"},
    {"cooldown_first_ms", &S::cooldown_first_ms, 30'000, 0, kYear,
     "ms an agent that was closed for violations may not identify"},
    {"cooldown_second_ms", &S::cooldown_second_ms, 60'000, 0, kYear, "the same after the second close"},
    {"cooldown_third_ms", &S::cooldown_third_ms, 300'000, 0, kYear, "the same after the third close and later ones"},
    {"cooldown_forget_ms", &S::cooldown_forget_ms, 600'000, 1, kYear,
     "ms after which an agent's closes for violations are forgotten"},
    {"deferred_frames_max", &S::deferred_frames_max, 1'000, 1, 1'000'000,
     "frames of one connection that may wait behind a query of the store"},
    {"acceptance_timeout_ms", &S::acceptance_timeout_ms, 60'000, 1, kYear,
     "ms an agent has to accept a task it was given"},
    {"lease_silence_ms", &S::lease_silence_ms, 240'000, 1, kYear,
     "ms of silence of a holder after which it loses its tasks"},
    {"reconnect_grace_ms", &S::reconnect_grace_ms, 0, 0, kYear,
     "ms a task waits for a holder whose connection is gone"},
    {"stuck_after_ms", &S::stuck_after_ms, 300'000, 1, kYear, "ms without progress after which a task is marked stuck"},
    {"stuck_reclaim", &S::stuck_reclaim, 1, 0, 1, "1 takes a stuck task away from its holder"},
    {"max_run_ms", &S::max_run_ms, 0, 0, kYear, "ms a task may run unless it says otherwise; 0 is no bound"},
    {"reclaim_limit", &S::reclaim_limit, kMany, 0, kMany,
     "times a task may be taken back from lost holders before it becomes a dead letter"},
    {"retry_delay_ms", &S::retry_delay_ms, 0, 0, kYear, "ms before a failed task is tried again; doubles each time"},
    {"retry_delay_max_ms", &S::retry_delay_max_ms, 0, 0, kYear, "ms beyond which the retry delay does not grow"},
    {"reject_backoff_ms", &S::reject_backoff_ms, 0, 0, kYear,
     "ms an agent that rejected a task, or did not accept one, gets no work"},
    {"unresponsive_backoff_max_ms", &S::unresponsive_backoff_max_ms, 0, 0, kYear,
     "ms beyond which the back-off of an agent that does not accept does not grow"},
    {"ageing_ms", &S::ageing_ms, 0, 0, kYear, "ms of waiting after which a task counts one priority higher; 0: never"},
    {"overdue_requeue", &S::overdue_requeue, 1, 0, 1,
     "1: a running task past complete_by goes back to the queue once; 0: an overdue task becomes a dead letter"},
    {"default_max_retries", &S::default_max_retries, 3, 1, kMany, "failures after which a task becomes a dead letter"},
    {"max_slots", &S::max_slots, 1, 1, kMaxSlots, "tasks that one agent may hold at a time, whatever it asks for"},
    {"mailbox_entries", &S::mailbox_entries, 100, 1, kMany, "unread direct messages kept for one agent"},
    {"mailbox_ttl_ms", &S::mailbox_ttl_ms, 604'800'000, 1, 10 * kYear,
     "ms an unread message is kept; /api/config/mailbox-retention overrides it"},
    {"undeliverable_entries", &S::undeliverable_entries, 10'000, 1, kMany,
     "messages kept for names that nobody is registered under, in each workspace"},
    {"broadcast_entries", &S::broadcast_entries, 100, 1, kMany, "broadcasts kept for agents that are away"},
    {"mail_flush_ms", &S::mail_flush_ms, 100, 0, 60'000, "ms until it is written down that a message was pushed"},
    {"message_history", &S::message_history, 10'000, 1, kMany, "messages kept in each workspace"},
    {"message_history_ms", &S::message_history_ms, 0, 0, 10 * kYear,
     "ms for which messages are kept; looked at once an hour; 0: however old they are"},
    {"receipt_history", &S::receipt_history, 1'000'000, 1'000, kMany,
     "receipts (a lot of mail that was pushed, read or acknowledged) kept in each workspace"},
    {"event_history", &S::event_history, 1'000'000, 1'000, kMany, "events kept in each workspace"},
    {"dead_letter_ms", &S::dead_letter_ms, 0, 0, 10 * kYear,
     "ms after which a dead letter that nobody has looked after is cancelled; looked at once an hour; 0: never"},
    {"finished_tasks", &S::finished_tasks, kMany, 1, kMany, "completed and cancelled tasks kept in each workspace"},
    {"live_tasks_max", &S::live_tasks_max, 1'000'000, 1, kMany, "tasks that have not ended; more are refused with 503"},
    {"principals_max", &S::principals_max, 100'000, 1, kMany, "agents that may be registered"},
    {"idempotency_ttl_ms", &S::idempotency_ttl_ms, 86'400'000, 1, kYear,
     "ms for which a request with an idempotency key can be repeated"},
    {"idempotency_entries", &S::idempotency_entries, 100'000, 1, kMany,
     "idempotency keys kept; beyond it the oldest are forgotten early"},
    {"inline_body_bytes", &S::inline_body_bytes, 4'096, 0, kMaxFrameBytes,
     "bytes up to which a waiting task's description and metadata stay in memory"},
    {"channels_max", &S::channels_max, kMany, 0, kMany, "channels in each workspace; more are refused with 503"},
    {"channel_members_max", &S::channel_members_max, kMany, 1, kMany,
     "members of one channel; more are refused with 503"},
    {"channel_history", &S::channel_history, 200, 1, 1'000'000,
     "messages kept of each channel, also as mail of members who are away"},
    {"feed_round_ms", &S::feed_round_ms, 250, 1, 60'000,
     "ms that serving 200 readers of /api/events takes at least; fewer readers are served sooner, more later"},
    {"feed_keep_alive_ms", &S::feed_keep_alive_ms, 15'000, 10, kDay,
     "ms after which a quiet stream of events gets a comment line"},
    {"feed_stall_ms", &S::feed_stall_ms, 60'000, 10, kDay,
     "ms after which a stream of events ends whose reader takes nothing"},
    {"feed_readers_max", &S::feed_readers_max, 1'000, 0, 1'000'000,
     "readers of /api/events that may wait or stream at a time; more get 503"},
    {"dashboard_interval_ms", &S::dashboard_interval_ms, 100, 0, 60'000,
     "ms between two frames of news to a dashboard; 0: with everything that happens, for tests"},
    {"dashboards_max", &S::dashboards_max, 10'000, 0, 1'000'000,
     "connections to /ws/dashboard at a time; more are closed with 1013"},
    {"open_admin", &S::open_admin, 1, 0, 1,
     "1: any agent's token may do what an administrator may, but for resetting the hub, as in v1.1"},
    {"open_reads", &S::open_reads, 1, 0, 1, "1: reads that v1.1 left open need no token from other machines either"},
    {"open_registration", &S::open_registration, 1, 0, 1, "1: agents may register from other machines without a token"},
    {"tokens_per_principal", &S::tokens_per_principal, 1'000'000, 1, 1'000'000,
     "tokens that one agent or person may have at a time; expired ones make room"},
    {"invites_max", &S::invites_max, 1'000, 0, 1'000'000, "invite codes that may stand open at a time"},
    {"limits", &S::limits, 1, 0, 1, "0 turns all rate limits off"},
    {"limit_light_per_min", &S::limit_light_per_min, 120, 1, kMany,
     "light operations per minute and agent; also the burst"},
    {"limit_normal_per_min", &S::limit_normal_per_min, 60, 1, kMany,
     "normal operations per minute and agent; also the burst"},
    {"limit_heavy_per_min", &S::limit_heavy_per_min, 10, 1, kMany,
     "heavy operations per minute and agent; also the burst"},
    {"limit_skip_ms", &S::limit_skip_ms, 60'000, 0, kDay, "ms for which an agent over its limit gets no tasks"},
    {"limit_warn_percent", &S::limit_warn_percent, 20, 0, 100,
     "percent of a limit below which rate_limit_warning is sent"},
    {"limits_by_operation", &S::limits_by_operation, 0, 0, 1,
     "1: each operation has a bucket of its own; 0: one bucket per tier, and only what v1.1 limited is limited"},
    {"limit_backoff", &S::limit_backoff, 0, 0, 1,
     "1: whom a limit refuses waits 1, 2, 5, 10, then 30 s; 0: only until the next token"},
    {"limit_quiet_ms", &S::limit_quiet_ms, 60'000, 1, kDay,
     "ms after the last refusal until they are forgotten and the waiting begins with 1 s again"},
    {"limit_connection_per_min", &S::limit_connection_per_min, 0, 0, kMany,
     "frames per minute of a connection that has not identified; also the burst; 0: no limit"},
    {"limit_address_per_min", &S::limit_address_per_min, 0, 0, kMany,
     "the same and bad requests, of all connections of an address"},
    {"limit_failed_logins_per_min", &S::limit_failed_logins_per_min, 0, 0, kMany,
     "missing and wrong tokens per minute and address that are answered as such; also the burst; 0: all"},
    {"validation_v1", &S::validation_v1, 1, 0, 1,
     "1 refuses invalid frames and requests of protocol 1; 0 observes: bad optional fields count as absent"},
    {"validation_v2", &S::validation_v2, 1, 0, 1, "the same for protocol 2"},
    {"webhooks_max", &S::webhooks_max, 100, 0, 10'000, "webhooks of all workspaces; more are refused with 409"},
    {"push_subscriptions_max", &S::push_subscriptions_max, 1'000, 0, 100'000,
     "browsers that are notified; more are refused with 409"},
    {"push_per_principal", &S::push_per_principal, 20, 1, 10'000, "browsers of one agent or person"},
    {"deliveries_waiting_max", &S::deliveries_waiting_max, 1'000, 1, 1'000'000,
     "events that wait for one webhook or browser; beyond it they are left out, and the next one says so"},
    {"deliveries_shown", &S::deliveries_shown, 50, 1, 10'000, "ended deliveries that are kept of each webhook"},
    {"delivery_attempts", &S::delivery_attempts, 12, 1, 1'000, "times that an event is sent to one receiver at most"},
    {"delivery_ttl_ms", &S::delivery_ttl_ms, kDay, 1'000, 28 * kDay,
     "ms after which an event that waits for a receiver is given up"},
    {"delivery_retry_ms", &S::delivery_retry_ms, 1'000, 1, kDay,
     "ms that a failing receiver rests; doubles each time, and is cut by up to half at random"},
    {"delivery_retry_max_ms", &S::delivery_retry_max_ms, 300'000, 1, kDay, "ms beyond which that rest does not grow"},
    {"delivery_timeout_ms", &S::delivery_timeout_ms, 15'000, 10, 600'000, "ms that one attempt may take"},
    {"delivery_private", &S::delivery_private, 0, 0, 1,
     "1: webhooks may reach loopback, private and link-local addresses"},
    {"message_page", &S::message_page, 50, 0, 1'000, "messages that GET /api/messages gives unless asked for more"},
    {"message_page_max", &S::message_page_max, 200, 1, 1'000, "messages that it gives at most"},
    {"channel_page", &S::channel_page, 50, 0, 1'000, "messages of a channel's history unless asked for more"},
    {"channel_page_max", &S::channel_page_max, 200, 1, 1'000, "messages of a channel's history at most"},
    {"task_events_shown", &S::task_events_shown, 50, 1, 1'000, "entries in the history of a task that is shown"},
    {"active_ms", &S::active_ms, 300'000, 1, kYear,
     "ms since its last message or report for which a connected agent counts as active"},
    {"heartbeat_interval_ms", &S::heartbeat_interval_ms, 900'000, 1, kYear,
     "ms between signs of life that clients are asked for; /api/config/heartbeat-interval overrides it"},
    {"reset_delay_ms", &S::reset_delay_ms, 500, 0, 60'000,
     "ms between the answer to a request for a reset of the hub and the reset"},
    {"method_not_allowed", &S::method_not_allowed, 0, 0, 1,
     "1: a known path with another method gets 405 and Allow; 0: 404, as in v1.1"},
    {"metrics_interval_ms", &S::metrics_interval_ms, 10'000, 0, 60'000,
     "ms between two samples of the figures; 0: no samples, no history and no alerts"},
    {"alert_start_delay_ms", &S::alert_start_delay_ms, 30'000, 0, kDay,
     "ms after the start until the rules of alerts are first looked at: agents have time to come back"},
    {"alert_rest_ms", &S::alert_rest_ms, 0, 0, kYear, "ms between two notifications of the same alert, at least"},
    {"alert_history", &S::alert_history, 500, 1, 100'000, "alerts that are over and can still be listed"},
    {"commit_latency_alert_ms", &S::commit_latency_alert_ms, 250, 1, kDay,
     "ms for the 99th percentile of commits beyond which an alert is raised"},
    {"disk_free_warning_pct", &S::disk_free_warning_pct, 10, 0, 100,
     "percent of free space on the disk of the data directory below which there is a warning"},
    {"disk_free_critical_pct", &S::disk_free_critical_pct, 3, 0, 100, "percent below which it is critical"},
    {"database_notice_bytes", &S::database_notice_bytes, 100'000'000, 1, INT64_MAX,
     "bytes of hub.db beyond which there is a notice"},
    {"database_warning_bytes", &S::database_warning_bytes, 500'000'000, 1, INT64_MAX,
     "bytes of hub.db beyond which there is a warning"},
    {"database_critical_bytes", &S::database_critical_bytes, 1'000'000'000, 1, INT64_MAX,
     "bytes of hub.db beyond which it is critical"},
    {"backup_interval_ms", &S::backup_interval_ms, 86'400'000, 0, kYear,
     "ms between backups, counted from the last one that succeeded; 0: none but those that are asked for"},
    {"backup_start_delay_ms", &S::backup_start_delay_ms, 60'000, 0, kDay,
     "ms after a start until a backup that is due is made, and after a failed one until it is tried again"},
    {"backup_keep_last", &S::backup_keep_last, 3, 1, 1'000, "newest backups that are kept"},
    {"backup_keep_daily", &S::backup_keep_daily, 0, 0, 1'000,
     "days, back from the newest backup, of each of which the last one is kept"},
    {"backup_keep_weekly", &S::backup_keep_weekly, 0, 0, 1'000, "the same for weeks, which begin on Monday (UTC)"},
    {"backup_keep_monthly", &S::backup_keep_monthly, 0, 0, 1'000, "the same for months"},
    {"backup_pace_percent", &S::backup_pace_percent, 100, 1, 100,
     "share of the time in which a backup or a verification works; it rests meanwhile"},
    {"compaction_hour", &S::compaction_hour, 3, -1, 23,
     "hour of the day (UTC) in which the database gives free pages back to the file system; -1: only when asked to"},
    {"compaction_threshold_percent", &S::compaction_threshold_percent, 10, 0, 100,
     "percent of free pages below which a compaction is skipped"},
    {"storage_wait_ms", &S::storage_wait_ms, 25'000, 0, 600'000,
     "ms that a request waits for the end of a backup, compaction or restore before it is answered with 202"},
    {"backup_command_timeout_ms", &S::backup_command_timeout_ms, 600'000, 1, kDay,
     "ms after which a `backup_copy_command` that has not ended is killed"},
    {"start_check_bytes", &S::start_check_bytes, 0, 0, INT64_MAX,
     "bytes of a database up to which a start reads all of it, pages, rows and sums; of a larger one it reads what it "
     "loads"},
    {"row_check_interval_ms", &S::row_check_interval_ms, 0, 0, kYear,
     "ms between background checks of every stored row, the first of them at the start; 0: none"},
    {"check_pace_percent", &S::check_pace_percent, 5, 1, 100,
     "share of the time in which a background check works; it rests meanwhile"},
    {"strict_failure_text", &S::strict_failure_text, 1, 0, 1,
     "1 refuses a task_failed whose text is too long or no string, as v1.1 did; 0 cuts or converts it"},
};

}  // namespace

std::span<const SettingInfo> setting_infos() { return kInfos; }

Settings v11_profile() {
    Settings settings;
    for (const SettingInfo& info : kInfos) settings.*info.member = info.v11;
    return settings;
}

Status set_setting(Settings& settings, std::string_view name, std::string_view value) {
    for (const SettingInfo& info : kInfos) {
        if (info.name != name) continue;
        int64_t number = 0;
        const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
        if (error != std::errc{} || end != value.data() + value.size() || number < info.minimum ||
            number > info.maximum) {
            return Status(Error{"bad_value", 422, Blame::client,
                                std::string(name) + " must be a whole number from " + std::to_string(info.minimum) +
                                    " to " + std::to_string(info.maximum) + ", not \"" + std::string(value) + "\""});
        }
        settings.*info.member = number;
        return {};
    }
    return Status(Error{"unknown_setting", 422, Blame::client, "there is no setting called " + std::string(name)});
}

Status check_settings(const Settings& settings) {
    const auto contradiction = [](std::string text) {
        return Status(Error{"contradicting_settings", 422, Blame::client, std::move(text)});
    };
    if (settings.retry_delay_ms > settings.retry_delay_max_ms) {
        return contradiction("retry_delay_ms is above retry_delay_max_ms");
    }
    if (settings.reject_backoff_ms > settings.unresponsive_backoff_max_ms) {
        return contradiction("reject_backoff_ms is above unresponsive_backoff_max_ms");
    }
    if (settings.cooldown_third_ms > settings.cooldown_forget_ms) {
        return contradiction("cooldown_third_ms is above cooldown_forget_ms: it would be over before its time");
    }
    if (settings.delivery_retry_ms > settings.delivery_retry_max_ms) {
        return contradiction("delivery_retry_ms is above delivery_retry_max_ms");
    }
    if (settings.ping_interval_ms > 0 && settings.ping_interval_ms >= settings.idle_timeout_ms) {
        return contradiction("ping_interval_ms is not below idle_timeout_ms: silent clients would always be closed");
    }
    return {};
}

}  // namespace agentcom
