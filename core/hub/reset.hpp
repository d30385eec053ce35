// A reset: what is not stored is dropped, as a restart would, but the hub goes on listening and answering.
//
// Agents' sockets are closed with 1012 (RFC 6455: come back), running tasks go back to the queue with the next
// generation, and buckets, back-offs and cooldowns begin anew. Whatever is stored stays; HTTP requests that wait go on
// waiting. It comes a moment after it was asked for, so that whoever asked hears the answer.
#pragma once

#include <string>

#include "core/state/context.hpp"

namespace agentcom::reset {

/// False when one is about to happen already.
bool schedule(Context&);
/// Its time has come.
void run(Context&);
/// Ends all leases, of which nobody is to blame; `cause` is that of the events. Gives their number.
int64_t take_back_all(Context&, const std::string& cause);

}  // namespace agentcom::reset
