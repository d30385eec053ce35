// What can be done with tasks: one function per operation.
//
// Each function checks the fence (task, agent, generation) where an agent acts, asks the lifecycle table what the event
// does in the task's state, and carries that out: the task's row, its lease, its timers, its event, and whoever waits
// for it. Nothing else changes a task.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/state/context.hpp"
#include "core/tasks/lifecycle.hpp"

namespace agentcom::tasks {

/// A task as asked for.
struct NewTask {
    std::string description;
    std::string metadata = "{}";  ///< JSON object
    int64_t priority = 2;
    std::optional<int64_t> max_retries;
    std::vector<std::string> needed_capabilities;
    std::string kind;
    std::vector<std::string> labels;
    std::string fairness_key;
    std::string unique_key;
    std::optional<std::string> parent_id;
    std::vector<std::string> blocked_by;
    std::optional<int64_t> complete_by;  ///< wall ms
    std::optional<int64_t> not_before;   ///< wall ms
    int64_t max_run_ms = 0;              ///< 0 = the setting
    std::string origin;
    std::string requested_by;  ///< the principal
    std::string trace;
};

struct Submitted {
    TaskRow task;
    bool duplicate = false;  ///< a live task has the same unique_key: it is this one
};

/// Errors: `unknown_task` (422: parent_id or blocked_by name no task), `queue_full` (503).
/// Throws NeedsTask when a named task is not in memory.
Result<Submitted> submit(Context&, int64_t workspace, NewTask);

/// The task, live or fetched; nullptr if there is none. Throws NeedsTask when only the store can tell.
const TaskRow* find_task(Context&, int64_t workspace, const std::string& task_id);

/// An agent's report about a task it holds.
struct Report {
    int64_t workspace = 0;
    std::string agent;
    std::string task_id;
    std::optional<int64_t> generation;  ///< v1.1's accept, progress and reject carry none: then the agent alone decides
};

/// Reports of agents. All but `accept`, `progress` and `reject` may throw NeedsTask.
/// Errors of the fence and the table: `stale_generation`, `invalid_state`, `not_found` (409, 409, 404).
Status accept(Context&, const Report&);
Status progress(Context&, const Report&, std::optional<int64_t> progress);
/// The same report again, by the agent and generation that ended the lease, succeeds again.
Status complete(Context&, const Report&, std::string result_json, std::optional<std::string> tokens_used_json,
                std::optional<std::string> usage_json);
/// Gives the outcome: retried or dead_letter.
Result<Outcome> fail(Context&, const Report&, const std::string& error);
Status reject(Context&, const Report&, const std::string& reason);
Status release(Context&, const Report&, const std::string& reason);
/// The generation to go on with; nullopt: the task is no longer this agent's.
std::optional<int64_t> recover(Context&, const Report&);

/// A person or program ends a task that has not ended. Errors: `task_not_found`, `invalid_state`.
Result<TaskRow> cancel(Context&, int64_t workspace, const std::string& task_id, const std::string& principal,
                       const std::string& reason);
/// Revives a dead letter. Errors: `task_not_found`, `unique_key_taken`.
Result<TaskRow> retry(Context&, int64_t workspace, const std::string& task_id, const std::string& principal);

/// Gives a queued task to an agent: lease, timers, event; the `task_assign` frame goes out if `connection` is not 0
/// and `announce` is set. `lease_ms` bounds the silence of a holder without a session (0: the setting).
void begin_lease(Context&, const TaskRow&, const std::string& agent, ConnectionId connection, bool announce,
                 int64_t lease_ms = 0);

/// A program without a session takes the next task that suits it. nullopt: there is none.
std::optional<TaskRow> claim(Context&, int64_t workspace, const std::string& agent,
                             const std::vector<std::string>& capabilities, int64_t lease_ms);

/// A lease timer has fired. Timers of leases that are gone or were renewed do nothing but set themselves anew.
void on_timer(Context&, const TimerRow&);

/// Sets every timer of a task anew, as after a restart: full periods, and grace for its holder to come back.
void rearm(Context&, int64_t workspace, const std::string& task_id);

/// Sends `task_assign`; asks the store first if the task's text is not in memory.
void send_assignment(Context&, const TaskRow&, ConnectionId connection);
void send_assignment(Context&, const TaskRow&, const TaskInputRow&, ConnectionId connection);

}  // namespace agentcom::tasks
