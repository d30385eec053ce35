// What time does to tasks.
#pragma once

#include "core/state/context.hpp"

namespace agentcom::tasks {

/// A timer of a task has fired. Timers of leases that are gone or were renewed do nothing but set themselves anew.
void on_timer(Context&, const TimerRow&);

}  // namespace agentcom::tasks
