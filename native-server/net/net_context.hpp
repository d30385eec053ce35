// What all connections of a hub share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/time.hpp"
#include "native-server/net/host_policy.hpp"
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
    std::optional<HostPolicy> hosts;           ///< unset: Host and Origin are not looked at
    std::vector<std::string> trusted_proxies;  ///< addresses whose word about their clients counts
    bool tls = false;
    std::string run_name;  ///< random: tells the requests of one run from those of another
    mutable int64_t requests_named = 0;

    /// The name of a request whose client gave it none: never the same one twice in a run.
    std::string next_request_name() const { return run_name + "-" + std::to_string(++requests_named); }
};

}  // namespace agentcom
