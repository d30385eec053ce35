// What an operation works with: the tables, the settings, the time of its input, and the effects of the turn.
//
// One Context lives for one input. Services (core/access, core/messaging, core/tasks) are functions over it and keep no
// state of their own.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "core/base/time.hpp"
#include "core/state/effect.hpp"
#include "core/state/fact.hpp"
#include "core/state/settings.hpp"
#include "core/state/tables.hpp"
#include "core/state/task_record.hpp"

namespace agentcom {

class Metrics;

/// A name within a workspace.
using WorkspaceName = std::pair<int64_t, std::string>;

class Context {
  public:
    Context(Tables& tables_in, const Settings& settings_in, Time now_in, int64_t turn_in, std::vector<Effect>& effects)
        : tables(tables_in), settings(settings_in), now(now_in), turn(turn_in), effects_(effects) {}

    Tables& tables;
    const Settings& settings;
    const Time now;
    const int64_t turn;
    /// What the request that is being handled is called in logs; "" = no request.
    std::string request_name;

    /// Agents that may take more work, and tasks that came into the queue: the scheduler looks at both when the input
    /// is done, so that a reply always precedes the pushes it causes.
    std::set<WorkspaceName> woken_agents;
    std::vector<WorkspaceName> queued_tasks;
    /// Claims that the scheduler has given a task: they are answered when the input is done.
    struct GrantedClaim {
        ClaimRow claim;
        std::string task_id;
    };
    std::vector<GrantedClaim> granted_claims;
    /// What has happened that somebody waits for: their requests run again when the input is done.
    std::set<std::tuple<int64_t, WaitTopic, std::string>> happened;
    /// Workspaces whose event log grew: their readers are looked at when the input is done.
    std::set<int64_t> news;
    /// Events that somebody outside the hub is told of: they are queued when the input is done.
    std::vector<EventRow> announced;
    /// What dashboards in the mode `events` are shown, in its order; and workspaces whose dashboards are due.
    std::vector<EventRow> shown;
    std::set<int64_t> dashboard_rounds;
    /// Finished tasks that this operation asked for when it was first tried.
    FetchedTasks fetched;
    /// For the figures: what happened, whose work state may have changed, and whether a sample is due.
    std::vector<Fact> facts;
    std::vector<WorkspaceName> changed_agents;
    bool sample_due = false;
    /// The figures so far; nullptr without a hub around. They change when the input is done, by what is noted above.
    const Metrics* metrics = nullptr;

    // -- effects
    void emit(Effect effect) { effects_.push_back(std::move(effect)); }
    /// The answer to the frame that is being handled.
    void reply(ConnectionId connection, std::string text);
    void push(ConnectionId connection, std::string text, int64_t mail_seq = 0);
    void push(std::vector<ConnectionId> connections, std::string text, int64_t mail_seq = 0);
    void close(ConnectionId connection, int code, std::string reason);
    /// A line for the log; the catalogue says how severe it is.
    void log(std::string event, std::vector<LogField> fields = {});

    // -- timers
    /// Sets or moves a timer: `deadline` in microseconds of the monotonic clock, in wall milliseconds for wall timers.
    void arm(TimerKind kind, int64_t workspace, const std::string& subject, int64_t deadline, int64_t generation = 0);
    void disarm(TimerKind kind, int64_t workspace, const std::string& subject, int64_t generation = 0);
    int64_t in_ms(int64_t duration_ms) const { return saturating_add(now.mono_us, us_from_ms(duration_ms)); }

    // -- the run
    /// 16 random hex digits.
    std::string random_id();
    /// Random, from 0 to `bound` - 1.
    int64_t random_below(int64_t bound);
    /// The store fails: nothing durable may change.
    bool read_only() const;
    const RuntimeRow& runtime() const;

    // -- events
    /// Appends one event to the workspace's log, which the machine's log tells of; `data` is a JSON object.
    void event(int64_t workspace, std::string kind, std::string subject, std::string principal, std::string cause,
               std::string data = "{}");

    /// Something that dashboards are shown though it is not worth an event: `data` is a JSON object.
    void show(int64_t workspace, std::string kind, std::string subject, std::string principal, std::string data = "{}");

    // -- requests that wait
    /// Something happened; remembered only if a request waits for it.
    void notify(int64_t workspace, WaitTopic topic, const std::string& subject);
    /// Whatever the subject.
    void notify_all(int64_t workspace, WaitTopic topic);

    // -- queries
    /// Asks the store; the answer comes back with `pending`.
    int64_t query(StoreQuery what, PendingRow pending);

  private:
    /// Draws from the run's generator.
    template <class Draw>
    auto draw(Draw&& draw);

    std::vector<Effect>& effects_;
};

}  // namespace agentcom
