#include "core/hub/dashboard_model.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "core/access/limits.hpp"
#include "core/base/utf8.hpp"
#include "core/hub/feeds.hpp"
#include "core/hub/overview.hpp"
#include "core/hub/sessions.hpp"
#include "core/hub/storage_jobs.hpp"
#include "core/hub/storage_routes.hpp"
#include "core/observe/alerts.hpp"
#include "core/observe/metrics.hpp"
#include "core/tasks/completions.hpp"
#include "core/tasks/waiting.hpp"

namespace agentcom::dashboard_model {

namespace {

using view::Model;

constexpr size_t kErrorCodePoints = 300;
// A connected agent is heard of all the time; its row in the model need not change for that.
constexpr int64_t kSeenStepMs = 5'000;
// Reasons for waiting are looked for once for all tasks of the same needs, and for so many needs.
constexpr size_t kNeedsLookedAt = 20;

template <class Map>
const typename Map::mapped_type* find_in(const Map& map, const typename Map::key_type& key) {
    const auto found = map.find(key);
    return found == map.end() ? nullptr : &found->second;
}

std::optional<std::string> text_or_null(const std::string& text) {
    return text.empty() ? std::nullopt : std::optional(text);
}

std::string shortened(const std::string& text) { return std::string(truncate_code_points(text, kErrorCodePoints)); }

template <class List, class Entry>
void add(List& list, Entry entry) {
    std::string key = entry.key();
    list.insert_or_assign(std::move(key), std::move(entry));
}

// -- agents -----------------------------------------------------------------------------------------------------------

void add_flags(view::Agent& out, const Context& ctx, const AgentRow* row, int64_t workspace) {
    if (row != nullptr && row->unresponsive) out.flags.emplace_back("unresponsive");
    if (row != nullptr && row->limited) out.flags.emplace_back("limited");
    if (row != nullptr && row->backoff_until_us != 0) out.flags.emplace_back("backing_off");
    const limits::Party party = limits::agent_party(workspace, out.agent_id);
    if (limits::is_exempt(ctx, party)) out.flags.emplace_back("exempt");
    const LimitViolationRow* refused = ctx.tables.find<LimitViolationRow>({party.owner, party.workspace, party.name});
    out.refusals = refused == nullptr ? 0 : refused->total;
}

view::Agent agent_of(const Context& ctx, int64_t workspace, const std::string& name) {
    const AgentRow* row = ctx.tables.find<AgentRow>({workspace, name});
    const SessionRow* session = ctx.tables.find<SessionRow>({row == nullptr ? 0 : row->connection});
    view::Agent out;
    out.agent_id = name;
    out.name = session != nullptr && session->name ? *session->name : name;
    out.state = agent_state_word(ctx, workspace, name);
    if (const auto* held = find_in(ctx.tables.indexes().leases, {workspace, name})) {
        out.task_ids.assign(held->begin(), held->end());
    }
    add_flags(out, ctx, row, workspace);
    out.last_seen_at = last_seen_at(ctx, workspace, name);
    if (const auto* mail = find_in(ctx.tables.indexes().mail, {workspace, name})) {
        out.mail_waiting = static_cast<int64_t>(mail->size());
    }
    if (row != nullptr) {
        out.slots = row->slots;
        out.capabilities = row->capabilities;
        if (row->changed_at > 0) out.changed_at = row->changed_at;
    }
    if (session != nullptr) {
        out.status = session->status;
        out.connected_at = session->connected_at;
        out.client_type = text_or_null(session->client_type);
        out.protocol_version = session->protocol_version;
    }
    return out;
}

// -- tasks ------------------------------------------------------------------------------------------------------------

/// Why queued tasks wait, asked once for all of the same needs.
class Reasons {
  public:
    explicit Reasons(const Context& ctx) : ctx_(ctx) {}

    std::optional<std::string> of(const TaskRow& task) {
        auto needs = std::pair(task.needed_capabilities, task.target_agent);
        if (const auto* known = find_in(known_, needs)) return *known;
        if (known_.size() >= kNeedsLookedAt) return std::nullopt;
        const std::optional<tasks::Waiting> why = tasks::why_waiting(ctx_, task);
        const auto reason = why ? std::optional(std::string(why->reason)) : std::nullopt;
        known_.emplace(std::move(needs), reason);
        return reason;
    }

