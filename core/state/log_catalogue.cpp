#include "core/state/log_catalogue.hpp"

#include <algorithm>
#include <array>

namespace agentcom {

namespace {

using C = Component;
using S = Severity;

// By name.
constexpr std::array kKinds = {
    LogKind{"admin_token_created", C::access, S::notice, "", "the first start made the administrator's token"},
    LogKind{"agent_connected", C::agents, S::debug, "", "a socket has identified, perhaps in place of another one"},
    LogKind{"agent_offline", C::agents, S::info, "agent_id", "the agent's socket has gone"},
    LogKind{"agent_online", C::agents, S::info, "agent_id", "the agent has identified and was not there before"},
    LogKind{"agent_registered", C::agents, S::info, "agent_id", "the name is used for the first time"},
    LogKind{"alert_acknowledged", C::alerts, S::info, "rule_id", "somebody looks after an alert"},
    LogKind{"alert_cleared", C::alerts, S::notice, "rule_id", "an alert is over"},
    LogKind{"alert_fired", C::alerts, S::warning, "rule_id", "something that an operator should know"},
    LogKind{"alert_refired", C::alerts, S::warning, "rule_id", "an alert still stands, and nobody has acknowledged it"},
    LogKind{"alert_rule_removed", C::alerts, S::notice, "rule_id", "somebody removed a rule of alerts"},
    LogKind{"alert_rule_set", C::alerts, S::notice, "rule_id", "somebody made or changed a rule of alerts"},
    LogKind{"backup_complete", C::storage, S::notice, "subject", "there is a new backup, and it was read back whole"},
    LogKind{"backup_failed", C::storage, S::error, "subject", "a backup could not be made; see its error"},
    LogKind{"backup_not_usable", C::storage, S::warning, "",
            "a backup that should take the data's place is damaged, too"},
    LogKind{"channel_created", C::messages, S::info, "channel", "there is a new channel"},
    LogKind{"channel_subscribed", C::messages, S::info, "channel", "an agent gets the channel's messages from now on"},
    LogKind{"channel_unsubscribed", C::messages, S::info, "channel", "an agent has left the channel"},
    LogKind{"clock_jumped", C::hub, S::warning, "", "the wall clock was set; instants rest for a minute"},
    LogKind{"commit_failed", C::storage, S::error, "", "a transaction was refused: nothing of it counts"},
    LogKind{"compaction_complete", C::storage, S::notice, "subject", "free pages were given back to the file system"},
    LogKind{"compaction_failed", C::storage, S::error, "subject", "the database could not be compacted"},
    LogKind{"config_set", C::hub, S::notice, "name", "an administrator changed a value of the configuration"},
    LogKind{"config_unset", C::hub, S::notice, "name", "an administrator took a value of the configuration back"},
    LogKind{"core_fault", C::hub, S::error, "", "a broken invariant: the input was dropped and saved under faults/"},
    LogKind{"database_replaced", C::storage, S::error, "", "a damaged database was put aside; a backup took its place"},
    LogKind{"giving_up", C::hub, S::error, "", "three faults in a minute: the hub ends with exit code 70"},
    LogKind{"hub_reset", C::hub, S::notice, "subject", "an administrator asked for a reset"},
    LogKind{"imported", C::hub, S::notice, "source", "something was taken over from another hub"},
    LogKind{"invite_created", C::access, S::info, "invite_id", "an administrator made an invite code"},
    LogKind{"invite_revoked", C::access, S::notice, "invite_id", "an administrator ended an invite code"},
    LogKind{"invite_used", C::access, S::info, "invite_id", "somebody registered with an invite code"},
    LogKind{"libwebsockets_error", C::network, S::error, "", "the network library reports an error"},
    LogKind{"libwebsockets_warning", C::network, S::warning, "", "the network library warns"},
    LogKind{"limits_off", C::limits, S::warning, "", "the hub was started without rate limits"},
    LogKind{"lines_lost", C::hub, S::warning, "", "the log could not be written fast enough; `lines` are missing"},
    LogKind{"lines_suppressed", C::hub, S::notice, "", "there were `lines` more of `of` within a second"},
    LogKind{"listening", C::network, S::notice, "", "the hub has started"},
    LogKind{"loaded", C::storage, S::info, "", "the data directory is read"},
    LogKind{"log_file_failed", C::hub, S::error, "", "the log file cannot be opened; lines go to standard error only"},
    LogKind{"log_level_set", C::hub, S::notice, "component", "an administrator changed what is logged"},
    LogKind{"mail_dropped", C::messages, S::warning, "agent_id", "unread mail had to go: a mailbox or channel is full"},
    LogKind{"mail_evicted", C::messages, S::notice, "subject", "an administrator had expired mail removed"},
    LogKind{"mail_expired", C::messages, S::notice, "agent_id", "unread mail has grown too old"},
    LogKind{"message_undeliverable", C::messages, S::notice, "agent_id", "a message for a name that nobody has"},
    LogKind{"open_hub", C::access, S::warning, "", "the hub was started open: who reaches it needs no token"},
    LogKind{"push_tested", C::alerts, S::info, "subject", "somebody sent their browsers a test notification"},
    LogKind{"query_failed", C::storage, S::error, "", "the store could not answer"},
    LogKind{"rate_limit_exempt_set", C::limits, S::notice, "subject", "the list of those without limits was replaced"},
    LogKind{"rate_limit_exempted", C::limits, S::notice, "subject", "somebody has no limits any more"},
    LogKind{"rate_limit_exemption_removed", C::limits, S::notice, "subject", "somebody has limits again"},
    LogKind{"rate_limit_removed", C::limits, S::notice, "subject", "somebody has the limits of everybody again"},
    LogKind{"rate_limit_set", C::limits, S::notice, "subject", "somebody has limits of their own"},
    LogKind{"rate_limited", C::limits, S::warning, "", "somebody is over a limit; told once per spell"},
    LogKind{"receive_budget", C::network, S::warning, "", "half-received data took too much room; the largest went"},
    LogKind{"recording_exported", C::hub, S::notice, "subject", "an administrator fetched a part of the recording"},
    LogKind{"recording_failed", C::hub, S::warning, "",
            "the recording could not be written; tried again after a minute"},
    LogKind{"recording_gap", C::hub, S::warning, "", "the recorder could not keep up and left a part out"},
    LogKind{"recovered_start", C::storage, S::notice, "", "the last run did not stop cleanly"},
    LogKind{"recovery_complete", C::storage, S::notice, "subject", "the data are those of a backup now"},
    LogKind{"recovery_failed", C::storage, S::error, "subject", "a backup could not be restored"},
    LogKind{"request", C::network, S::debug, "", "an HTTP request was answered"},
    LogKind{"reset_done", C::hub, S::notice, "", "the reset has happened"},
    LogKind{"restore_failed", C::storage, S::error, "", "a restore that was asked for could not be done"},
    LogKind{"stopped", C::hub, S::notice, "", "the hub has ended"},
    LogKind{"stopping", C::hub, S::notice, "", "the hub is asked to end and lets its clients know"},
    LogKind{"storage_beyond_recovery", C::storage, S::error, "", "the file is in no known state: the hub ends"},
    LogKind{"storage_failed", C::storage, S::error, "", "the hub is read-only until a commit succeeds"},
    LogKind{"storage_job", C::storage, S::notice, "subject",
            "an administrator asked for a backup, compaction or restore"},
    LogKind{"storage_recovered", C::storage, S::notice, "", "writes are possible again"},
    LogKind{"store_upkeep_failed", C::storage, S::warning, "", "a checkpoint or pruning failed; files grow"},
    LogKind{"task_accepted", C::tasks, S::info, "task_id", "the agent works on the task"},
    LogKind{"task_assigned", C::tasks, S::info, "task_id", "the task was given to an agent"},
    LogKind{"task_cancel_requested", C::tasks, S::info, "task_id", "its holder is asked to stop"},
    LogKind{"task_cancelled", C::tasks, S::info, "task_id", "the task has ended without a result"},
    LogKind{"task_completed", C::tasks, S::info, "task_id", "the task has ended with a result"},
    LogKind{"task_dead_letter", C::tasks, S::warning, "task_id", "the task is given up; see its error"},
    LogKind{"task_imported", C::tasks, S::info, "task_id", "the task was taken over from another hub"},
    LogKind{"task_note", C::tasks, S::debug, "task_id", "an agent says something about its task"},
    LogKind{"task_pushed", C::tasks, S::notice, "task_id", "an administrator gave an agent a task"},
    LogKind{"task_question_withdrawn", C::tasks, S::info, "task_id", "the agent does not wait for an answer any more"},
    LogKind{"task_reclaimed", C::tasks, S::warning, "task_id", "the task was taken from its holder; `cause` says why"},
    LogKind{"task_rejected", C::tasks, S::notice, "task_id", "the agent does not want the task"},
    LogKind{"task_released", C::tasks, S::info, "task_id", "the agent gave the task back"},
    LogKind{"task_requeued", C::tasks, S::info, "task_id", "somebody had the task tried again"},
    LogKind{"task_retried", C::tasks, S::notice, "task_id", "the task failed and will be tried again"},
    LogKind{"task_said", C::tasks, S::info, "task_id", "somebody told the task's holder something"},
    LogKind{"task_stuck", C::tasks, S::warning, "task_id", "no progress for stuck_after_ms"},
    LogKind{"task_submitted", C::tasks, S::info, "task_id", "there is a new task"},
    LogKind{"task_unblocked", C::tasks, S::info, "task_id", "what the task waited for has ended"},
    LogKind{"task_unheld", C::tasks, S::info, "task_id", "the task may start now"},
    LogKind{"task_waiting_input", C::tasks, S::notice, "task_id", "the agent waits for a person's answer"},
    LogKind{"tls_not_reloaded", C::network, S::error, "", "the renewed certificate is no good; the old one stays"},
    LogKind{"tls_reloaded", C::network, S::notice, "", "new connections get the renewed certificate"},
    LogKind{"token_created", C::access, S::info, "agent_id", "there is a new token"},
    LogKind{"token_expired", C::access, S::info, "agent_id", "a token's time is over"},
    LogKind{"token_revoked", C::access, S::notice, "agent_id", "a token does not count any more"},
    LogKind{"token_rotated", C::access, S::notice, "agent_id", "a token was replaced"},
    LogKind{"validation_observed", C::limits, S::notice, "", "a client sent what will be refused one day"},
    LogKind{"validation_refused", C::limits, S::notice, "", "a client sent what the contract does not allow"},
    LogKind{"verification_complete", C::storage, S::notice, "subject", "a backup was read and is whole"},
    LogKind{"verification_failed", C::storage, S::error, "subject", "a backup is damaged"},
    LogKind{"violations_disconnect", C::limits, S::warning, "", "a socket was closed after too many such frames"},
    LogKind{"webhook_changed", C::alerts, S::notice, "webhook_id", "an administrator changed a webhook"},
    LogKind{"webhook_created", C::alerts, S::notice, "webhook_id", "an administrator made a webhook"},
    LogKind{"webhook_deleted", C::alerts, S::notice, "webhook_id", "an administrator ended a webhook"},
    LogKind{"webhook_failing", C::alerts, S::warning, "", "a webhook's server does not take what it is sent"},
    LogKind{"webhook_gone", C::alerts, S::warning, "",
            "a webhook's server says that it is gone: nothing is sent any more"},
    LogKind{"webhook_overflow", C::alerts, S::warning, "", "too much waits for a webhook; events are left out"},
    LogKind{"webhook_recovered", C::alerts, S::notice, "", "a webhook's server takes what it is sent again"},
    LogKind{"webhook_secret_renewed", C::alerts, S::notice, "webhook_id",
            "an administrator made a webhook's secret anew"},
    LogKind{"webhook_secrets_not_written", C::storage, S::error, "", "the file of webhook secrets cannot be written"},
    LogKind{"webhook_tested", C::alerts, S::info, "webhook_id", "an administrator sent a webhook a test event"},
    LogKind{"write_while_read_only", C::storage, S::error, "", "a turn changed rows while the store fails"},
};

constexpr bool by_name(const LogKind& a, const LogKind& b) { return a.name < b.name; }
static_assert(std::is_sorted(kKinds.begin(), kKinds.end(), by_name));

}  // namespace

std::span<const LogKind> log_catalogue() { return kKinds; }

const LogKind* find_log_kind(std::string_view name) {
    const auto found =
        std::lower_bound(kKinds.begin(), kKinds.end(), name,
                         [](const LogKind& kind, std::string_view wanted) { return kind.name < wanted; });
    return found == kKinds.end() || found->name != name ? nullptr : &*found;
}

}  // namespace agentcom
