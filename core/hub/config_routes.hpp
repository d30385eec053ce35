// Handlers of /api/config: what an administrator can change while the hub runs (core/state/config.hpp). Whatever is set
// is stored with its turn, holds from then on, and is noted as an administrative act.
#pragma once

#include "core/hub/request_call.hpp"

namespace agentcom::requests {

Reply on_config_list(const Call&);
Reply on_config_unset(const Call&);
Reply on_heartbeat_get(const Call&);
Reply on_heartbeat_set(const Call&);
Reply on_mail_retention_get(const Call&);
Reply on_mail_retention_set(const Call&);
Reply on_default_repo_get(const Call&);
Reply on_default_repo_set(const Call&);
Reply on_public_url_get(const Call&);
Reply on_public_url_set(const Call&);
Reply on_thresholds_get(const Call&);
Reply on_thresholds_set(const Call&);

}  // namespace agentcom::requests
