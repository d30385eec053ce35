#include "core/hub/reset.hpp"

#include <catch2/catch.hpp>

#include "tests/core/hub/routes_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

Response ask_reset(TestHub& hub, const std::string& token = kAdmin) {
    return hub.http(Method::post, "/api/admin/reset", "", token);
}

}  // namespace

TEST_CASE("a reset answers first, then closes sockets and queues running tasks again", "[admin]") {
    World world;
    const int64_t bob = world.hub.connect("bob");
    const int64_t nobody = world.hub.open();
    const std::string id = world.submit();
    REQUIRE(world.hub.row(id)->state == TaskState::assigned);
    CHECK(ask_reset(world.hub).body == R"({"status":"reset_scheduled","triggered_by":"admin"})");
    const Response again = ask_reset(world.hub);
    CHECK(again.status == 409);
    CHECK(TestHub::member(again.body, "error") == "reset_in_progress");
    world.hub.advance_ms(499);
    CHECK(world.hub.closed(bob) == nullptr);
    world.hub.advance_ms(1);
    REQUIRE(world.hub.closed(bob) != nullptr);
    CHECK(world.hub.closed(bob)->code == 1012);
    REQUIRE(world.hub.closed(nobody) != nullptr);
    CHECK(world.hub.closed(nobody)->code == 1012);
    CHECK(world.hub.row(id)->state == TaskState::queued);
    CHECK(world.hub.row(id)->generation == 2);
    CHECK(world.hub.row(id)->reclaim_count == 0);
    CHECK(world.hub.tables().count<AgentRow>() == 0);
    CHECK(world.hub.tables().count<BucketRow>() == 0);
    CHECK(world.get("/api/agents").body == R"({"agents":[]})");
    // It goes on: the same token, the same task, another generation.
    world.hub.disconnect(bob);
    const int64_t back = world.hub.connect("bob");
    CHECK(TestHub::member(world.hub.take_frame(back, "task_assign"), "generation") == "3");
    CHECK(ask_reset(world.hub).status == 200);
}

TEST_CASE("a reset takes claims back and leaves what waits", "[admin]") {
    World world;
    const std::string id = world.submit();
    const Response claimed = world.post("/api/tasks/claim", "{}");
    REQUIRE(claimed.body.find(id) != std::string::npos);
    // Somebody waits for work: it gets the task once it is taken back.
    const int64_t waiting =
        world.hub.begin_http(Method::post, "/api/tasks/claim", R"({"wait_ms":50000})", TestHub::token_of("bob"));
    REQUIRE(world.hub.answer(waiting).status == 0);
    CHECK(ask_reset(world.hub).status == 200);
    world.hub.advance_ms(500);
    const Response given = world.hub.answer(waiting);
    CHECK(given.status == 200);
    CHECK(given.body.find(id) != std::string::npos);
    CHECK(world.post("/api/tasks/" + id + "/complete", R"({"generation":1})").status == 409);
}

TEST_CASE("only an administrator resets the hub, even where all may administer", "[admin]") {
    Settings settings;
    settings.open_admin = 1;
    World world(settings);
    const Response refused = ask_reset(world.hub, world.ann);
    CHECK(refused.status == 403);
    CHECK(refused.body == R"({"error":"admin_only","message":"Only admin agents can reset the hub"})");
    CHECK(ask_reset(world.hub, "").status == 401);
    CHECK(ask_reset(world.hub).status == 200);
    // A hub that stops first does not reset.
    world.hub.apply(Shutdown{});
    world.hub.advance_ms(1'000);
}

TEST_CASE("a reset waits for the store", "[admin]") {
    World world;
    const int64_t bob = world.hub.connect("bob");
    CHECK(ask_reset(world.hub).status == 200);
    world.hub.apply(CommitFailed{world.hub.hub().current_turn()});
    world.hub.advance_ms(10'000);
    const Closed* closed = world.hub.closed(bob);
    CHECK((closed == nullptr || closed->code != 1012));
    world.hub.apply(StorageRecovered{});
    world.hub.advance_ms(1);
    REQUIRE(world.hub.closed(bob) != nullptr);
    CHECK(world.hub.closed(bob)->code == 1012);
}
