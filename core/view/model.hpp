// The view model: what a screen shows of one workspace, as both front ends draw it.
//
// The hub builds it from its rows (core/hub/dashboard_model.hpp) and sends it whole once, then what changed
// (core/view/frames.hpp). A front end keeps a Model, folds what comes into it, and draws; it computes nothing that is
// not here. All lists are bounded: what is beyond them is counted in `counts` and is to be asked for over HTTP.
//
//     Model model;
//     Result<Change> change = view::take(model, text_of_a_frame);
//     for (const Task* task : view::queue_of(model, 0)) ...
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/view/members.hpp"

namespace agentcom::view {

inline constexpr size_t kAgentsMax = 1'000;
inline constexpr size_t kLeasedMax = 4'000;
inline constexpr size_t kQueuedPerLane = 100;
inline constexpr size_t kHeldMax = 100;
inline constexpr size_t kDeadLettersMax = 100;
inline constexpr size_t kCompletionsMax = 50;
inline constexpr size_t kNeedsMax = 100;

/// Times are Unix ms.
struct Agent {
    std::string agent_id;
    std::string name;                   ///< what it calls itself
    std::string state;                  ///< offline, idle, assigned, working, waiting_input
    std::optional<std::string> status;  ///< its own words
    std::vector<std::string> task_ids;  ///< that it holds
    std::vector<std::string> capabilities;
    std::vector<std::string> flags;  ///< unresponsive, limited, backing_off, exempt
    int64_t slots = 1;
    std::optional<int64_t> connected_at;
    std::optional<int64_t> last_seen_at;  ///< to the second; while it is connected, to five seconds
    std::optional<int64_t> changed_at;    ///< when its state last changed
    int64_t refusals = 0;                 ///< by rate limits, since it was last quiet
    int64_t mail_waiting = 0;             ///< direct messages that it has not yet dealt with
    std::optional<std::string> client_type;
    std::optional<int64_t> protocol_version;

    std::string key() const { return agent_id; }
    bool operator==(const Agent&) const = default;
    template <class Self, class Visit>
    static void members(Self& self, Visit&& visit) {
        visit("agent_id", self.agent_id);
        visit("name", self.name);
        visit("state", self.state);
        visit("status", self.status);
        visit("task_ids", self.task_ids);
        visit("capabilities", self.capabilities);
        visit("flags", self.flags);
        visit("slots", self.slots);
        visit("connected_at", self.connected_at);
        visit("last_seen_at", self.last_seen_at);
        visit("changed_at", self.changed_at);
        visit("refusals", self.refusals);
        visit("mail_waiting", self.mail_waiting);
        visit("client_type", self.client_type);
        visit("protocol_version", self.protocol_version);
    }
};

/// A task that has not ended, or is a dead letter.
struct Task {
    std::string task_id;
    std::string description;  ///< its beginning
    std::string state;        ///< held, queued, assigned, working, waiting_input, dead_letter
    int64_t seq = 0;          ///< counts the tasks of the workspace: the order within a lane
    int64_t priority = 2;     ///< 0 urgent, 1 high, 2 normal, 3 low
    std::optional<std::string> kind;
    std::vector<std::string> labels;
    std::vector<std::string> needed_capabilities;
    std::optional<std::string> target_agent;
    std::string submitted_by;
    int64_t created_at = 0;
    int64_t updated_at = 0;
    std::optional<std::string> agent_id;  ///< who holds it
    int64_t generation = 0;
    std::optional<int64_t> since;     ///< when its holder began
    std::optional<int64_t> progress;  ///< percent, as its holder says
    bool stuck = false;
    std::optional<std::string> output_line;  ///< the last line of its output
    std::optional<std::string> question;     ///< that its holder asks
    Json options;                            ///< the answers it offers: an array of strings, or null
    std::optional<std::string> held_by;      ///< why it is held
    std::optional<std::string> waits_for;    ///< why nobody has it: target_offline, no_capable_agent, ...
    std::optional<int64_t> complete_by;
    int64_t retry_count = 0;
    int64_t max_retries = 0;
    std::optional<std::string> last_error;
    std::optional<std::string> parent_id;

