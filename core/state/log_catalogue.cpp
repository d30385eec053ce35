#include "core/state/log_catalogue.hpp"

#include <algorithm>
#include <array>

namespace agentcom {

namespace {

using Where = Component;
using How = Severity;

// By name.
constexpr std::array kKinds = {
    LogKind{"admin_token_created", Where::access, How::notice, "", "the first start made the administrator's token"},
    LogKind{"agent_connected", Where::agents, How::debug, "",
            "a socket has identified, perhaps in place of another one"},
    LogKind{"agent_offline", Where::agents, How::info, "agent_id", "the agent's socket has gone"},
    LogKind{"agent_online", Where::agents, How::info, "agent_id", "the agent has identified and was not there before"},
    LogKind{"agent_registered", Where::agents, How::info, "agent_id", "the name is used for the first time"},
    LogKind{"channel_created", Where::messages, How::info, "channel", "there is a new channel"},
    LogKind{"channel_subscribed", Where::messages, How::info, "channel",
            "an agent gets the channel's messages from now on"},
    LogKind{"channel_unsubscribed", Where::messages, How::info, "channel", "an agent has left the channel"},
    LogKind{"clock_jumped", Where::hub, How::warning, "", "the wall clock was set; instants rest for a minute"},
    LogKind{"commit_failed", Where::storage, How::error, "", "a transaction was refused: nothing of it counts"},
    LogKind{"config_set", Where::hub, How::notice, "name", "an administrator changed a value of the configuration"},
    LogKind{"config_unset", Where::hub, How::notice, "name", "an administrator took a value of the configuration back"},
    LogKind{"core_fault", Where::hub, How::error, "",
            "a broken invariant: the input was dropped and saved under faults/"},
    LogKind{"giving_up", Where::hub, How::error, "", "three faults in a minute: the hub ends with exit code 70"},
    LogKind{"hub_reset", Where::hub, How::notice, "subject", "an administrator asked for a reset"},
    LogKind{"imported", Where::hub, How::notice, "source", "something was taken over from another hub"},
    LogKind{"invite_created", Where::access, How::info, "invite_id", "an administrator made an invite code"},
    LogKind{"invite_revoked", Where::access, How::notice, "invite_id", "an administrator ended an invite code"},
    LogKind{"invite_used", Where::access, How::info, "invite_id", "somebody registered with an invite code"},
    LogKind{"libwebsockets_error", Where::network, How::error, "", "the network library reports an error"},
    LogKind{"libwebsockets_warning", Where::network, How::warning, "", "the network library warns"},
    LogKind{"limits_off", Where::limits, How::warning, "", "the hub was started without rate limits"},
    LogKind{"lines_lost", Where::hub, How::warning, "",
            "the log could not be written fast enough; `lines` are missing"},
    LogKind{"lines_suppressed", Where::hub, How::notice, "", "there were `lines` more of `of` within a second"},
    LogKind{"listening", Where::network, How::notice, "", "the hub has started"},
    LogKind{"loaded", Where::storage, How::info, "", "the data directory is read"},
    LogKind{"log_file_failed", Where::hub, How::error, "",
            "the log file cannot be opened; lines go to standard error only"},
    LogKind{"log_level_set", Where::hub, How::notice, "component", "an administrator changed what is logged"},
    LogKind{"mail_dropped", Where::messages, How::warning, "agent_id",
            "unread mail had to go: a mailbox or channel is full"},
    LogKind{"mail_evicted", Where::messages, How::notice, "subject", "an administrator had expired mail removed"},
    LogKind{"mail_expired", Where::messages, How::notice, "agent_id", "unread mail has grown too old"},
    LogKind{"message_undeliverable", Where::messages, How::notice, "agent_id", "a message for a name that nobody has"},
    LogKind{"open_hub", Where::access, How::warning, "", "the hub was started open: who reaches it needs no token"},
    LogKind{"query_failed", Where::storage, How::error, "", "the store could not answer"},
    LogKind{"rate_limit_exempt_set", Where::limits, How::notice, "subject",
            "the list of those without limits was replaced"},
    LogKind{"rate_limit_exempted", Where::limits, How::notice, "subject", "somebody has no limits any more"},
    LogKind{"rate_limit_exemption_removed", Where::limits, How::notice, "subject", "somebody has limits again"},
    LogKind{"rate_limit_removed", Where::limits, How::notice, "subject", "somebody has the limits of everybody again"},
    LogKind{"rate_limit_set", Where::limits, How::notice, "subject", "somebody has limits of their own"},
    LogKind{"rate_limited", Where::limits, How::warning, "", "somebody is over a limit; told once per spell"},
    LogKind{"receive_budget", Where::network, How::warning, "",
            "half-received data took too much room; the largest went"},
    LogKind{"recovered_start", Where::storage, How::notice, "", "the last run did not stop cleanly"},
    LogKind{"request", Where::network, How::debug, "", "an HTTP request was answered"},
    LogKind{"reset_done", Where::hub, How::notice, "", "the reset has happened"},
    LogKind{"stopped", Where::hub, How::notice, "", "the hub has ended"},
    LogKind{"stopping", Where::hub, How::notice, "", "the hub is asked to end and lets its clients know"},
    LogKind{"storage_beyond_recovery", Where::storage, How::error, "", "the file is in no known state: the hub ends"},
    LogKind{"storage_failed", Where::storage, How::error, "", "the hub is read-only until a commit succeeds"},
    LogKind{"storage_recovered", Where::storage, How::notice, "", "writes are possible again"},
    LogKind{"store_upkeep_failed", Where::storage, How::warning, "", "a checkpoint or pruning failed; files grow"},
    LogKind{"task_accepted", Where::tasks, How::info, "task_id", "the agent works on the task"},
    LogKind{"task_assigned", Where::tasks, How::info, "task_id", "the task was given to an agent"},
    LogKind{"task_cancel_requested", Where::tasks, How::info, "task_id", "its holder is asked to stop"},
    LogKind{"task_cancelled", Where::tasks, How::info, "task_id", "the task has ended without a result"},
    LogKind{"task_completed", Where::tasks, How::info, "task_id", "the task has ended with a result"},
    LogKind{"task_dead_letter", Where::tasks, How::warning, "task_id", "the task is given up; see its error"},
    LogKind{"task_imported", Where::tasks, How::info, "task_id", "the task was taken over from another hub"},
    LogKind{"task_note", Where::tasks, How::debug, "task_id", "an agent says something about its task"},
    LogKind{"task_pushed", Where::tasks, How::notice, "task_id", "an administrator gave an agent a task"},
    LogKind{"task_question_withdrawn", Where::tasks, How::info, "task_id",
            "the agent does not wait for an answer any more"},
    LogKind{"task_reclaimed", Where::tasks, How::warning, "task_id",
            "the task was taken from its holder; `cause` says why"},
    LogKind{"task_rejected", Where::tasks, How::notice, "task_id", "the agent does not want the task"},
    LogKind{"task_released", Where::tasks, How::info, "task_id", "the agent gave the task back"},
    LogKind{"task_requeued", Where::tasks, How::info, "task_id", "somebody had the task tried again"},
    LogKind{"task_retried", Where::tasks, How::notice, "task_id", "the task failed and will be tried again"},
    LogKind{"task_said", Where::tasks, How::info, "task_id", "somebody told the task's holder something"},
    LogKind{"task_stuck", Where::tasks, How::warning, "task_id", "no progress for stuck_after_ms"},
    LogKind{"task_submitted", Where::tasks, How::info, "task_id", "there is a new task"},
    LogKind{"task_unblocked", Where::tasks, How::info, "task_id", "what the task waited for has ended"},
    LogKind{"task_unheld", Where::tasks, How::info, "task_id", "the task may start now"},
    LogKind{"task_waiting_input", Where::tasks, How::notice, "task_id", "the agent waits for a person's answer"},
    LogKind{"tls_not_reloaded", Where::network, How::error, "",
            "the renewed certificate is no good; the old one stays"},
    LogKind{"tls_reloaded", Where::network, How::notice, "", "new connections get the renewed certificate"},
    LogKind{"token_created", Where::access, How::info, "agent_id", "there is a new token"},
    LogKind{"token_expired", Where::access, How::info, "agent_id", "a token's time is over"},
    LogKind{"token_revoked", Where::access, How::notice, "agent_id", "a token does not count any more"},
    LogKind{"token_rotated", Where::access, How::notice, "agent_id", "a token was replaced"},
    LogKind{"validation_observed", Where::limits, How::notice, "", "a client sent what will be refused one day"},
    LogKind{"validation_refused", Where::limits, How::notice, "", "a client sent what the contract does not allow"},
    LogKind{"violations_disconnect", Where::limits, How::warning, "", "a socket was closed after too many such frames"},
    LogKind{"write_while_read_only", Where::storage, How::error, "", "a turn changed rows while the store fails"},
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
