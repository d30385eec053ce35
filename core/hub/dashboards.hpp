// Connections on /ws/dashboard: who may look, and what they ask for.
//
// A dashboard is admitted by the bearer token of its upgrade, by a first frame {"type":"auth","token":…}, or without a
// token where reads are open (on the hub's own machine, and with the setting `open_reads`). It never becomes an agent.
// What it is sent is the business of core/hub/dashboard_feed.hpp: this file only notes in its DashboardRow what it
// wants. Commands go through the handlers of the HTTP routes for the same acts, with the same permissions and limits.
#pragma once

#include <string>

#include "core/hub/input.hpp"
#include "core/state/context.hpp"

namespace agentcom::dashboards {

void opened(Context&, const DashboardOpened&);
void frame(Context&, const FrameReceived&);
/// A sign of life.
void heard(Context&, ConnectionId);
void closed(Context&, ConnectionId);

/// Whether a connection is a dashboard's.
bool is_dashboard(const Tables&, ConnectionId);
/// Its timers: identify, idle and ping. And the rounds of a workspace.
void on_timer(Context&, const TimerRow&);

/// A token has ended: what it admitted is closed.
void end_of_token(Context&, const std::string& token_sha256, const std::string& reason);
void close_all(Context&, int code, const std::string& reason);

}  // namespace agentcom::dashboards
