// Brings queued tasks and free agents together.
//
// Runs when an input is done. Before it, every queued task that some available agent could do has been handed out, but
// for the tasks and agents that this input touched; after it there are none of those either. So each run looks only at
// what changed, and no wake-up can be lost.
#pragma once

#include "core/state/context.hpp"

namespace agentcom::scheduler {

/// Hands out what can be handed out, to the agents in `woken_agents` and of the tasks in `queued_tasks`.
void run(Context&);

/// Looks at every agent that is online: after the store recovered.
void wake_everyone(Context&);

}  // namespace agentcom::scheduler
