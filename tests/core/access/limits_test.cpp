#include "core/access/limits.hpp"

#include <catch2/catch.hpp>

#include "core/base/json.hpp"
#include "tests/core/support/bare_context.hpp"

using namespace agentcom;
using agentcom::test::BareContext;
using limits::Channel;

namespace {

const Operation& ping() { return operation(OperationId::ws_ping); }

Result<std::vector<limits::Override>> parse(const std::string& text) {
    return limits::parse_overrides(json::Document::from_valid(text, json::Duplicates::last_wins).object());
}

}  // namespace

TEST_CASE("names of agents and addresses cannot collide", "[limits]") {
    CHECK(limits::party(3, "ip:10.0.0.1") == limits::address_party("10.0.0.1"));
    CHECK(limits::party(3, "ip:2001:db8::5") == limits::address_party("2001:db8::7"));
    CHECK(limits::party(3, "ann") == limits::agent_party(3, "ann"));
    CHECK_FALSE(limits::agent_party(0, "10.0.0.1") == limits::address_party("10.0.0.1"));
    CHECK(limits::to_text(limits::party(3, "ip:10.0.0.1")) == "ip:10.0.0.1");
    CHECK(limits::to_text(limits::party(3, "ann")) == "ann");
}

TEST_CASE("every operation but the probes has a limit of its own, or v1.1's", "[limits]") {
    Settings own;
    const Settings v11 = v11_profile();
    for (const Operation& entry : catalogue()) {
        CAPTURE(entry.name);
        const bool probe = entry.id == OperationId::http_health || entry.id == OperationId::http_livez ||
                           entry.id == OperationId::http_readyz;
        CHECK((limits::tier_of(own, entry) == Tier::none) == probe);
        // An export reads hundreds of megabytes from the disk.
        const int64_t least = entry.id == OperationId::http_recording ? 60 : 1'000;
        if (!probe) CHECK(limits::default_rate(own, entry).capacity >= least);
        CHECK(limits::tier_of(v11, entry) == entry.tier);
    }
    CHECK(limits::default_rate(v11, ping()) == bucket::Rate::per_minute(120));
    CHECK(limits::default_rate(own, operation(OperationId::ws_task_output)) == bucket::Rate::per_minute(60'000));
}

TEST_CASE("slots: one per operation and channel, or one per tier and channel", "[limits]") {
    Settings own;
    const Settings v11 = v11_profile();
    const Operation& status = operation(OperationId::ws_status);
    CHECK(limits::slot_of(own, Channel::ws, ping()) != limits::slot_of(own, Channel::ws, status));
    CHECK(limits::slot_of(v11, Channel::ws, ping()) == limits::slot_of(v11, Channel::ws, status));
    CHECK(limits::slot_of(v11, Channel::ws, ping()) != limits::slot_of(v11, Channel::http, ping()));
    for (const Operation& entry : catalogue()) {
        const Channel channel = entry.is_frame() ? Channel::ws : Channel::http;
        const auto name = limits::slot_name(limits::slot_of(own, channel, entry));
        REQUIRE(name);
        CHECK(name->first == channel);
        CHECK(name->second == entry.name);
    }
    CHECK_FALSE(limits::slot_name(limits::kUnidentifiedSlot));
}

TEST_CASE("overrides are read exactly, and refused when they make no sense", "[limits]") {
    const auto good = parse(R"({"light":{"capacity":2.9,"refill_rate_per_min":0.5},"heavy":null,
        "message":{"capacity":1e3,"refill_rate_per_min":120.25},"unknown":5,
        "normal":{"capacity":100000000,"refill_rate_per_min":12e-1}})");
    REQUIRE(good);
    REQUIRE(good.value().size() == 3);
    CHECK(good.value()[0].limit_name == "light");
    CHECK(good.value()[0].rate == bucket::Rate{2, 500'000});
    CHECK(good.value()[1].rate == bucket::Rate{1'000, 120'250'000});
    CHECK(good.value()[2].rate == bucket::Rate{bucket::kTokensMax, 1'200'000});

    const std::string numeric = "each tier must have numeric 'capacity' and 'refill_rate_per_min'";
    const std::string range =
        "'capacity' must be from 1 to 100000000 and 'refill_rate_per_min' from 0.000001 to 100000000";
    const std::string none = "at least one tier (light, normal, heavy) must be specified";
    struct Case {
        std::string body;
        std::string detail;
    };
    for (const Case& c : {Case{"{}", none}, Case{R"({"other":{"capacity":1,"refill_rate_per_min":1}})", none},
                          Case{R"({"light":null})", none}, Case{R"({"light":5})", numeric},
                          Case{R"({"light":{"capacity":1}})", numeric},
                          Case{R"({"light":{"capacity":"1","refill_rate_per_min":1}})", numeric},
                          Case{R"({"light":{"capacity":0,"refill_rate_per_min":1}})", range},
                          Case{R"({"light":{"capacity":0.9,"refill_rate_per_min":1}})", range},
                          Case{R"({"light":{"capacity":-5,"refill_rate_per_min":1}})", range},
                          Case{R"({"light":{"capacity":1,"refill_rate_per_min":0}})", range},
                          Case{R"({"light":{"capacity":1,"refill_rate_per_min":-0.5}})", range},
                          Case{R"({"light":{"capacity":1,"refill_rate_per_min":0.0000001}})", range},
                          Case{R"({"light":{"capacity":1,"refill_rate_per_min":1e-400}})", range},
                          Case{R"({"light":{"capacity":100000001,"refill_rate_per_min":1}})", range},
                          Case{R"({"light":{"capacity":1e400,"refill_rate_per_min":1}})", range},
                          Case{R"({"light":{"capacity":99999999999999999999999,"refill_rate_per_min":1}})", range},
                          Case{R"({"get_health":{"capacity":1,"refill_rate_per_min":1}})", none}}) {
        CAPTURE(c.body);
        const auto bad = parse(c.body);
        REQUIRE_FALSE(bad);
        CHECK(bad.error().code == "invalid_overrides");
        CHECK(bad.error().text == c.detail);
    }
}

TEST_CASE("an override for the operation counts before that for its tier, and replaces all there was", "[limits]") {
    BareContext world;
    const limits::Party ann = limits::agent_party(1, "ann");
    const limits::Party far = limits::address_party("10.0.0.1");
    world.run([&](Context& ctx) {
        limits::set_overrides(ctx, ann, {{"light", {7, 7'000'000}}, {"ping", {3, 3'000'000}}});
        limits::set_overrides(ctx, far, {{"heavy", {1, 1}}});
        CHECK(limits::rate_of(ctx, ann, ping()).capacity == 3);
        CHECK(limits::rate_of(ctx, ann, operation(OperationId::ws_status)).capacity == 7);
        CHECK(limits::rate_of(ctx, limits::agent_party(2, "ann"), ping()).capacity == 6'000);
        CHECK(limits::all_overrides(ctx, 1).size() == 2);
        CHECK(limits::all_overrides(ctx, 2).size() == 1);
        limits::set_overrides(ctx, ann, {{"heavy", {5, 5'000'000}}});
        CHECK(limits::rate_of(ctx, ann, ping()).capacity == 6'000);
        REQUIRE(limits::overrides_of(ctx, ann).size() == 1);
        CHECK(limits::overrides_of(ctx, ann)[0].limit_name == "heavy");
        limits::set_overrides(ctx, ann, {});
        CHECK(limits::overrides_of(ctx, ann).empty());
    });
}

TEST_CASE("who is exempt is listed in the order given, the latest first", "[limits]") {
    BareContext world;
    world.run([&](Context& ctx) {
        REQUIRE(limits::set_exempt(ctx, 1, {"b", "a", "ip:10.0.0.1", "a"}));
        CHECK(limits::exempt_names(ctx, 1) == std::vector<std::string>{"b", "a", "ip:10.0.0.1"});
        CHECK(limits::exempt_names(ctx, 2) == std::vector<std::string>{"ip:10.0.0.1"});
        REQUIRE(limits::add_exempt(ctx, limits::party(1, "c")));
        REQUIRE(limits::add_exempt(ctx, limits::party(1, "a")));
        CHECK(limits::exempt_names(ctx, 1) == std::vector<std::string>{"c", "b", "a", "ip:10.0.0.1"});
        CHECK(limits::is_exempt(ctx, limits::agent_party(1, "a")));
        CHECK_FALSE(limits::is_exempt(ctx, limits::agent_party(2, "a")));
        limits::remove_exempt(ctx, limits::party(1, "b"));
        CHECK(limits::exempt_names(ctx, 1) == std::vector<std::string>{"c", "a", "ip:10.0.0.1"});
        REQUIRE(limits::set_exempt(ctx, 1, {}));
        CHECK(limits::exempt_names(ctx, 1).empty());
    });
}
