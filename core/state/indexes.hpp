// Every index over the rows in memory. Each is a function of the rows alone, kept up to date by Tables on each change
// (and on each undo), so that none can disagree with the state.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "core/state/rows.hpp"
#include "core/state/task_queue.hpp"

namespace agentcom {

class Indexes {
  public:
    using Name = std::pair<int64_t, std::string>;  ///< (workspace, id)

    struct TimerEntry {
        int64_t deadline;
        TimerRow::Key key;
        friend bool operator<(const TimerEntry& a, const TimerEntry& b) {
            return std::tie(a.deadline, a.key) < std::tie(b.deadline, b.key);
        }
    };

    // -- timers, earliest first
    std::set<TimerEntry> mono_timers;
    std::set<TimerEntry> wall_timers;

    // -- connections
    std::set<int64_t> connections;
    std::map<int64_t, std::set<int64_t>> sessions;        ///< workspace -> identified connections, for fan-out
    std::map<int64_t, std::set<int64_t>> newer_sessions;  ///< of them those of protocol 2: they get more keys

    // -- mail
    std::map<Name, std::set<int64_t>> mail;             ///< (workspace, recipient or "" for broadcasts) -> unread seqs
    std::set<std::pair<int64_t, int64_t>> mail_by_seq;  ///< (workspace, seq): the oldest sets the bound of retention
    std::map<int64_t, std::set<std::tuple<int64_t, std::string, int64_t>>>
        mail_expiry;  ///< workspace -> (when its sender lets it expire, whose, seq)
    std::map<int64_t, std::set<std::tuple<int64_t, std::string, int64_t>>>
        mail_age;                                                                ///< workspace -> (sent_at, whose, seq)
    std::map<int64_t, std::set<std::pair<int64_t, std::string>>> undeliverable;  ///< workspace -> (seq, name)

    // -- channels
    std::set<Name> channels;
    std::map<Name, std::map<int64_t, std::string>> members;   ///< channel -> join -> agent, members only
    std::map<Name, std::set<std::string>> channel_agents;     ///< channel -> members and former ones
    std::map<Name, std::set<std::string>> agent_channels;     ///< agent -> channels it is or was a member of
    std::map<Name, std::map<int64_t, int64_t>> channel_mail;  ///< channel -> channel_seq -> seq of its kept messages

    // -- access
    std::set<Name> principals;
    std::map<Name, std::set<std::string>> tokens;  ///< principal -> digests
    std::map<std::string, int64_t> workspaces;     ///< name -> id

    // -- tasks
    std::map<Name, std::set<std::string>> leases;    ///< agent -> tasks it holds
    std::map<Name, std::string> unique_keys;         ///< unique_key -> live task
    std::map<Name, std::set<std::string>> blocks;    ///< task -> tasks that wait for it
    std::map<Name, std::set<std::string>> blockers;  ///< task -> tasks it waits for
    std::map<Name, std::set<int64_t>> attempts;      ///< task -> generations
    /// Tasks in memory of one state, in the order of lists: (priority, seq, id).
    using TaskList = std::set<std::tuple<int64_t, int64_t, std::string>>;
    static constexpr size_t kLiveStates = 5;                          ///< held, queued, assigned, working, dead_letter
    std::map<int64_t, std::array<TaskList, kLiveStates>> task_lists;  ///< by workspace
    /// The place of a state in such an array; nullopt for those whose tasks are only in the store.
    static std::optional<size_t> live_place(TaskState);
    std::map<int64_t, std::array<int64_t, kLiveStates>> state_counts;  ///< workspace -> how many there are of each
    std::map<int64_t, std::array<int64_t, kLanes>> priority_counts;    ///< likewise by priority, without dead letters
    int64_t live_tasks = 0;
    std::map<int64_t, TaskQueue> queues;       ///< per workspace
    std::map<Name, std::set<int64_t>> claims;  ///< agent -> requests of it that wait for a task

    // -- requests that wait: (workspace, topic, subject, request)
    using Wait = std::tuple<int64_t, WaitTopic, std::string, int64_t>;
    std::set<Wait> waits;

