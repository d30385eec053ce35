#include "core/observe/metrics.hpp"

#include <algorithm>
#include <optional>

#include "core/base/assert.hpp"
#include "core/tasks/agents.hpp"

namespace agentcom {

namespace {

constexpr int64_t kHourUs = kUsPerHour;
/// Samples that are kept, however short metrics_interval_ms is.
constexpr size_t kSamplesMax = 3'600;
/// Samples of the machine that make up a minute.
constexpr size_t kRecentSamples = 6;

struct CountedKind {
    std::string_view kind;
    Counter counter;
};
constexpr CountedKind kCountedKinds[] = {
    {"task_submitted", Counter::submitted}, {"task_imported", Counter::submitted},
    {"task_assigned", Counter::assigned},   {"task_completed", Counter::completed},
    {"task_retried", Counter::failed},      {"task_dead_letter", Counter::dead_lettered},
    {"task_reclaimed", Counter::reclaimed}, {"task_rejected", Counter::returned},
    {"task_released", Counter::returned},   {"task_cancelled", Counter::cancelled},
    {"task_requeued", Counter::retried},    {"mail_dropped", Counter::mail_lost},
    {"mail_expired", Counter::mail_lost},   {"message_undeliverable", Counter::undeliverable},
};

std::optional<Counter> counter_of(std::string_view kind) {
    for (const CountedKind& each : kCountedKinds) {
        if (each.kind == kind) return each.counter;
    }
    return std::nullopt;
}

void write_sample(const FigureSample& sample, ByteWriter& out) {
    out.i64(sample.at.wall_ms);
    out.i64(sample.at.mono_us);
    for (const int64_t value : sample.values) out.i64(value);
}

Hash128 hash_of(const FigureSample& sample) {
    ByteWriter out;
    write_sample(sample, out);
    return hash128(out.bytes());
}

Histogram merged(const std::deque<Histogram>& parts) {
    Histogram all;
    for (const Histogram& part : parts) all.merge(part);
    return all;
}

void keep_recent(std::deque<Histogram>& recent, const Histogram& newest) {
    recent.push_back(newest);
    if (recent.size() > kRecentSamples) recent.pop_front();
}

void save_all(const std::deque<Histogram>& parts, ByteWriter& out) {
    out.u64(parts.size());
    for (const Histogram& part : parts) part.save(out);
}

bool load_all(std::deque<Histogram>& parts, ByteReader& in) {
    const uint64_t size = in.count();
    for (uint64_t i = 0; i < size; ++i) {
        if (!parts.emplace_back().load(in)) return false;
    }
    return !in.failed();
}

/// Everything of a workspace but its samples, which are many and have a digest of their own.
void save_counts(const WorkspaceFigures& figures, ByteWriter& out) {
    figures.lifetime.save(out);
    figures.counts.save(out);
    figures.wait_ms_lifetime.save(out);
    figures.wait_ms.save(out);
    figures.run_ms_lifetime.save(out);
    figures.run_ms.save(out);
    figures.bad_frames.save(out);
    for (const int64_t outcome : figures.outcomes) out.i64(outcome);
    const std::vector<std::string> names = figures.agent_names();
    out.u64(names.size());
    for (const std::string& name : names) {
        out.text(name);
        figures.agents.at(name).save(out);
    }
    out.i64(figures.registered);
    out.i64(figures.agents_seen_at);
}

bool load_counts(WorkspaceFigures& figures, ByteReader& in) {
    if (!figures.lifetime.load(in) || !figures.counts.load(in) || !figures.wait_ms_lifetime.load(in) ||
        !figures.wait_ms.load(in) || !figures.run_ms_lifetime.load(in) || !figures.run_ms.load(in) ||
        !figures.bad_frames.load(in)) {
        return false;
    }
    for (int64_t& outcome : figures.outcomes) outcome = in.i64();
    const uint64_t agents = in.count();
    for (uint64_t i = 0; i < agents && !in.failed(); ++i) {
        AgentTimes& times = figures.agents[in.text()];
        if (!times.load(in)) return false;
        ++figures.agents_by_state.at(static_cast<size_t>(times.state()));
    }
    figures.registered = in.i64();
    figures.agents_seen_at = in.i64();
    return !in.failed();
}

void save_hub(const HubFigures& hub, ByteWriter& out) {
    hub.last.save(out);
    out.u8(hub.known ? 1 : 0);
    hub.commit_us_lifetime.save(out);
    hub.turn_us_lifetime.save(out);
    save_all(hub.recent_commit_us, out);
    save_all(hub.recent_turn_us, out);
    out.i64(hub.loop_lag_us);
    out.i64(hub.last_fault_us);
}

bool load_hub(HubFigures& hub, ByteReader& in) {
    if (!hub.last.load(in)) return false;
    hub.known = in.u8() != 0;
    if (!hub.commit_us_lifetime.load(in) || !hub.turn_us_lifetime.load(in) || !load_all(hub.recent_commit_us, in) ||
        !load_all(hub.recent_turn_us, in)) {
        return false;
    }
    hub.commit_us = merged(hub.recent_commit_us);
    hub.turn_us = merged(hub.recent_turn_us);
    hub.loop_lag_us = in.i64();
    hub.last_fault_us = in.i64();
    return !in.failed();
}

int64_t percent(int64_t part, int64_t whole) { return whole == 0 ? 0 : (part * 100 + whole / 2) / whole; }

/// Whether the turn of such a fact changes rows, so that it is committed or taken back one day.
bool rests_on_rows(Fact::What what) {
    return what != Fact::What::refused && what != Fact::What::invalid && what != Fact::What::bad_frame;
}

}  // namespace

// -- parts ------------------------------------------------------------------------------------------------------------

void TaskCounts::merge(const TaskCounts& other) {
    for (size_t i = 0; i < kCounters; ++i) values.at(i) = saturating_add(values.at(i), other.values.at(i));
}

void TaskCounts::save(ByteWriter& out) const {
    for (const int64_t value : values) out.i64(value);
}

bool TaskCounts::load(ByteReader& in) {
    for (int64_t& value : values) value = in.i64();
    return !in.failed();
}

void SampleRing::add(const FigureSample& sample) {
    samples_.push_back(sample);
    digest_ += hash_of(sample);
    while (samples_.front().at.mono_us <= sample.at.mono_us - kHourUs || samples_.size() > kSamplesMax) {
        digest_ -= hash_of(samples_.front());
        samples_.pop_front();
    }
}

int64_t SampleRing::growth(Metric metric) const {
    if (samples_.empty()) return 0;
    return std::max<int64_t>(0, figure(samples_.back().values, metric) - figure(samples_.front().values, metric));
}

void SampleRing::save(ByteWriter& out) const {
    out.u64(samples_.size());
    for (const FigureSample& sample : samples_) write_sample(sample, out);
}

bool SampleRing::load(ByteReader& in) {
    const uint64_t size = in.count();
    for (uint64_t i = 0; i < size && !in.failed(); ++i) {
        FigureSample sample;
        sample.at.wall_ms = in.i64();
        sample.at.mono_us = in.i64();
        for (int64_t& value : sample.values) value = in.i64();
        samples_.push_back(sample);
        digest_ += hash_of(sample);
    }
    return !in.failed();
}

std::vector<std::string> WorkspaceFigures::agent_names() const {
    std::vector<std::string> names;
    names.reserve(agents.size());
    for (const auto& [name, unused] : agents) names.push_back(name);
    std::sort(names.begin(), names.end());
    return names;
}

// -- what happens -----------------------------------------------------------------------------------------------------

WorkspaceFigures* Metrics::at(int64_t workspace) {
    return workspace < 1 || workspace > kWorkspacesMax ? nullptr : &workspaces_[workspace];
}

void Metrics::apply(const Context& ctx) {
    for (const Fact& fact : ctx.facts) {
        if (!rests_on_rows(fact.what)) {
            count(fact, ctx.now);
            continue;
        }
        if (pending_.empty() || pending_.back().turn != ctx.turn) pending_.push_back({ctx.turn, {}});
        pending_.back().facts.push_back(fact);
    }
    for (const auto& [workspace, agent] : ctx.changed_agents) look_at_agent(ctx, workspace, agent);
    if (ctx.sample_due) sample(ctx);
}

void Metrics::committed(int64_t turn, Time now) {
    while (!pending_.empty() && pending_.front().turn <= turn) {
        for (const Fact& fact : pending_.front().facts) count(fact, now);
        pending_.pop_front();
    }
}

void Metrics::failed(int64_t first_turn, const Context& ctx) {
    while (!pending_.empty() && pending_.back().turn >= first_turn) pending_.pop_back();
    for (auto& [workspace, figures] : workspaces_) {
        for (const std::string& agent : figures.agent_names()) look_at_agent(ctx, workspace, agent);
    }
}

void Metrics::count(const Fact& fact, Time now) {
    WorkspaceFigures* figures = at(fact.workspace);
    if (figures == nullptr) return;
    switch (fact.what) {
        case Fact::What::event:
            if (const std::optional<Counter> counter = counter_of(fact.text)) {
                figures->add(*counter, 1, now.mono_us);
            }
            break;
        case Fact::What::queue_wait:
            figures->wait_ms_lifetime.record(fact.ms);
            figures->wait_ms.at(now.mono_us).record(fact.ms);
            break;
        case Fact::What::lease_ended: {
            ++figures->outcomes.at(static_cast<size_t>(fact.outcome));
            const auto agent = figures->agents.find(fact.text);
            if (fact.outcome == Outcome::completed) {
                figures->run_ms_lifetime.record(fact.ms);
                figures->run_ms.at(now.mono_us).record(fact.ms);
                if (agent != figures->agents.end()) agent->second.completed(fact.ms, now.mono_us);
            } else if (fact.outcome == Outcome::retried || fact.outcome == Outcome::dead_letter) {
                if (agent != figures->agents.end()) agent->second.failed(now.mono_us);
            }
            break;
        }
        case Fact::What::tokens_used:
            figures->add(Counter::tokens_used, fact.ms, now.mono_us);
            break;
        case Fact::What::refused:
            figures->add(Counter::refused, 1, now.mono_us);
            break;
        case Fact::What::invalid:
            figures->add(Counter::invalid, 1, now.mono_us);
            break;
        case Fact::What::bad_frame:
            figures->bad_frames.at(now.mono_us).add(fact.text);
            break;
    }
}

void Metrics::look_at_agent(const Context& ctx, int64_t workspace, const std::string& agent) {
    WorkspaceFigures* figures = at(workspace);
    if (figures == nullptr || agent.empty()) return;
    const WorkState state = agent_work_state(ctx, workspace, agent);
    const auto [found, is_new] = figures->agents.try_emplace(agent, AgentTimes(state, ctx.now.mono_us));
    if (is_new) {
        ++figures->agents_by_state.at(static_cast<size_t>(state));
        return;
    }
    if (found->second.state() == state) return;
    --figures->agents_by_state.at(static_cast<size_t>(found->second.state()));
    ++figures->agents_by_state.at(static_cast<size_t>(state));
    found->second.enter(state, ctx.now.mono_us);
}

void Metrics::machine(const MachineSample& sample, Time now) {
    if (sample.core_faults > hub_.last.core_faults) hub_.last_fault_us = now.mono_us;
    hub_.last = sample;
    hub_.known = true;
    hub_.commit_us_lifetime.merge(sample.commit_us);
    hub_.turn_us_lifetime.merge(sample.turn_us);
    keep_recent(hub_.recent_commit_us, sample.commit_us);
    keep_recent(hub_.recent_turn_us, sample.turn_us);
    hub_.commit_us = merged(hub_.recent_commit_us);
    hub_.turn_us = merged(hub_.recent_turn_us);
    hub_.loop_lag_us = sample.loop_lag_us;
    // They are in the sums now.
    hub_.last.commit_us = {};
    hub_.last.turn_us = {};
}

void Metrics::remember_agents_seen(int64_t workspace, int64_t at_ms) {
    if (WorkspaceFigures* figures = at(workspace)) figures->agents_seen_at = std::max(figures->agents_seen_at, at_ms);
}

void Metrics::count_registered(const Context& ctx) {
    if (principals_counted_ == ctx.tables.count<PrincipalRow>()) return;
    principals_counted_ = ctx.tables.count<PrincipalRow>();
    for (auto& [unused, figures] : workspaces_) figures.registered = 0;
    for (const auto& name : ctx.tables.indexes().principals) {
        if (ctx.tables.find<PrincipalRow>(name)->kind != PrincipalKind::agent) continue;
        if (WorkspaceFigures* figures = at(name.first)) ++figures->registered;
    }
}

void Metrics::sample(const Context& ctx) {
    std::vector<int64_t> numbers;
    for (const auto& [unused, number] : ctx.tables.indexes().workspaces) numbers.push_back(number);
    std::sort(numbers.begin(), numbers.end());
    for (const int64_t number : numbers) at(number);
    count_registered(ctx);
    for (auto& [number, figures] : workspaces_) {
        const Figures values = figures_of(ctx, number);
        if (figure(values, Metric::agents_online) > 0) figures.agents_seen_at = ctx.now.wall_ms;
        figures.samples.add({ctx.now, values});
    }
    hub_.samples.add({ctx.now, figures_of_hub(ctx)});
    forget_agents(ctx.now.mono_us);
}

void Metrics::forget_agents(int64_t now_us) {
    constexpr int64_t kEveryUs = 5 * kUsPerMinute;
    if (now_us - agents_forgotten_us_ < kEveryUs) return;
    agents_forgotten_us_ = now_us;
    for (auto& [unused, figures] : workspaces_) {
        for (const std::string& name : figures.agent_names()) {
            const AgentTimes& times = figures.agents.at(name);
            if (times.state() != WorkState::offline) continue;
            const AgentTimes::Totals totals = times.totals(now_us);
            const int64_t offline_ms = totals.ms.at(static_cast<size_t>(WorkState::offline));
            if (totals.known_ms() > offline_ms || totals.completed > 0 || totals.failed > 0) continue;
            // Not before it has been away for the whole of the window.
            if (offline_ms < 55 * kMsPerMinute) continue;
            figures.agents.erase(name);
            --figures.agents_by_state.at(static_cast<size_t>(WorkState::offline));
        }
    }
}

// -- what is ----------------------------------------------------------------------------------------------------------

const WorkspaceFigures* Metrics::find(int64_t workspace) const {
    const auto found = workspaces_.find(workspace);
    return found == workspaces_.end() ? nullptr : &found->second;
}

std::vector<int64_t> Metrics::workspaces() const {
    std::vector<int64_t> numbers;
    for (const auto& [number, unused] : workspaces_) numbers.push_back(number);
    return numbers;
}

Hash128 Metrics::digest() const {
    ByteWriter out;
    Hash128 digest;
    for (const auto& [number, figures] : workspaces_) {
        out.i64(number);
        save_counts(figures, out);
        digest += figures.samples.digest();
    }
    save_hub(hub_, out);
    digest += hub_.samples.digest();
    for (const Pending& pending : pending_) {
        out.i64(pending.turn);
        for (const Fact& fact : pending.facts) {
            out.u8(static_cast<uint8_t>(fact.what));
            out.text(fact.text);
        }
    }
    Hasher hasher;
    hasher.u8(static_cast<uint8_t>(TableId::metrics));
    hasher.bytes(out.bytes());
    digest += hasher.finish();
    return digest;
}

void Metrics::save(ByteWriter& out) const {
    out.u64(workspaces_.size());
    for (const auto& [number, figures] : workspaces_) {
        out.i64(number);
        save_counts(figures, out);
        figures.samples.save(out);
    }
    save_hub(hub_, out);
    hub_.samples.save(out);
    out.u64(pending_.size());
    for (const Pending& pending : pending_) {
        out.i64(pending.turn);
        out.u64(pending.facts.size());
        for (const Fact& fact : pending.facts) {
            out.u8(static_cast<uint8_t>(fact.what));
            out.i64(fact.workspace);
            out.text(fact.text);
            out.i64(fact.ms);
            out.text(to_text(fact.outcome));
        }
    }
    out.i64(agents_forgotten_us_);
    out.i64(principals_counted_);
}

bool Metrics::load(ByteReader& in) {
    const uint64_t workspaces = in.count();
    for (uint64_t i = 0; i < workspaces && !in.failed(); ++i) {
        WorkspaceFigures& figures = workspaces_[in.i64()];
        if (!load_counts(figures, in) || !figures.samples.load(in)) return false;
    }
    if (!load_hub(hub_, in) || !hub_.samples.load(in)) return false;
    const uint64_t turns = in.count();
    for (uint64_t i = 0; i < turns && !in.failed(); ++i) {
        Pending& pending = pending_.emplace_back();
        pending.turn = in.i64();
        const uint64_t facts = in.count();
        for (uint64_t k = 0; k < facts && !in.failed(); ++k) {
            Fact& fact = pending.facts.emplace_back();
            const uint8_t what = in.u8();
            if (what > static_cast<uint8_t>(Fact::What::bad_frame)) return false;
            fact.what = static_cast<Fact::What>(what);
            fact.workspace = in.i64();
            fact.text = in.text();
            fact.ms = in.i64();
            if (!from_text(in.text(), fact.outcome)) return false;
        }
    }
    agents_forgotten_us_ = in.i64();
    principals_counted_ = in.i64();
    return !in.failed();
}

// -- figures ----------------------------------------------------------------------------------------------------------

namespace {

template <class Map>
int64_t size_in(const Map& map, int64_t workspace) {
    const auto found = map.find(workspace);
    return found == map.end() ? 0 : static_cast<int64_t>(found->second.size());
}

void put_counters(Figures& values, const WorkspaceFigures& known) {
    static constexpr std::pair<Metric, Counter> kPairs[] = {
        {Metric::tasks_submitted, Counter::submitted},
        {Metric::tasks_assigned, Counter::assigned},
        {Metric::tasks_completed, Counter::completed},
        {Metric::tasks_failed, Counter::failed},
        {Metric::tasks_dead_lettered, Counter::dead_lettered},
        {Metric::tasks_reclaimed, Counter::reclaimed},
        {Metric::tasks_returned, Counter::returned},
        {Metric::tasks_cancelled, Counter::cancelled},
        {Metric::tasks_retried, Counter::retried},
        {Metric::mail_lost, Counter::mail_lost},
        {Metric::messages_undeliverable, Counter::undeliverable},
    };
    for (const auto& [metric, counter] : kPairs) figure(values, metric) = known.lifetime.of(counter);
}

void put_last_hour(Figures& values, const WorkspaceFigures& known, int64_t now_us) {
    const TaskCounts counts = known.counts.total(now_us);
    figure(values, Metric::failure_rate_pct) = percent(counts.bad(), counts.ended());
    const Histogram wait = known.wait_ms.total(now_us);
    figure(values, Metric::wait_p50_ms) = wait.percentile(500);
    figure(values, Metric::wait_p99_ms) = wait.percentile(990);
    const Histogram run = known.run_ms.total(now_us);
    figure(values, Metric::run_p50_ms) = run.percentile(500);
    figure(values, Metric::run_p99_ms) = run.percentile(990);
    const auto agents_in = [&known](WorkState state) { return known.agents_by_state.at(static_cast<size_t>(state)); };
    figure(values, Metric::agents_idle) = agents_in(WorkState::idle);
    figure(values, Metric::agents_working) = agents_in(WorkState::assigned) + agents_in(WorkState::working);
    figure(values, Metric::agents_blocked) = agents_in(WorkState::blocked);
    figure(values, Metric::agents_registered) = known.registered;
}

}  // namespace

Figures figures_of(const Context& ctx, int64_t workspace) {
    AGENTCOM_ASSERT(ctx.metrics != nullptr, "figures are asked for within a hub");
    const Indexes& indexes = ctx.tables.indexes();
    Figures values{};
    if (const auto states = indexes.state_counts.find(workspace); states != indexes.state_counts.end()) {
        figure(values, Metric::held_tasks) = states->second.at(0);
        figure(values, Metric::queue_depth) = states->second.at(1);
        figure(values, Metric::assigned_tasks) = states->second.at(2);
        figure(values, Metric::working_tasks) = states->second.at(3);
        figure(values, Metric::dead_letters) = states->second.at(4);
    }
    if (const auto since = indexes.queued_since.find(workspace);
        since != indexes.queued_since.end() && !since->second.empty()) {
        figure(values, Metric::oldest_queued_ms) = std::max<int64_t>(0, ctx.now.wall_ms - since->second.begin()->first);
    }
    figure(values, Metric::stuck_tasks) = size_in(indexes.stuck_leases, workspace);
    figure(values, Metric::agents_online) = size_in(indexes.sessions, workspace);
    if (const WorkspaceRow* row = ctx.tables.find<WorkspaceRow>({workspace})) {
        figure(values, Metric::messages) = row->message_seq;
        figure(values, Metric::events) = row->event_seq;
    }
    if (const WorkspaceFigures* known = ctx.metrics->find(workspace)) {
        put_counters(values, *known);
        put_last_hour(values, *known, ctx.now.mono_us);
    }
    return values;
}

Figures figures_of_hub(const Context& ctx) {
    AGENTCOM_ASSERT(ctx.metrics != nullptr, "figures are asked for within a hub");
    const HubFigures& hub = ctx.metrics->hub();
    const MachineSample& last = hub.last;
    Figures values{};
    figure(values, Metric::connections) = last.connections;
    figure(values, Metric::outbox_bytes) = last.outbox_bytes;
    figure(values, Metric::receive_bytes) = last.receive_bytes;
    figure(values, Metric::turns_in_flight) = last.turns_in_flight;
    figure(values, Metric::loop_lag_us) = hub.loop_lag_us;
    figure(values, Metric::commits) = hub.commit_us_lifetime.count();
    figure(values, Metric::commit_p50_us) = hub.commit_us.percentile(500);
    figure(values, Metric::commit_p99_us) = hub.commit_us.percentile(990);
    figure(values, Metric::commit_max_us) = hub.commit_us.max();
    figure(values, Metric::turn_p99_us) = hub.turn_us.percentile(990);
    figure(values, Metric::memory_bytes) = last.memory_bytes;
    figure(values, Metric::database_bytes) = last.database_bytes;
    figure(values, Metric::wal_bytes) = last.wal_bytes;
    figure(values, Metric::disk_free_bytes) = last.disk_free_bytes;
    figure(values, Metric::disk_free_pct) =
        last.disk_total_bytes <= 0 ? kUnknownFigure : last.disk_free_bytes / (last.disk_total_bytes / 100 + 1);
    figure(values, Metric::read_only) = ctx.read_only() ? 1 : 0;
    figure(values, Metric::backup_age_ms) =
        last.last_backup_at <= 0 ? kUnknownFigure : std::max<int64_t>(0, ctx.now.wall_ms - last.last_backup_at);
    figure(values, Metric::core_faults) = last.core_faults;
    figure(values, Metric::outboxes_closed) = last.outboxes_closed;
    figure(values, Metric::rows_lost) = last.rows_lost;
    return values;
}

int64_t figure_for_rules(const Context& ctx, int64_t workspace, Metric metric) {
    const MetricInfo& info = metric_info(metric);
    if (info.type == MetricType::gauge) {
        return figure(info.of_hub ? figures_of_hub(ctx) : figures_of(ctx, workspace), metric);
    }
    if (info.of_hub) return ctx.metrics->hub().samples.growth(metric);
    const WorkspaceFigures* known = ctx.metrics->find(workspace);
    if (known == nullptr) return 0;
    if (metric == Metric::messages || metric == Metric::events) return known->samples.growth(metric);
    WorkspaceFigures hour;
    hour.lifetime = known->counts.total(ctx.now.mono_us);
    Figures values{};
    put_counters(values, hour);
    return figure(values, metric);
}

WorkState agent_work_state(const Context& ctx, int64_t workspace, const std::string& agent) {
    const WorkState state = work_state_of(agents::work_state(ctx, workspace, agent)).value_or(WorkState::offline);
    if (state != WorkState::assigned && state != WorkState::working) return state;
    const auto& leases = ctx.tables.indexes().leases;
    const auto held = leases.find({workspace, agent});
    if (held == leases.end()) return state;
    for (const std::string& task : held->second) {
        const RunRow* run = ctx.tables.find<RunRow>({workspace, task});
        if (run != nullptr && run->question) return WorkState::blocked;
    }
    return state;
}

std::string_view fsm_state(const Context& ctx, int64_t workspace, const std::string& agent) {
    return to_text(agent_work_state(ctx, workspace, agent));
}

std::string_view agent_state_word(const Context& ctx, int64_t workspace, const std::string& agent) {
    const WorkState state = agent_work_state(ctx, workspace, agent);
    return state == WorkState::blocked ? std::string_view("waiting_input") : to_text(state);
}

}  // namespace agentcom
