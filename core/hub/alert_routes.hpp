// Alerts and their rules over HTTP (core/observe/alerts.hpp).
#pragma once

#include "core/hub/request_call.hpp"

namespace agentcom::requests {

Reply on_alerts(const Call&);
Reply on_alert_history(const Call&);
Reply on_alert_acknowledge(const Call&);
Reply on_alert_rules(const Call&);
Reply on_alert_rule_get(const Call&);
Reply on_alert_rule_set(const Call&);
Reply on_alert_rule_remove(const Call&);

}  // namespace agentcom::requests
