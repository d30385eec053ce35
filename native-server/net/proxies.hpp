// Who a client is when a proxy stands in between. A proxy on this machine makes everybody look as if they came from
// this machine, so what is open on loopback is not open to requests that bear a proxy's marks, whatever address they
// have.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "native-server/net/net_context.hpp"

namespace agentcom {

/// The client of a request. `forwarded_for` is what the proxies say about it: nullopt when no proxy left a mark, else
/// the list of X-Forwarded-For, or "" when another header alone tells of a proxy. The list is believed from the
/// addresses in `trusted` only, from its end up to the first address that is not one of them; otherwise the proxy
/// itself is the client, and it is not on this machine.
Peer client_behind_proxies(const Peer& socket, const std::optional<std::string>& forwarded_for,
                           const std::vector<std::string>& trusted);

}  // namespace agentcom
