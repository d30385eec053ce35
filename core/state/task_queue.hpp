// The queue of one workspace: which queued task should an agent get, and which agent should a task get.
//
// Tasks with the same needs form a class. A class is looked at only for agents that have its rarest capability (or are
// its target), so that tasks which nobody can do cost nothing. Within a class each lane holds, per fairness key, a
// first-in-first-out list by sequence number; keys take turns, the one served longest ago first. Who can take work (an
// agent on its socket, or a request that claims a task) waits ordered by how long it has been idle, once overall and
// once per capability.
//
// This is an index: a function of rows (tasks, agents, claims, fairness), kept by Indexes. It decides nothing.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "core/state/rows.hpp"

namespace agentcom {

inline constexpr int64_t kLanes = 4;
inline constexpr int64_t kAllLanes = (int64_t{1} << kLanes) - 1;

/// Who can take a task.
struct Worker {
    std::string agent;
    int64_t request = 0;  ///< the claim that waits; 0: the agent's socket
    int64_t idle_since_us = 0;
    std::vector<std::string> capabilities;
    int64_t lanes = kAllLanes;  ///< bit n: takes tasks of lane n
};

class TaskQueue {
  public:
    void add_task(const TaskRow&);
    void remove_task(const TaskRow&);
    void add_worker(const Worker&);
    void remove_worker(const Worker&);
    void set_served(int64_t lane, const std::string& fairness_key, int64_t before, int64_t after);

    /// The task that this worker should get next: the lowest lane first, in it the fairness key served longest ago, of
    /// that the oldest task. nullopt when there is none for it.
    std::optional<std::string> next_task(const Worker& worker);

    struct Choice {
        std::string agent;
        int64_t request = 0;  ///< as in Worker
        friend bool operator==(const Choice&, const Choice&) = default;
    };
    /// The waiting worker that has been idle longest among those that can do the task, one of another agent than
    /// `avoid_agent` if there is one. nullopt when none waits.
    std::optional<Choice> next_worker(const TaskRow& task) const;

    /// How many queued tasks stand before this one: those of lower lanes, and the older ones of its own. Counts at most
    /// `limit` of its own lane; nullopt beyond.
    std::optional<int64_t> position(const TaskRow& task, int64_t limit) const;

    int64_t size() const { return size_; }
    int64_t lane_size(int64_t lane) const { return lane_sizes_[static_cast<size_t>(lane)]; }

  private:
    using ClassKey = std::pair<std::vector<std::string>, std::string>;  // sorted needs, target agent
    /// A fairness key's turn: served when, its oldest task, the key.
    using Turn = std::tuple<int64_t, int64_t, std::string>;
    struct Lane {
        std::map<std::string, std::map<int64_t, std::string>> by_key;  // fairness key -> seq -> task id
        std::map<std::string, Turn> turn_of;
        std::set<Turn> turns;
    };
    struct Class {
        std::array<Lane, kLanes> lanes;
        std::string registered_under;  // a needed capability, or ""
        int64_t tasks = 0;
    };
    using ClassMap = std::map<ClassKey, Class>;
    using WorkerName = std::pair<std::string, int64_t>;  // agent, request
    using IdleSet = std::set<std::pair<int64_t, WorkerName>>;
    struct Able {
        std::vector<std::string> capabilities;  // sorted
        int64_t lanes = kAllLanes;
    };

    static ClassKey class_of(const TaskRow&);
    int64_t served(int64_t lane, const std::string& fairness_key) const;
    void set_turn(Lane&, int64_t lane_number, const std::string& fairness_key);
    /// The best turn of a lane, after mending those that are out of date.
    const Turn* first_turn(Lane&, int64_t lane_number);

    ClassMap classes_;
    std::map<std::string, std::set<ClassKey>> by_capability_;
    std::map<std::string, std::set<ClassKey>> by_target_;
    std::map<std::pair<int64_t, std::string>, int64_t> served_;
    IdleSet idle_;
    std::map<std::string, IdleSet> idle_with_;
    std::map<WorkerName, Able> available_;
    int64_t size_ = 0;
    std::array<int64_t, kLanes> lane_sizes_{};
};

}  // namespace agentcom
