// Whether an address is one of the public internet: what a webhook may reach unless told otherwise. Everything else
// (this machine, its network, addresses that are reserved for something) could be a service that trusts whoever is near
// it.
#pragma once

struct sockaddr;

namespace agentcom {

/// IPv4 and IPv6 by the registries of special-purpose addresses (RFC 6890); an IPv4 address within an IPv6 one (mapped,
/// NAT64, 6to4) counts as itself. False for other families.
bool is_public_address(const sockaddr* address);

}  // namespace agentcom
