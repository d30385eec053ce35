// Webhooks: programs elsewhere that get events by HTTP. Who may make them is for the routes to say; how events get
// there is core/observe/deliveries.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/observe/deliveries.hpp"
#include "core/state/context.hpp"

namespace agentcom::webhooks {

/// What its deliveries are called begins so.
inline constexpr std::string_view kReceiver = "webhook/";
std::string receiver_of(const std::string& id);

/// Letters, digits, '-', '_' and '.', at most 64.
bool is_id(std::string_view text);
/// http or https, a host, and neither a user nor a fragment.
bool is_url(std::string_view text);
/// Scheme, host and port: what may be shown to everybody, while a path may hold a secret.
std::string origin_of(const std::string& url);

/// Errors: `webhook_exists` (409), `too_many_webhooks` (409).
Status add(Context&, WebhookRow);
/// Changes one that exists. What waits for one that is disabled ends.
void change(Context&, WebhookRow);
/// Removes it with its deliveries. Nothing happens if there is none.
void remove(Context&, int64_t workspace, const std::string& id);
/// The signatures of the webhook that has the old secret are made with another from now on. False: none has it.
bool renew_secret(Context&, const std::string& old_sha256, const std::string& sha256);
/// By name.
std::vector<WebhookRow> list(const Context&, int64_t workspace);

/// What it is sent about an event; tells once what was left out before.
std::string body(Context&, WebhookRow, const EventRow&);
/// Too many deliveries wait for it: events are left out.
void leave_out(Context&, WebhookRow, int64_t seq);

// -- how it goes; each begins or ends an episode, and is an event
void fails(Context&, int64_t workspace, const std::string& id, const deliveries::Outcome&);
void works(Context&, int64_t workspace, const std::string& id);
/// Its server says that it is there no more: it is disabled.
void is_gone(Context&, int64_t workspace, const std::string& id);

}  // namespace agentcom::webhooks
