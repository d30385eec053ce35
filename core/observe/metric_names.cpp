#include "core/observe/metric_names.hpp"

#include <algorithm>

namespace agentcom {

namespace {

using enum MetricType;
using enum MetricFold;
constexpr MetricUnit kNone = MetricUnit::none;
constexpr MetricUnit kMs = MetricUnit::ms;
constexpr MetricUnit kUs = MetricUnit::us;
constexpr MetricUnit kBytes = MetricUnit::bytes;
constexpr MetricUnit kPercent = MetricUnit::percent;
constexpr bool kOfHub = true;
constexpr bool kOfWorkspace = false;

using M = Metric;

constexpr std::array kInfos = {
    MetricInfo{M::queue_depth, "queue_depth", kOfWorkspace, gauge, kNone, mean, "agentcom_tasks", "state=\"queued\"",
               "Tasks that wait in the queue for an agent."},
    MetricInfo{M::held_tasks, "held_tasks", kOfWorkspace, gauge, kNone, mean, "agentcom_tasks", "state=\"held\"",
               "Tasks that wait for something before they queue."},
    MetricInfo{M::assigned_tasks, "assigned_tasks", kOfWorkspace, gauge, kNone, mean, "agentcom_tasks",
               "state=\"assigned\"", "Tasks that were given out and not accepted yet."},
    MetricInfo{M::working_tasks, "working_tasks", kOfWorkspace, gauge, kNone, mean, "agentcom_tasks",
               "state=\"working\"", "Tasks at work."},
    MetricInfo{M::dead_letters, "dead_letters", kOfWorkspace, gauge, kNone, maximum, "agentcom_tasks",
               "state=\"dead_letter\"", "Tasks that failed for the last time and wait for a person."},
    MetricInfo{M::oldest_queued_ms, "oldest_queued_ms", kOfWorkspace, gauge, kMs, maximum,
               "agentcom_oldest_queued_task_age_seconds", "", "How long the task has waited that queues longest."},
    MetricInfo{M::stuck_tasks, "stuck_tasks", kOfWorkspace, gauge, kNone, maximum, "agentcom_stuck_tasks", "",
               "Running tasks that are marked stuck."},
    MetricInfo{M::agents_online, "agents_online", kOfWorkspace, gauge, kNone, mean, "agentcom_agents_online", "",
               "Agents with an open socket."},
    MetricInfo{M::agents_idle, "agents_idle", kOfWorkspace, gauge, kNone, mean, "agentcom_agents", "state=\"idle\"",
               "Agents that are there and hold no task."},
    MetricInfo{M::agents_working, "agents_working", kOfWorkspace, gauge, kNone, mean, "agentcom_agents",
               "state=\"working\"", "Agents that hold a task."},
    MetricInfo{M::agents_blocked, "agents_blocked", kOfWorkspace, gauge, kNone, mean, "agentcom_agents",
               "state=\"blocked\"", "Agents that wait for a person's answer."},
    MetricInfo{M::agents_registered, "agents_registered", kOfWorkspace, gauge, kNone, maximum,
               "agentcom_agents_registered", "", "Agents that are registered."},
    MetricInfo{M::failure_rate_pct, "failure_rate_pct", kOfWorkspace, gauge, kPercent, maximum, "", "",
               "Failures and dead letters among all ends of attempts within the last hour."},
    MetricInfo{M::wait_p50_ms, "wait_p50_ms", kOfWorkspace, gauge, kMs, maximum, "", "",
               "Median of the time in the queue of tasks given out within the last hour."},
    MetricInfo{M::wait_p99_ms, "wait_p99_ms", kOfWorkspace, gauge, kMs, maximum, "", "",
               "99th percentile of the time in the queue of tasks given out within the last hour."},
    MetricInfo{M::run_p50_ms, "run_p50_ms", kOfWorkspace, gauge, kMs, maximum, "", "",
               "Median of the time from assignment to completion within the last hour."},
    MetricInfo{M::run_p99_ms, "run_p99_ms", kOfWorkspace, gauge, kMs, maximum, "", "",
               "99th percentile of the time from assignment to completion within the last hour."},
    MetricInfo{M::tasks_submitted, "tasks_submitted", kOfWorkspace, counter, kNone, mean,
               "agentcom_tasks_submitted_total", "", "Tasks that were submitted or taken over from another hub."},
    MetricInfo{M::tasks_assigned, "tasks_assigned", kOfWorkspace, counter, kNone, mean, "agentcom_tasks_assigned_total",
               "", "Times that a task was given out."},
    MetricInfo{M::tasks_completed, "tasks_completed", kOfWorkspace, counter, kNone, mean,
               "agentcom_tasks_completed_total", "", "Tasks that completed."},
    MetricInfo{M::tasks_failed, "tasks_failed", kOfWorkspace, counter, kNone, mean, "agentcom_tasks_failed_total", "",
               "Failures after which the task is tried again."},
    MetricInfo{M::tasks_dead_lettered, "tasks_dead_lettered", kOfWorkspace, counter, kNone, mean,
               "agentcom_tasks_dead_lettered_total", "", "Tasks that became dead letters."},
    MetricInfo{M::tasks_reclaimed, "tasks_reclaimed", kOfWorkspace, counter, kNone, mean,
               "agentcom_tasks_reclaimed_total", "", "Times that a task was taken back from its holder."},
    MetricInfo{M::tasks_returned, "tasks_returned", kOfWorkspace, counter, kNone, mean, "agentcom_tasks_returned_total",
               "", "Times that a holder rejected or released a task."},
    MetricInfo{M::tasks_cancelled, "tasks_cancelled", kOfWorkspace, counter, kNone, mean,
               "agentcom_tasks_cancelled_total", "", "Tasks that were cancelled."},
    MetricInfo{M::tasks_retried, "tasks_retried", kOfWorkspace, counter, kNone, mean, "agentcom_tasks_retried_total",
               "", "Dead letters that somebody put back into the queue."},
    MetricInfo{M::messages, "messages", kOfWorkspace, counter, kNone, mean, "agentcom_messages_total", "",
               "Messages since the data directory was made."},
    MetricInfo{M::events, "events", kOfWorkspace, counter, kNone, mean, "agentcom_events_total", "",
               "Entries of the event log since the data directory was made."},
    MetricInfo{M::mail_lost, "mail_lost", kOfWorkspace, counter, kNone, mean, "agentcom_mail_lost_total", "",
               "Events of unread mail that was dropped or expired."},
    MetricInfo{M::messages_undeliverable, "messages_undeliverable", kOfWorkspace, counter, kNone, mean,
               "agentcom_messages_undeliverable_total", "", "Messages for names that nobody has."},
    MetricInfo{M::connections, "connections", kOfHub, gauge, kNone, maximum, "agentcom_connections", "",
               "Open sockets of whatever kind."},
    MetricInfo{M::outbox_bytes, "outbox_bytes", kOfHub, gauge, kBytes, maximum, "agentcom_outbox_bytes", "",
               "Bytes that wait for readers to take them."},
    MetricInfo{M::receive_bytes, "receive_bytes", kOfHub, gauge, kBytes, maximum, "agentcom_receive_buffer_bytes", "",
               "Half-received bytes."},
    MetricInfo{M::turns_in_flight, "turns_in_flight", kOfHub, gauge, kNone, maximum, "agentcom_turns_in_flight", "",
               "Turns whose answers wait for the store."},
    MetricInfo{M::loop_lag_us, "loop_lag_us", kOfHub, gauge, kUs, maximum, "agentcom_loop_lag_seconds", "",
               "The longest that the network thread came too late, in the last sample."},
    MetricInfo{M::commits, "commits", kOfHub, counter, kNone, mean, "", "", "Transactions of the store."},
    MetricInfo{M::commit_p50_us, "commit_p50_us", kOfHub, gauge, kUs, maximum, "", "",
               "Median of the time that a transaction took, within the last minute."},
    MetricInfo{M::commit_p99_us, "commit_p99_us", kOfHub, gauge, kUs, maximum, "", "",
               "99th percentile of the time that a transaction took, within the last minute."},
    MetricInfo{M::commit_max_us, "commit_max_us", kOfHub, gauge, kUs, maximum, "", "",
               "The longest transaction of the last minute."},
    MetricInfo{M::turn_p99_us, "turn_p99_us", kOfHub, gauge, kUs, maximum, "", "",
               "99th percentile of the time that a turn took, within the last minute."},
    MetricInfo{M::memory_bytes, "memory_bytes", kOfHub, gauge, kBytes, maximum, "agentcom_memory_bytes", "",
               "Resident memory of the hub."},
    MetricInfo{M::database_bytes, "database_bytes", kOfHub, gauge, kBytes, maximum, "agentcom_database_bytes", "",
               "Size of hub.db."},
    MetricInfo{M::wal_bytes, "wal_bytes", kOfHub, gauge, kBytes, maximum, "agentcom_wal_bytes", "",
               "Size of hub.db-wal."},
    MetricInfo{M::disk_free_bytes, "disk_free_bytes", kOfHub, gauge, kBytes, minimum, "agentcom_disk_free_bytes", "",
               "Free space on the disk of the data directory."},
    MetricInfo{M::disk_free_pct, "disk_free_pct", kOfHub, gauge, kPercent, minimum, "", "",
               "Free space on the disk of the data directory."},
    MetricInfo{M::read_only, "read_only", kOfHub, gauge, kNone, maximum, "agentcom_read_only", "",
               "1 while the store fails and writes are refused."},
    MetricInfo{M::backup_age_ms, "backup_age_ms", kOfHub, gauge, kMs, maximum, "agentcom_backup_age_seconds", "",
               "Time since the last good backup."},
    MetricInfo{M::core_faults, "core_faults", kOfHub, counter, kNone, mean, "agentcom_core_faults_total", "",
               "Inputs that broke an invariant of the hub."},
    MetricInfo{M::outboxes_closed, "outboxes_closed", kOfHub, counter, kNone, mean, "agentcom_slow_readers_total", "",
               "Readers that were closed because they were too slow."},
    MetricInfo{M::rows_lost, "rows_lost", kOfHub, gauge, kNone, maximum, "agentcom_rows_lost", "",
               "Stored rows that are missing or damaged."},
};

constexpr bool are_in_order() {
    for (size_t i = 0; i < kInfos.size(); ++i) {
        if (static_cast<size_t>(kInfos[i].metric) != i) return false;
    }
    return true;
}
static_assert(kInfos.size() == kMetrics && are_in_order(), "metric_info finds a figure by its number");

}  // namespace

std::span<const MetricInfo> metric_infos() { return kInfos; }
const MetricInfo& metric_info(Metric metric) { return kInfos.at(static_cast<size_t>(metric)); }

const MetricInfo* find_metric(std::string_view name) {
    const auto* const found =
        std::find_if(kInfos.begin(), kInfos.end(), [name](const MetricInfo& info) { return info.name == name; });
    return found == kInfos.end() ? nullptr : found;
}

std::string_view to_text(MetricType type) { return type == counter ? "counter" : "gauge"; }

std::string_view to_text(MetricUnit unit) {
    switch (unit) {
        case MetricUnit::none:
            return "";
        case MetricUnit::ms:
            return "ms";
        case MetricUnit::us:
            return "us";
        case MetricUnit::bytes:
            return "bytes";
        case MetricUnit::percent:
            return "percent";
    }
    return "";
}

}  // namespace agentcom
