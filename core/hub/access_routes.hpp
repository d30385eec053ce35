// Who may act: registration and tokens.
#pragma once

#include "core/hub/request_call.hpp"

namespace agentcom::requests {

Reply on_register(const Call&);
Reply on_token_create(const Call&);
Reply on_token_list(const Call&);
Reply on_token_revoke(const Call&);

}  // namespace agentcom::requests
