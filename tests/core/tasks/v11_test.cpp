// What the tests of AgentCom v1.1 pinned down about tasks, agents and the scheduler, under its profile.

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>

#include "core/base/json.hpp"
#include "tests/core/tasks/task_hub.hpp"

using namespace agentcom;
using agentcom::test::Names;
using agentcom::test::TaskHub;

namespace {

/// The profile's numbers, without its rate limits: the tests that it stands for had none.
Settings profile() {
    Settings settings = v11_profile();
    settings.limits = 0;
    return settings;
}

/// The "event" of each entry of `history`.
Names history(TaskHub& hub, const std::string& id) {
    Names events;
    const std::string body = hub.task(id);
    const json::Object task = json::members(body);
    for (const json::Value& entry : json::elements(task.find("history")->raw)) {
        events.push_back(TaskHub::member(std::string(entry.raw), "event"));
    }
    return events;
}

}  // namespace

TEST_CASE("v1.1: what a new task looks like") {
    TaskHub hub(profile());
    const std::string id = hub.submit(R"({"description":"x"})");
    CHECK(id.starts_with("task-"));
    CHECK(id.size() == 21);
    CHECK(id.find_first_not_of("0123456789abcdef", 5) == std::string::npos);
    const std::string task = hub.task(id);
    const std::map<std::string, std::string> wanted{
        {"status", "queued"},         {"priority", "2"},       {"generation", "0"},           {"retry_count", "0"},
        {"max_retries", "3"},         {"metadata", "{}"},      {"needed_capabilities", "[]"}, {"assigned_to", "null"},
        {"result", "null"},           {"tokens_used", "null"}, {"last_error", "null"},        {"complete_by", "null"},
        {"submitted_by", "submitter"}};
    for (const auto& [name, value] : wanted) {
        CAPTURE(name);
        CHECK(TaskHub::member(task, name) == value);
    }
    CHECK(TaskHub::member(task, "created_at") == TaskHub::member(task, "updated_at"));
    CHECK(history(hub, id) == Names{"queued"});
    const std::map<std::string, std::string> priorities{{"urgent", "0"}, {"high", "1"}, {"normal", "2"}, {"low", "3"}};
    for (const auto& [name, number] : priorities) {
        const std::string other = hub.submit(R"({"description":"x","priority":")" + name + "\"}");
        CHECK(TaskHub::member(hub.task(other), "priority") == number);
    }
}

TEST_CASE("v1.1: end to end over WebSocket") {
    TaskHub hub(profile());
    const int64_t bob = hub.worker("bob");
    const std::string id = hub.submit(R"({"description":"x"})");
    const std::string frame = hub.take_frame(bob, "task_assign");
    CHECK(TaskHub::member(frame, "generation") == "1");
    CHECK(json::members(frame).size() == 6);
    CHECK(hub.work_state("bob") == "assigned");
    CHECK(TaskHub::member(hub.task(id), "assigned_at") != "null");
    CHECK(hub.accept(bob, id) == "accepted");
    CHECK(hub.work_state("bob") == "working");
    CHECK(hub.complete(bob, id, 2) == "task_complete_failed: stale_generation");
    CHECK(hub.report(bob, "task_complete", id, R"("generation":1,"result":{"ok":true},"tokens_used":42)") ==
          "complete");
    CHECK(hub.work_state("bob") == "idle");
    const std::string task = hub.task(id);
    CHECK(TaskHub::member(task, "status") == "completed");
    CHECK(TaskHub::member(task, "result") == R"({"ok":true})");
    CHECK(TaskHub::member(task, "tokens_used") == "42");
    // Newest first, and one entry says that it was completed.
    const Names events = history(hub, id);
    CHECK(std::count(events.begin(), events.end(), "completed") == 1);
}

