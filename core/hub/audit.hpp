// The record of administrative acts: events like all others, marked by their cause.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "core/base/json.hpp"
#include "core/hub/request_call.hpp"

namespace agentcom::requests {

/// The cause of every event that is an administrative act.
inline constexpr std::string_view kAdminCause = "admin";

/// Notes who changed what. `before` and `after` are JSON values ("null" where there was or is nothing); secrets have no
/// place in them.
inline void audit(const Call& call, std::string kind, std::string subject, std::string_view before,
                  std::string_view after) {
    json::Writer data;
    data.begin_object().key("before").raw(before).key("after").raw(after);
    if (!call.request.name.empty()) data.member("request_id", call.request.name);
    data.end_object();
    call.ctx.event(call.workspace, std::move(kind), std::move(subject), call.principal(), std::string(kAdminCause),
                   data.take());
}

}  // namespace agentcom::requests
