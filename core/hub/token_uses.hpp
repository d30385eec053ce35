// What a token has opened ends with the token, in the turn in which it ends: sockets, streams and polls of events,
// requests that wait, claims that wait for a task.
#pragma once

#include <string>

#include "core/state/context.hpp"

namespace agentcom::token_uses {

/// Ends all that a token had opened: its socket is closed with 1008 and this reason, its requests are answered with
/// 401. The token proves nothing any more when this is called.
void end(Context&, const TokenRow& token, const std::string& reason);

/// The time of a token is over (TimerKind::token_expiry).
void on_timer(Context&, const TimerRow&);

}  // namespace agentcom::token_uses
