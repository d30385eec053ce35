// Which requests come from pages and names that have no business here.
//
// A browser sends what any page asks it to, and reaches what only this machine can reach. Two headers tell: `Host` is
// the name under which the browser believes to have found us (a page whose name was made to point here, "DNS
// rebinding", shows as a foreign name), and `Origin` is the page's own place. Programs send a Host that they were given
// and no Origin; nothing of this concerns them. Pure functions of headers: no sockets here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "native-server/net/address.hpp"

namespace agentcom {

/// What a request says about where it comes from; "" where it says nothing.
struct RequestOrigin {
    std::string_view host;
    std::string_view origin;
    bool has_origin = false;
    std::string_view fetch_site;  ///< Sec-Fetch-Site, which browsers add where an Origin is not sent
    std::string_view fetch_mode;  ///< Sec-Fetch-Mode
    std::string_view fetch_dest;  ///< Sec-Fetch-Dest
    bool is_get = false;
};

class HostPolicy {
  public:
    struct Options {
        Address listen;
        std::string public_url;                    ///< scheme://host:port, or ""
        std::vector<std::string> allowed_hosts;    ///< names without port; "*" allows any
        std::vector<std::string> allowed_origins;  ///< scheme://host[:port]; "*" allows any
    };

    explicit HostPolicy(const Options&);

    /// nullopt: the request may come in. Otherwise what is wrong with it, for a person to read: 403.
    std::optional<std::string> refusal(const RequestOrigin&) const;

  private:
    bool allows_host(std::string_view host_header) const;
    bool allows_origin(std::string_view origin, std::string_view host_header) const;

    bool any_host_ = false;
    bool any_origin_ = false;
    bool loopback_only_ = true;
    std::vector<std::string> hosts_;    // lower case, without port
    std::vector<std::string> origins_;  // lower case, with port
};

/// "https://Hub.example/" as "https://hub.example:443"; nullopt if it is not scheme://host[:port] of http or https.
std::optional<std::string> normal_origin(std::string_view text);

}  // namespace agentcom
