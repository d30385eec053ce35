// What a WebSocket frame does.
#pragma once

#include "core/hub/input.hpp"
#include "core/state/context.hpp"

namespace agentcom::frames {

/// Checks a frame, counts it, and runs its handler. The connection's session exists and is not closing.
/// Throws NeedsTask when an answer lies only in the store.
void handle(Context&, const FrameReceived&);

/// The store has given the messages that a channel_history frame asked for.
void answer_history(Context&, const PendingRow&, const QueryResult&);

}  // namespace agentcom::frames