    // -- what a person wants to see first
    std::map<int64_t, std::set<std::pair<int64_t, int64_t>>> queued_since;      ///< workspace -> (queued_at, seq)
    std::map<int64_t, std::set<std::pair<int64_t, std::string>>> dead_letters;  ///< workspace -> (updated_at, task)
    std::map<int64_t, std::set<std::pair<int64_t, std::string>>> questions;     ///< workspace -> (asked_at, task)
    std::map<int64_t, std::set<std::pair<int64_t, std::string>>> stuck_leases;  ///< workspace -> (progress_us, task)
    std::map<int64_t, std::set<std::pair<int64_t, std::string>>> unresponsive;  ///< workspace -> (changed_at, agent)

    // -- readers of events
    std::map<int64_t, std::set<int64_t>> feeds;           ///< workspace -> requests
    std::map<int64_t, std::set<int64_t>> feeds_by_query;  ///< query -> requests that wait for it

    // -- dashboards that are admitted: workspace -> connections; of them those that are sent events
    std::map<int64_t, std::set<int64_t>> dashboards;
    std::map<int64_t, std::set<int64_t>> event_dashboards;

    // -- outputs
    /// workspace -> kind of event, in full or as "begin_*" -> who is told of it
    std::map<int64_t, std::map<std::string, std::set<std::string>, std::less<>>> listeners;
    std::map<Name, std::set<int64_t>> deliveries_waiting;  ///< receiver -> seqs
    std::map<Name, std::set<int64_t>> deliveries_ended;    ///< likewise
    /// Who is told of such an event, by name.
    std::set<std::string> listeners_of(int64_t workspace, std::string_view kind) const;

    // -- limits: every bucket, by kind of owner, in the order in which they are swept
    std::array<std::set<BucketRow::Key>, 3> buckets;

    // -- the rest
    std::set<std::tuple<int64_t, IdempotencyRow::Key>> idempotency_expiry;
    std::set<std::tuple<int64_t, FairnessRow::Key>> fairness_age;

    /// Every agent that has a row, by workspace and name.
    const std::map<Name, AgentRow>& agents() const { return agents_; }
    /// How many leases an agent holds.
    int64_t lease_count(int64_t workspace, const std::string& agent) const;
    /// Online, with a free slot, in no back-off, under its limit.
    bool is_available(const AgentRow&) const;

    template <class Row>
    void changed(const Row*, const Row*) {}
    void changed(const TimerRow* before, const TimerRow* after);
    void changed(const SessionRow* before, const SessionRow* after);
    void changed(const MailRow* before, const MailRow* after);
    void changed(const PrincipalRow* before, const PrincipalRow* after);
    void changed(const TokenRow* before, const TokenRow* after);
    void changed(const WorkspaceRow* before, const WorkspaceRow* after);
    void changed(const TaskRow* before, const TaskRow* after);
    void changed(const TaskEdgeRow* before, const TaskEdgeRow* after);
    void changed(const AttemptRow* before, const AttemptRow* after);
    void changed(const IdempotencyRow* before, const IdempotencyRow* after);
    void changed(const AgentRow* before, const AgentRow* after);
    void changed(const FairnessRow* before, const FairnessRow* after);
    void changed(const RunRow* before, const RunRow* after);
    void changed(const ClaimRow* before, const ClaimRow* after);
    void changed(const WaitRow* before, const WaitRow* after);
    void changed(const LeaseRow* before, const LeaseRow* after);
    void changed(const FeedRow* before, const FeedRow* after);
    void changed(const BucketRow* before, const BucketRow* after);
    void changed(const ChannelRow* before, const ChannelRow* after);
    void changed(const MembershipRow* before, const MembershipRow* after);
    void changed(const PushSubscriptionRow* before, const PushSubscriptionRow* after);
    void changed(const WebhookRow* before, const WebhookRow* after);
    void changed(const DeliveryRow* before, const DeliveryRow* after);
    void changed(const DashboardRow* before, const DashboardRow* after);

  private:
    void listen(int64_t workspace, const std::string& receiver, const std::vector<std::string>& kinds, bool listens);
    /// Puts the agent into or out of its workspace's queue, as it now stands.
    void refresh_agent(int64_t workspace, const std::string& agent);

    std::map<Name, AgentRow> agents_;   ///< as last seen
    std::map<Name, Worker> available_;  ///< as it was added to the queue
};

}  // namespace agentcom
