// Invite codes: made, listed and ended by administrators.
#pragma once

#include "core/hub/request_call.hpp"

namespace agentcom::requests {

Reply on_invite_create(const Call&);
Reply on_invite_list(const Call&);
Reply on_invite_revoke(const Call&);

}  // namespace agentcom::requests