TEST_CASE("v1.1: reports about tasks that are not leased") {
    TaskHub hub(profile());
    const int64_t bob = hub.worker("bob");
    const std::string queued = hub.submit(R"({"description":"x","needed_capabilities":["none"]})");
    CHECK(hub.complete(bob, queued, 0) == "task_complete_failed: invalid_state");
    CHECK(hub.fail(bob, queued, 0) == "task_fail_failed: invalid_state");
    CHECK(hub.complete(bob, "task-unknown", 1) == "task_complete_failed: not_found");
    CHECK(hub.fail(bob, "task-unknown", 1) == "task_fail_failed: not_found");
    CHECK(hub.accept(bob, "task-unknown") == "accepted");
    CHECK(hub.work_state("bob") == "idle");
    // An accept with the wrong id is no accept.
    const std::string id = hub.submit(R"({"description":"x"})");
    hub.accept(bob, queued);
    CHECK(hub.work_state("bob") == "assigned");
    CHECK(hub.state(id) == "assigned");
}

TEST_CASE("v1.1: failures count and the last one makes a dead letter") {
    TaskHub hub(profile());
    const int64_t bob = hub.worker("bob");
    const std::string three = hub.submit(R"({"description":"x"})");
    CHECK(hub.fail(bob, three, 1, "why") == "retried");
    // Without delay: it is with an agent again in the same turn.
    CHECK(hub.state(three) == "assigned");
    CHECK(hub.row(three)->retry_count == 1);
    CHECK(hub.row(three)->generation == 3);
    CHECK(hub.row(three)->last_error == "why");
    CHECK(hub.complete(bob, three, 3) == "complete");

    const std::string one = hub.submit(R"({"description":"x","max_retries":1})");
    CHECK(hub.fail(bob, one, 1) == "dead_letter");
    CHECK(TaskHub::member(hub.task(one), "status") == "dead_letter");
    CHECK(TaskHub::member(hub.task(one), "retry_count") == "1");

    const std::string two = hub.submit(R"({"description":"x","max_retries":2})");
    CHECK(hub.fail(bob, two, 1) == "retried");
    CHECK(hub.generation(two) > 1);
    CHECK(hub.fail(bob, two, hub.generation(two)) == "dead_letter");
    CHECK(TaskHub::member(hub.task(two), "retry_count") == "2");

    CHECK(hub.retry(one) == 200);
    CHECK(hub.row(one)->retry_count == 0);
    CHECK(hub.retry(one) == 404);
    hub.disconnect(bob);
    hub.advance_ms(0);
    CHECK(TaskHub::member(hub.task(one), "status") == "queued");
}

