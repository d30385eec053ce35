#include "native-server/push/public_address.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace agentcom {

namespace {

struct Block {
    uint32_t first;
    unsigned bits;
};

// https://www.iana.org/assignments/iana-ipv4-special-registry, with multicast and what is reserved beyond.
constexpr Block kSpecialV4[] = {
    {0x00000000, 8},   // "this" network
    {0x0a000000, 8},   // 10/8: private
    {0x64400000, 10},  // 100.64/10: shared by carriers
    {0x7f000000, 8},   // loopback
    {0xa9fe0000, 16},  // 169.254/16: link-local, and where clouds keep their secrets
    {0xac100000, 12},  // 172.16/12: private
    {0xc0000000, 24},  // 192.0.0/24: protocol assignments
    {0xc0000200, 24},  // documentation
    {0xc0586300, 24},  // 192.88.99/24: was 6to4
    {0xc0a80000, 16},  // 192.168/16: private
    {0xc6120000, 15},  // benchmarks
    {0xc6336400, 24},  // documentation
    {0xcb007100, 24},  // documentation
    {0xe0000000, 3},   // multicast, reserved, broadcast
};

bool is_public_v4(uint32_t address) {
    return std::none_of(std::begin(kSpecialV4), std::end(kSpecialV4), [address](const Block& block) {
        return (address >> (32U - block.bits)) == (block.first >> (32U - block.bits));
    });
}

using V6 = std::array<uint8_t, 16>;

uint32_t v4_at(const V6& address, size_t at) {
    return static_cast<uint32_t>(address[at]) << 24U | static_cast<uint32_t>(address[at + 1]) << 16U |
           static_cast<uint32_t>(address[at + 2]) << 8U | static_cast<uint32_t>(address[at + 3]);
}

bool begins(const V6& address, std::initializer_list<uint8_t> bytes) {
    return std::equal(bytes.begin(), bytes.end(), address.begin());
}

bool is_public_v6(const V6& address) {
    if (begins(address, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff})) return is_public_v4(v4_at(address, 12));
    if (begins(address, {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0})) return is_public_v4(v4_at(address, 12));
    if (begins(address, {0x20, 0x02})) return is_public_v4(v4_at(address, 2));
    // Only 2000::/3 is given out for use; within it 2001::/23 is for protocols (Teredo too), 2001:db8::/32 and
    // 3fff::/20 are for documentation.
    if ((address[0] & 0xe0U) != 0x20U) return false;
    if (begins(address, {0x20, 0x01}) && address[2] < 2) return false;
    if (begins(address, {0x20, 0x01, 0x0d, 0xb8})) return false;
    return !(begins(address, {0x3f, 0xff}) && address[2] < 0x10);
}

}  // namespace

bool is_public_address(const sockaddr* address) {
    if (address->sa_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, address, sizeof v4);
        return is_public_v4(ntohl(v4.sin_addr.s_addr));
    }
    if (address->sa_family != AF_INET6) return false;
    sockaddr_in6 v6{};
    std::memcpy(&v6, address, sizeof v6);
    V6 bytes{};
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    return is_public_v6(bytes);
}

}  // namespace agentcom
