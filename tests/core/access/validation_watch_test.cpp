#include "core/access/validation_watch.hpp"

#include <catch2/catch.hpp>

#include "tests/core/hub/routes_world.hpp"
#include "tests/core/support/bare_context.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

FieldError error_of(const std::string& field) { return {field, "wrong_type", "", std::nullopt, 0}; }

}  // namespace

TEST_CASE("failures are counted by agent, operation and field; places in lists do not matter", "[limits]") {
    BareContext world;
    world.run([](Context& ctx) {
        const validation_watch::Source ann{1, "ann", "message"};
        validation_watch::failed(ctx, ann, {error_of("labels[3]"), error_of("to")}, true);
        validation_watch::failed(ctx, ann, {error_of("labels[4]")}, false);
        validation_watch::failed(ctx, {2, "bob", "message"}, {error_of("to")}, true);
        validation_watch::failed(ctx, {0, "", ""}, {error_of("type")}, true);
        const auto counts = validation_watch::counts(ctx, 1);
        REQUIRE(counts.size() == 3);
        CHECK(counts[0]->agent.empty());
        CHECK(counts[1]->field == "labels");
        CHECK(counts[1]->count == 2);
        CHECK(counts[1]->refused == 1);
        CHECK(counts[2]->count == 1);
        CHECK(validation_watch::failures(ctx, 1).size() == 4);
        CHECK(validation_watch::disconnects(ctx, 1).empty());
    });
    // The log says it once for each, not each time.
    CHECK(world.effects.size() == 3);
}

TEST_CASE("what is kept is bounded, and the latest are shown first", "[limits]") {
    BareContext world;
    for (int64_t i = 0; i < 200; ++i) {
        world.run(
            [&](Context& ctx) {
                validation_watch::failed(ctx, {1, "a" + std::to_string(i), "ping"}, {error_of("x")}, true);
                validation_watch::disconnected(ctx, {1, "a" + std::to_string(i), "ping"});
            },
            i * 1'000);
    }
    world.run([](Context& ctx) {
        const auto failures = validation_watch::failures(ctx, 1);
        REQUIRE(failures.size() == 50);
        for (size_t i = 0; i < failures.size(); ++i) CHECK(failures[i]->agent == "a" + std::to_string(199 - i));
        const auto disconnects = validation_watch::disconnects(ctx, 1);
        REQUIRE(disconnects.size() == 20);
        CHECK(disconnects.front()->agent == "a199");
        for (int64_t i = 0; i < validation_watch::kCountsMax + 100; ++i) {
            validation_watch::failed(ctx, {1, "b" + std::to_string(i), "ping"}, {error_of("x")}, true);
        }
        CHECK(ctx.tables.count<ValidationCountRow>() == validation_watch::kCountsMax + 1);
        const auto counts = validation_watch::counts(ctx, 1);
        CHECK(counts.front()->agent.empty());
        CHECK(counts.front()->count == 300);
    });
}

TEST_CASE("observing lets pass what a handler can do without, and counts it all", "[limits]") {
    const bool observed = GENERATE(false, true);
    CAPTURE(observed);
    Settings settings;
    settings.validation_v1 = observed ? 0 : 1;
    World world(settings);
    const int64_t ann = world.hub.connect("ann");
    const auto validation = [&] { return world.hub.http(Method::get, "/api/admin/validation", "", kAdmin).body; };
    SECTION("a bad optional field of a frame counts as absent") {
        world.hub.send(ann, R"({"type":"message","payload":{},"message_type":5,"to":"bob"})");
        CHECK(world.hub.take_frame(ann, "message_sent").empty() != observed);
        CHECK(world.hub.take_frame(ann, "error").empty() == observed);
        CHECK(
            validation().find(R"({"agent_id":"ann","operation":"message","field":"message_type","count":1,"refused":)" +
                              std::string(observed ? "0" : "1")) != std::string::npos);
    }
    SECTION("a required field that is missing is refused, and so is an unknown type") {
        world.hub.send(ann, R"({"type":"message","to":"bob"})");
        CHECK_FALSE(world.hub.take_frame(ann, "error").empty());
        world.hub.send(ann, R"({"type":"nonsense"})");
        CHECK_FALSE(world.hub.take_frame(ann, "error").empty());
        world.hub.send(ann, "no json");
        CHECK(TestHub::member(world.hub.take_frame(ann, "error"), "error") == "invalid_json");
        CHECK(validation().find(R"("field":"type")") != std::string::npos);
    }
    SECTION("requests likewise") {
        CHECK(world.post("/api/tasks", R"({"description":"x","max_retries":"3"})").status == (observed ? 201 : 422));
        CHECK(world.post("/api/tasks", R"({"max_retries":3})").status == 422);
        CHECK(world.get("/api/mailbox/ann?since=x").status == (observed ? 200 : 422));
        CHECK(validation().find(observed ? R"("mode":{"1":"observe","2":"enforce"})"
                                         : R"("mode":{"1":"enforce","2":"enforce"})") != std::string::npos);
    }
    SECTION("too many that are refused still close the connection") {
        for (int i = 0; i < 10; ++i) world.hub.send(ann, "no json");
        REQUIRE(world.hub.closed(ann) != nullptr);
        CHECK(world.hub.closed(ann)->code == 1008);
        CHECK(TestHub::member(validation(), "recent_disconnects").find(R"("agent_id":"ann")") != std::string::npos);
    }
}
