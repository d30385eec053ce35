// The life of a task, as one table: state × event → what happens.
//
//     held ──▶ queued ──▶ assigned ──▶ working ──▶ completed
//       ▲        ▲  ▲         │            │
//       │        │  └─────────┴── lease lost: rejected, silent, disconnected ...
//       └────────┴──── failed: tried again (after a delay: held), or ──▶ dead_letter ──(operator)──▶ queued
//     every state before the end ──▶ cancelled
//
// The table says what an event does in a state and what a client is told where it does nothing. It does not check who
// sends it: core/tasks/tasks.cpp does, with the fence (task, agent, generation), before it looks here.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "core/state/rows.hpp"

namespace agentcom {

enum class TaskEvent : uint8_t {
    dispatch,            ///< the scheduler, or a claim, gives it to an agent
    accept,              ///< its holder begins
    progress,            ///< its holder reports
    complete,            ///< its holder is done
    fail,                ///< its holder could not do it
    reject,              ///< its holder does not take it
    release,             ///< its holder gives it back
    recover,             ///< its holder came back and asks whether to go on
    acceptance_timeout,  ///< not accepted in time
    silence,             ///< nothing heard of the holder for too long
    max_run,             ///< ran too long
    grace_over,          ///< the holder did not come back
    stuck,               ///< no progress, and the setting says to take it back
    deadline,            ///< complete_by has passed
    unhold,              ///< nothing holds it any more
    cancel,              ///< a person or program ends it
    request_cancel,      ///< its holder is asked to end it, and given time
    retry,               ///< a person or program revives it
};
inline constexpr std::size_t kTaskEvents = static_cast<std::size_t>(TaskEvent::retry) + 1;
inline constexpr std::size_t kTaskStates = static_cast<std::size_t>(TaskState::dead_letter) + 1;

enum class TaskAction : uint8_t {
    nothing,        ///< illegal here: the error is told, nothing changes
    keep,           ///< legal, the state stays
    begin_lease,    ///< → assigned, generation +1
    begin_work,     ///< → working
    finish,         ///< → completed
    count_failure,  ///< → queued or held (delay) with generation +1, or dead_letter when no attempts are left
    give_back,      ///< → queued, generation +1; costs the task nothing
    reclaim,        ///< → queued, generation +1, or dead_letter beyond the reclaim limit
    expire,         ///< → dead_letter, "deadline exceeded"
    enqueue,        ///< held → queued
    end,            ///< → cancelled
    revive,         ///< dead_letter → queued (or held), generation +1, counts from zero
};

struct LifecycleCell {
    TaskAction action = TaskAction::nothing;
    /// Why an event does nothing here, in the words of the wire.
    std::string_view error;
};

/// The cell of the table.
const LifecycleCell& lifecycle(TaskState, TaskEvent);

std::string_view to_text(TaskEvent);
std::string_view to_text(TaskAction);

/// The words of AgentCom v1.1 for a state: held is `queued`, working is `assigned`, cancelled is `dead_letter`.
std::string_view v11_status(TaskState);

}  // namespace agentcom
