#include "core/hub/waits.hpp"

#include <catch2/catch.hpp>

#include "tests/core/hub/routes_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

struct Poll {
    World& world;
    std::string target;
    int64_t request = world.hub.begin_http(Method::get, target, "", world.ann);

    Response answer() { return world.hub.answer(request); }
    bool waits() { return world.hub.tables().contains<WaitRow>({request}); }
};

std::string message_to_ann(int n) { return R"({"to":"ann","payload":{"n":)" + std::to_string(n) + "}}"; }

}  // namespace

TEST_CASE("a mailbox that is read with wait_ms answers when mail comes, or when the time is over") {
    World world;
    const std::string bob = TestHub::token_of("bob");
    Poll poll{world, "/api/mailbox/ann?wait_ms=10000"};
    CHECK(poll.waits());
    CHECK(poll.answer().status == 0);

    SECTION("mail comes") {
        REQUIRE(world.hub.http(Method::post, "/api/message", message_to_ann(1), bob).status == 200);
        const Response answer = poll.answer();
        CHECK(answer.status == 200);
        CHECK(TestHub::member(answer.body, "count") == "1");
    }
    SECTION("a broadcast comes") {
        REQUIRE(world.hub.http(Method::post, "/api/message", R"({"payload":{}})", bob).status == 200);
        CHECK(TestHub::member(poll.answer().body, "count") == "1");
    }
    SECTION("mail for somebody else is none") {
        REQUIRE(world.post("/api/message", R"({"to":"bob","payload":{}})").status == 200);
        CHECK(poll.waits());
    }
    SECTION("the time is over") {
        world.hub.advance_ms(9'999);
        CHECK(poll.waits());
        world.hub.advance_ms(1);
        const Response answer = poll.answer();
        CHECK(answer.status == 200);
        CHECK(TestHub::member(answer.body, "count") == "0");
    }
    SECTION("its client goes") {
        world.hub.apply(RequestCancelled{poll.request});
        CHECK_FALSE(poll.waits());
        REQUIRE(world.hub.http(Method::post, "/api/message", message_to_ann(1), bob).status == 200);
        CHECK(poll.answer().status == 0);
    }
    SECTION("its token is revoked") {
        REQUIRE(world.hub.http(Method::delete_, "/admin/tokens/ann", "", kAdmin).status == 200);
        REQUIRE(world.hub.http(Method::post, "/api/message", message_to_ann(1), bob).status == 200);
        CHECK(poll.answer().status == 401);
    }
    SECTION("the hub stops") {
        world.hub.apply(Shutdown{});
        CHECK(TestHub::member(poll.answer().body, "count") == "0");
    }
    CHECK((poll.waits() || world.hub.tables().count<WaitRow>() == 0));
    CHECK(world.hub.tables().contains<TimerRow>({TimerKind::wait_end, poll.request, "", 0}) == poll.waits());
}

TEST_CASE("many may wait for the same, and each is answered once") {
    World world;
    std::vector<Poll> polls;
    for (int i = 0; i < 20; ++i) polls.push_back({world, "/api/mailbox/ann?wait_ms=60000"});
    const std::string bob = TestHub::token_of("bob");
    REQUIRE(world.hub.http(Method::post, "/api/message", message_to_ann(1), bob).status == 200);
    for (Poll& poll : polls) {
        CHECK(TestHub::member(poll.answer().body, "count") == "1");
        CHECK(poll.answer().status == 0);
    }
    CHECK(world.hub.tables().count<WaitRow>() == 0);
}

TEST_CASE("a wait is no longer than 55 s, and is counted once by the rate limiter") {
    Settings settings;
    settings.limit_normal_per_min = 2;
    World world(settings);
    const std::string id = world.submit();
    Poll poll{world, "/api/tasks/" + id + "?wait_ms=999999"};
    CHECK(poll.waits());
    world.hub.advance_ms(55'000);
    CHECK_FALSE(poll.waits());
    const Response answer = poll.answer();
    CHECK(answer.status == 200);
    CHECK(TestHub::member(answer.body, "state") == "queued");
}

TEST_CASE("a task that is asked for with wait_ms is shown when it has ended") {
    World world;
    const std::string id = world.submit(R"("max_retries":1)");
    const int64_t bob = world.hub.connect("bob");
    Poll poll{world, "/api/tasks/" + id + "?wait_ms=50000"};
    CHECK(poll.waits());
    const auto report = [&](const std::string& type) {
        world.hub.send(bob, R"({"type":")" + type + R"(","task_id":")" + id + R"(","generation":1})");
    };
    report("task_accepted");
    CHECK(poll.waits());
    std::string state;
    SECTION("completed") {
        report("task_complete");
        state = "completed";
    }
    SECTION("a dead letter") {
        report("task_failed");
        state = "dead_letter";
    }
    SECTION("cancelled") {
        REQUIRE(world.hub.http(Method::delete_, "/api/tasks/" + id, "", world.ann).status == 200);
        state = "cancelled";
    }
    const Response answer = poll.answer();
    CHECK(answer.status == 200);
    CHECK(TestHub::member(answer.body, "state") == state);
    // One that has ended is shown at once.
    const Response now = world.get("/api/tasks/" + id + "?wait_ms=50000");
    CHECK(TestHub::member(now.body, "state") == state);
}

TEST_CASE("what waits is part of the state") {
    World world;
    const Poll poll{world, "/api/mailbox/ann?wait_ms=10000"};
    Result<Hub> loaded = Hub::load(world.hub.hub().save(), {});
    REQUIRE(loaded);
    CHECK(loaded.value().digest() == world.hub.hub().digest());
    CHECK(loaded.value().tables().contains<WaitRow>({poll.request}));
    CHECK(loaded.value().tables().indexes().waits.size() == 1);
}
