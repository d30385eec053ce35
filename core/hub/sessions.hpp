// Connections and the sessions on them: open, identify, supersede, fall silent, close.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/protocol/credentials.hpp"
#include "core/protocol/encoding.hpp"
#include "core/protocol/validation.hpp"
#include "core/state/context.hpp"

namespace agentcom::sessions {

inline constexpr std::string_view kHubVersion = "0.1.0";

void opened(Context&, ConnectionId, const std::string& peer, bool loopback);
/// The connection is gone, or is not to be heard any more: its agent goes offline. `goodbye`: because its client said
/// so.
void closed(Context&, ConnectionId, bool goodbye);
/// Anything inbound: the connection lives, and every lease of its agent with it.
void heard(Context&, ConnectionId);

/// Answers an identify frame, in whatever state the connection is.
void identify(Context&, const SessionRow&, const Arguments&, const Credential&, std::string_view request_id_raw);

/// Sends a close and ends the session at once; nothing more is read from it.
void close(Context&, ConnectionId, int code, std::string reason);

/// An invalid frame: counts, and may close the connection. True when it did.
bool violation(Context&, ConnectionId, bool unknown_type);

/// Timers of connections and agents' cooldowns.
void on_timer(Context&, const TimerRow&);

/// The hub stops: every socket is closed with 1001.
void close_all(Context&);
/// Sessions that began in turns which were taken back end: their clients were told that identify failed.
void close_since(Context&, int64_t first_turn);

/// An agent as presence shows it. Views into the row and into `capabilities_raw`.
AgentEntry presence(const SessionRow&, const std::string& capabilities_raw);
std::string capabilities_json(const SessionRow&);
/// The identified connections of a workspace, ordered by agent id.
std::vector<const SessionRow*> online(const Context&, int64_t workspace);
/// Those that want to hear of presence, but for one connection.
std::vector<ConnectionId> presence_audience(const Context&, int64_t workspace, ConnectionId except);

}  // namespace agentcom::sessions
