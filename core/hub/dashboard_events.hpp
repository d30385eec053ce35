// Events as the dashboard of AgentCom v1.1 is told them.
#pragma once

#include <optional>
#include <string>

#include "core/state/context.hpp"

namespace agentcom::dashboard_events {

/// The JSON object that stands for an event in a frame `events`; nullopt for those that v1.1 had nothing for. Each
/// fact is told once: a completion is `task_completed`, and not the report `task_complete` as well.
std::optional<std::string> text(const Context&, const EventRow&);

}  // namespace agentcom::dashboard_events
