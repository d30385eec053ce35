// Channels: named conversations with members.
//
// Who is a member is a row, and nothing else decides who is given a message: what is published goes to the members that
// are online at that moment, and is mail of every member but its sender. Subscribing and leaving take effect at once,
// however they were asked for, and whoever leaves keeps the mail of its time as a member. The newest messages of a
// channel are its history: their mail rows stay in memory (setting channel_history), so that reading it is a look by
// number.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/messaging/router.hpp"
#include "core/protocol/encoding.hpp"
#include "core/state/context.hpp"

namespace agentcom::channels {

/// The name under which a channel is kept: without leading '#', in lower case, and of it only letters a to z, digits,
/// '-' and '_'. May be "".
std::string normalized(std::string_view name);

/// nullptr: there is none. Takes a name as it was sent.
const ChannelRow* find(const Tables&, int64_t workspace, std::string_view name);

/// Errors `channel_exists` (409), `too_many_channels` (503). The name must not normalise to "".
Status create(Context&, int64_t workspace, std::string_view name, const std::string& description,
              const std::string& by);

enum class Joined : uint8_t { now, already };
/// Errors `channel_not_found` (404), `too_many_members` (503). Tells the members that are online.
Result<Joined> subscribe(Context&, int64_t workspace, std::string_view name, const std::string& agent);
/// Error `channel_not_found` (404). Nothing happens when the agent is no member.
Status unsubscribe(Context&, int64_t workspace, std::string_view name, const std::string& agent);

/// Publishes `message`; whoever sends it need not be a member. Error `channel_not_found` (404).
Result<router::Sent> publish(Context&, std::string_view name, router::NewMessage message);

/// The numbers (in the log of messages) of what is kept of a channel, ascending: the first `limit` with a channel_seq
/// above `since`, or without `since` the newest `limit`. None if there is no such channel.
std::vector<int64_t> history(const Context&, int64_t workspace, std::string_view name, std::optional<int64_t> since,
                             int64_t limit);

/// All channels of a workspace, by name. Views into the rows.
std::vector<ChannelEntry> list(const Tables&, int64_t workspace);

/// Members, the newest first.
std::vector<std::string> members(const Tables&, int64_t workspace, const std::string& channel);
int64_t member_count(const Tables&, int64_t workspace, const std::string& channel);
/// The channels an agent is a member of, by name.
std::vector<std::string> subscriptions(const Tables&, int64_t workspace, const std::string& agent);

/// Whether it was a member when the message with this number was sent.
bool was_member(const MembershipRow&, int64_t seq);
/// Forgets earlier stays of members whose messages are kept no more.
void forget_former(Context&, int64_t workspace, const std::string& channel);

}  // namespace agentcom::channels
