#include "core/tasks/scheduler.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "core/base/prng.hpp"
#include "tests/core/tasks/task_hub.hpp"

using namespace agentcom;
using agentcom::test::Names;
using agentcom::test::TaskHub;

namespace {

/// Takes everything the connection is given, one task after the other, and gives the descriptions in that order.
Names work_off(TaskHub& hub, int64_t connection) {
    Names order;
    while (true) {
        const std::string frame = hub.take_frame(connection, "task_assign");
        if (frame.empty()) return order;
        order.push_back(TaskHub::member(frame, "description"));
        const std::string id = TaskHub::member(frame, "task_id");
        REQUIRE(hub.complete(connection, id, hub.generation(id)) == "complete");
    }
}

}  // namespace

TEST_CASE("urgent before high before normal before low, in each the older first") {
    TaskHub hub;
    for (const char* priority : {"low", "normal", "urgent", "high"}) {
        for (const char* number : {"1", "2"}) {
            hub.submit(R"({"description":")" + std::string(priority) + number + R"(","priority":")" + priority + "\"}");
        }
    }
    const int64_t bob = hub.worker("bob");
    CHECK(work_off(hub, bob) == Names{"urgent1", "urgent2", "high1", "high2", "normal1", "normal2", "low1", "low2"});
}

TEST_CASE("B25: tasks of the same millisecond are given out in the order of their submission") {
    TaskHub hub;
    Names wanted;
    for (int i = 0; i < 200; ++i) {
        wanted.push_back(std::to_string(i));
        hub.submit(R"({"description":")" + wanted.back() + "\"}");
    }
    const int64_t bob = hub.worker("bob");
    CHECK(work_off(hub, bob) == wanted);
}

TEST_CASE("B25: a task that comes back keeps its place in the lane") {
    TaskHub hub;
    const std::string first = hub.submit(R"({"description":"first"})");
    const int64_t bob = hub.worker("bob");
    hub.submit(R"({"description":"second"})");
    REQUIRE(hub.assignments(bob) == Names{first});
    hub.reject(bob, first);
    hub.advance_ms(5'000);
    CHECK(work_off(hub, bob) == Names{"first", "second"});
}

TEST_CASE("fairness keys of a lane take turns") {
    TaskHub hub;
    for (const char* name : {"a1", "a2", "a3", "b1", "b2", "c1"}) {
        hub.submit(R"({"description":")" + std::string(name) + R"(","fairness_key":")" + name[0] + "\"}");
    }
    const int64_t bob = hub.worker("bob", R"("capabilities":["x"])");
    SECTION("within one kind of need") { CHECK(work_off(hub, bob) == Names{"a1", "b1", "c1", "a2", "b2", "a3"}); }
    SECTION("over all kinds of needs, and a key that was just served goes last") {
        REQUIRE(hub.assignments(bob).size() == 1);  // a1
        const std::string held = *hub.tables().indexes().leases.begin()->second.begin();
        hub.submit(R"({"description":"a4","fairness_key":"a","needed_capabilities":["x"]})");
        hub.submit(R"({"description":"d1","fairness_key":"d","needed_capabilities":["x"]})");
        REQUIRE(hub.complete(bob, held, 1) == "complete");
        CHECK(work_off(hub, bob) == Names{"b1", "c1", "d1", "a2", "b2", "a3", "a4"});
    }
    SECTION("a higher lane goes before any turn") {
        hub.submit(R"({"description":"a9","fairness_key":"a","priority":"urgent"})");
        REQUIRE(hub.assignments(bob).size() == 1);
        const std::string held = *hub.tables().indexes().leases.begin()->second.begin();
        REQUIRE(hub.complete(bob, held, 1) == "complete");
        CHECK(work_off(hub, bob) == Names{"a9", "b1", "c1", "a2", "b2", "a3"});
    }
}

