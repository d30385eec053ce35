#include "core/tasks/agents.hpp"

#include <catch2/catch.hpp>

#include "tests/core/tasks/task_hub.hpp"

using namespace agentcom;
using agentcom::test::Names;
using agentcom::test::TaskHub;

namespace {

const AgentRow* agent_row(const TaskHub& hub, const std::string& agent) {
    return hub.tables().find<AgentRow>({1, agent});
}

}  // namespace

TEST_CASE("an agent's work state follows from its leases") {
    TaskHub hub;
    int64_t bob = hub.worker("bob", R"("slots":2)");
    CHECK(hub.work_state("bob") == "idle");
    const std::string one = hub.submit(R"({"description":"x"})");
    CHECK(hub.work_state("bob") == "assigned");
    const std::string two = hub.submit(R"({"description":"x"})");
    hub.accept(bob, two);
    CHECK(hub.work_state("bob") == "working");
    hub.complete(bob, two, 1);
    CHECK(hub.work_state("bob") == "assigned");
    hub.complete(bob, one, 1);
    CHECK(hub.work_state("bob") == "idle");
    hub.disconnect(bob);
    CHECK(agent_row(hub, "bob") == nullptr);
    bob = hub.worker("bob");
    CHECK(hub.work_state("bob") == "idle");
}

