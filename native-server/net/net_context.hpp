// What all connections of a hub share.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/time.hpp"
#include "native-server/net/net_limits.hpp"
#include "native-server/net/outbox.hpp"

namespace agentcom {

/// Who is at the other end.
struct Peer {
    std::string address;  ///< without port
    bool loopback = false;
};

struct NetContext {
    NetSettings settings;
    Time now;  ///< of the current turn; the server sets it
    Outbox::Totals outboxes;
};

}  // namespace agentcom