TEST_CASE("the agent that has been idle longest gets the task") {
    TaskHub hub;
    std::map<std::string, int64_t> agents;
    for (const char* name : {"zoe", "bob", "amy"}) {
        agents[name] = hub.worker(name);
        hub.advance_ms(10);
    }
    for (const char* name : {"zoe", "bob", "amy"}) {
        const std::string id = hub.submit(R"({"description":"x"})");
        CHECK(hub.row(id)->assigned_to == name);
    }
    // amy is done first and so has been idle longest, then zoe.
    for (const char* name : {"amy", "zoe"}) {
        hub.advance_ms(10);
        const std::string id = hub.assignments(agents[name]).at(0);
        REQUIRE(hub.complete(agents[name], id, 1) == "complete");
    }
    CHECK(hub.row(hub.submit(R"({"description":"x"})"))->assigned_to == "amy");
    CHECK(hub.row(hub.submit(R"({"description":"x"})"))->assigned_to == "zoe");
}

TEST_CASE("an agent gets what its capabilities include, no more") {
    struct Case {
        const char* has;
        const char* needs;
        bool fits;
    };
    const Case cases[] = {
        {"[]", "[]", true},
        {"[]", R"(["a"])", false},
        {R"(["a"])", "[]", true},
        {R"(["a"])", R"(["a"])", true},
        {R"(["a","b"])", R"(["b"])", true},
        {R"(["a"])", R"(["a","b"])", false},
        {R"(["b","a"])", R"(["a","b"])", true},
        {R"(["A"])", R"(["a"])", false},
        {R"(["a","a"])", R"(["a","a"])", true},
        {R"(["ab"])", R"(["a"])", false},
    };
    for (const Case& each : cases) {
        CAPTURE(each.has, each.needs);
        TaskHub hub;
        hub.worker("bob", R"("capabilities":)" + std::string(each.has));
        const std::string id =
            hub.submit(R"({"description":"x","needed_capabilities":)" + std::string(each.needs) + "}");
        CHECK(hub.state(id) == (each.fits ? "assigned" : "queued"));
    }
}

TEST_CASE("a parked task is woken by the agent that can do it") {
    TaskHub hub;
    const std::string parked =
        hub.submit(R"({"description":"x","needed_capabilities":["gpu","code"],"priority":"urgent"})");
    const std::string other = hub.submit(R"({"description":"x"})");
    const int64_t bob = hub.worker("bob", R"("capabilities":["code"])");
    CHECK(hub.assignments(bob) == Names{other});
    CHECK(hub.state(parked) == "queued");
    const int64_t eve = hub.worker("eve", R"("capabilities":["code","gpu"])");
    CHECK(hub.assignments(eve) == Names{parked});
}

