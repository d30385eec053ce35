// Web Push: browsers of people who are notified.
#pragma once

#include "core/hub/request_call.hpp"

namespace agentcom::requests {

/// GET /api/dashboard/vapid-key: what a browser subscribes with.
Reply on_vapid_key(const Call&);
/// POST /api/dashboard/push-subscribe: the browser's own subscription, and what it wants to be told.
Reply on_push_subscribe(const Call&);
Reply on_push_unsubscribe(const Call&);
/// GET /api/push/subscriptions: one's own; an administrator's: all of the workspace.
Reply on_push_list(const Call&);
Reply on_push_delete(const Call&);
/// POST /api/push/test: a notification for one's own browsers.
Reply on_push_test(const Call&);

}  // namespace agentcom::requests
