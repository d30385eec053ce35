#include "core/tasks/adoption.hpp"

#include <catch2/catch.hpp>

#include "tests/core/hub/routes_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

std::string adopt(World& world, const std::string& key, const std::string& more) {
    const Response response = world.hub.http(Method::post, "/api/admin/import",
                                             R"({"source":"v1.1","items":[{"kind":"task","key":")" + key +
                                                 R"(","description":"x","created_at":1)" + more + "}]}",
                                             kAdmin);
    CAPTURE(response.body);
    REQUIRE(TestHub::member(response.body, "created") == "1");
    return key;
}

}  // namespace

TEST_CASE("an adopted task is given to an agent that can do it, and its deadline counts", "[import]") {
    World world;
    const int64_t bob = world.hub.connect("bob", R"("capabilities":["code"])");
    const std::string id = adopt(world, "task-aaaaaaaaaaaaaaaa", R"(,"needed_capabilities":["code"],"generation":6)");
    const std::string assign = world.hub.take_frame(bob, "task_assign");
    CHECK(TestHub::member(assign, "task_id") == id);
    CHECK(TestHub::member(assign, "generation") == "7");

    const std::string late = std::to_string(world.hub.now_ms() + 1'000);
    const std::string dated =
        adopt(world, "task-bbbbbbbbbbbbbbbb", R"(,"needed_capabilities":["x"],"complete_by":)" + late);
    world.hub.advance_ms(2'000);
    CHECK(world.hub.row(dated)->state == TaskState::dead_letter);
}

TEST_CASE("an adopted task that names its agent waits for that one", "[import]") {
    World world;
    const std::string id = adopt(world, "task-cccccccccccccccc", R"(,"metadata":{"target_agent":"ann"})");
    CHECK(world.hub.row(id)->target_agent == "ann");
}

TEST_CASE("numbers that make no sense are brought into range", "[import]") {
    World world;
    const std::string id = adopt(world, "task-dddddddddddddddd",
                                 R"(,"priority":99,"generation":-4,"retry_count":-1,"updated_at":9999999999999999)");
    const TaskRow& row = *world.hub.row(id);
    CHECK(row.priority == 3);
    CHECK(row.generation == 0);
    CHECK(row.retry_count == 0);
    CHECK(row.updated_at <= world.hub.now_ms());
    const std::string huge = adopt(
        world, "task-eeeeeeeeeeeeeeee",
        R"(,"generation":9223372036854775807,"retry_count":9223372036854775807,"max_retries":9,"assigned_to":"bob")");
    const int64_t adopted = world.hub.row(huge)->generation;
    CHECK(adopted > 0);
    CHECK(world.hub.row(huge)->retry_count > 0);
    world.hub.connect("ann");
    world.hub.connect("bob");
    CHECK(world.hub.row(huge)->generation == adopted + 1);
}
