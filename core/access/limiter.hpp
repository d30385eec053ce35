// Token buckets: how often an identity may do what.
//
// One bucket per identity, channel (ws, http) and tier. It holds one minute's worth, starts full and fills steadily;
// the fraction of a token that a check leaves over is kept, so that hammering never starves it.
#pragma once

#include <cstdint>
#include <string>

#include "core/protocol/operation.hpp"
#include "core/state/context.hpp"

namespace agentcom::limiter {

struct Verdict {
    bool allowed = true;
    bool warn = false;  ///< less than a fifth is left
    int64_t remaining = 0;
    int64_t capacity = 0;
    int64_t retry_after_ms = 0;  ///< when refused: until a whole token is there, rounded up to whole seconds
};

/// Takes one token. `identity` names the bucket's owner, e.g. "ws:1:alice" or "ip:127.0.0.1". Tier::none, and any tier
/// when limits are off, is always allowed.
Verdict take(Context&, const std::string& identity, Tier);

/// Drops buckets that are full again: they are as good as new ones.
void sweep(Context&);

}  // namespace agentcom::limiter