TEST_CASE("B10: an agent that does not accept is left out for twice as long each time") {
    TaskHub hub;
    const int64_t bob = hub.worker("bob");
    const std::string id = hub.submit(R"({"description":"x"})");
    int64_t backoff_ms = 5'000;
    for (int round = 0; round < 5; ++round) {
        CAPTURE(round);
        REQUIRE(hub.assignments(bob) == Names{id});
        hub.advance_pinging(59'999, {bob});
        CHECK(hub.state(id) == "assigned");
        hub.advance_ms(1);
        REQUIRE(hub.state(id) == "queued");
        CHECK(hub.last_event(id) == "task_reclaimed/acceptance_timeout");
        CHECK(agent_row(hub, "bob")->unresponsive);
        CHECK(hub.work_state("bob") == "idle");
        hub.advance_pinging(backoff_ms - 1, {bob});
        CHECK(hub.state(id) == "queued");
        hub.advance_ms(1);
        hub.send(bob, R"({"type":"ping"})");
        CHECK(hub.state(id) == "assigned");
        backoff_ms *= 2;
    }
    SECTION("its next accept clears that") {
        CHECK(hub.accept(bob, id) == "accepted");
        CHECK_FALSE(agent_row(hub, "bob")->unresponsive);
        CHECK(hub.complete(bob, id, hub.generation(id)) == "complete");
        const std::string next = hub.submit(R"({"description":"x"})");
        hub.advance_ms(60'000);
        REQUIRE(hub.state(next) == "queued");
        hub.advance_ms(5'000);
        CHECK(hub.state(next) == "assigned");
    }
    SECTION("one more, and the task is buried") {
        hub.advance_ms(60'000);
        CHECK(hub.state(id) == "dead_letter");
        CHECK(hub.last_event(id) == "task_dead_letter/reclaim_limit");
    }
}

TEST_CASE("the back-off does not grow beyond its maximum") {
    Settings settings;
    settings.unresponsive_backoff_max_ms = 12'000;
    settings.reclaim_limit = 1'000;
    TaskHub hub(settings);
    const int64_t bob = hub.worker("bob");
    const std::string id = hub.submit(R"({"description":"x"})");
    for (const int64_t backoff_ms : {5'000, 10'000, 12'000, 12'000}) {
        hub.advance_pinging(60'000, {bob});
        REQUIRE(hub.state(id) == "queued");
        hub.advance_ms(backoff_ms - 1);
        CHECK(hub.state(id) == "queued");
        hub.advance_ms(1);
        CHECK(hub.state(id) == "assigned");
    }
}

TEST_CASE("B10: a task that was not accepted goes to another agent at once") {
    TaskHub hub;
    const int64_t bob = hub.worker("bob");
    const std::string id = hub.submit(R"({"description":"x"})");
    hub.advance_ms(30'000);
    const int64_t amy = hub.worker("amy");
    hub.advance_ms(30'000);
    CHECK(hub.assignments(amy) == Names{id});
    CHECK(hub.assignments(bob) == Names{id});
    CHECK(hub.attempts(id) == Names{"1 bob acceptance_timeout"});
    CHECK(hub.broken_rule() == "");
}

TEST_CASE("who rejects a task gets none for 5 s") {
    TaskHub hub;
    const int64_t bob = hub.worker("bob");
    const std::string id = hub.submit(R"({"description":"x"})");
    hub.reject(bob, id);
    const std::string other = hub.submit(R"({"description":"x"})");
    hub.advance_ms(4'999);
    CHECK(hub.state(other) == "queued");
    hub.advance_ms(1);
    CHECK(hub.state(id) == "assigned");
    CHECK_FALSE(agent_row(hub, "bob")->unresponsive);
    SECTION("nothing of that under profile v1.1") {
        TaskHub old(v11_profile());
        const int64_t amy = old.worker("amy");
        const std::string again = old.submit(R"({"description":"x"})");
        old.reject(amy, again);
        CHECK(old.row(again)->generation == 3);
    }
}

TEST_CASE("a short back-off does not end a long one") {
    TaskHub hub;
    const int64_t bob = hub.worker("bob", R"("slots":2)");
    const std::string kept = hub.submit(R"({"description":"kept"})");
    const std::string lost = hub.submit(R"({"description":"lost"})");
    hub.accept(bob, kept);
    for (const int64_t backoff_ms : {5'000, 10'000}) {
        hub.advance_pinging(60'000, {bob});
        REQUIRE(hub.state(lost) == "queued");
        hub.advance_ms(backoff_ms);
        REQUIRE(hub.state(lost) == "assigned");
    }
    hub.advance_pinging(60'000, {bob});  // now for 20 s
    REQUIRE(hub.state(lost) == "queued");
    CHECK(hub.reject(bob, kept) == "rejected");
    hub.advance_ms(19'999);
    CHECK(hub.tables().indexes().lease_count(1, "bob") == 0);
    hub.advance_ms(1);
    CHECK(hub.tables().indexes().lease_count(1, "bob") == 2);
}

TEST_CASE("a back-off outlives the connection") {
    TaskHub hub;
    int64_t bob = hub.worker("bob");
    const std::string id = hub.submit(R"({"description":"x"})");
    hub.reject(bob, id);
    hub.disconnect(bob);
    hub.advance_ms(1'000);
    bob = hub.worker("bob");
    CHECK(hub.state(id) == "queued");
    hub.advance_ms(4'000);
    CHECK(hub.state(id) == "assigned");
    hub.reject(bob, id);
    hub.disconnect(bob);
    hub.advance_ms(5'000);
    CHECK(agent_row(hub, "bob") == nullptr);  // and is forgotten when it is over
}

TEST_CASE("an agent that returns with fewer slots keeps what it holds and gets no more") {
    TaskHub hub;
    int64_t bob = hub.worker("bob", R"("slots":3)");
    Names ids;
    for (int i = 0; i < 4; ++i) ids.push_back(hub.submit(R"({"description":"x"})"));
    hub.disconnect(bob);
    bob = hub.worker("bob", R"("slots":1)");
    CHECK(hub.tables().indexes().lease_count(1, "bob") == 3);
    hub.complete(bob, ids[0], 1);
    hub.complete(bob, ids[1], 1);
    CHECK(hub.state(ids[3]) == "queued");
    hub.complete(bob, ids[2], 1);
    CHECK(hub.state(ids[3]) == "assigned");
}

TEST_CASE("new capabilities count from the next connection on") {
    TaskHub hub;
    const int64_t bob = hub.worker("bob", R"("capabilities":["a"])");
    const std::string id = hub.submit(R"({"description":"x","needed_capabilities":["b"]})");
    CHECK(hub.state(id) == "queued");
    const int64_t again = hub.worker("bob", R"("capabilities":["b"])");
    CHECK(hub.closed(bob)->code == 4000);
    CHECK(hub.assignments(again) == Names{id});
    CHECK(hub.broken_rule() == "");
}

TEST_CASE("while the hub stops, leases stay with their holders") {
    TaskHub hub;
    const int64_t bob = hub.worker("bob");
    const std::string id = hub.submit(R"({"description":"x"})");
    hub.accept(bob, id);
    hub.apply(Shutdown{});
    CHECK(hub.closed(bob)->code == 1001);
    hub.apply(ConnectionClosed{bob});
    hub.restart();
    const int64_t again = hub.worker("bob");
    CHECK(hub.complete(again, id, 1) == "complete");
}
