// Handlers of acts on the running hub: eviction of old mail, reset, log level, a task pushed to one agent.
#pragma once

#include "core/hub/request_call.hpp"

namespace agentcom::requests {

Reply on_mailbox_evict(const Call&);
Reply on_reset(const Call&);
Reply on_log_level_get(const Call&);
Reply on_log_level_set(const Call&);
Reply on_push_task(const Call&);

}  // namespace agentcom::requests
