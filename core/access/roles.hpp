// What each role may do, and how scopes narrow what a token may do: the one table of it.
//
// A token has a role and, if it is narrowed, scopes. What it may do is what its role may do, as far as one of its
// scopes covers it. Whether an operation may be done then is a look at Operation::permission.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/protocol/operation.hpp"
#include "core/state/rows.hpp"

namespace agentcom::access {

/// A set of permissions, one bit for each.
class Permissions {
  public:
    constexpr Permissions() = default;

    constexpr Permissions with(Permission permission) const {
        Permissions more = *this;
        more.bits_ |= bit(permission);
        return more;
    }
    constexpr Permissions operator&(Permissions other) const { return of_bits(bits_ & other.bits_); }
    constexpr Permissions operator|(Permissions other) const { return of_bits(bits_ | other.bits_); }
    constexpr bool operator==(const Permissions&) const = default;

    /// `Permission::none` stands for anything that shows and changes nothing of others: whoever may do more than look
    /// at figures may do that.
    constexpr bool has(Permission permission) const {
        if (permission == Permission::none) return (bits_ & ~bit(Permission::metrics)) != 0;
        return (bits_ & bit(permission)) != 0;
    }
    /// Whether nothing is in it that is not in `other`.
    constexpr bool within(Permissions other) const { return (bits_ & ~other.bits_) == 0; }

  private:
    static constexpr uint32_t bit(Permission permission) { return uint32_t{1} << static_cast<uint32_t>(permission); }
    static constexpr Permissions of_bits(uint32_t bits) {
        Permissions permissions;
        permissions.bits_ = bits;
        return permissions;
    }

    uint32_t bits_ = 0;
};

/// What a role may do.
Permissions permissions_of(Role role);

/// What the setting `open_admin` adds for agents and operators: what v1.1 let any token do.
Permissions open_admin_permissions();

/// All permissions but those over the hub as a whole.
Permissions of_one_workspace();

/// read, work, operate, administer, metrics.
bool is_scope(std::string_view name);
/// What a list of scopes covers; no scopes cover everything.
Permissions covered_by(const std::vector<std::string>& scopes);

}  // namespace agentcom::access