  private:
    const Context& ctx_;
    std::map<std::pair<std::vector<std::string>, std::string>, std::optional<std::string>> known_;
};

view::Task task_of(const Context& ctx, const TaskRow& row) {
    view::Task out;
    out.task_id = row.id;
    out.description = tasks::label(ctx.tables, row);
    out.state = to_text(row.state);
    out.seq = row.seq;
    out.priority = row.priority;
    out.kind = text_or_null(row.kind);
    out.labels = row.labels;
    out.needed_capabilities = row.needed_capabilities;
    out.target_agent = text_or_null(row.target_agent);
    out.submitted_by = row.requested_by;
    out.created_at = row.created_at;
    out.updated_at = row.updated_at;
    if (row.leased()) out.agent_id = row.assigned_to;
    out.generation = row.generation;
    out.since = row.accepted_at ? row.accepted_at : row.assigned_at;
    if (row.hold != HoldReason::none) out.held_by = to_text(row.hold);
    out.complete_by = row.complete_by;
    out.retry_count = row.retry_count;
    out.max_retries = row.max_retries;
    if (row.last_error) out.last_error = shortened(*row.last_error);
    out.parent_id = row.parent_id;
    return out;
}

view::Task leased_task_of(const Context& ctx, const TaskRow& row) {
    view::Task out = task_of(ctx, row);
    if (const LeaseRow* lease = ctx.tables.find<LeaseRow>(row.key())) {
        out.progress = lease->progress;
        out.stuck = lease->stuck;
        out.output_line = text_or_null(lease->output_line);
    }
    const RunRow* run = ctx.tables.find<RunRow>(row.key());
    if (run != nullptr && run->question) {
        const json::Object question = json::members(*run->question);
        out.state = "waiting_input";
        out.question = shortened(json::decode_string(*question.find("question")));
        out.options.text = std::string(question.find("options")->raw);
    }
    return out;
}

void add_waiting(Model& model, const Context& ctx, int64_t workspace) {
    const auto* lists = find_in(ctx.tables.indexes().task_lists, workspace);
    if (lists == nullptr) return;
    const auto row_of = [&](const std::string& id) -> const TaskRow& {
        return *ctx.tables.find<TaskRow>({workspace, id});
    };
    Reasons reasons(ctx);
    const Indexes::TaskList& queued = lists->at(*Indexes::live_place(TaskState::queued));
    for (int64_t priority = 0; priority < kLanes; ++priority) {
        size_t shown = 0;
        for (auto each = queued.lower_bound({priority, 0, ""});
             each != queued.end() && std::get<0>(*each) == priority && shown < view::kQueuedPerLane; ++each, ++shown) {
            view::Task task = task_of(ctx, row_of(std::get<2>(*each)));
            task.waits_for = reasons.of(row_of(std::get<2>(*each)));
            add(model.tasks, std::move(task));
        }
    }
    size_t shown = 0;
    for (const auto& [unused, seq, id] : lists->at(*Indexes::live_place(TaskState::held))) {
        if (shown++ >= view::kHeldMax) break;
        add(model.tasks, task_of(ctx, row_of(id)));
    }
}

void add_tasks(Model& model, const Context& ctx, int64_t workspace) {
    const Indexes& indexes = ctx.tables.indexes();
    add_waiting(model, ctx, workspace);
    size_t shown = 0;
    for (auto held = indexes.leases.lower_bound({workspace, ""});
         held != indexes.leases.end() && held->first.first == workspace; ++held) {
        for (const std::string& id : held->second) {
            if (shown++ >= view::kLeasedMax) return;
            add(model.tasks, leased_task_of(ctx, *ctx.tables.find<TaskRow>({workspace, id})));
        }
    }
    const auto* dead = find_in(indexes.dead_letters, workspace);
    if (dead == nullptr) return;
    shown = 0;
    for (auto each = dead->rbegin(); each != dead->rend() && shown < view::kDeadLettersMax; ++each, ++shown) {
        add(model.tasks, task_of(ctx, *ctx.tables.find<TaskRow>({workspace, each->second})));
    }
}

void add_completions(Model& model, const Context& ctx, int64_t workspace) {
    for (const CompletionRow* row : tasks::completions(ctx.tables, workspace)) {
        if (model.completions.size() >= view::kCompletionsMax) return;
        view::Completion out;
        out.task_id = row->task_id;
        out.number = row->number;
        out.state = to_text(row->state);
        out.description = row->label;
        out.agent_id = text_or_null(row->agent);
        out.duration_ms = row->duration_ms;
        out.tokens_used = row->tokens_used;
        out.pr_url = row->pr_url;
        out.ended_at = row->ended_at;
        add(model.completions, std::move(out));
    }
}

// -- alerts, needs, samples -------------------------------------------------------------------------------------------

void add_alerts(Model& model, const Context& ctx, int64_t workspace) {
    for (const LiveAlertRow& row : alerts::standing(ctx, workspace)) add(model.alerts, alert_of(row));
}

void add_needs(Model& model, const Context& ctx, int64_t workspace) {
    overview::Needs needs = overview::needs(ctx, workspace);
    model.counts.needs_you = needs.total;
    for (const auto& [rule, alert] : model.alerts) {
        if (alert.acknowledged || alert.severity == "notice") continue;
        ++model.counts.needs_you;
        add(model.needs, view::Need{"alert", rule, alert.message, alert.fired_at, std::nullopt});
    }
    for (overview::Need& need : needs.shown) {
        if (model.needs.size() >= view::kNeedsMax) return;
        add(model.needs, view::Need{std::string(need.kind), std::move(need.subject), std::move(need.text), need.since,
                                    std::move(need.agent)});
    }
}

view::Sample sample_of(const FigureSample& sample) {
    const auto value = [&sample](Metric metric) { return figure(sample.values, metric); };
    view::Sample out;
    out.at = sample.at.wall_ms;
    out.queue_depth = value(Metric::queue_depth);
    out.working_tasks = value(Metric::assigned_tasks) + value(Metric::working_tasks);
    out.agents_online = value(Metric::agents_online);
    out.agents_working = value(Metric::agents_working);
    out.wait_p50_ms = value(Metric::wait_p50_ms);
    out.wait_p99_ms = value(Metric::wait_p99_ms);
    out.run_p50_ms = value(Metric::run_p50_ms);
    out.run_p99_ms = value(Metric::run_p99_ms);
    out.failure_rate_pct = value(Metric::failure_rate_pct);
    out.tasks_submitted = value(Metric::tasks_submitted);
    out.tasks_completed = value(Metric::tasks_completed);
    out.tasks_failed = value(Metric::tasks_failed);
    return out;
}

// -- figures ----------------------------------------------------------------------------------------------------------

void set_hub(Model& model, const Context& ctx, int64_t workspace) {
    const WorkspaceRow& row = *ctx.tables.find<WorkspaceRow>({workspace});
    model.hub.version = sessions::kHubVersion;
    model.hub.workspace = row.name;
    model.hub.started_at = ctx.runtime().started_at;
    model.hub.read_only = ctx.read_only();
    model.hub.event_cursor = feeds::cursor(ctx, row.event_seq);
}

void set_counts(Model& model, const Context& ctx, int64_t workspace) {
    const Indexes& indexes = ctx.tables.indexes();
    view::Counts& out = model.counts;
    if (const auto* counts = find_in(indexes.state_counts, workspace)) {
        const auto* asking = find_in(indexes.questions, workspace);
        out.waiting_input = asking == nullptr ? 0 : static_cast<int64_t>(asking->size());
        out.held = counts->at(0);
        out.queued = counts->at(1);
        out.assigned = counts->at(2);
        out.working = counts->at(3) - out.waiting_input;
        out.dead_letter = counts->at(4);
    }
    if (const TaskQueue* queue = find_in(indexes.queues, workspace)) {
        out.urgent = queue->lane_size(0);
        out.high = queue->lane_size(1);
        out.normal = queue->lane_size(2);
        out.low = queue->lane_size(3);
    }
    const auto* since = find_in(indexes.queued_since, workspace);
    if (since != nullptr && !since->empty()) out.oldest_queued_at = since->begin()->first;
    const auto* online = find_in(indexes.sessions, workspace);
    out.agents_online = online == nullptr ? 0 : static_cast<int64_t>(online->size());
}

void set_rates(Model& model, const Context& ctx, const WorkspaceFigures& known) {
    view::Rates& out = model.rates;
    const int64_t now_us = ctx.now.mono_us;
    const TaskCounts hour = known.counts.total(now_us);
    out.completed_1h = hour.of(Counter::completed);
    out.failed_1h = hour.of(Counter::failed);
    out.dead_letter_1h = hour.of(Counter::dead_lettered);
    out.submitted_1h = hour.of(Counter::submitted);
    out.reclaimed_1h = hour.of(Counter::reclaimed);
    out.tokens_1h = hour.of(Counter::tokens_used);
    out.invalid_1h = hour.of(Counter::invalid);
    out.failure_rate_pct = hour.ended() == 0 ? 0 : 100 * hour.bad() / hour.ended();
    const Histogram run = known.run_ms.total(now_us);
    out.run_mean_ms = run.mean();
    out.run_p50_ms = run.percentile(500);
    out.run_p90_ms = run.percentile(900);
    out.run_p99_ms = run.percentile(990);
    const Histogram wait = known.wait_ms.total(now_us);
    out.wait_p50_ms = wait.percentile(500);
    out.wait_p90_ms = wait.percentile(900);
    out.wait_p99_ms = wait.percentile(990);
    out.commit_p99_us = ctx.metrics->hub().commit_us.percentile(990);
}

void set_storage(Model& model, const Context& ctx) {
    const storage::Facts facts = storage::facts(ctx);
    view::Storage& out = model.storage;
    out.database_bytes = facts.database_bytes;
    out.free_percent = facts.free_percent;
    out.disk_free_bytes = facts.disk_free_bytes;
    out.measured_at = facts.measured_at;
    out.last_backup_at = facts.last_backup_at;
    out.backup_overdue = facts.backup_overdue;
    out.backup_failure = text_or_null(facts.backup_failure);
    if (const StorageJobRow* job = ctx.tables.find<StorageJobRow>({0})) out.running = to_text(job->kind);
    out.lost_rows = facts.lost_rows;
    out.damage = text_or_null(facts.damage);
    const StorageStateRow* state = ctx.tables.find<StorageStateRow>({0});
    json::Writer tables;
    requests::write_care_tables(tables, state == nullptr ? StorageStateRow{} : *state);
    out.tables.text = tables.take();
}

}  // namespace

view::Alert alert_of(const LiveAlertRow& row) {
    view::Alert out;
    out.rule_id = row.rule;
    out.severity = to_text(row.severity);
    out.message = row.message;
    out.details.text = row.details;
    out.fired_at = row.fired_at;
    out.acknowledged = !row.acknowledged_by.empty();
    out.acknowledged_by = text_or_null(row.acknowledged_by);
    if (out.acknowledged) out.acknowledged_at = row.acknowledged_at;
    if (row.acknowledged_until != 0) out.acknowledged_until = row.acknowledged_until;
    out.note = text_or_null(row.note);
    out.of_hub = row.workspace == alerts::kHub;
    return out;
}

std::set<std::string> agents_shown(const Context& ctx, int64_t workspace) {
    const Indexes& indexes = ctx.tables.indexes();
    std::set<std::string> names;
    const auto add_name = [&names](const std::string& name) {
        if (names.size() < view::kAgentsMax) names.insert(name);
    };
    for (auto held = indexes.leases.lower_bound({workspace, ""});
         held != indexes.leases.end() && held->first.first == workspace; ++held) {
        add_name(held->first.second);
    }
    for (auto agent = indexes.agents().lower_bound({workspace, ""});
         agent != indexes.agents().end() && agent->first.first == workspace; ++agent) {
        if (agent->second.connection != 0) add_name(agent->first.second);
    }
    // Those that have gone stay in the figures for an hour.
    const WorkspaceFigures* known = ctx.metrics == nullptr ? nullptr : ctx.metrics->find(workspace);
    if (known != nullptr && names.size() < view::kAgentsMax) {
        for (const std::string& name : known->agent_names()) add_name(name);
    }
    return names;
}

std::optional<int64_t> last_seen_at(const Context& ctx, int64_t workspace, const std::string& agent) {
    const AgentRow* row = ctx.tables.find<AgentRow>({workspace, agent});
    const LivenessRow* liveness = ctx.tables.find<LivenessRow>({row == nullptr ? 0 : row->connection});
    if (liveness != nullptr) return liveness->last_seen_at - liveness->last_seen_at % kSeenStepMs;
    const AgentActivity* activity = ctx.tables.activity().find(workspace, agent);
    if (activity == nullptr || activity->last_seen == 0) return std::nullopt;
    return activity->last_seen - activity->last_seen % kMsPerSecond;
}

view::Model build(const Context& ctx, int64_t workspace) {
    Model model;
    model.at = ctx.now.wall_ms;
    for (const std::string& name : agents_shown(ctx, workspace)) add(model.agents, agent_of(ctx, workspace, name));
    add_tasks(model, ctx, workspace);
    add_completions(model, ctx, workspace);
    add_alerts(model, ctx, workspace);
    set_hub(model, ctx, workspace);
    set_counts(model, ctx, workspace);
    add_needs(model, ctx, workspace);
    const WorkspaceFigures* known = ctx.metrics == nullptr ? nullptr : ctx.metrics->find(workspace);
    if (known != nullptr) {
        set_rates(model, ctx, *known);
        for (const FigureSample& sample : known->samples.all()) add(model.samples, sample_of(sample));
    }
    set_storage(model, ctx);
    return model;
}

}  // namespace agentcom::dashboard_model
