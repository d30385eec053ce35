#include "core/hub/metrics_routes.hpp"

#include <algorithm>

#include "core/hub/sessions.hpp"
#include "core/hub/storage_routes.hpp"
#include "core/observe/metric_history.hpp"
#include "core/observe/metrics.hpp"
#include "core/observe/prometheus.hpp"

namespace agentcom::requests {

namespace {

constexpr int64_t kTrendMax = 60;
constexpr int64_t kStepMinMs = 10'000;
constexpr int64_t kStepsByDefault = 360;

double percent(int64_t part, int64_t whole) {
    return whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

const WorkspaceFigures& figures_in(const Context& ctx, int64_t workspace, const WorkspaceFigures& none) {
    const WorkspaceFigures* known = ctx.metrics->find(workspace);
    return known == nullptr ? none : *known;
}

/// One sample of each minute of the last hour, the newest of it: oldest first.
std::vector<const FigureSample*> trend_of(const SampleRing& ring) {
    std::vector<const FigureSample*> trend;
    for (const FigureSample& sample : ring.all()) {
        const bool same_minute =
            !trend.empty() && trend.back()->at.mono_us / kUsPerMinute == sample.at.mono_us / kUsPerMinute;
        if (same_minute) trend.pop_back();
        trend.push_back(&sample);
    }
    if (trend.size() > kTrendMax) trend.erase(trend.begin(), trend.end() - kTrendMax);
    return trend;
}

void write_queue_depth(json::Writer& out, const Context& ctx, int64_t workspace, const WorkspaceFigures& known) {
    const Figures now = figures_of(ctx, workspace);
    const int64_t depth = figure(now, Metric::queue_depth);
    int64_t most = depth;
    int64_t sum = 0;
    for (const FigureSample& sample : known.samples.all()) {
        most = std::max(most, figure(sample.values, Metric::queue_depth));
        sum += figure(sample.values, Metric::queue_depth);
    }
    const auto count = static_cast<int64_t>(known.samples.all().size());
    const std::vector<const FigureSample*> trend = trend_of(known.samples);
    out.key("queue_depth").begin_object().member("current", depth).key("trend").begin_array();
    for (const FigureSample* sample : trend) out.integer(figure(sample->values, Metric::queue_depth));
    out.end_array().key("trend_at").begin_array();
    for (const FigureSample* sample : trend) out.integer(sample->at.wall_ms);
    out.end_array().member("max_1h", most).key("avg_1h");
    out.real1(count == 0 ? static_cast<double>(depth) : static_cast<double>(sum) / static_cast<double>(count));
    out.member("oldest_ms", figure(now, Metric::oldest_queued_ms)).end_object();
}

void write_durations(json::Writer& out, std::string_view name, const Histogram& window, const Histogram& lifetime) {
    const auto percentiles = [&out](const Histogram& values) {
        out.begin_object().member("p50", values.percentile(500)).member("p90", values.percentile(900));
        out.member("p99", values.percentile(990)).member("count", values.count());
    };
    out.key(name).begin_object().key("window");
    percentiles(window);
    out.member("min", window.min()).member("max", window.max()).member("mean", window.mean()).end_object();
    out.key("cumulative");
    percentiles(lifetime);
    out.end_object().end_object();
}

void write_agent(json::Writer& out, const std::string& name, const AgentTimes& times, int64_t now_us) {
    const AgentTimes::Totals totals = times.totals(now_us);
    const auto share = [&](std::initializer_list<WorkState> states) {
        int64_t ms = 0;
        for (const WorkState state : states) ms += totals.ms.at(static_cast<size_t>(state));
        return percent(ms, totals.known_ms());
    };
    out.begin_object().member("agent_id", name).member("state", to_text(times.state()));
    out.key("idle_pct_1h").real1(share({WorkState::idle}));
    out.key("working_pct_1h").real1(share({WorkState::assigned, WorkState::working}));
    out.key("blocked_pct_1h").real1(share({WorkState::blocked}));
    out.key("offline_pct_1h").real1(share({WorkState::offline}));
    out.member("tasks_completed_1h", totals.completed).member("tasks_failed_1h", totals.failed);
    out.member("avg_task_duration_ms", totals.completed == 0 ? 0 : totals.run_ms / totals.completed).end_object();
}

void write_agents(json::Writer& out, const Context& ctx, int64_t workspace, const WorkspaceFigures& known) {
    const auto in = [&known](WorkState state) { return known.agents_by_state.at(static_cast<size_t>(state)); };
    const int64_t idle = in(WorkState::idle);
    const int64_t working = in(WorkState::assigned) + in(WorkState::working);
    const int64_t total = idle + working + in(WorkState::blocked);
    const int64_t online = figure(figures_of(ctx, workspace), Metric::agents_online);
    out.key("agent_utilization").begin_object().key("system").begin_object();
    out.member("total_agents", total).member("agents_online", online);
    out.member("agents_idle", idle).member("agents_working", working);
    out.member("agents_blocked", in(WorkState::blocked)).member("agents_registered", known.registered);
    out.key("utilization_pct").real1(percent(working, total)).end_object();
    out.key("per_agent").begin_array();
    for (const std::string& name : known.agent_names()) {
        write_agent(out, name, known.agents.at(name), ctx.now.mono_us);
    }
    out.end_array().end_object();
}

void write_errors(json::Writer& out, const TaskCounts& counts) {
    out.begin_object().member("total_tasks", counts.ended()).member("failed", counts.of(Counter::failed));
    out.member("dead_letter", counts.of(Counter::dead_lettered));
    out.key("failure_rate_pct").real1(percent(counts.bad(), counts.ended())).end_object();
}

void write_counts(json::Writer& out, const TaskCounts& counts) {
    out.begin_object().member("submitted", counts.of(Counter::submitted));
    out.member("assigned", counts.of(Counter::assigned)).member("completed", counts.of(Counter::completed));
    out.member("failed", counts.of(Counter::failed)).member("dead_letter", counts.of(Counter::dead_lettered));
    out.member("reclaimed", counts.of(Counter::reclaimed)).member("returned", counts.of(Counter::returned));
    out.member("cancelled", counts.of(Counter::cancelled)).member("retried", counts.of(Counter::retried));
    out.end_object();
}

void write_hub(json::Writer& out, const Call& call) {
    const Figures figures = figures_of_hub(call.ctx);
    out.key("hub").begin_object();
    for (const MetricInfo& info : metric_infos()) {
        if (!info.of_hub) continue;
        const int64_t value = figure(figures, info.metric);
        out.member(info.name, value == kUnknownFigure ? std::nullopt : std::optional(value));
    }
    out.end_object();
}

/// The figures that a request names; an error for a name that is none.
Result<std::vector<Metric>> wanted_metrics(const Call& call) {
    using Wanted = Result<std::vector<Metric>>;
    std::vector<Metric> wanted;
    const std::string* names = find_parameter(call.query, "names");
    if (names == nullptr || names->empty()) {
        for (const MetricInfo& info : metric_infos()) wanted.push_back(info.metric);
        return Wanted(std::move(wanted));
    }
    for (size_t from = 0; from <= names->size();) {
        const size_t comma = std::min(names->find(',', from), names->size());
        const std::string name = names->substr(from, comma - from);
        const MetricInfo* info = find_metric(name);
        if (info == nullptr) {
            return Wanted(Error{"unknown_metric", 422, Blame::client,
                                "there is no figure of this name; GET /api/alert-rules lists them"});
        }
        if (std::find(wanted.begin(), wanted.end(), info->metric) == wanted.end()) wanted.push_back(info->metric);
        from = comma + 1;
    }
    return Wanted(std::move(wanted));
}

/// The step: what was asked for, else one that gives a readable number of points.
int64_t step_of(const Call& call, int64_t span_ms) {
    const std::optional<int64_t> asked = query_integer(call.query, "step");
    const int64_t step_ms = asked.value_or(span_ms / kStepsByDefault);
    const int64_t whole = (std::clamp<int64_t>(step_ms, kStepMinMs, metric_history::kKeptMs) + kStepMinMs - 1);
    return whole / kStepMinMs * kStepMinMs;
}

}  // namespace

std::string metrics_snapshot(const Context& ctx, int64_t workspace) {
    const WorkspaceFigures none;
    const WorkspaceFigures& known = figures_in(ctx, workspace, none);
    const int64_t now_us = ctx.now.mono_us;
    json::Writer out;
    out.begin_object().member("timestamp", ctx.now.wall_ms);
    write_queue_depth(out, ctx, workspace, known);
    write_durations(out, "task_latency", known.run_ms.total(now_us), known.run_ms_lifetime);
    write_agents(out, ctx, workspace, known);
    out.key("error_rates").begin_object().key("window");
    write_errors(out, known.counts.total(now_us));
    out.key("cumulative");
    write_errors(out, known.lifetime);
    return out.end_object().end_object().take();
}

Reply on_metrics(const Call& call) {
    const WorkspaceFigures none;
    const WorkspaceFigures& known = figures_in(call.ctx, call.workspace, none);
    const int64_t now_us = call.ctx.now.mono_us;
    const TaskCounts window = known.counts.total(now_us);
    json::Writer out;
    out.begin_object().member("timestamp", call.ctx.now.wall_ms).member("window_ms", kMsPerHour);
    write_queue_depth(out, call.ctx, call.workspace, known);
    write_durations(out, "task_latency", known.run_ms.total(now_us), known.run_ms_lifetime);
    write_durations(out, "task_wait", known.wait_ms.total(now_us), known.wait_ms_lifetime);
    write_agents(out, call.ctx, call.workspace, known);
    out.key("error_rates").begin_object().key("window");
    write_errors(out, window);
    out.key("cumulative");
    write_errors(out, known.lifetime);
    out.end_object().key("tasks").begin_object().key("window");
    write_counts(out, window);
    out.key("cumulative");
    write_counts(out, known.lifetime);
    out.end_object();
    write_hub(out, call);
    out.key("dets_health");
    write_storage_health(out, call.ctx);
    out.end_object();
    return ok(out);
}

Reply on_metrics_history(const Call& call) {
    Result<std::vector<Metric>> wanted = wanted_metrics(call);
    if (!wanted) return error_answer(wanted.error());
    const int64_t now_ms = call.ctx.now.wall_ms;
    const int64_t oldest = now_ms - metric_history::kKeptMs;
    const int64_t until = std::clamp(query_integer(call.query, "until").value_or(now_ms + 1), oldest, now_ms + 1);
    const int64_t since = std::clamp(query_integer(call.query, "since").value_or(until - kMsPerHour), oldest, until);
    metric_history::Question question;
    question.workspace = call.workspace;
    question.step_ms = step_of(call, until - since);
    question.since = since - since % question.step_ms;
    question.until = until;
    question.metrics = std::move(wanted).value();
    const int64_t steps = (question.until - question.since) / question.step_ms + 1;
    if (steps * static_cast<int64_t>(question.metrics.size()) > kHistoryValuesMax) {
        return error_answer(422, "too_many_values", "name fewer figures, a shorter time or a longer step");
    }
    json::Writer out;
    out.begin_object().member("since", question.since).member("until", question.until);
    out.member("step_ms", question.step_ms).key("metrics").begin_array();
    for (const Metric metric : question.metrics) {
        const MetricInfo& info = metric_info(metric);
        out.begin_object().member("name", info.name).member("type", to_text(info.type));
        out.member("unit", to_text(info.unit)).end_object();
    }
    out.end_array().key("points").begin_array();
    for (const metric_history::Point& point : metric_history::read(call.ctx, question)) {
        out.begin_array().integer(point.at);
        for (const std::optional<int64_t>& value : point.values) out.value(value);
        out.end_array();
    }
    out.end_array().end_object();
    return ok(out);
}

Reply on_metrics_text(const Call& call) {
    // Whoever belongs to one workspace sees that one; the hub's own, and who asks on its machine, see all.
    const bool all = !call.identity || (call.identity->of_hub && find_parameter(call.query, "workspace") == nullptr);
    const std::vector<int64_t> workspaces = all ? call.ctx.metrics->workspaces() : std::vector<int64_t>{call.workspace};
    Answer answer;
    answer.body = prometheus::text(call.ctx, workspaces, sessions::kHubVersion);
    answer.headers.emplace_back("content-type", prometheus::kContentType);
    return answer;
}

}  // namespace agentcom::requests
