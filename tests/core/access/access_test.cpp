#include "core/access/access.hpp"

#include <catch2/catch.hpp>

#include "tests/core/support/test_hub.hpp"

using namespace agentcom;

namespace {

/// Tables with the rows that a start makes.
struct World {
    World() {
        tables.begin_input();
        tables.put(RuntimeRow{});
        tables.put(HubRow{});
        REQUIRE(access::ensure_workspace(ctx, "default").ok());
    }
    ~World() { tables.end_input(); }
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    std::optional<access::Identity> who(const std::string& token) {
        return access::authenticate(ctx, credential_of_token(token));
    }
    Status add(int64_t workspace, const std::string& agent, const std::string& token) {
        return access::register_agent(ctx, workspace, agent, sha256_hex(token), token.substr(0, 8), "");
    }

    Tables tables;
    Settings settings;
    std::vector<Effect> effects;
    Context ctx{tables, settings, Time{1'000, 1'000}, 1, effects};
};

}  // namespace

TEST_CASE("a token proves one principal of one workspace") {
    World world;
    const int64_t other = access::ensure_workspace(world.ctx, "other").value();
    CHECK(access::ensure_workspace(world.ctx, "other").value() == other);
    CHECK(access::find_workspace(world.ctx, "other") == other);
    CHECK_FALSE(access::find_workspace(world.ctx, "none"));
    REQUIRE(world.add(1, "ann", "token one").ok());
    REQUIRE(world.add(other, "ann", "token two").ok());
    const auto one = world.who("token one");
    REQUIRE(one);
    CHECK(one->workspace == 1);
    CHECK(one->principal == "ann");
    CHECK(one->role == Role::agent);
    CHECK_FALSE(one->of_hub);
    CHECK(world.who("token two")->workspace == other);
    CHECK_FALSE(world.who("token three"));
    CHECK_FALSE(access::authenticate(world.ctx, {}));
    CHECK_FALSE(access::authenticate(world.ctx, {Credential::Kind::malformed, sha256_hex("token one")}));
    CHECK_FALSE(access::may_administer(world.ctx, *one));
    world.settings.open_admin = 1;
    CHECK(access::may_administer(world.ctx, *one));
}

TEST_CASE("an agent is registered once, has any number of tokens, and loses all at once") {
    World world;
    REQUIRE(world.add(1, "ann", "t1").ok());
    CHECK(world.add(1, "ann", "t2").error().code == "already_registered");
    CHECK(access::add_token(world.ctx, 1, "ann", sha256_hex("t3"), "t3", "admin").ok());
    CHECK(world.who("t1"));
    CHECK(world.who("t3"));
    CHECK(access::revoke_tokens(world.ctx, 1, "ann", "admin") == 2);
    CHECK_FALSE(world.who("t1"));
    CHECK_FALSE(world.who("t3"));
    CHECK(access::revoke_tokens(world.ctx, 1, "ann", "admin") == 0);
    CHECK(world.add(1, "ann", "t4").ok());
    CHECK(world.who("t4"));
}

TEST_CASE("names that cannot be typed, printed or put into a path are refused") {
    World world;
    for (const std::string& bad :
         {std::string(), std::string(" a"), std::string("a "), std::string("a\nb"), std::string("a\0b", 3),
          std::string("\x7f"), std::string("broadcast"), std::string("."), std::string(".."), std::string(129, 'a')}) {
        CAPTURE(bad);
        CHECK(world.add(1, bad, "t").error().code == "invalid_agent_id");
        CHECK(access::ensure_workspace(world.ctx, bad).error().code == "invalid_workspace");
    }
    CHECK(world.add(1, std::string(128, 'a'), "t1").ok());
    CHECK(world.add(1, "team/Ä gent-1_.:x", "t2").ok());
}

TEST_CASE("there are no more agents than the setting allows") {
    World world;
    world.settings.principals_max = 2;
    CHECK(world.add(1, "a", "t1").ok());
    CHECK(world.add(1, "b", "t2").ok());
    CHECK(world.add(1, "c", "t3").error().code == "too_many_agents");
    CHECK(access::add_token(world.ctx, 1, "a", sha256_hex("t4"), "t4", "").ok());
}

TEST_CASE("the hub's admin has exactly the token it was started with") {
    World world;
    access::set_admin_token(world.ctx, sha256_hex("first"), "first");
    const auto admin = world.who("first");
    REQUIRE(admin);
    CHECK(admin->of_hub);
    CHECK(admin->role == Role::admin);
    CHECK(admin->workspace == 1);
    CHECK(access::may_administer(world.ctx, *admin));
    access::set_admin_token(world.ctx, sha256_hex("second"), "second");
    CHECK_FALSE(world.who("first"));
    CHECK(world.who("second"));
    access::set_admin_token(world.ctx, "", "");
    CHECK_FALSE(world.who("second"));
}
