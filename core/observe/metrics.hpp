// The figures of this run: counters, distributions and samples, of each workspace and of the hub.
//
// They change only between inputs, by what an input has noted on its Context (`Metrics::apply`); facts that rest on
// rows count when their turn is committed. They are part of the state all the same (`digest`, `save`), since alerts
// rest on them, but no rows: a restart begins without any. The history on disk is in core/observe/metric_history.hpp.
//
//     metrics.apply(ctx);              // after each input that stands
//     metrics.committed(turn, now);    // or metrics.failed(turn)
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/hash128.hpp"
#include "core/base/time.hpp"
#include "core/observe/agent_times.hpp"
#include "core/observe/bad_frames.hpp"
#include "core/observe/histogram.hpp"
#include "core/observe/machine_sample.hpp"
#include "core/observe/metric_names.hpp"
#include "core/observe/window.hpp"
#include "core/state/context.hpp"

namespace agentcom {

/// What is counted from events.
enum class Counter : uint8_t {
    submitted,
    assigned,
    completed,
    failed,
    dead_lettered,
    reclaimed,
    returned,
    cancelled,
    retried,
    mail_lost,
    undeliverable,
    tokens_used,
    refused,
    invalid,
};
inline constexpr size_t kCounters = static_cast<size_t>(Counter::invalid) + 1;
inline constexpr size_t kOutcomes = 12;

struct TaskCounts {
    std::array<int64_t, kCounters> values{};
    int64_t of(Counter counter) const { return values.at(static_cast<size_t>(counter)); }
    void merge(const TaskCounts& other);
    void save(ByteWriter& out) const;
    bool load(ByteReader& in);
    /// Failures among all ends of attempts: v1.1's failure rate.
    int64_t ended() const { return of(Counter::completed) + of(Counter::failed) + of(Counter::dead_lettered); }
    int64_t bad() const { return of(Counter::failed) + of(Counter::dead_lettered); }
};

/// All figures at one moment.
struct FigureSample {
    Time at;
    Figures values{};
};

/// The samples of the last hour, oldest first.
class SampleRing {
  public:
    void add(const FigureSample& sample);
    const std::deque<FigureSample>& all() const { return samples_; }
    bool empty() const { return samples_.empty(); }
    /// Of a counter: how much it grew within the last hour, as far as samples reach.
    int64_t growth(Metric metric) const;
    Hash128 digest() const { return digest_; }
    void save(ByteWriter& out) const;
    bool load(ByteReader& in);

  private:
    std::deque<FigureSample> samples_;
    Hash128 digest_;  ///< of all of them: kept up to date, for they are many
};

/// One workspace.
struct WorkspaceFigures {
    TaskCounts lifetime;
    HourWindow<TaskCounts> counts;
    Histogram wait_ms_lifetime;
    HourWindow<Histogram> wait_ms;
    Histogram run_ms_lifetime;
    HourWindow<Histogram> run_ms;
    HourWindow<BadFrames> bad_frames;
    std::array<int64_t, kOutcomes> outcomes{};  ///< how leases ended
    SampleRing samples;
    std::unordered_map<std::string, AgentTimes> agents;  // NOLINT: never iterated where the order shows
    std::array<int64_t, kWorkStates> agents_by_state{};
    int64_t registered = 0;      ///< agents, as last counted
    int64_t agents_seen_at = 0;  ///< Unix ms; when an agent was last there; 0: in none of the last 24 hours

    std::vector<std::string> agent_names() const;  ///< sorted
    void add(Counter counter, int64_t by, int64_t now_us) {
        const auto place = static_cast<size_t>(counter);
        for (TaskCounts* sums : {&lifetime, &counts.at(now_us)}) {
            // What agents say may be any number.
            sums->values.at(place) = saturating_add(sums->values.at(place), by);
        }
    }
};

/// The machine.
struct HubFigures {
    MachineSample last;
    bool known = false;  ///< a sample has come
    Histogram commit_us_lifetime;
    Histogram turn_us_lifetime;
    Histogram commit_us;  ///< of the last samples, for a minute
    Histogram turn_us;
    std::deque<Histogram> recent_commit_us;
    std::deque<Histogram> recent_turn_us;
    int64_t loop_lag_us = 0;
    int64_t last_fault_us = -1;  ///< when core_faults was last seen to grow; -1: never
    SampleRing samples;
};

class Metrics {
  public:
    /// Workspaces beyond so many, by number, have no figures: each takes some memory and history.
    static constexpr int64_t kWorkspacesMax = 100;

    // -- what happens; `Hub` calls these
    /// After an input that stands: takes over what it noted.
    void apply(const Context& ctx);
    void committed(int64_t turn, Time now);
    /// That turn and all later ones are taken back: nothing of them counts. Work states are looked at anew.
    void failed(int64_t first_turn, const Context& ctx);
    void machine(const MachineSample& sample, Time now);
    /// An agent of this workspace was there at this time, as the history says.
    void remember_agents_seen(int64_t workspace, int64_t at_ms);

    // -- what is
    /// nullptr: nothing is known of it.
    const WorkspaceFigures* find(int64_t workspace) const;
    std::vector<int64_t> workspaces() const;
    const HubFigures& hub() const { return hub_; }

    Hash128 digest() const;
    void save(ByteWriter& out) const;
    bool load(ByteReader& in);

  private:
    struct Pending {
        int64_t turn = 0;
        std::vector<Fact> facts;
    };
    WorkspaceFigures* at(int64_t workspace);
    void count(const Fact& fact, Time now);
    void look_at_agent(const Context& ctx, int64_t workspace, const std::string& agent);
    void sample(const Context& ctx);
    void forget_agents(int64_t now_us);
    void count_registered(const Context& ctx);

    std::map<int64_t, WorkspaceFigures> workspaces_;
    HubFigures hub_;
    std::deque<Pending> pending_;  ///< facts whose turns are not committed yet
    int64_t agents_forgotten_us_ = 0;
    int64_t principals_counted_ = -1;
};

/// What every figure of a workspace is at this moment.
Figures figures_of(const Context& ctx, int64_t workspace);
/// Likewise of the hub.
Figures figures_of_hub(const Context& ctx);
/// The growth within an hour of a counter, else the value now.
int64_t figure_for_rules(const Context& ctx, int64_t workspace, Metric metric);
/// What an agent is at, with `blocked` when one of its tasks waits for an answer.
WorkState agent_work_state(const Context& ctx, int64_t workspace, const std::string& agent);
/// The same in the words of v1.1 (`fsm_state`), and in those of everything newer, which call `blocked` waiting_input.
std::string_view fsm_state(const Context& ctx, int64_t workspace, const std::string& agent);
std::string_view agent_state_word(const Context& ctx, int64_t workspace, const std::string& agent);

}  // namespace agentcom
