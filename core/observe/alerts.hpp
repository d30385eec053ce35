// Alerts as they stand: looks at the rules, keeps what they find, and tells of it in the event log.
//
// What stands in this run are LiveAlertRows, so that alerts work while nothing can be stored; AlertRows follow them
// whenever the store takes writes, and with each difference an event is written: alert_fired, alert_refired,
// alert_acknowledged, alert_cleared. So each of them is told once, also across a failing store or a restart, and an
// acknowledgement outlives a restart. `notify` in an event's data says whether people are to be told of it, too
// (core/observe/alert_cycle.hpp). Alerts of the hub (workspace 0) have their events in the default workspace.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/observe/alert_rules.hpp"
#include "core/state/context.hpp"

namespace agentcom::alerts {

/// Workspace of the alerts of the hub as a whole.
inline constexpr int64_t kHub = 0;
/// Rules that one workspace may make.
inline constexpr int64_t kRulesMax = 100;

/// The hub starts: what stood stands again, and the first check comes after alert_start_delay_ms.
void start(Context&);
/// Looks at every rule, and sets the timer for the next time.
void check(Context&);
/// Brings what is stored up to what stands; does nothing while the store fails.
void follow(Context&);
/// Turns were taken back: what people said in them of alerts and rules was not said. What checks have found stands.
void commit_failed(Context&);

/// The alerts that a workspace sees: its own and those of the hub; by rule.
std::vector<LiveAlertRow> standing(const Context&, int64_t workspace);
/// Among them that of a rule.
std::optional<LiveAlertRow> find(const Context&, int64_t workspace, const std::string& rule);

struct Acknowledgement {
    std::string by;
    std::string note;
    int64_t expires_in_ms = 0;  ///< 0: when the alert clears
};
/// Gives the alert as it stands then.
LiveAlertRow acknowledge(Context&, LiveAlertRow, const Acknowledgement&);
/// The rule is no more or another one: its alert ends, and what it has seen is forgotten.
void forget(Context&, int64_t workspace, const std::string& rule);

/// As GET /api/alerts shows one.
std::string to_json(const AlertColumns&);

}  // namespace agentcom::alerts
