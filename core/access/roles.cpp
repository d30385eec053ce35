#include "core/access/roles.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>

namespace agentcom::access {

namespace {

constexpr Permissions set_of(std::initializer_list<Permission> list) {
    Permissions permissions;
    for (const Permission permission : list) permissions = permissions.with(permission);
    return permissions;
}

using enum Permission;

// Agents of a workspace are colleagues: each may read what the others do, submit, cancel and retry tasks.
constexpr Permissions kAgent = set_of({read, work, metrics});
constexpr Permissions kViewer = set_of({read, metrics});
constexpr Permissions kOperator = set_of({read, work, operate, metrics});
constexpr Permissions kAdmin = set_of({read, work, operate, administer, administer_hub, reset, metrics});
constexpr Permissions kOfOneWorkspace = set_of({read, work, operate, administer, metrics});
constexpr Permissions kOpenAdmin = set_of({operate, administer, administer_hub});

struct Scope {
    std::string_view name;
    Permissions covers;
};

constexpr std::array kScopes = {
    Scope{"read", set_of({read})},       Scope{"work", set_of({work})},
    Scope{"operate", set_of({operate})}, Scope{"administer", set_of({administer, administer_hub, reset})},
    Scope{"metrics", set_of({metrics})},
};

}  // namespace

Permissions permissions_of(Role role) {
    switch (role) {
        case Role::agent:
            return kAgent;
        case Role::viewer:
            return kViewer;
        case Role::operator_:
            return kOperator;
        case Role::admin:
            return kAdmin;
    }
    return {};
}

Permissions open_admin_permissions() { return kOpenAdmin; }

Permissions of_one_workspace() { return kOfOneWorkspace; }

bool is_scope(std::string_view name) {
    return std::any_of(kScopes.begin(), kScopes.end(), [name](const Scope& scope) { return scope.name == name; });
}

Permissions covered_by(const std::vector<std::string>& scopes) {
    if (scopes.empty()) return kAdmin;
    Permissions covered;
    for (const Scope& scope : kScopes) {
        if (std::find(scopes.begin(), scopes.end(), scope.name) != scopes.end()) covered = covered | scope.covers;
    }
    return covered;
}

}  // namespace agentcom::access
