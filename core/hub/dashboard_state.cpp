#include "core/hub/dashboard_state.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "core/access/limiter.hpp"
#include "core/access/validation_watch.hpp"
#include "core/hub/dashboard_model.hpp"
#include "core/hub/sessions.hpp"
#include "core/hub/storage_jobs.hpp"
#include "core/hub/storage_routes.hpp"
#include "core/observe/alerts.hpp"
#include "core/observe/metrics.hpp"
#include "core/tasks/agents.hpp"
#include "core/tasks/completions.hpp"
#include "core/view/health.hpp"

namespace agentcom {

namespace dashboard_state {

namespace {

constexpr size_t kDeadLettersMax = 100;
constexpr size_t kQueuedPerLane = 50;
constexpr size_t kLimitsShown = 100;
constexpr size_t kOffendersShown = 3;
constexpr std::array<Tier, 3> kTiers{Tier::light, Tier::normal, Tier::heavy};

template <class Map>
const typename Map::mapped_type* find_in(const Map& map, const typename Map::key_type& key) {
    const auto found = map.find(key);
    return found == map.end() ? nullptr : &found->second;
}

std::optional<std::string> text_or_null(const std::string& text) {
    return text.empty() ? std::nullopt : std::optional(text);
}

TaskCounts last_hour(const Context& ctx, int64_t workspace) {
    const WorkspaceFigures* known = ctx.metrics->find(workspace);
    return known == nullptr ? TaskCounts{} : known->counts.total(ctx.now.mono_us);
}

// -- health -----------------------------------------------------------------------------------------------------------

void write_health(json::Writer& out, const Context& ctx, int64_t workspace) {
    view::Signs signs;
    for (const std::string& name : dashboard_model::agents_shown(ctx, workspace)) {
        if (agents::work_state(ctx, workspace, name) == "offline") signs.offline_agents.push_back(name);
    }
    for (const LiveAlertRow& alert : alerts::standing(ctx, workspace)) {
        signs.alerts.push_back(dashboard_model::alert_of(alert));
    }
    signs.free_percent = storage::facts(ctx).free_percent;
    signs.invalid_1h = last_hour(ctx, workspace).of(Counter::invalid);
    const view::Health health = view::judge(signs);
    out.key("health").begin_object().member("status", health.status);
    out.raw_member("conditions", json::encode_strings(health.conditions)).end_object();
}

// -- agents and tasks -------------------------------------------------------------------------------------------------

void write_agents(json::Writer& out, const Context& ctx, int64_t workspace) {
    out.key("agents").begin_array();
    size_t shown = 0;
    for (const SessionRow* session : sessions::online(ctx, workspace)) {
        if (shown++ >= view::kAgentsMax) break;
        const AgentRow* agent = ctx.tables.find<AgentRow>({workspace, session->agent});
        const auto* held = find_in(ctx.tables.indexes().leases, {workspace, session->agent});
        out.begin_object().member("agent_id", session->agent).member("name", session->name);
        out.member("fsm_state", fsm_state(ctx, workspace, session->agent));
        out.member("current_task_id", held == nullptr ? std::nullopt : std::optional(*held->begin()));
        out.key("capabilities").begin_array();
        for (const std::string& capability : session->capabilities) {
            out.begin_object().member("name", capability).end_object();
        }
        out.end_array().member("connected_at", session->connected_at);
        out.member("last_state_change", agent == nullptr ? session->connected_at : agent->changed_at);
        out.member("last_seen_at", dashboard_model::last_seen_at(ctx, workspace, session->agent)).end_object();
    }
    out.end_array();
}

void write_queue(json::Writer& out, const Context& ctx, int64_t workspace) {
    const Indexes& indexes = ctx.tables.indexes();
    static constexpr std::array<int64_t, Indexes::kLiveStates> kNone{};
    const auto* found = find_in(indexes.state_counts, workspace);
    const auto& counts = found == nullptr ? kNone : *found;
    const WorkspaceRow& row = *ctx.tables.find<WorkspaceRow>({workspace});
    out.key("queue").begin_object().key("by_status").begin_object();
    out.member("queued", counts.at(0) + counts.at(1)).member("assigned", counts.at(2) + counts.at(3));
    out.member("completed", row.completed_seq - row.completed_pruned).end_object().key("by_priority").begin_object();
    const TaskQueue* queue = find_in(indexes.queues, workspace);
    for (int64_t lane = 0; lane < kLanes; ++lane) {
        out.member(std::to_string(lane), queue == nullptr ? 0 : queue->lane_size(lane));
    }
    out.end_object().member("dead_letter", counts.at(4)).end_object();
}

void write_queued_tasks(json::Writer& out, const Context& ctx, int64_t workspace) {
    out.key("queued_tasks").begin_array();
    const auto* lists = find_in(ctx.tables.indexes().task_lists, workspace);
    for (int64_t lane = 0; lane < kLanes && lists != nullptr; ++lane) {
        const Indexes::TaskList& queued = lists->at(*Indexes::live_place(TaskState::queued));
        size_t shown = 0;
        for (auto each = queued.lower_bound({lane, 0, ""});
             each != queued.end() && std::get<0>(*each) == lane && shown < kQueuedPerLane; ++each, ++shown) {
            const TaskRow& task = *ctx.tables.find<TaskRow>({workspace, std::get<2>(*each)});
            out.begin_object().member("id", task.id).member("description", tasks::label(ctx.tables, task));
            out.member("priority", task.priority).member("submitted_by", task.requested_by);
            out.member("created_at", task.created_at).end_object();
        }
    }
    out.end_array();
}

void write_dead_letters(json::Writer& out, const Context& ctx, int64_t workspace) {
    out.key("dead_letter_tasks").begin_array();
    if (const auto* dead = find_in(ctx.tables.indexes().dead_letters, workspace)) {
        size_t shown = 0;
        for (auto each = dead->rbegin(); each != dead->rend() && shown < kDeadLettersMax; ++each, ++shown) {
            const TaskRow& task = *ctx.tables.find<TaskRow>({workspace, each->second});
            out.begin_object().member("id", task.id).member("description", tasks::label(ctx.tables, task));
            out.member("last_error", task.last_error).member("retry_count", task.retry_count);
            out.member("created_at", task.created_at).end_object();
        }
    }
    out.end_array();
}

void write_completions(json::Writer& out, const Context& ctx, int64_t workspace) {
    out.key("recent_completions").begin_array();
    for (const CompletionRow* row : tasks::completions(ctx.tables, workspace)) {
        if (row->state != TaskState::completed) continue;
        out.begin_object().member("task_id", row->task_id).member("agent_id", text_or_null(row->agent));
        out.member("description", row->label).member("duration_ms", row->duration_ms);
        out.member("tokens_used", row->tokens_used).member("completed_at", row->ended_at);
        out.member("pr_url", row->pr_url).end_object();
    }
    out.end_array();
}

void write_throughput(json::Writer& out, const Context& ctx, int64_t workspace) {
    const WorkspaceFigures* known = ctx.metrics->find(workspace);
    const TaskCounts hour = last_hour(ctx, workspace);
    out.key("throughput").begin_object().member("completed_last_hour", hour.of(Counter::completed));
    out.member("avg_completion_ms", known == nullptr ? 0 : known->run_ms.total(ctx.now.mono_us).mean());
    out.member("total_tokens_hour", hour.of(Counter::tokens_used)).end_object();
}

// -- refusals ---------------------------------------------------------------------------------------------------------

/// A frame that validation refused.
struct RefusedFrame {
    const ValidationFailureRow* row;
    int64_t errors;
};

/// The latest first. Requests over HTTP, and what was only observed to be bad, v1.1 did not count here.
std::vector<RefusedFrame> refused_frames(const Context& ctx, int64_t workspace) {
    std::vector<RefusedFrame> frames;
    for (const ValidationFailureRow* row : validation_watch::failures(ctx, workspace)) {
        if (row->is_request || !row->refused) continue;
        const bool is_same =
            !frames.empty() && frames.back().row->workspace == row->workspace && frames.back().row->first == row->first;
        if (is_same) {
            ++frames.back().errors;
        } else {
            frames.push_back({row, 1});
        }
    }
    return frames;
}

void write_validation(json::Writer& out, const Context& ctx, int64_t workspace) {
    const WorkspaceFigures* known = ctx.metrics->find(workspace);
    const BadFrames hour = known == nullptr ? BadFrames{} : known->bad_frames.total(ctx.now.mono_us);
    out.key("validation").begin_object().key("recent_failures").begin_array();
    for (const RefusedFrame& frame : refused_frames(ctx, workspace)) {
        out.begin_object().member("agent_id", text_or_null(frame.row->agent));
        out.member("message_type", frame.row->operation).member("error_count", frame.errors);
        out.member("timestamp", frame.row->at).end_object();
    }
    out.end_array().key("failure_counts_by_agent").begin_object();
    std::map<std::string, int64_t> by_agent = hour.by_agent;
    // v1.1's word, which may also be an agent's name.
    if (auto nobody = by_agent.extract(""); !nobody.empty()) by_agent["unknown"] += nobody.mapped();
    for (const auto& [agent, count] : by_agent) out.member(agent, count);
    out.end_object().key("recent_disconnects").begin_array();
    for (const ValidationFailureRow* row : validation_watch::disconnects(ctx, workspace)) {
        out.begin_object().member("agent_id", text_or_null(row->agent)).member("timestamp", row->at).end_object();
    }
    out.end_array().member("total_failures_this_hour", hour.total()).end_object();
}

/// The tier that a limit of this name belongs to.
Tier tier_of_limit(const Settings& settings, std::string_view name) {
    for (const Tier tier : kTiers) {
        if (tier_name(tier) == name) return tier;
    }
    for (const Operation& operation : catalogue()) {
        if (operation.name == name) return limits::tier_of(settings, operation);
    }
    return Tier::none;
}

/// Of each tier the bucket that is used up most.
void write_tiers(json::Writer& out, const Context& ctx, const limiter::Standing& standing, limits::Channel channel) {
    out.begin_object();
    for (const Tier tier : kTiers) {
        int64_t capacity = limits::default_rate(ctx.settings, tier).capacity;
        int64_t remaining = capacity;
        for (const limiter::Standing::Bucket& bucket : standing.buckets) {
            if (bucket.channel != channel || bucket.capacity <= 0) continue;
            if (tier_of_limit(ctx.settings, bucket.limit_name) != tier) continue;
            if (bucket.remaining * capacity > remaining * bucket.capacity) continue;
            capacity = bucket.capacity;
            remaining = bucket.remaining;
        }
        out.key(tier_name(tier)).begin_object().member("remaining", remaining).member("capacity", capacity);
        const double used = capacity <= 0 ? 0.0 : static_cast<double>(capacity - remaining);
        out.key("usage_pct").real1(capacity <= 0 ? 0.0 : 100.0 * used / static_cast<double>(capacity)).end_object();
    }
    out.end_object();
}

void write_limits(json::Writer& out, const Context& ctx, int64_t workspace) {
    const std::vector<limits::Party> refused = limiter::most_refused(ctx, workspace, SIZE_MAX);
    out.key("rate_limits").begin_object().key("summary").begin_object();
    out.member("total_violations_1h", last_hour(ctx, workspace).of(Counter::refused));
    out.member("active_rate_limited", refused.size());
    out.member("exempt_count", limits::exempt_names(ctx, workspace).size()).key("top_offenders").begin_array();
    for (size_t i = 0; i < std::min(kOffendersShown, refused.size()); ++i) {
        const limiter::Standing standing = limiter::standing(ctx, refused[i]);
        out.begin_object().member("agent_id", limits::to_text(refused[i])).member("violations", standing.total);
        out.member("rate_limited", standing.limited).end_object();
    }
    out.end_array().end_object().key("per_agent").begin_object();
    size_t shown = 0;
    for (const SessionRow* session : sessions::online(ctx, workspace)) {
        if (shown++ >= kLimitsShown) break;
        const limiter::Standing standing = limiter::standing(ctx, limits::agent_party(workspace, session->agent));
        out.key(session->agent).begin_object();
        write_tiers(out.key("ws"), ctx, standing, limits::Channel::ws);
        write_tiers(out.key("http"), ctx, standing, limits::Channel::http);
        out.key("violations").begin_object().member("consecutive", standing.consecutive);
        out.member("total_in_window", standing.total).end_object();
        out.member("rate_limited", standing.limited).member("exempt", standing.exempt).end_object();
    }
    out.end_object().end_object();
}

}  // namespace

std::string alerts_text(const Context& ctx, int64_t workspace) {
    json::Writer out;
    out.begin_array();
    for (const LiveAlertRow& alert : alerts::standing(ctx, workspace)) out.raw(alerts::to_json(alert));
    return out.end_array().take();
}

std::string text(const Context& ctx, int64_t workspace) {
    json::Writer out;
    out.begin_object().member("uptime_ms", std::max<int64_t>(0, ctx.now.wall_ms - ctx.runtime().started_at));
    out.member("timestamp", ctx.now.wall_ms);
    write_health(out, ctx, workspace);
    write_agents(out, ctx, workspace);
    write_queue(out, ctx, workspace);
    write_queued_tasks(out, ctx, workspace);
    write_dead_letters(out, ctx, workspace);
    write_completions(out, ctx, workspace);
    write_throughput(out, ctx, workspace);
    requests::write_storage_health(out.key("dets_health"), ctx);
    requests::write_compactions(out.key("compaction_history"), ctx);
    write_validation(out, ctx, workspace);
    out.raw_member("active_alerts", alerts_text(ctx, workspace));
    write_limits(out, ctx, workspace);
    return out.end_object().take();
}

}  // namespace dashboard_state

requests::Reply requests::on_dashboard_state(const Call& call) {
    return Answer{200, dashboard_state::text(call.ctx, call.workspace), std::nullopt, {}};
}

}  // namespace agentcom
