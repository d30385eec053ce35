// Invite codes: what lets somebody without a token register agents from another machine.
//
// A code is a secret as a token is: drawn by the machine, shown once, known here by its digest. It opens a bounded
// number of registrations until a moment of the wall clock; both are looked at when it is used, so that they are exact
// also after a restart.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "core/protocol/credentials.hpp"
#include "core/state/context.hpp"

namespace agentcom::invites {

inline constexpr int64_t kDefaultTtlMs = 7 * 86'400'000LL;
inline constexpr int64_t kMaxTtlMs = 366 * 86'400'000LL;
inline constexpr int64_t kMaxUses = 1'000'000;

/// Keeps a new code; `row` comes without id. Codes whose time is over make room. Error `too_many_invites` (409).
Result<InviteRow> create(Context&, InviteRow row);
/// The invite behind a code; nullptr if there is none that still opens anything.
const InviteRow* find(const Context&, const Credential& code);
/// One registration has been made with it.
void use(Context&, const std::string& sha256);
/// The codes of a workspace, oldest first; those whose time is over too, until they are removed.
std::vector<InviteRow> list(const Context&, int64_t workspace);
/// Ends a code; gives what it was, or nullopt.
std::optional<InviteRow> remove(Context&, int64_t workspace, const std::string& id);

}  // namespace agentcom::invites