TEST_CASE("B30: a task pinned to an agent goes to it alone and leaves it free afterwards") {
    TaskHub hub;
    hub.worker("amy");
    const std::string pinned = hub.submit(R"({"description":"x","metadata":{"target_agent":"bob"}})");
    CHECK(hub.state(pinned) == "queued");
    const int64_t bob = hub.worker("bob");
    REQUIRE(hub.assignments(bob) == Names{pinned});
    CHECK(hub.accept(bob, pinned) == "accepted");
    CHECK(hub.complete(bob, pinned, hub.generation(pinned)) == "complete");
    CHECK(hub.work_state("bob") == "idle");
    const std::string next = hub.submit(R"({"description":"x","metadata":{"target_agent":"bob"}})");
    CHECK(hub.assignments(bob) == Names{next});
    SECTION("it stays pinned when it fails, even while others are free") {
        REQUIRE(hub.fail(bob, next, 1) == "retried");
        hub.advance_ms(1'000);
        CHECK(hub.assignments(bob) == Names{next});
    }
    SECTION("needs count for it too") {
        const std::string hard =
            hub.submit(R"({"description":"x","metadata":{"target_agent":"bob"},"needed_capabilities":["gpu"]})");
        REQUIRE(hub.complete(bob, next, 1) == "complete");
        CHECK(hub.state(hard) == "queued");
    }
}

TEST_CASE("a task does not go back to who just failed it while another can do it") {
    TaskHub hub;
    const int64_t bob = hub.worker("bob");
    const std::string id = hub.submit(R"({"description":"x"})");
    REQUIRE(hub.assignments(bob) == Names{id});
    SECTION("another is free, though idle for a shorter time") {
        REQUIRE(hub.fail(bob, id, 1) == "retried");
        hub.advance_ms(500);
        const int64_t amy = hub.worker("amy");
        hub.advance_ms(500);
        CHECK(hub.assignments(amy) == Names{id});
    }
    SECTION("nobody else is there") {
        REQUIRE(hub.fail(bob, id, 1) == "retried");
        hub.advance_ms(1'000);
        CHECK(hub.assignments(bob) == Names{id});
    }
    SECTION("another is free but cannot do it") {
        hub.worker("amy");
        REQUIRE(hub.complete(bob, id, 1) == "complete");
        hub.disconnect(bob);
        const int64_t again = hub.worker("bob", R"("capabilities":["c"])");
        const std::string hard = hub.submit(R"({"description":"x","needed_capabilities":["c"]})");
        REQUIRE(hub.fail(again, hard, 1) == "retried");
        hub.advance_ms(1'000);
        CHECK(hub.assignments(again) == Names{hard, hard});
    }
}

TEST_CASE("B6: twenty submits in one turn give one agent one task") {
    TaskHub hub;
    const int64_t bob = hub.worker("bob");
    hub.submission("");  // registers the submitter
    for (int i = 0; i < 20; ++i) hub.apply_in_turn(hub.submission(R"({"description":"x"})"));
    hub.apply(Tick{});
    CHECK(hub.assignments(bob).size() == 1);
    CHECK(hub.tables().count<LeaseRow>() == 1);
    CHECK(hub.tables().indexes().state_counts.at(1)[1] == 19);
    CHECK(hub.broken_rule() == "");
}

TEST_CASE("B6: with several agents no task is given out twice") {
    TaskHub hub;
    std::vector<int64_t> agents;
    for (int i = 0; i < 5; ++i) agents.push_back(hub.worker("w" + std::to_string(i)));
    hub.submission("");
    for (int i = 0; i < 20; ++i) hub.apply_in_turn(hub.submission(R"({"description":"x"})"));
    hub.apply(Tick{});
    std::set<std::string> given;
    for (const int64_t agent : agents) {
        const Names ids = hub.assignments(agent);
        REQUIRE(ids.size() == 1);
        CHECK(given.insert(ids.front()).second);
    }
    CHECK(hub.broken_rule() == "");
}

TEST_CASE("an agent with three slots holds three leases") {
    TaskHub hub;
    const int64_t bob = hub.worker("bob", R"("slots":3)");
    Names ids;
    for (int i = 0; i < 5; ++i) ids.push_back(hub.submit(R"({"description":"x"})"));
    CHECK(hub.assignments(bob) == Names(ids.begin(), ids.begin() + 3));
    CHECK(hub.tables().indexes().lease_count(1, "bob") == 3);
    CHECK(hub.complete(bob, ids[1], 1) == "complete");
    CHECK(hub.assignments(bob) == Names{ids[3]});
    CHECK(hub.broken_rule() == "");
    SECTION("under profile v1.1 everyone has one slot") {
        TaskHub old(v11_profile());
        const int64_t amy = old.worker("amy", R"("slots":3)");
        for (int i = 0; i < 3; ++i) old.submit(R"({"description":"x"})");
        CHECK(old.assignments(amy).size() == 1);
    }
}

TEST_CASE("N agents race for one task: one gets it") {
    TaskHub hub;
    std::vector<int64_t> agents;
    for (int i = 0; i < 30; ++i) agents.push_back(hub.worker("w" + std::to_string(i)));
    const std::string id = hub.submit(R"({"description":"x"})");
    size_t given = 0;
    for (const int64_t agent : agents) given += hub.assignments(agent).size();
    CHECK(given == 1);
    // All say they have done it, with the right generation: only the holder is believed.
    int done = 0;
    for (const int64_t agent : agents) done += hub.complete(agent, id, 1) == "complete" ? 1 : 0;
    CHECK(done == 1);
    CHECK(hub.attempts(id).size() == 1);
}

TEST_CASE("B13: no wake-up is lost") {
    Settings settings;
    settings.limit_light_per_min = 50;
    settings.limit_normal_per_min = 5'000;
    TaskHub hub(settings);
    hub.submission("");
    SECTION("after a restart the queue goes to whoever connects") {
        const std::string id = hub.submit(R"({"description":"x"})");
        hub.restart();
        CHECK(hub.state(id) == "queued");
        const int64_t bob = hub.worker("bob");
        CHECK(hub.assignments(bob) == Names{id});
    }
    SECTION("when an agent's rate limit ends, with nothing else happening") {
        const int64_t bob = hub.worker("bob");
        for (int i = 0; i < 60; ++i) hub.send(bob, R"({"type":"ping"})");
        REQUIRE(hub.take_frame(bob, "rate_limited") != "");
        const std::string id = hub.submit(R"({"description":"x"})");
        CHECK(hub.state(id) == "queued");
        hub.advance_ms(settings.limit_skip_ms - 1);
        CHECK(hub.state(id) == "queued");
        hub.advance_ms(1);
        CHECK(hub.assignments(bob) == Names{id});
    }
    SECTION("when storage is back") {
        const std::string id = hub.submit(R"({"description":"x"})");
        hub.register_agent("bob");
        hub.store().set_failing(true);
        CHECK(hub.http(Method::post, "/api/tasks", R"({"description":"y"})", TaskHub::token_of("submitter")).status ==
              503);
        const int64_t bob = hub.connect("bob");
        CHECK(hub.assignments(bob).empty());
        hub.store().set_failing(false);
        hub.apply(StorageRecovered{});
        CHECK(hub.assignments(bob) == Names{id});
    }
    SECTION("when the store fails with the very turn that gave a task out") {
        const int64_t bob = hub.worker("bob");
        hub.store().set_failing(true);
        CHECK(hub.http(Method::post, "/api/tasks", R"({"description":"y"})", TaskHub::token_of("submitter")).status ==
              503);
        CHECK(hub.assignments(bob).empty());
        CHECK(hub.work_state("bob") == "idle");
        hub.store().set_failing(false);
        hub.apply(StorageRecovered{});
        CHECK(hub.broken_rule() == "");
        const std::string next = hub.submit(R"({"description":"z"})");
        CHECK(hub.assignments(bob) == Names{next});
    }
    SECTION("when a back-off ends") {
        const int64_t bob = hub.worker("bob");
        const std::string id = hub.submit(R"({"description":"x"})");
        hub.reject(bob, id);
        hub.clear_frames();
        hub.advance_ms(4'999);
        CHECK(hub.assignments(bob).empty());
        hub.advance_ms(1);
        CHECK(hub.assignments(bob) == Names{id});
    }
}

TEST_CASE("ageing lifts a waiting task one lane at a time") {
    Settings settings;
    settings.ageing_ms = 60'000;
    TaskHub hub(settings);
    const std::string low = hub.submit(R"({"description":"low","priority":"low"})");
    CHECK(hub.row(low)->lane == 3);
    for (const int64_t lane : {2, 1, 0, 0}) {
        hub.advance_ms(60'000);
        CHECK(hub.row(low)->lane == lane);
        CHECK(hub.row(low)->priority == 3);
    }
    hub.submit(R"({"description":"urgent","priority":"urgent"})");
    hub.restart();
    CHECK(hub.row(low)->lane == 0);
    const int64_t bob = hub.worker("bob");
    CHECK(work_off(hub, bob) == Names{"low", "urgent"});
    SECTION("by default nothing ages") {
        TaskHub usual;
        const std::string id = usual.submit(R"({"description":"low","priority":"low"})");
        usual.advance_ms(86'400'000);
        CHECK(usual.row(id)->lane == 3);
    }
    SECTION("a task that was given out and comes back begins in its own lane") {
        TaskHub again(settings);
        const std::string id = again.submit(R"({"description":"low","priority":"low"})");
        again.advance_ms(120'000);
        const int64_t amy = again.worker("amy");
        again.reject(amy, id);
        CHECK(again.row(id)->lane == 3);
    }
}

TEST_CASE("what people can do at random leaves no task waiting that somebody could do") {
    // B14, B15: whoever is connected is schedulable, and no task is with somebody who is not there beyond grace.
    const Names agents{"amy", "bob", "eve", "joe"};
    const Names capabilities{"a", "b", "c"};
    for (int64_t seed = 1; seed <= 6; ++seed) {
        CAPTURE(seed);
        Prng random(static_cast<uint64_t>(seed));
        Settings settings;
        settings.limits = 0;
        settings.ageing_ms = seed % 2 == 0 ? 7'000 : 0;
        settings.stuck_reclaim = seed % 3 == 0 ? 1 : 0;
        TaskHub hub(settings, seed);
        std::map<std::string, int64_t> online;
        Names tasks;
        hub.submission("");
        const auto pick = [&](const Names& from) { return from[random.index_below(from.size())]; };
        const auto some = [&] {
            std::string list = "[";
            for (const std::string& name : capabilities) {
                if (random.below(2) == 0) list += (list == "[" ? "\"" : ",\"") + name + "\"";
            }
            return list + "]";
        };
        for (int step = 0; step < 250; ++step) {
            const uint64_t what = random.below(20);
            const std::string agent = pick(agents);
            const bool here = online.contains(agent);
            const auto held = [&]() -> std::string {
                const auto& leases = hub.tables().indexes().leases;
                const auto found = leases.find({1, agent});
                if (found != leases.end() && random.below(8) != 0) return *found->second.begin();
                return tasks.empty() ? "task-none" : pick(tasks);
            };
            if (what < 5) {
                std::string body = R"({"description":"x","needed_capabilities":)" + some();
                if (random.below(5) == 0) body += R"(,"metadata":{"target_agent":")" + pick(agents) + "\"}";
                if (random.below(5) == 0) body += R"(,"priority":"urgent")";
                if (random.below(5) == 0) body += R"(,"fairness_key":")" + pick(capabilities) + "\"";
                if (random.below(6) == 0) body += R"(,"not_before":)" + std::to_string(hub.now_ms() + 3'000);
                if (random.below(6) == 0) body += R"(,"complete_by":)" + std::to_string(hub.now_ms() + 40'000);
                if (random.below(6) == 0) body += R"(,"max_run_ms":20000)";
                if (random.below(6) == 0 && !tasks.empty()) body += R"(,"blocked_by":[")" + pick(tasks) + "\"]";
                tasks.push_back(hub.submit(body + "}"));
            } else if (what < 8) {
                online[agent] = hub.worker(agent, R"("capabilities":)" + some() + R"(,"slots":)" +
                                                      std::to_string(agent == "eve" ? 3 : 1) +
                                                      (random.below(2) == 0 ? R"(,"client_type":"sidecar")" : ""));
            } else if (what == 8 && here) {
                hub.disconnect(online[agent]);
                online.erase(agent);
            } else if (what < 11 && here) {
                hub.accept(online[agent], held());
            } else if (what < 13 && here) {
                const std::string id = held();
                hub.complete(online[agent], id, hub.row(id) == nullptr ? 1 : hub.row(id)->generation);
            } else if (what == 13 && here) {
                const std::string id = held();
                hub.fail(online[agent], id, hub.row(id) == nullptr ? 1 : hub.row(id)->generation);
            } else if (what == 14 && here) {
                hub.reject(online[agent], held());
            } else if (what == 15 && here) {
                hub.recover(online[agent], held());
            } else if (what == 16 && !tasks.empty()) {
                random.below(2) == 0 ? hub.cancel(pick(tasks)) : hub.retry(pick(tasks));
            } else if (what == 17 && random.below(8) == 0) {
                hub.restart();
                online.clear();
            } else if (what == 18 && random.below(4) == 0) {
                hub.store().set_failing(true);
                hub.http(Method::post, "/api/tasks", R"({"description":"lost"})", TaskHub::token_of("submitter"));
                hub.store().set_failing(false);
                hub.apply(StorageRecovered{});
            } else {
                hub.advance_ms(static_cast<int64_t>(random.below(20'000)));
            }
            std::erase_if(online, [&](const auto& each) { return hub.closed(each.second) != nullptr; });
            hub.clear_frames();
            CAPTURE(step, what);
            REQUIRE(hub.broken_rule() == "");
        }
        CHECK(hub.broken_history() == "");
        CHECK(tasks.size() > 30);
    }
}
