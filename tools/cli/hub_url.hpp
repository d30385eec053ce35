// The address of a hub, as a person gives it: http://HOST[:PORT] or https://HOST[:PORT]
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tools/cli/failure.hpp"

namespace agentcom::cli {

struct HubUrl {
    std::string host;  // lower case; an IPv6 address without brackets
    uint16_t port = 80;
    bool tls = false;
    std::string ca_file{};  // the certificates by which a hub with TLS proves itself; "" = those the system trusts

    // Takes "http://host[:port][/]" and "ws://host[:port][/ws]", https and wss likewise, upper or lower case, and
    // "host:port" without a scheme.
    static Outcome<HubUrl> parse(std::string_view text);

    // "host:port" as it stands in a Host header, with brackets around an IPv6 address.
    std::string authority() const;
    std::string text() const { return scheme() + authority(); }

    // What this hub's identities and results are filed under: text(), where every name of this machine's loopback
    // address is the same.
    std::string key() const;

    // "http://" or "https://".
    std::string scheme() const { return tls ? "https://" : "http://"; }

    // Whether nothing but this machine can answer there.
    bool is_loopback() const;

    bool operator==(const HubUrl&) const = default;
};

}  // namespace agentcom::cli
