// Messages that were sent on another hub: here they are history from the first, and mail of those who have not had
// them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "core/state/context.hpp"

namespace agentcom::adoption {

/// A message as the other hub shows it.
struct ForeignMessage {
    std::string from;
    std::optional<std::string> to;       ///< nullopt: a broadcast, or published to a channel
    std::optional<std::string> channel;  ///< to which it was published
    int64_t channel_seq = 0;             ///< its number there; 0: the next
    std::string type = "chat";
    std::string payload = "{}";  ///< JSON object
    std::optional<std::string> reply_to;
    int64_t sent_at = 0;                 ///< wall ms; a time that lies ahead counts as now
    std::vector<std::string> unread_by;  ///< in whose mailboxes it lies; of a direct one only its recipient counts
};

/// Takes a message over; gives its id here. It is numbered behind all that the hub has, so that older ones should come
/// first; in its channel it keeps its number, if that has not been given yet. Nobody but those who have it unread gets
/// it, save that a broadcast which some of them have unread is pushed to whoever is online, and likewise in a channel.
/// Error `channel_not_found` (404).
Result<std::string> adopt(Context&, int64_t workspace, ForeignMessage);

/// A channel as the other hub shows it.
struct ForeignChannel {
    std::string name;
    std::string description;
    std::string created_by;
    int64_t created_at = 0;  ///< wall ms
};

/// Makes a channel. Errors as of channels::create, and `invalid_name` (422) for a name of which nothing is left.
Status adopt(Context&, int64_t workspace, const ForeignChannel&);

}  // namespace agentcom::adoption
