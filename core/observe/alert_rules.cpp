#include "core/observe/alert_rules.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "core/base/assert.hpp"
#include "core/base/json.hpp"
#include "core/observe/metrics.hpp"

namespace agentcom {

namespace {

constexpr size_t kTasksNamed = 5;
constexpr size_t kTasksListed = 100;

std::string number(int64_t value) { return std::to_string(value); }

/// One decimal, as v1.1 writes it.
std::string tenths(int64_t value) { return number(value / 10) + "." + number(value % 10); }

std::string megabytes(int64_t bytes) { return number(bytes / 1'000'000) + " MB"; }

const MachineSample* machine(const AlertLook& look) {
    const HubFigures& hub = look.ctx.metrics->hub();
    return hub.known ? &hub.last : nullptr;
}

TaskCounts last_hour(const AlertLook& look) {
    const WorkspaceFigures* figures = look.ctx.metrics->find(look.workspace);
    return figures == nullptr ? TaskCounts{} : figures->counts.total(look.ctx.now.mono_us);
}

// -- of a workspace ---------------------------------------------------------------------------------------------------

AlertFinding look_queue_growing(const AlertLook& look) {
    const int64_t depth = figure(figures_of(look.ctx, look.workspace), Metric::queue_depth);
    AlertWatchRow& watch = look.watch;
    watch.grown_checks = watch.last_value && depth > *watch.last_value ? watch.grown_checks + 1 : 0;
    watch.last_value = depth;
    AlertFinding finding;
    // It begins after so many steps up, and goes on as long as there is one more.
    finding.bad = watch.grown_checks >= (look.active ? 1 : look.thresholds.queue_growing_checks);
    finding.message = "Queue growing: depth increased for " + number(watch.grown_checks) +
                      " consecutive checks (current: " + number(depth) + ")";
    json::Writer details;
    details.begin_object().member("consecutive_increases", watch.grown_checks).member("current_depth", depth);
    details.end_object();
    finding.details = details.take();
    return finding;
}

AlertFinding look_failure_rate(const AlertLook& look) {
    const TaskCounts counts = last_hour(look);
    const int64_t total = counts.ended();
    const int64_t rate_tenths = total == 0 ? 0 : (counts.bad() * 1'000 + total / 2) / total;
    AlertFinding finding;
    finding.bad = total > 0 && rate_tenths > look.thresholds.failure_rate_pct * 10;
    finding.message = "High failure rate: " + tenths(rate_tenths) + "% (" + number(counts.bad()) + "/" + number(total) +
                      " tasks failed in last hour)";
    json::Writer details;
    details.begin_object().raw_member("failure_rate_pct", tenths(rate_tenths)).member("failed", counts.bad());
    details.member("total_tasks", total).end_object();
    finding.details = details.take();
    return finding;
}

/// Running tasks without progress for so long, the longest first: (progress_us, task).
std::vector<std::pair<int64_t, std::string>> stuck_tasks(const AlertLook& look) {
    const Context& ctx = look.ctx;
    const Indexes& indexes = ctx.tables.indexes();
    const int64_t before_us = ctx.now.mono_us - us_from_ms(look.thresholds.stuck_task_ms);
    std::vector<std::pair<int64_t, std::string>> stuck;
    if (look.thresholds.stuck_task_ms >= ctx.settings.stuck_after_ms) {
        // The hub has marked them: no need to look at every lease.
        if (const auto marked = indexes.stuck_leases.find(look.workspace); marked != indexes.stuck_leases.end()) {
            for (const auto& each : marked->second) {
                if (each.first <= before_us) stuck.push_back(each);
            }
        }
        return stuck;
    }
    for (auto held = indexes.leases.lower_bound({look.workspace, ""}); held != indexes.leases.end(); ++held) {
        if (held->first.first != look.workspace) break;
        for (const std::string& task : held->second) {
            const LeaseRow* lease = ctx.tables.find<LeaseRow>({look.workspace, task});
            const RunRow* run = ctx.tables.find<RunRow>({look.workspace, task});
            const bool asks = run != nullptr && run->question;
            if (lease != nullptr && !asks && lease->progress_us <= before_us)
                stuck.emplace_back(lease->progress_us, task);
        }
    }
    std::sort(stuck.begin(), stuck.end());
    return stuck;
}

AlertFinding look_stuck_tasks(const AlertLook& look) {
    const std::vector<std::pair<int64_t, std::string>> stuck = stuck_tasks(look);
    AlertFinding finding;
    finding.severity = AlertSeverity::critical;
    finding.bad = !stuck.empty();
    if (!finding.bad) return finding;
    const auto count = static_cast<int64_t>(stuck.size());
    finding.message = number(count) + (count == 1 ? " task stuck: " : " tasks stuck: ");
    json::Writer details;
    details.begin_object().key("task_ids").begin_array();
    for (size_t i = 0; i < std::min(stuck.size(), kTasksListed); ++i) {
        if (i < kTasksNamed) finding.message += (i == 0 ? "" : ", ") + stuck[i].second;
        details.string(stuck[i].second);
    }
    finding.message +=
        " (>" + number(std::max<int64_t>(1, look.thresholds.stuck_task_ms / kMsPerMinute)) + " min without progress)";
    details.end_array().member("stuck_duration_ms", ms_from_us(look.ctx.now.mono_us - stuck.front().first));
    details.member("stuck_tasks", count).end_object();
    finding.details = details.take();
    return finding;
}

AlertFinding look_no_agents(const AlertLook& look) {
    const Figures figures = figures_of(look.ctx, look.workspace);
    const WorkspaceFigures* known = look.ctx.metrics->find(look.workspace);
    const int64_t seen_at = known == nullptr ? 0 : known->agents_seen_at;
    const int64_t registered = figure(figures, Metric::agents_registered);
    AlertFinding finding;
    finding.severity = AlertSeverity::critical;
    // Who has not been there for a day is not missed: the fleet has gone for good.
    finding.bad =
        figure(figures, Metric::agents_online) == 0 && seen_at > 0 && look.ctx.now.wall_ms - seen_at < kMsPerDay;
    finding.message = "No agents online (" + number(registered) + " registered)";
    json::Writer details;
    details.begin_object().member("total_agents", registered).member("last_seen_at", seen_at).end_object();
    finding.details = details.take();
    return finding;
}

AlertFinding look_error_count(const AlertLook& look) {
    const TaskCounts counts = last_hour(look);
    AlertFinding finding;
    finding.bad = counts.bad() > look.thresholds.error_count_hour;
    finding.message = "High error count: " + number(counts.bad()) +
                      " failures in the last hour (threshold: " + number(look.thresholds.error_count_hour) + ")";
    json::Writer details;
    details.begin_object().member("failed", counts.bad()).member("threshold", look.thresholds.error_count_hour);
    details.member("dead_letter", counts.of(Counter::dead_lettered)).end_object();
    finding.details = details.take();
    return finding;
}

// -- of the hub -------------------------------------------------------------------------------------------------------

AlertFinding look_storage(const AlertLook& look) {
    AlertFinding finding;
    finding.severity = AlertSeverity::critical;
    const StorageStateRow* files = look.ctx.tables.find<StorageStateRow>({0});
    const std::string damage = files == nullptr ? std::string() : files->damage;
    finding.bad = look.ctx.read_only() || !damage.empty();
    finding.message = look.ctx.read_only() ? "The store fails: the hub refuses writes until it works again"
                                           : "The database is or was damaged: " + damage;
    return finding;
}

AlertFinding look_rows_lost(const AlertLook& look) {
    AlertFinding finding;
    finding.severity = AlertSeverity::critical;
    const MachineSample* sample = machine(look);
    if (sample == nullptr) return finding;
    finding.bad = sample->rows_lost > 0;
    finding.message = number(sample->rows_lost) + " stored rows are missing or damaged";
    json::Writer details;
    details.begin_object().member("rows_lost", sample->rows_lost).end_object();
    finding.details = details.take();
    return finding;
}

AlertFinding look_core_fault(const AlertLook& look) {
    AlertFinding finding;
    finding.severity = AlertSeverity::critical;
    const HubFigures& hub = look.ctx.metrics->hub();
    finding.bad = hub.last_fault_us >= 0 && look.ctx.now.mono_us - hub.last_fault_us < kUsPerHour;
    finding.message = number(hub.last.core_faults) +
                      " inputs broke an invariant of the hub since it started; see the directory faults";
    json::Writer details;
    details.begin_object().member("core_faults", hub.last.core_faults).end_object();
    finding.details = details.take();
    return finding;
}

AlertFinding look_disk(const AlertLook& look) {
    AlertFinding finding;
    const MachineSample* sample = machine(look);
    if (sample == nullptr || sample->disk_total_bytes <= 0 || sample->disk_free_bytes < 0) return finding;
    const Settings& settings = look.ctx.settings;
    const int64_t percent = sample->disk_free_bytes / (sample->disk_total_bytes / 100 + 1);
    finding.bad = percent < settings.disk_free_warning_pct;
    finding.severity = percent < settings.disk_free_critical_pct ? AlertSeverity::critical : AlertSeverity::warning;
    finding.message = "The disk of the data directory is nearly full: " + megabytes(sample->disk_free_bytes) +
                      " free (" + number(percent) + "%)";
    json::Writer details;
    details.begin_object().member("free_bytes", sample->disk_free_bytes);
    details.member("total_bytes", sample->disk_total_bytes).member("free_pct", percent).end_object();
    finding.details = details.take();
    return finding;
}

AlertFinding look_database_size(const AlertLook& look) {
    AlertFinding finding;
    const MachineSample* sample = machine(look);
    if (sample == nullptr) return finding;
    const Settings& settings = look.ctx.settings;
    const int64_t bytes = sample->database_bytes;
    finding.bad = bytes >= settings.database_notice_bytes;
    finding.severity = bytes >= settings.database_critical_bytes  ? AlertSeverity::critical
                       : bytes >= settings.database_warning_bytes ? AlertSeverity::warning
                                                                  : AlertSeverity::notice;
    finding.message = "The database has grown to " + megabytes(bytes);
    json::Writer details;
    details.begin_object().member("database_bytes", bytes).end_object();
    finding.details = details.take();
    return finding;
}

AlertFinding look_backup(const AlertLook& look) {
    AlertFinding finding;
    const MachineSample* sample = machine(look);
    if (sample == nullptr || sample->backup_interval_ms <= 0) return finding;
    const HubRow* hub = look.ctx.tables.find<HubRow>({0});
    // A new hub has its first backup still before it.
    const int64_t since = std::max(sample->last_backup_at, hub == nullptr ? 0 : hub->created_at);
    const int64_t age_ms = look.ctx.now.wall_ms - since;
    finding.bad = age_ms / 2 > sample->backup_interval_ms;
    finding.message = sample->last_backup_at == 0 ? "There is no backup, though one is planned every " +
                                                        number(sample->backup_interval_ms / kMsPerHour) + " h"
                                                  : "The last good backup is " + number(age_ms / kMsPerHour) + " h old";
    json::Writer details;
    details.begin_object().member("last_backup_at", sample->last_backup_at);
    details.member("backup_interval_ms", sample->backup_interval_ms).end_object();
    finding.details = details.take();
    return finding;
}

AlertFinding look_commit_latency(const AlertLook& look) {
    AlertFinding finding;
    const Histogram& commits = look.ctx.metrics->hub().commit_us;
    const int64_t p99_ms = ms_from_us(commits.percentile(990));
    finding.bad = p99_ms > look.ctx.settings.commit_latency_alert_ms;
    finding.message = "Commits are slow: the 99th percentile of the last minute is " + number(p99_ms) + " ms";
    json::Writer details;
    details.begin_object().member("commit_p99_ms", p99_ms).member("commits", commits.count());
    details.member("threshold_ms", look.ctx.settings.commit_latency_alert_ms).end_object();
    finding.details = details.take();
    return finding;
}

// -- the table --------------------------------------------------------------------------------------------------------

using T = config::AlertThresholds;
constexpr auto kWarning = AlertSeverity::warning;
constexpr auto kCritical = AlertSeverity::critical;
constexpr int64_t kHourMs = kMsPerHour;

constexpr std::array kRules = {
    AlertRule{"queue_growing",
              false,
              kWarning,
              {.clear_after = 3},
              &T::queue_growing_cooldown_ms,
              look_queue_growing,
              "The queue was longer at each of the last checks."},
    AlertRule{"high_failure_rate",
              false,
              kWarning,
              {.clear_after = 2},
              &T::high_failure_rate_cooldown_ms,
              look_failure_rate,
              "Too large a part of the attempts of the last hour failed."},
    AlertRule{"stuck_tasks",
              false,
              kCritical,
              {},
              &T::stuck_tasks_cooldown_ms,
              look_stuck_tasks,
              "Running tasks make no progress."},
    AlertRule{"no_agents_online",
              false,
              kCritical,
              {.raise_after = 2},
              &T::no_agents_online_cooldown_ms,
              look_no_agents,
              "No agent is there, though there were some within the last day."},
    AlertRule{"high_error_rate",
              false,
              kWarning,
              {.clear_after = 2},
              &T::high_error_rate_cooldown_ms,
              look_error_count,
              "Too many attempts of the last hour failed."},
    AlertRule{"storage_failure",
              true,
              kCritical,
              {.clear_after = 2},
              nullptr,
              look_storage,
              "The store cannot write, or stored data are damaged."},
    AlertRule{"rows_lost",
              true,
              kCritical,
              {.rest_ms = kHourMs},
              nullptr,
              look_rows_lost,
              "Stored rows are missing or damaged."},
    AlertRule{"core_fault",
              true,
              kCritical,
              {.rest_ms = kHourMs},
              nullptr,
              look_core_fault,
              "An input broke an invariant of the hub within the last hour."},
    AlertRule{"disk_nearly_full",
              true,
              kWarning,
              {.clear_after = 2, .rest_ms = kHourMs},
              nullptr,
              look_disk,
              "The disk of the data directory is nearly full."},
    AlertRule{"database_size",
              true,
              AlertSeverity::notice,
              {.clear_after = 2, .repeats = false},
              nullptr,
              look_database_size,
              "hub.db has grown beyond a bound."},
    AlertRule{"stale_backup",
              true,
              kWarning,
              {.rest_ms = 24 * kHourMs},
              nullptr,
              look_backup,
              "A backup is overdue by more than its interval."},
    AlertRule{"commit_latency",
              true,
              kWarning,
              {.raise_after = 3, .clear_after = 3, .rest_ms = kHourMs},
              nullptr,
              look_commit_latency,
              "Commits of the store are slow."},
};

bool holds(Comparison op, int64_t value, int64_t threshold) {
    switch (op) {
        case Comparison::above:
            return value > threshold;
        case Comparison::at_least:
            return value >= threshold;
        case Comparison::below:
            return value < threshold;
        case Comparison::at_most:
            return value <= threshold;
    }
    return false;
}

}  // namespace

std::span<const AlertRule> alert_rules() { return kRules; }

const AlertRule* find_alert_rule(std::string_view id) {
    const auto* const found =
        std::find_if(kRules.begin(), kRules.end(), [id](const AlertRule& rule) { return rule.id == id; });
    return found == kRules.end() ? nullptr : found;
}

AlertFinding look_by_rule(const Context& ctx, const AlertRuleRow& rule) {
    AlertFinding finding;
    finding.severity = rule.severity;
    const MetricInfo* info = find_metric(rule.metric);
    // A figure of another version: the rule rests until somebody changes it.
    if (info == nullptr) return finding;
    const int64_t value = figure_for_rules(ctx, rule.workspace, info->metric);
    if (value == kUnknownFigure) return finding;
    finding.bad = holds(rule.op, value, rule.threshold);
    finding.message = rule.message.empty() ? rule.metric + " is " + number(value) + " (" +
                                                 std::string(to_text(rule.op)) + " " + number(rule.threshold) + ")"
                                           : rule.message;
    json::Writer details;
    details.begin_object().member("metric", rule.metric).member("value", value).member("op", to_text(rule.op));
    details.member("threshold", rule.threshold).end_object();
    finding.details = details.take();
    return finding;
}

AlertTempo tempo_of(const Context& ctx, const AlertRuleRow& rule) {
    AlertTempo tempo;
    tempo.for_ms = rule.for_ms;
    tempo.rest_ms = std::max(kMsPerHour, ctx.settings.alert_rest_ms);
    return tempo;
}

AlertTempo tempo_of(const Context& ctx, const AlertRule& rule, const config::AlertThresholds& thresholds) {
    AlertTempo tempo = rule.tempo;
    if (rule.rest_ms != nullptr) tempo.rest_ms = thresholds.*rule.rest_ms;
    tempo.rest_ms = std::max(tempo.rest_ms, ctx.settings.alert_rest_ms);
    return tempo;
}

}  // namespace agentcom