TEST_CASE("v1.1: an overdue task goes back once, others are left alone") {
    TaskHub hub(profile());
    const int64_t bob = hub.worker("bob", R"("capabilities":["due"])");
    const int64_t amy = hub.worker("amy");
    const std::string due = hub.submit(R"({"description":"x","needed_capabilities":["due"],"complete_by":)" +
                                       std::to_string(hub.now_ms() + 20'000) + "}");
    const std::string other = hub.submit(R"({"description":"x"})");
    hub.accept(bob, due);
    hub.accept(amy, other);
    hub.advance_ms(20'000);
    CHECK(hub.attempts(due) == Names{"1 bob deadline"});
    CHECK(hub.row(due)->generation == 3);
    CHECK(hub.row(other)->generation == 1);
    hub.accept(bob, due);
    hub.advance_pinging(200'000, {bob, amy});
    CHECK(hub.row(due)->generation == 3);
    CHECK(hub.complete(bob, due, 3) == "complete");
}

TEST_CASE("v1.1: the end of a socket puts its task back at once") {
    TaskHub hub(profile());
    const int64_t bob = hub.worker("bob");
    const std::string id = hub.submit(R"({"description":"x"})");
    hub.accept(bob, id);
    const int64_t amy = hub.worker("amy");
    hub.disconnect(bob);
    hub.advance_ms(0);
    CHECK(hub.assignments(amy) == Names{id});
    CHECK(hub.complete(amy, id, hub.generation(id)) == "complete");
    const Names events = history(hub, id);
    CHECK(std::count(events.begin(), events.end(), "completed") == 1);
    CHECK(hub.attempts(id) == Names{"1 bob disconnect", "3 amy completed"});
}

TEST_CASE("v1.1: an agent that does not accept is idle, unresponsive, and its task goes back") {
    TaskHub hub(profile());
    const int64_t bob = hub.worker("bob");
    const std::string id = hub.submit(R"({"description":"x"})");
    hub.advance_pinging(59'999, {bob});
    CHECK(hub.work_state("bob") == "assigned");
    hub.send(bob, R"({"type":"ping"})");
    const int64_t amy = hub.worker("amy");
    hub.advance_ms(1);
    CHECK(hub.assignments(amy) == Names{id});
    CHECK(hub.work_state("bob") == "idle");
    CHECK(hub.http(Method::get, "/api/agents/bob/state", "", TaskHub::token_of("bob")).body.find("unresponsive") !=
          std::string::npos);
}

TEST_CASE("v1.1: a task without progress for five minutes goes back") {
    TaskHub hub(profile());
    const int64_t bob = hub.worker("bob");
    const std::string id = hub.submit(R"({"description":"x"})");
    hub.advance_ms(30'000);
    hub.accept(bob, id);
    hub.advance_pinging(290'000, {bob});
    hub.report(bob, "task_progress", id);
    hub.advance_pinging(299'999, {bob});
    CHECK(hub.row(id)->generation == 1);
    hub.advance_ms(1);
    CHECK(hub.attempts(id) == Names{"1 bob stuck"});
    SECTION("five minutes from its acceptance on") {
        const std::string other = hub.submit(R"({"description":"x"})");
        const int64_t amy = hub.worker("amy");
        REQUIRE(hub.assignments(amy) == Names{other});
        hub.advance_ms(50'000);
        hub.accept(amy, other);
        hub.advance_pinging(299'999, {amy});
        CHECK(hub.row(other)->generation == 1);
        hub.advance_ms(1);
        CHECK(hub.attempts(other) == Names{"1 amy stuck"});
    }
}

TEST_CASE("v1.1: two tasks, two agents, each gets one") {
    TaskHub hub(profile());
    const int64_t bob = hub.worker("bob");
    const int64_t amy = hub.worker("amy");
    const std::string one = hub.submit(R"({"description":"x"})");
    const std::string two = hub.submit(R"({"description":"x"})");
    CHECK(hub.assignments(bob).size() == 1);
    CHECK(hub.assignments(amy).size() == 1);
    CHECK(hub.row(one)->assigned_to != hub.row(two)->assigned_to);
    const std::string nobody = hub.submit(R"({"description":"x","needed_capabilities":["z"]})");
    CHECK(hub.state(nobody) == "queued");
}

TEST_CASE("v1.1: twenty tasks of mixed priority, four agents: all done, evenly, urgent ones first") {
    TaskHub hub(profile());
    std::map<int64_t, int> done;
    std::map<std::string, int64_t> waited;
    for (int i = 0; i < 20; ++i) {
        hub.submit(R"({"description":")" + std::string(i % 2 == 0 ? "urgent" : "low") + R"(","priority":")" +
                   (i % 2 == 0 ? "urgent" : "low") + "\"}");
    }
    const int64_t begin = hub.now_ms();
    std::vector<int64_t> agents;
    for (const char* name : {"a", "b", "c", "d"}) agents.push_back(hub.worker(name));
    for (bool any = true; any;) {
        any = false;
        hub.advance_ms(10);
        for (const int64_t agent : agents) {
            const std::string frame = hub.take_frame(agent, "task_assign");
            if (frame.empty()) continue;
            any = true;
            ++done[agent];
            waited[TaskHub::member(frame, "description")] += hub.now_ms() - begin;
            const std::string id = TaskHub::member(frame, "task_id");
            hub.accept(agent, id);
            REQUIRE(hub.complete(agent, id, 1) == "complete");
        }
    }
    for (const int64_t agent : agents) {
        CHECK(done[agent] >= 3);
        CHECK(done[agent] <= 7);
    }
    CHECK(hub.tables().count<TaskRow>() == 0);
    CHECK(waited["urgent"] <= waited["low"]);
    CHECK(hub.broken_history() == "");
}
