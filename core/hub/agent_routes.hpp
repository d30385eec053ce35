// Who is there, and whether the hub is well.
#pragma once

#include "core/hub/request_call.hpp"

namespace agentcom::requests {

Reply on_health(const Call&);
Reply on_livez(const Call&);
Reply on_readyz(const Call&);
Reply on_agents(const Call&);
Reply on_agent_states(const Call&);
Reply on_agent_state(const Call&);
Reply on_overview(const Call&);

}  // namespace agentcom::requests
