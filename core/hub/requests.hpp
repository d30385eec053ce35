// What an HTTP request does.
#pragma once

#include "core/hub/input.hpp"
#include "core/state/context.hpp"

namespace agentcom::requests {

/// Matches the route, checks who asks, how often and what, and answers, now or when a query has been answered.
/// Throws NeedsTask when the operation needs a task that lies only in the store.
void handle(Context&, const HttpRequest&);

/// The rows that a request waited for are there.
void answer(Context&, const PendingRow&, QueryResult);

}  // namespace agentcom::requests