    std::string key() const { return task_id; }
    bool operator==(const Task&) const = default;
    template <class Self, class Visit>
    static void members(Self& self, Visit&& visit) {
        visit("task_id", self.task_id);
        visit("description", self.description);
        visit("state", self.state);
        visit("seq", self.seq);
        visit("priority", self.priority);
        visit("kind", self.kind);
        visit("labels", self.labels);
        visit("needed_capabilities", self.needed_capabilities);
        visit("target_agent", self.target_agent);
        visit("submitted_by", self.submitted_by);
        visit("created_at", self.created_at);
        visit("updated_at", self.updated_at);
        visit("agent_id", self.agent_id);
        visit("generation", self.generation);
        visit("since", self.since);
        visit("progress", self.progress);
        visit("stuck", self.stuck);
        visit("output_line", self.output_line);
        visit("question", self.question);
        visit("options", self.options);
        visit("held_by", self.held_by);
        visit("waits_for", self.waits_for);
        visit("complete_by", self.complete_by);
        visit("retry_count", self.retry_count);
        visit("max_retries", self.max_retries);
        visit("last_error", self.last_error);
        visit("parent_id", self.parent_id);
    }
};

/// A task that ended in this run of the hub.
struct Completion {
    std::string task_id;
    int64_t number = 0;  ///< counts up: the order
    std::string state;   ///< completed, cancelled
    std::string description;
    std::optional<std::string> agent_id;
    int64_t duration_ms = 0;
    std::optional<int64_t> tokens_used;
    std::optional<std::string> pr_url;
    int64_t ended_at = 0;

    std::string key() const { return task_id; }
    bool operator==(const Completion&) const = default;
    template <class Self, class Visit>
    static void members(Self& self, Visit&& visit) {
        visit("task_id", self.task_id);
        visit("number", self.number);
        visit("state", self.state);
        visit("description", self.description);
        visit("agent_id", self.agent_id);
        visit("duration_ms", self.duration_ms);
        visit("tokens_used", self.tokens_used);
        visit("pr_url", self.pr_url);
        visit("ended_at", self.ended_at);
    }
};

/// An alert that stands.
struct Alert {
    std::string rule_id;
    std::string severity;  ///< notice, warning, critical
    std::string message;
    Json details;
    int64_t fired_at = 0;
    bool acknowledged = false;
    std::optional<std::string> acknowledged_by;
    std::optional<int64_t> acknowledged_at;
    std::optional<int64_t> acknowledged_until;
    std::optional<std::string> note;
    bool of_hub = false;  ///< not of this workspace alone

    std::string key() const { return rule_id; }
    bool operator==(const Alert&) const = default;
    template <class Self, class Visit>
    static void members(Self& self, Visit&& visit) {
        visit("rule_id", self.rule_id);
        visit("severity", self.severity);
        visit("message", self.message);
        visit("details", self.details);
        visit("fired_at", self.fired_at);
        visit("acknowledged", self.acknowledged);
        visit("acknowledged_by", self.acknowledged_by);
        visit("acknowledged_at", self.acknowledged_at);
        visit("acknowledged_until", self.acknowledged_until);
        visit("note", self.note);
        visit("of_hub", self.of_hub);
    }
};

/// Something that needs a person.
struct Need {
    std::string kind;  ///< alert, waiting_input, stuck, dead_letter, unresponsive, undeliverable
    std::string subject;
    std::string text;
    std::optional<int64_t> since;
    std::optional<std::string> agent_id;

    std::string key() const { return kind + "/" + subject; }
    bool operator==(const Need&) const = default;
    template <class Self, class Visit>
    static void members(Self& self, Visit&& visit) {
        visit("kind", self.kind);
        visit("subject", self.subject);
        visit("text", self.text);
        visit("since", self.since);
        visit("agent_id", self.agent_id);
    }
};

/// The figures at one moment of the last hour, for charts. Counters count from the start of the run.
struct Sample {
    int64_t at = 0;
    int64_t queue_depth = 0;
    int64_t working_tasks = 0;
    int64_t agents_online = 0;
    int64_t agents_working = 0;
    int64_t wait_p50_ms = 0;
    int64_t wait_p99_ms = 0;
    int64_t run_p50_ms = 0;
    int64_t run_p99_ms = 0;
    int64_t failure_rate_pct = 0;
    int64_t tasks_submitted = 0;
    int64_t tasks_completed = 0;
    int64_t tasks_failed = 0;

