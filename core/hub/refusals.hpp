// What being over a limit means for an agent's work: it gets no tasks until it has been quiet for `limit_skip_ms`, and
// then at once.
#pragma once

#include "core/access/limiter.hpp"
#include "core/state/context.hpp"

namespace agentcom::refusals {

/// A limit has just refused the party something.
void note(Context&, const limits::Party&, const Operation&, const limiter::Verdict&);
/// Its refusals are forgotten: it may work again.
void forgive(Context&, const limits::Party&);
/// TimerKind::limit_end.
void on_timer(Context&, const TimerRow&);

}  // namespace agentcom::refusals
