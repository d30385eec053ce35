#include "core/tasks/completions.hpp"

#include <catch2/catch.hpp>

#include "tests/core/hub/routes_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

struct Ended : World {
    explicit Ended(Settings settings = {}) : World(std::move(settings)) { bob = hub.connect("bob"); }
    std::string complete_with(const std::string& more) {
        const std::string id = submit();
        hub.advance_ms(1'500);
        hub.send(bob, R"({"type":"task_complete","task_id":")" + id + R"(","generation":)" +
                          std::to_string(hub.row(id)->generation) + "," + more + "}");
        REQUIRE(TestHub::member(hub.take_frame(bob, "task_ack"), "status") == "complete");
        return id;
    }
    const CompletionRow& last() { return *tasks::completions(hub.tables(), 1).at(0); }
    int64_t bob = 0;
};

}  // namespace

TEST_CASE("a task that ends leaves its short form", "[tasks]") {
    Ended world;
    const std::string id = world.complete_with(R"("tokens_used":77,"result":{"pr_url":"https://example.org/pull/7"})");
    CHECK(world.last().task_id == id);
    CHECK(world.last().agent == "bob");
    CHECK(world.last().label == "x");
    CHECK(world.last().duration_ms == 1'500);
    CHECK(world.last().tokens_used == 77);
    CHECK(world.last().pr_url == "https://example.org/pull/7");
    const std::string cancelled = world.submit(R"("needed_capabilities":["none"])");
    REQUIRE(world.hub.http(Method::delete_, "/api/tasks/" + cancelled, "", world.ann).status == 200);
    CHECK(world.last().task_id == cancelled);
    CHECK(world.last().state == TaskState::cancelled);
    CHECK(tasks::completions(world.hub.tables(), 1).size() == 2);
}

TEST_CASE("what an agent puts into tokens and links need not be any (W-35)", "[tasks]") {
    Ended world;
    for (const char* odd :
         {R"("result":{"tokens_used":"many"})", R"("result":{"tokens_used":-5})", R"("result":{"tokens_used":1.5})",
          R"("result":{"tokens_used":{"a":1},"pr_url":5})", R"("result":{"x":{"pr_url":"u"}})"}) {
        CAPTURE(odd);
        world.complete_with(odd);
        CHECK_FALSE(world.last().tokens_used.has_value());
        CHECK_FALSE(world.last().pr_url.has_value());
    }
}

TEST_CASE("the ring of ended tasks is bounded and goes with a failed commit", "[tasks]") {
    Settings settings;
    settings.limits = 0;
    Ended world(settings);
    for (int i = 0; i < 130; ++i) world.complete_with(R"("result":{})");
    CHECK(tasks::completions(world.hub.tables(), 1).size() == 100);
    const int64_t number = world.last().number;
    const std::string id = world.submit();
    world.hub.store().set_failing(true);
    world.hub.send(world.bob, R"({"type":"task_complete","task_id":")" + id + R"(","generation":)" +
                                  std::to_string(world.hub.row(id)->generation) + "}");
    CHECK(world.last().number == number);
    CHECK(world.hub.row(id) != nullptr);
}
