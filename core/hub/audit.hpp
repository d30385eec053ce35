// The record of administrative acts: events like all others, marked by their cause.
#pragma once

#include <string>
#include <string_view>

#include "core/hub/request_call.hpp"

namespace agentcom::requests {

/// Notes who changed what. `before` and `after` are JSON values ("null" where there was or is nothing); secrets have no
/// place in them.
void audit(const Call&, std::string kind, std::string subject, std::string_view before, std::string_view after);
/// The same for what belongs to another workspace than the one in which the caller acts.
void audit_in(const Call&, int64_t workspace, std::string kind, std::string subject, std::string_view before,
              std::string_view after);

/// GET /api/admin/audit: newest first from `before` on; with `since` what came after it, oldest first.
Reply on_audit(const Call&);
/// The rows that it asked for.
Answer audit_answer(QueryResult, int64_t limit);

}  // namespace agentcom::requests