    std::string key() const { return std::to_string(at); }
    bool operator==(const Sample&) const = default;
    template <class Self, class Visit>
    static void members(Self& self, Visit&& visit) {
        visit("at", self.at);
        visit("queue_depth", self.queue_depth);
        visit("working_tasks", self.working_tasks);
        visit("agents_online", self.agents_online);
        visit("agents_working", self.agents_working);
        visit("wait_p50_ms", self.wait_p50_ms);
        visit("wait_p99_ms", self.wait_p99_ms);
        visit("run_p50_ms", self.run_p50_ms);
        visit("run_p99_ms", self.run_p99_ms);
        visit("failure_rate_pct", self.failure_rate_pct);
        visit("tasks_submitted", self.tasks_submitted);
        visit("tasks_completed", self.tasks_completed);
        visit("tasks_failed", self.tasks_failed);
    }
};

struct HubState {
    std::string version;
    std::string workspace;
    int64_t started_at = 0;
    bool read_only = false;    ///< the store fails: nothing can be written
    std::string event_cursor;  ///< of GET /api/events, where what is not yet in the model begins
    bool operator==(const HubState&) const = default;
    template <class Self, class Visit>
    static void members(Self& self, Visit&& visit) {
        visit("version", self.version);
        visit("workspace", self.workspace);
        visit("started_at", self.started_at);
        visit("read_only", self.read_only);
        visit("event_cursor", self.event_cursor);
    }
};

/// How many there are, also of what is not in the lists.
struct Counts {
    int64_t held = 0;
    int64_t queued = 0;
    int64_t assigned = 0;
    int64_t working = 0;  ///< without those that wait for an answer
    int64_t waiting_input = 0;
    int64_t dead_letter = 0;
    int64_t urgent = 0;  ///< queued tasks by lane
    int64_t high = 0;
    int64_t normal = 0;
    int64_t low = 0;
    std::optional<int64_t> oldest_queued_at;
    int64_t agents_online = 0;
    int64_t needs_you = 0;
    bool operator==(const Counts&) const = default;
    template <class Self, class Visit>
    static void members(Self& self, Visit&& visit) {
        visit("held", self.held);
        visit("queued", self.queued);
        visit("assigned", self.assigned);
        visit("working", self.working);
        visit("waiting_input", self.waiting_input);
        visit("dead_letter", self.dead_letter);
        visit("urgent", self.urgent);
        visit("high", self.high);
        visit("normal", self.normal);
        visit("low", self.low);
        visit("oldest_queued_at", self.oldest_queued_at);
        visit("agents_online", self.agents_online);
        visit("needs_you", self.needs_you);
    }
};

/// The last hour, as of the last sample.
struct Rates {
    int64_t completed_1h = 0;
    int64_t failed_1h = 0;
    int64_t dead_letter_1h = 0;
    int64_t submitted_1h = 0;
    int64_t reclaimed_1h = 0;
    int64_t tokens_1h = 0;
    int64_t invalid_1h = 0;  ///< frames and requests that validation found fault with
    int64_t failure_rate_pct = 0;
    int64_t run_mean_ms = 0;
    int64_t run_p50_ms = 0;
    int64_t run_p90_ms = 0;
    int64_t run_p99_ms = 0;
    int64_t wait_p50_ms = 0;
    int64_t wait_p90_ms = 0;
    int64_t wait_p99_ms = 0;
    int64_t commit_p99_us = 0;
    bool operator==(const Rates&) const = default;
    template <class Self, class Visit>
    static void members(Self& self, Visit&& visit) {
        visit("completed_1h", self.completed_1h);
        visit("failed_1h", self.failed_1h);
        visit("dead_letter_1h", self.dead_letter_1h);
        visit("submitted_1h", self.submitted_1h);
        visit("reclaimed_1h", self.reclaimed_1h);
        visit("tokens_1h", self.tokens_1h);
        visit("invalid_1h", self.invalid_1h);
        visit("failure_rate_pct", self.failure_rate_pct);
        visit("run_mean_ms", self.run_mean_ms);
        visit("run_p50_ms", self.run_p50_ms);
        visit("run_p90_ms", self.run_p90_ms);
        visit("run_p99_ms", self.run_p99_ms);
        visit("wait_p50_ms", self.wait_p50_ms);
        visit("wait_p90_ms", self.wait_p90_ms);
        visit("wait_p99_ms", self.wait_p99_ms);
        visit("commit_p99_us", self.commit_p99_us);
    }
};

struct Storage {
    int64_t database_bytes = 0;
    int64_t free_percent = 0;
    int64_t disk_free_bytes = 0;
    int64_t measured_at = 0;  ///< 0: not yet
    std::optional<int64_t> last_backup_at;
    bool backup_overdue = false;
    std::optional<std::string> backup_failure;  ///< why the last attempt failed
    std::optional<std::string> running;         ///< the kind of job that runs
    int64_t lost_rows = 0;
    std::optional<std::string> damage;
    Json tables;  ///< [{table, record_count, file_size_bytes, fragmentation_ratio, status}] as last counted
    bool operator==(const Storage&) const = default;
    template <class Self, class Visit>
    static void members(Self& self, Visit&& visit) {
        visit("database_bytes", self.database_bytes);
        visit("free_percent", self.free_percent);
        visit("disk_free_bytes", self.disk_free_bytes);
        visit("measured_at", self.measured_at);
        visit("last_backup_at", self.last_backup_at);
        visit("backup_overdue", self.backup_overdue);
        visit("backup_failure", self.backup_failure);
        visit("running", self.running);
        visit("lost_rows", self.lost_rows);
        visit("damage", self.damage);
        visit("tables", self.tables);
    }
};

struct Model {
    /// Where it stands in the feed: "<epoch>.<seq>"; "" = nothing has come.
    std::string epoch;
    int64_t seq = 0;
    int64_t at = 0;  ///< when the hub made the last frame; no part of what is compared

