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

/// Somebody who asks for what a route does by another way.
struct Actor {
    std::optional<access::Identity> identity;  ///< nullopt: nobody in particular, who may do nothing
    int64_t workspace = 0;
    std::string peer;
};
/// Does what a route does that answers at once: with the same permission, limit and handler, and an empty body.
Answer perform(Context&, const Actor&, OperationId, const std::vector<std::string>& params);

/// The rows that a request waited for are there.
void answer(Context&, const PendingRow&, QueryResult);

}  // namespace agentcom::requests
