// The steps that the life of a task is made of: what the operations on tasks (tasks.hpp, reports.hpp, leases.hpp) and
// its timers have in common. Each keeps the row, its lease, its timers, its event and who waits for it together.
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

/// An agent's report about a task it holds.
struct Report {
    int64_t workspace = 0;
    std::string agent;
    std::string task_id;
    std::optional<int64_t> generation;  ///< v1.1's accept, progress and reject carry none: then the agent alone decides
};

// -- errors
Error client_error(std::string_view code, int status, std::string text);
/// One of the lifecycle table's words.
Error lifecycle_error(std::string_view code);
/// What a report about a lease that it does not hold is answered with.
Error stale(const TaskRow&, TaskEvent);
/// Whether this lease is what the report speaks of.
bool holds(const TaskRow&, const Report&);
/// The task that its holder reports about. Errors as of `stale`, and `not_found` for a task that is not in memory.
Result<const TaskRow*> held_task(const Context&, const Report&, TaskEvent);
/// The ended attempt of a report, if the agent and generation are those that ended it.
std::optional<Outcome> ended_attempt(const Context&, const TaskRow&, const Report&);

// -- telling
/// {agent_id, generation, error?}
std::string event_data(const TaskRow&, std::string_view agent, const std::optional<std::string>& error = {});
/// The connection on which an agent's protocol-2 session takes pushes; 0 if there is none.
ConnectionId modern_connection(const Context&, int64_t workspace, const std::string& agent);
/// Tells a holder that its lease is over, or (with a grace period) that it will be. Protocol 1 has no word for it.
void tell_revoked(Context&, const TaskRow&, std::string_view reason, int64_t grace_ms = 0);

// -- leases
/// The talk of a running lease; taken before `end_lease`, which forgets it.
std::optional<RunRow> run_of(const Context&, const TaskRow&);
/// The same to be changed and put: a new one if there is none.
RunRow open_run(const Context&, const TaskRow&);
/// Ends the lease that the (changed but not yet put) row still shows: attempt, timers, talk. The caller puts the row,
/// then calls agents::freed.
void end_lease(Context&, const TaskRow&, Outcome, const std::optional<std::string>& error);
void begin_work(Context&, const TaskRow& leased);
void disarm_waiting(Context&, const TaskRow&);

// -- where a task goes
/// Decides whether a task without a lease waits in the queue or is held, sets its timers, and puts it.
void place(Context&, TaskRow);
/// From an ended lease back to the queue with the next generation, or to its end if that was asked for meanwhile.
void go_back(Context&, const TaskRow& leased, TaskRow task, const std::optional<RunRow>& run);
/// → completed or cancelled.
void finish(Context&, TaskRow, TaskState);
/// → cancelled. The caller looks after `blocker_failed`.
void end_cancelled(Context&, TaskRow, const std::string& principal, const std::string& reason,
                   const std::string& holder = "");
/// → dead_letter. Its holder, if any, stays named, as in v1.1.
void bury(Context&, TaskRow, const std::string& error, std::string cause);
/// Takes a leased task back: → queued, or → dead_letter beyond the limit.
void reclaim(Context&, const TaskRow& leased, Outcome);

// -- tasks that wait for this one
/// It completed: they wait for one less.
void satisfy_dependents(Context&, int64_t workspace, const std::string& task_id);
/// It was cancelled or is a dead letter: what each of them has said about that happens.
void blocker_failed(Context&, int64_t workspace, const std::string& task_id);

}  // namespace agentcom::tasks
