// The one path of every message: numbered, stored, filed as mail, pushed to who is online.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/messaging/envelope.hpp"
#include "core/state/context.hpp"

namespace agentcom::router {

struct NewMessage {
    int64_t workspace = 0;
    std::string from;
    std::optional<std::string> to;  ///< nullopt: a broadcast
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
    bool undeliverable = false;  ///< nobody has the recipient's name; the message waits for whoever registers under it
};

/// Routes a message.
Sent route(Context&, NewMessage);

}  // namespace agentcom::router
