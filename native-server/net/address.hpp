// Where the hub listens: ADDR:PORT with a numeric IPv4 address or a bracketed IPv6 one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct sockaddr;
struct sockaddr_storage;

namespace agentcom {

struct Address {
    std::string host = "127.0.0.1";  ///< without brackets
    uint16_t port = 4000;

    bool operator==(const Address&) const = default;
};

/// "127.0.0.1:4000", "[::1]:4000", "localhost:4000" (means 127.0.0.1), ":4000" (all interfaces, IPv4). Port 0 is any
/// free one.
std::optional<Address> parse_address(std::string_view text);
std::string to_text(const Address& address);

/// Fills a socket address; gives its length, 0 when the host is no numeric address.
uint32_t to_socket_address(const Address& address, sockaddr_storage& out);
/// The address of a socket address; an IPv4 address mapped into IPv6 becomes IPv4.
Address from_socket_address(const sockaddr_storage& address);

/// Whether only this machine can reach it.
bool is_loopback(const Address& address);
/// Whether it means every interface.
bool is_wildcard(const Address& address);

}  // namespace agentcom
