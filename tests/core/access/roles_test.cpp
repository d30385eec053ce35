#include "core/access/roles.hpp"

#include <catch2/catch.hpp>

using namespace agentcom;
using access::Permissions;

TEST_CASE("what the roles may do", "[access]") {
    struct Row {
        Permission permission;
        bool agent, viewer, operator_role, admin;
    };
    constexpr Row kRows[] = {
        {Permission::none, true, true, true, true},          {Permission::read, true, true, true, true},
        {Permission::work, true, false, true, true},         {Permission::operate, false, false, true, true},
        {Permission::administer, false, false, false, true}, {Permission::administer_hub, false, false, false, true},
        {Permission::reset, false, false, false, true},      {Permission::metrics, true, true, true, true},
    };
    for (const Row& row : kRows) {
        CAPTURE(static_cast<int>(row.permission));
        CHECK(access::permissions_of(Role::agent).has(row.permission) == row.agent);
        CHECK(access::permissions_of(Role::viewer).has(row.permission) == row.viewer);
        CHECK(access::permissions_of(Role::operator_).has(row.permission) == row.operator_role);
        CHECK(access::permissions_of(Role::admin).has(row.permission) == row.admin);
    }
    CHECK_FALSE(access::open_admin_permissions().has(Permission::reset));
    CHECK_FALSE(access::of_one_workspace().has(Permission::administer_hub));
    CHECK_FALSE(access::of_one_workspace().has(Permission::reset));
}

TEST_CASE("scopes narrow a token, and one for metrics reaches nothing else", "[access]") {
    const Permissions admin = access::permissions_of(Role::admin);
    CHECK((admin & access::covered_by({})) == admin);
    const Permissions metrics = admin & access::covered_by({"metrics"});
    CHECK(metrics.has(Permission::metrics));
    CHECK_FALSE(metrics.has(Permission::none));
    CHECK_FALSE(metrics.has(Permission::read));
    const Permissions two = access::permissions_of(Role::agent) & access::covered_by({"work", "administer"});
    CHECK(two.has(Permission::work));
    CHECK(two.has(Permission::none));
    CHECK_FALSE(two.has(Permission::read));
    CHECK_FALSE(two.has(Permission::administer));
    CHECK(two.within(admin));
    CHECK_FALSE(admin.within(two));
    for (const char* name : {"read", "work", "operate", "administer", "metrics"}) CHECK(access::is_scope(name));
    for (const char* name : {"", "none", "reset", "Read"}) CHECK_FALSE(access::is_scope(name));
}
