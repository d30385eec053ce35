// Who has said how much, hour by hour (core/state/activity.hpp).
#pragma once

#include "core/hub/request_call.hpp"

namespace agentcom::requests {

Reply on_analytics_summary(const Call&);
Reply on_analytics_agents(const Call&);
Reply on_analytics_hourly(const Call&);

}  // namespace agentcom::requests
