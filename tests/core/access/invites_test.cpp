#include "core/access/invites.hpp"

#include <catch2/catch.hpp>

#include "core/access/access.hpp"
#include "core/base/sha256.hpp"
#include "core/state/tables.hpp"

using namespace agentcom;

namespace {

struct World {
    World() {
        tables.begin_input();
        RuntimeRow runtime;
        runtime.prng0 = 1;
        tables.put(runtime);
        tables.put(HubRow{});
        REQUIRE(access::ensure_workspace(ctx, "default").ok());
    }
    ~World() { tables.end_input(); }
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    Result<InviteRow> make(const std::string& code, int64_t uses, int64_t expires_at, int64_t workspace = 1) {
        InviteRow row;
        row.sha256 = sha256_hex(code);
        row.workspace = workspace;
        row.uses_left = uses;
        row.expires_at = expires_at;
        return invites::create(ctx, std::move(row));
    }
    bool opens(const std::string& code, int64_t wall_ms) {
        Context at{tables, settings, Time{wall_ms, wall_ms}, 1, effects};
        return invites::find(at, credential_of_token(code)) != nullptr;
    }

    Tables tables;
    Settings settings;
    std::vector<Effect> effects;
    Context ctx{tables, settings, Time{1'000, 1'000}, 1, effects};
};

}  // namespace

TEST_CASE("an invite code opens a bounded number of registrations for a bounded time", "[access]") {
    World world;
    const InviteRow made = world.make("code", 2, 5'000).value();
    CHECK(made.id.starts_with("invite-"));
    CHECK(world.opens("code", 1'000));
    CHECK(world.opens("code", 4'999));
    CHECK_FALSE(world.opens("code", 5'000));
    CHECK_FALSE(world.opens("another", 1'000));
    CHECK(invites::find(world.ctx, {Credential::Kind::malformed, sha256_hex("code")}) == nullptr);
    invites::use(world.ctx, made.sha256);
    CHECK(world.opens("code", 1'000));
    invites::use(world.ctx, made.sha256);
    CHECK_FALSE(world.opens("code", 1'000));
    CHECK(invites::list(world.ctx, 1).empty());
}

TEST_CASE("codes are bounded, listed by workspace and ended by id", "[access]") {
    World world;
    world.settings.invites_max = 2;
    const InviteRow one = world.make("one", 1, 1'500).value();
    const InviteRow two = world.make("two", 1, 9'000, 2).value();
    CHECK(world.make("three", 1, 9'000).error().code == "too_many_invites");
    CHECK(invites::list(world.ctx, 1).size() == 1);
    CHECK_FALSE(invites::remove(world.ctx, 1, two.id));
    CHECK(invites::remove(world.ctx, 2, two.id)->sha256 == two.sha256);
    CHECK_FALSE(world.opens("two", 1'000));
    REQUIRE(world.make("four", 1, 9'000).ok());
    // One whose time is over makes room.
    Context later{world.tables, world.settings, Time{1'500, 1'500}, 1, world.effects};
    InviteRow row;
    row.sha256 = sha256_hex("five");
    row.expires_at = 9'000;
    CHECK(invites::create(later, row).ok());
    CHECK(world.tables.find<InviteRow>({one.sha256}) == nullptr);
}