    std::map<std::string, Agent> agents;
    std::map<std::string, Task> tasks;
    std::map<std::string, Completion> completions;
    std::map<std::string, Alert> alerts;
    std::map<std::string, Need> needs;
    std::map<std::string, Sample> samples;

    HubState hub;
    Counts counts;
    Rates rates;
    Storage storage;

    std::string cursor() const { return epoch + "." + std::to_string(seq); }

    /// The lists, by the names that frames give them.
    template <class Self, class Visit>
    static void lists(Self& self, Visit&& visit) {
        visit("agents", self.agents);
        visit("tasks", self.tasks);
        visit("completions", self.completions);
        visit("alerts", self.alerts);
        visit("needs", self.needs);
        visit("samples", self.samples);
    }
    /// What there is one of.
    template <class Self, class Visit>
    static void figures(Self& self, Visit&& visit) {
        visit("hub", self.hub);
        visit("counts", self.counts);
        visit("rates", self.rates);
        visit("storage", self.storage);
    }
};

/// Whether both show the same, wherever in the feed they stand.
bool same_view(const Model& a, const Model& b);

// -- as screens list them ---------------------------------------------------------------------------------------------

/// Queued tasks of a lane (0 urgent to 3 low), the next one first.
std::vector<const Task*> queue_of(const Model& model, int64_t lane);
/// Tasks that somebody holds: those that wait for an answer first, then by how long they run.
std::vector<const Task*> running(const Model& model);
std::vector<const Task*> held(const Model& model);
/// The newest first.
std::vector<const Task*> dead_letters(const Model& model);
std::vector<const Completion*> completions(const Model& model);
/// The most pressing first: critical alerts, questions, stuck tasks, other alerts, agents, dead letters, mail.
std::vector<const Need*> needs(const Model& model);

}  // namespace agentcom::view
