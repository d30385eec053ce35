// The view model (core/view/model.hpp) of a workspace, as its rows and figures are now.
//
// It costs as much as it shows, whatever the queue holds: all lists come from indexes and are bounded.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "core/state/context.hpp"
#include "core/view/model.hpp"

namespace agentcom::dashboard_model {

/// Without a place in a feed: `epoch` and `seq` are for the caller to set.
view::Model build(const Context&, int64_t workspace);

view::Alert alert_of(const LiveAlertRow&);

/// The agents that are shown: those that hold tasks, those that are there, and those that have gone within the last
/// hour, as many as there is room for.
std::set<std::string> agents_shown(const Context&, int64_t workspace);
/// When an agent was last heard of; nullopt: not in this run.
std::optional<int64_t> last_seen_at(const Context&, int64_t workspace, const std::string& agent);

}  // namespace agentcom::dashboard_model
