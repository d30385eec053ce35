// The rules of alerts: those that the hub brings along, as one table, and what a rule finds when it looks.
//
// Rules of a workspace are looked at for each workspace; those of the hub once, as workspace 0. docs/operations.md says
// of each what it means and what to do.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/observe/alert_cycle.hpp"
#include "core/state/config.hpp"
#include "core/state/context.hpp"

namespace agentcom {

/// What a rule sees at one check.
struct AlertFinding {
    bool bad = false;
    AlertSeverity severity = AlertSeverity::warning;
    std::string message{};       ///< a sentence that names the numbers
    std::string details = "{}";  ///< the numbers, as a JSON object
};

/// What a rule looks at.
struct AlertLook {
    const Context& ctx;
    const config::AlertThresholds& thresholds;
    int64_t workspace = 0;
    bool active = false;   ///< its alert stands
    AlertWatchRow& watch;  ///< for rules that compare one check with the next
};

struct AlertRule {
    std::string_view id;
    bool of_hub = false;
    AlertSeverity severity = AlertSeverity::warning;  ///< the usual one
    AlertTempo tempo;
    /// What stands for tempo.rest_ms, where v1.1 has a threshold for it.
    int64_t config::AlertThresholds::*rest_ms = nullptr;
    AlertFinding (*look)(const AlertLook&) = nullptr;
    std::string_view summary;
};

/// In the order in which they are looked at.
std::span<const AlertRule> alert_rules();
/// nullptr: the hub brings no such rule along.
const AlertRule* find_alert_rule(std::string_view id);

/// What a rule that somebody has made finds.
AlertFinding look_by_rule(const Context&, const AlertRuleRow&);
/// The tempo of such a rule, and of others the table's with its thresholds; never less than the setting alert_rest_ms.
AlertTempo tempo_of(const Context&, const AlertRuleRow&);
AlertTempo tempo_of(const Context&, const AlertRule&, const config::AlertThresholds&);

}  // namespace agentcom
