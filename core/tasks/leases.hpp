// Who holds a task, from the moment it is given out.
//
// A lease is {agent, generation, attachment, expiry}. It is held either by the agent's session, any frame of which
// renews it, or, when it was claimed over HTTP, by nobody but the reports themselves.
#pragma once

#include <cstdint>
#include <string>

#include "core/state/context.hpp"
#include "core/tasks/transitions.hpp"

namespace agentcom::tasks {

/// Gives a queued task to an agent: lease, timers, event; the `task_assign` frame goes out if `connection` is not 0
/// and `announce` is set. `lease_ms` bounds the silence of a holder without a session (0: a session holds it).
void begin_lease(Context&, const TaskRow& queued, const std::string& agent, ConnectionId connection, bool announce,
                 int64_t lease_ms = 0);

/// A program without a session asks for a task. It gets one at once, or waits up to `wait_ms` in the queue of those who
/// can work. Either way the answer is a Context::granted_claims: with a task, or without if its time is over.
void claim(Context&, ClaimRow wanted, int64_t wait_ms);
/// A task for a waiting claim: it is accepted at once.
void grant(Context&, const TaskRow& queued, const ClaimRow&);
/// A claim that waits no longer.
void withdraw(Context&, RequestId);

/// Sets every timer of a task anew, as after a restart: full periods, and grace for its holder to come back.
void rearm(Context&, int64_t workspace, const std::string& task_id);

/// Sends `task_assign`; asks the store first if the task's text is not in memory.
void send_assignment(Context&, const TaskRow&, ConnectionId);
void send_assignment(Context&, const TaskRow&, const TaskInputRow&, ConnectionId);

/// Pushes one thing that was said (an element of RunRow::says).
void push_say(Context&, const TaskRow&, const std::string& said, ConnectionId);
/// A holder's new session is told again what it may have missed: what was said, and a cancellation under way.
void resume(Context&, const TaskRow&, ConnectionId);

}  // namespace agentcom::tasks
