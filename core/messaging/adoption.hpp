// Messages that were sent on another hub: here they are history from the first, and mail of those who have not had
// them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/state/context.hpp"

namespace agentcom::adoption {

/// A message as the other hub shows it.
struct ForeignMessage {
    std::string from;
    std::optional<std::string> to;  ///< nullopt: a broadcast
    std::string type = "chat";
    std::string payload = "{}";  ///< JSON object
    std::optional<std::string> reply_to;
    int64_t sent_at = 0;                 ///< wall ms; a time that lies ahead counts as now
    std::vector<std::string> unread_by;  ///< in whose mailboxes it lies; of a direct one only its recipient counts
};

/// Takes a message over; gives its id here. It is numbered behind all that the hub has, so that older ones should come
/// first. Nobody but those who have it unread gets it, save that a broadcast which some of them have unread is pushed
/// to whoever is online.
std::string adopt(Context&, int64_t workspace, ForeignMessage);

}  // namespace agentcom::adoption
