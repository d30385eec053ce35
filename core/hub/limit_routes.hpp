// Routes about rate limits (who has which, who is exempt, how it stands with somebody) and about what validation found.
#pragma once

#include "core/hub/request_call.hpp"

namespace agentcom::requests {

Reply on_limits(const Call&);
Reply on_limit_status(const Call&);
Reply on_limit_override(const Call&);
Reply on_limit_override_remove(const Call&);
Reply on_limit_exempt_list(const Call&);
Reply on_limit_exempt_replace(const Call&);
Reply on_limit_exempt_add(const Call&);
Reply on_limit_exempt_remove(const Call&);
Reply on_validation(const Call&);

}  // namespace agentcom::requests
