// The dashboard's snapshot in the shape of AgentCom v1.1: GET /api/dashboard/state, and the frame `snapshot`.
#pragma once

#include <cstdint>
#include <string>

#include "core/hub/request_call.hpp"

namespace agentcom::dashboard_state {

/// The snapshot of a workspace as JSON.
std::string text(const Context&, int64_t workspace);
/// The alerts in it: a JSON array.
std::string alerts_text(const Context&, int64_t workspace);

}  // namespace agentcom::dashboard_state

namespace agentcom::requests {

/// GET /api/dashboard/state
Reply on_dashboard_state(const Call&);

}  // namespace agentcom::requests
