// Web Push: people's browsers that are notified of events (RFC 8030, 8291, 8292). The machine holds the key pair that
// notifications are signed with, and encrypts them; how they get there is core/observe/deliveries.hpp.
//
// A subscription belongs to a principal. It is told nothing once that has no token any more, and ends when all tokens
// of it are revoked or rotated.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/state/context.hpp"

namespace agentcom::push {

/// What its deliveries are called begins so.
inline constexpr std::string_view kReceiver = "push/";
std::string receiver_of(const std::string& id);

/// What a subscription is told of that does not choose: alerts from beginning to end, agents whose connection was lost,
/// tasks that failed for good or wait for an answer, and storage care that failed.
std::vector<std::string> default_kinds();

/// Whether a push service may be spoken to: one of `push_hosts`, by https.
bool is_allowed(const Settings&, std::string_view endpoint);
/// Whether the keys of a subscription have the form of RFC 8291 (base64url, padding allowed).
bool is_public_key(std::string_view p256dh);
bool is_secret(std::string_view auth);

/// Adds a subscription, or changes that of the same owner and endpoint. Takes all but `id` and what is about
/// deliveries. Errors: `endpoint_not_allowed` (422), `too_many_subscriptions` (409).
Result<PushSubscriptionRow> subscribe(Context&, PushSubscriptionRow);
/// Removes one with what waits for it. Nothing happens if there is none.
void remove(Context&, int64_t workspace, const std::string& id);
/// Removes all of a principal, in every workspace: somebody else may have made them with a token that was stolen.
void remove_all_of(Context&, int64_t owner_workspace, const std::string& principal);
/// Those of a workspace: of one principal, or ("") all. The oldest first.
std::vector<PushSubscriptionRow> list(const Context&, int64_t workspace, int64_t owner_workspace,
                                      const std::string& principal);

/// Whether a subscription that has chosen the kind of an event is told of this one.
bool wants(const Context&, const EventRow&, const std::string& id);
/// The notification about an event, as the hub's service worker shows it.
std::string body(const Context&, const EventRow&, bool& urgent);
/// A notification has come to an end.
void told(Context&, const DeliveryRow&, bool delivered);

}  // namespace agentcom::push
