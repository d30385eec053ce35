// The one path of every message: numbered, stored, filed as mail, pushed to who is online.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/messaging/envelope.hpp"
#include "core/state/context.hpp"

namespace agentcom::router {

struct NewMessage {
    int64_t workspace = 0;
    std::string from;
    std::optional<std::string> to;       ///< nullopt: a broadcast, or for a channel
    std::optional<std::string> channel;  ///< the stored name of one that exists
    std::string type = "chat";
    std::string payload = "{}";  ///< JSON object
    std::optional<std::string> reply_to;
    Envelope envelope;
    /// Of a message that was sent elsewhere before: when. nullopt: now.
    std::optional<int64_t> sent_at;
    /// False: whoever it was for has had it, so it is history from the first.
    bool is_mail = true;
};

struct Sent {
    std::string id;
    int64_t channel_seq = 0;     ///< of what was published to a channel
    bool undeliverable = false;  ///< nobody has the recipient's name; the message waits for whoever registers under it
};

/// Routes a message.
Sent route(Context&, NewMessage);

/// The connections of the members of a channel that are online, but those of one agent.
std::vector<ConnectionId> online_members(const Tables&, int64_t workspace, const std::string& channel,
                                         const std::string& but_agent);

/// Looks for messages that are too old to be kept (setting message_history_ms), in every workspace; at the start, and
/// then once an hour.
void look_for_old_messages(Context&);
/// The store has given the last message of a lot: if it is too old, the lot goes, and the next one is asked for.
void found_old_message(Context&, int64_t workspace, const std::optional<MessageRow>&);

/// Messages are numbered on above this number. What lies between is no message's, and so no history either.
void skip_numbers(WorkspaceRow&, int64_t up_to);

}  // namespace agentcom::router
