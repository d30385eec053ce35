// What people and programs do with tasks: submit, cancel, retry, talk to who works on one.
//
// Each function asks the lifecycle table what the event does in the task's state, and carries that out: the task's row,
// its lease, its timers, its event, and whoever waits for it. What agents report is in reports.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "core/state/context.hpp"
#include "core/tasks/transitions.hpp"

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
    BlockerFailure on_blocker_failure = BlockerFailure::hold;
    std::optional<int64_t> complete_by;  ///< wall ms
    std::optional<int64_t> not_before;   ///< wall ms
    int64_t max_run_ms = 0;              ///< 0 = the setting
    std::string origin;
    std::string requested_by;  ///< the principal
    std::string trace;
    std::string target_agent;  ///< the only one that gets it; "" = as metadata.target_agent says
};

struct Submitted {
    TaskRow task;
    bool duplicate = false;  ///< a live task has the same unique_key: it is this one
};

/// With `on_blocker_failure` = cancel and a task in `blocked_by` that has failed already, it is cancelled at once.
/// Errors: `unknown_task` (422: parent_id or blocked_by name no task), `queue_full` (503).
/// Throws NeedsTask when a named task is not in memory.
Result<Submitted> submit(Context&, int64_t workspace, NewTask);

/// The agent that a task's metadata names as the only one to do it (`target_agent`); "" = anyone.
std::string target_agent_of(const std::string& metadata);

/// The task, live or fetched; nullptr if there is none. Throws NeedsTask when only the store can tell.
const TaskRow* find_task(Context&, int64_t workspace, const std::string& task_id);

struct Cancelled {
    TaskRow task;                        ///< as it was before
    std::optional<int64_t> grace_until;  ///< wall ms; nullopt: it has ended
};
/// A person or program ends a task that has not ended. With `grace_ms` a holder that can be told has so long to end it
/// itself; whatever it then reports but a result, and the end of the grace, cancels the task.
/// Errors: `task_not_found` (404), `invalid_state` (409).
Result<Cancelled> cancel(Context&, int64_t workspace, const std::string& task_id, const std::string& principal,
                         const std::string& reason, int64_t grace_ms = 0);

/// Revives a dead letter. Errors: `task_not_found`, `unique_key_taken`.
Result<TaskRow> retry(Context&, int64_t workspace, const std::string& task_id, const std::string& principal);

struct Said {
    int64_t seq = 0;         ///< counts within the lease, from 1
    bool delivered = false;  ///< a session was there to take it; else it waits for the holder
};
/// Tells a task's holder something; if it has asked a question, that is the answer.
/// Errors: `task_not_found` (404), `not_running`, `not_supported`, `too_many_says` (409).
Result<Said> say(Context&, int64_t workspace, const std::string& task_id, const std::string& principal,
                 const std::string& text);

}  // namespace agentcom::tasks
