// Dead letters are kept for people to look after; those that nobody looks after for long are cancelled, and then go the
// way of finished tasks. Without that they would fill `live_tasks_max` one day.
#pragma once

#include "core/state/context.hpp"

namespace agentcom::tasks {

/// Cancels a lot of those that are older than `dead_letter_ms`, and looks again: at once if there are more, else in an
/// hour. At the start, and by TimerKind::dead_letter_age.
void expire_dead_letters(Context&);

}  // namespace agentcom::tasks
