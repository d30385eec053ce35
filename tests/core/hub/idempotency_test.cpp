#include "core/hub/idempotency.hpp"

#include <catch2/catch.hpp>

#include "tests/core/support/test_hub.hpp"

using namespace agentcom;
using agentcom::test::Response;
using agentcom::test::TestHub;

namespace {

struct World {
    explicit World(Settings settings = {}) : hub(std::move(settings)) {
        hub.register_agent("ann");
        hub.register_agent("bob");
    }
    Response submit(const std::string& description, const std::string& key, const std::string& agent = "ann") {
        return hub.http(Method::post, "/api/tasks", R"({"description":")" + description + "\"}",
                        TestHub::token_of(agent), key);
    }
    TestHub hub;
};

}  // namespace

TEST_CASE("the same request with the same key is done once and answered alike, over a crash too") {
    World world;
    const Response first = world.submit("x", "key");
    CHECK(first.status == 201);
    for (int round = 0; round < 2; ++round) {
        const Response again = world.submit("x", "key");
        CHECK(again.status == 201);
        CHECK(again.body == first.body);
        world.hub.restart();
    }
    CHECK(world.hub.tables().count<TaskRow>() == 1);
    // Without a key, or with another, it is another request.
    CHECK(world.submit("x", "").body != first.body);
    CHECK(world.submit("x", "other").body != first.body);
}

TEST_CASE("a key belongs to a principal and an operation, and to one request") {
    World world;
    const Response first = world.submit("x", "key");
    const Response conflict = world.submit("y", "key");
    CHECK(conflict.status == 422);
    CHECK(TestHub::member(conflict.body, "error") == "idempotency_conflict");
    CHECK(world.submit("y", "key", "bob").status == 201);
    CHECK(world.hub.http(Method::post, "/api/message", R"({"payload":{}})", TestHub::token_of("ann"), "key").status ==
          200);
    const std::string id = TestHub::member(first.body, "task_id");
    CHECK(world.hub.http(Method::delete_, "/api/tasks/" + id, "", TestHub::token_of("ann"), "key").status == 200);
    // The first answer again, although the task has ended.
    CHECK(world.hub.http(Method::delete_, "/api/tasks/" + id, "", TestHub::token_of("ann"), "key").status == 200);
    CHECK(world.hub.http(Method::delete_, "/api/tasks/" + id, "", TestHub::token_of("ann")).status == 409);
    // Another path is another request.
    CHECK(world.hub.http(Method::delete_, "/api/tasks/other", "", TestHub::token_of("ann"), "key").status == 422);
}

TEST_CASE("what was refused may be tried again with its key") {
    World world;
    const auto cancel = [&](const std::string& id) {
        return world.hub.http(Method::delete_, "/api/tasks/" + id, "", TestHub::token_of("ann"), "key").status;
    };
    CHECK(cancel("none") == 404);
    const std::string id = TestHub::member(world.submit("x", "").body, "task_id");
    CHECK(cancel(id) == 200);
    world.hub.store().set_failing(true);
    CHECK(world.submit("z", "lost").status == 503);
    world.hub.store().set_failing(false);
    world.hub.apply(StorageRecovered{});
    CHECK(world.submit("z", "lost").status == 201);
    CHECK(world.hub.tables().count<TaskRow>() == 1);
}

TEST_CASE("a repeated request for a secret gives a new one and revokes the first") {
    World world;
    const auto make = [&] {
        return world.hub.http(Method::post, "/admin/tokens", R"({"agent_id":"ann"})", TestHub::token_of("ann"), "key");
    };
    const auto works = [&](const Response& made) {
        return world.hub.http(Method::get, "/api/tasks/stats", "", TestHub::member(made.body, "token")).status == 200;
    };
    const Response first = make();
    CHECK(first.status == 201);
    CHECK(works(first));
    const Response second = make();
    CHECK(second.status == 201);
    CHECK(TestHub::member(second.body, "token").size() == 64);
    CHECK(TestHub::member(second.body, "token") != TestHub::member(first.body, "token"));
    CHECK(works(second));
    CHECK_FALSE(works(first));
    const Response third = make();
    CHECK(works(third));
    CHECK_FALSE(works(second));
    CHECK(world.hub.tables().indexes().tokens.at({1, "ann"}).size() == 2);
    for (const RowValues& row : world.hub.store().rows(TableId::idempotency)) {
        for (const ColumnValue& value : row) {
            CHECK(value.text.find(TestHub::member(third.body, "token")) == std::string::npos);
        }
    }
}

TEST_CASE("keys are forgotten after their time, and the oldest when there are too many") {
    Settings settings;
    settings.idempotency_ttl_ms = 100'000;
    settings.idempotency_entries = 3;
    World world(settings);
    const Response first = world.submit("x", "key");
    world.hub.advance_ms(99'999);
    CHECK(world.submit("x", "key").body == first.body);
    world.hub.advance_ms(1);
    CHECK(world.submit("x", "key").body != first.body);
    world.hub.advance_ms(200'000);
    CHECK(world.hub.tables().count<IdempotencyRow>() == 0);
    CHECK(world.hub.store().rows(TableId::idempotency).empty());

    const Response oldest = world.submit("x", "1");
    for (const char* key : {"2", "3", "4"}) {
        world.hub.advance_ms(1);
        world.submit("x", key);
    }
    CHECK(world.hub.tables().count<IdempotencyRow>() == 3);
    CHECK(world.submit("x", "1").body != oldest.body);
}

TEST_CASE("a key has a length limit") {
    World world;
    CHECK(world.submit("x", std::string(256, 'k')).status == 201);
    CHECK(world.submit("x", std::string(5'000, 'k')).status == 422);
}
