// What an HTTP request does.
#pragma once

#include <optional>

#include "core/hub/input.hpp"
#include "core/hub/request_call.hpp"
#include "core/state/context.hpp"

namespace agentcom::requests {

/// Matches the route, checks who asks, how often and what, and answers, now or when a query has been answered.
/// `resumption`: it has waited (core/hub/waits.hpp) and runs again.
/// Throws NeedsTask when the operation needs a task that lies only in the store; never when it is resumed.
void handle(Context&, const HttpRequest&, std::optional<Resumption> resumption = std::nullopt);

/// The rows that a request waited for are there.
void answer(Context&, const PendingRow&, QueryResult);

}  // namespace agentcom::requests
