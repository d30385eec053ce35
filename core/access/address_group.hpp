// Which addresses count as one for rate limits.
#pragma once

#include <string>
#include <string_view>

namespace agentcom {

/// An IPv4 address stands for itself. Of an IPv6 address only the first 64 bits count, since whoever has one address of
/// such a network has all of them: "2001:db8:1:2:3:4:5:6" and "2001:db8:1:2::1" are both "2001:db8:1:2::/64", and a
/// group is its own group. Text that is no address stands for itself.
std::string address_group(std::string_view address);

}  // namespace agentcom
