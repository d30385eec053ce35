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
        return access::register_agent(ctx, of(workspace, agent, token), "");
    }
    static access::NewToken of(int64_t workspace, const std::string& agent, const std::string& token) {
        return {workspace, agent, sha256_hex(token), token.substr(0, 8)};
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
    CHECK(access::may_administer(world.ctx, *world.who("token one")));
}

TEST_CASE("an agent is registered once, has any number of tokens, and loses all at once") {
    World world;
    REQUIRE(world.add(1, "ann", "t1").ok());
    CHECK(world.add(1, "ann", "t2").error().code == "already_registered");
    CHECK(access::add_token(world.ctx, World::of(1, "ann", "t3"), "admin").ok());
    CHECK(world.who("t1"));
    CHECK(world.who("t3"));
    const std::vector<TokenRow> tokens = access::tokens_of(world.ctx, 1, "ann");
    CHECK(tokens.size() == 2);
    for (const TokenRow& token : tokens) access::remove_token(world.ctx, token.sha256);
    CHECK_FALSE(world.who("t1"));
    CHECK_FALSE(world.who("t3"));
    CHECK(access::tokens_of(world.ctx, 1, "ann").empty());
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
    CHECK(access::add_token(world.ctx, World::of(1, "a", "t4"), "").ok());
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

TEST_CASE("a token that expires proves nothing from that moment on", "[access]") {
    World world;
    access::NewToken token = World::of(1, "ann", "t1");
    token.expires_at = 2'000;
    REQUIRE(access::add_token(world.ctx, token, "").ok());
    CHECK(world.who("t1")->expires_at == 2'000);
    CHECK(access::is_valid(world.ctx, sha256_hex("t1")));
    Context at{world.tables, world.settings, Time{2'000, 2'000}, 1, world.effects};
    CHECK_FALSE(access::authenticate(at, credential_of_token("t1")));
    CHECK_FALSE(access::is_valid(at, sha256_hex("t1")));
    CHECK_FALSE(access::is_valid(at, sha256_hex("another")));
}

TEST_CASE("a principal has a bounded number of tokens, and expired ones make room", "[access]") {
    World world;
    world.settings.tokens_per_principal = 2;
    access::NewToken short_lived = World::of(1, "ann", "t1");
    short_lived.expires_at = 1'500;
    REQUIRE(access::add_token(world.ctx, short_lived, "").ok());
    REQUIRE(access::add_token(world.ctx, World::of(1, "ann", "t2"), "").ok());
    CHECK(access::add_token(world.ctx, World::of(1, "ann", "t3"), "").error().code == "too_many_tokens");
    Context later{world.tables, world.settings, Time{1'500, 1'500}, 1, world.effects};
    CHECK(access::add_token(later, World::of(1, "ann", "t3"), "").ok());
    CHECK_FALSE(world.who("t1"));
    CHECK(world.who("t2"));
    CHECK(world.who("t3"));
}

TEST_CASE("ADMIN_AGENTS raises agents of the default workspace, and only tokens of role agent", "[access]") {
    World world;
    const int64_t other = access::ensure_workspace(world.ctx, "other").value();
    world.settings.admin_agents = {"boss"};
    REQUIRE(world.add(1, "boss", "t1").ok());
    REQUIRE(world.add(other, "boss", "t2").ok());
    access::NewToken viewer = World::of(1, "boss", "t3");
    viewer.role = Role::viewer;
    REQUIRE(access::add_token(world.ctx, viewer, "").ok());
    access::NewToken narrow = World::of(1, "boss", "t4");
    narrow.scopes = {"read"};
    REQUIRE(access::add_token(world.ctx, narrow, "").ok());
    CHECK(world.who("t1")->may(Permission::reset));
    CHECK_FALSE(world.who("t2")->may(Permission::administer));
    CHECK_FALSE(world.who("t3")->may(Permission::administer));
    CHECK(world.who("t4")->role == Role::admin);
    CHECK_FALSE(world.who("t4")->may(Permission::administer));
}

TEST_CASE("use of a token is noted to the hour", "[access]") {
    World world;
    REQUIRE(world.add(1, "ann", "t1").ok());
    const auto use_at = [&world](int64_t wall_ms) {
        Context at{world.tables, world.settings, Time{wall_ms, wall_ms}, 1, world.effects};
        access::used(at, *access::authenticate(at, credential_of_token("t1")));
        return world.tables.find<TokenRow>({sha256_hex("t1")})->last_used_at;
    };
    constexpr int64_t kHour = 3'600'000;
    CHECK(use_at(1'000 + kHour - 1) == 0);
    CHECK(use_at(1'000 + kHour) == 1'000 + kHour);
    CHECK(use_at(1'000 + 2 * kHour - 1) == 1'000 + kHour);
    CHECK(use_at(1'000 + 2 * kHour) == 1'000 + 2 * kHour);
}
