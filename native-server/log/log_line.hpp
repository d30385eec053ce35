// One event of the log as a line: flat JSON for programs, or text for people.
//
//     {"time":"2026-01-31T12:00:00.123Z","severity":"info","event":"task_assigned","component":"tasks",
//      "workspace":"default","task_id":"task-1","event_seq":7,"agent_id":"ann","generation":1}
//     12:00:00.123 info    task_assigned  workspace=default  task_id=task-1  event_seq=7  agent_id=ann  generation=1
//
// The first four members are always there, in this order; each name occurs once. Secrets are redacted.
#pragma once

#include <cstdint>
#include <string>

#include "core/state/effect.hpp"

namespace agentcom {

enum class LogFormat : uint8_t { text, json };

/// Where an event comes from and how severe it is; a name that is in no catalogue is an error of the hub's.
struct LogClass {
    Component component = Component::hub;
    Severity severity = Severity::error;
};
LogClass log_class(std::string_view event);

/// The catalogue as a table in Markdown. docs/operations.md holds a copy, which a test compares.
std::string describe_log_events();

/// The line without its end. `wall_ms` is the time of the event. Text escapes what could break a line or a terminal.
std::string format_log_line(const LogEvent& event, int64_t wall_ms, LogFormat format);

}  // namespace agentcom
