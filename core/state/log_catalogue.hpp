// What the log can tell: one entry per event name, with the part of the hub it comes from and how severe it is. The
// severity of a line is decided here and nowhere else:
//
//     error     the hub cannot do what it must, or lost something
//     warning   somebody should look at it, today rather than tomorrow
//     notice    rare and worth knowing: starts, stops, what administrators do, what waits for a person
//     info      the life of tasks, agents, channels and tokens
//     debug     what happens all the time, for who looks for a fault
//
// No frame, ping, message or commit has a line of its own, so that what the log takes grows with the work done and not
// with the traffic. Events of the event log (docs/protocol.md) are told under their kind, once they are committed.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "core/state/log_levels.hpp"

namespace agentcom {

struct LogKind {
    std::string_view name;
    Component component{};
    Severity severity{};
    /// The member that names the subject of an event: task_id, agent_id, … "": the event log does not have the event.
    std::string_view subject;
    std::string_view meaning;  ///< for the table in docs/operations.md
};

/// All of them, by name.
std::span<const LogKind> log_catalogue();

/// The entry, or nullptr: a name that the hub does not know.
const LogKind* find_log_kind(std::string_view name);

}  // namespace agentcom
