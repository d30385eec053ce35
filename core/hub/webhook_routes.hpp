// Webhooks: made, changed, tried and ended by administrators.
#pragma once

#include "core/hub/request_call.hpp"

namespace agentcom::requests {

Reply on_webhook_list(const Call&);
Reply on_webhook_create(const Call&);
Reply on_webhook_get(const Call&);
Reply on_webhook_replace(const Call&);
Reply on_webhook_delete(const Call&);
/// POST /api/webhooks/:webhook_id/secret: a new one counts at once.
Reply on_webhook_secret(const Call&);
Reply on_webhook_deliveries(const Call&);
/// POST /api/webhooks/:webhook_id/test: an event for this webhook alone.
Reply on_webhook_test(const Call&);

/// The event that a request has just appended to its workspace's log, to be sent to somebody who has not chosen it.
EventRow last_event(const Call&, std::string kind, std::string subject);

}  // namespace agentcom::requests
