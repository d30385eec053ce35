// Agents as the scheduler sees them: attached or not, how many leases, in which back-off.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/state/context.hpp"

namespace agentcom::agents {

/// A worker socket identified as this agent: it becomes the one attachment, and leases that were kept through a
/// disconnect go on with it.
void attach(Context&, int64_t workspace, const std::string& agent, ConnectionId connection, int64_t slots,
            std::vector<std::string> capabilities, bool repeat_assignments);
/// Its worker socket is gone: leases wait for it through the grace period.
void detach(Context&, int64_t workspace, const std::string& agent, ConnectionId connection);

/// A lease of this agent ended: it may have a free slot.
void freed(Context&, int64_t workspace, const std::string& agent);
/// It gets no work for a while. `backoff_ms` 0 does nothing.
void back_off(Context&, int64_t workspace, const std::string& agent, int64_t backoff_ms);
/// It did not accept in time: a back-off that doubles each time, until it accepts something.
void unresponsive(Context&, int64_t workspace, const std::string& agent);
/// It accepted: what `unresponsive` did is forgotten.
void responsive(Context&, int64_t workspace, const std::string& agent);
/// It ran into its rate limit, or is no longer over it.
void set_limited(Context&, int64_t workspace, const std::string& agent, bool limited);
void on_backoff_over(Context&, int64_t workspace, const std::string& agent);

/// offline, idle, assigned, working: the word that v1.1 calls `fsm_state`.
std::string_view work_state(const Context&, int64_t workspace, const std::string& agent);

}  // namespace agentcom::agents
