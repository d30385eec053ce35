// Every figure by name: the one table from which the JSON of /api/metrics, the text for Prometheus, the history and the
// rules of alerts take names, units and meanings.
//
// Values are whole numbers in the unit that the table says. A counter only grows while the hub runs; in the history it
// is shown by how much it grew, and a rule holds its growth within the last hour against the threshold.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace agentcom {

/// The number of a figure is written down in the history: never reuse one.
enum class Metric : uint8_t {
    // of a workspace
    queue_depth = 0,
    held_tasks,
    assigned_tasks,
    working_tasks,
    dead_letters,
    oldest_queued_ms,
    stuck_tasks,
    agents_online,
    agents_idle,
    agents_working,
    agents_blocked,
    agents_registered,
    failure_rate_pct,
    wait_p50_ms,
    wait_p99_ms,
    run_p50_ms,
    run_p99_ms,
    tasks_submitted,
    tasks_assigned,
    tasks_completed,
    tasks_failed,
    tasks_dead_lettered,
    tasks_reclaimed,
    tasks_returned,
    tasks_cancelled,
    tasks_retried,
    messages,
    events,
    mail_lost,
    messages_undeliverable,
    // of the hub
    connections,
    outbox_bytes,
    receive_bytes,
    turns_in_flight,
    loop_lag_us,
    commits,
    commit_p50_us,
    commit_p99_us,
    commit_max_us,
    turn_p99_us,
    memory_bytes,
    database_bytes,
    wal_bytes,
    disk_free_bytes,
    disk_free_pct,
    read_only,
    backup_age_ms,
    core_faults,
    outboxes_closed,
    rows_lost,
};
inline constexpr size_t kMetrics = static_cast<size_t>(Metric::rows_lost) + 1;

/// A value of each figure; those that are not known are kUnknownFigure.
using Figures = std::array<int64_t, kMetrics>;
inline constexpr int64_t kUnknownFigure = -1;

enum class MetricType : uint8_t { gauge, counter };
enum class MetricUnit : uint8_t { none, ms, us, bytes, percent };
/// What stands for several samples in the history: of a counter always their sum.
enum class MetricFold : uint8_t { mean, maximum, minimum };

struct MetricInfo {
    Metric metric{};
    std::string_view name;
    bool of_hub = false;  ///< else of a workspace
    MetricType type = MetricType::gauge;
    MetricUnit unit = MetricUnit::none;
    MetricFold fold = MetricFold::mean;
    /// In the text for Prometheus, in base units; "" = a histogram says it there.
    std::string_view prometheus;
    std::string_view label;  ///< `state="queued"`; "" = none
    std::string_view help;
};

/// In the order of their numbers.
std::span<const MetricInfo> metric_infos();
const MetricInfo& metric_info(Metric);
/// nullptr: there is no figure of that name.
const MetricInfo* find_metric(std::string_view name);
std::string_view to_text(MetricType);
std::string_view to_text(MetricUnit);

inline int64_t& figure(Figures& figures, Metric metric) { return figures.at(static_cast<size_t>(metric)); }
inline int64_t figure(const Figures& figures, Metric metric) { return figures.at(static_cast<size_t>(metric)); }

}  // namespace agentcom
