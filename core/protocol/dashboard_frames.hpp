// The frames that a dashboard may send on /ws/dashboard, as data. They are no part of the catalogue: on /ws they are
// unknown, and nothing of an agent's is known here. What the hub sends to dashboards is in core/protocol/responses.hpp.
#pragma once

#include <span>

#include "core/protocol/operation.hpp"

namespace agentcom {

/// By type, in alphabetical order.
std::span<const Operation> dashboard_frames();

}  // namespace agentcom
