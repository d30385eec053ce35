#include "core/hub/render.hpp"

#include <catch2/catch.hpp>

#include "tests/core/support/test_hub.hpp"

using namespace agentcom;
using agentcom::test::TestHub;

namespace {

/// The `event` members of a task's history, newest first.
std::vector<std::string> history(const std::string& task) {
    std::vector<std::string> events;
    const std::string text = TestHub::member(task, "history");
    for (const json::Value& entry : json::elements(text)) {
        const std::string raw(entry.raw);
        events.push_back(TestHub::member(raw, "event"));
        CHECK(TestHub::member(raw, "timestamp") != "");
        CHECK(json::members(raw).contains("details"));
    }
    return events;
}

}  // namespace

TEST_CASE("a task shows v1.1's fields first and in v1.1's order") {
    TestHub hub;
    const std::string task = hub.task(hub.submit(R"({"description":"do \"it\""})"));
    std::vector<std::string> names;
    const json::Object members = json::members(task);
    for (const json::Member& member : members) names.push_back(member.key);
    const std::vector<std::string> v11 = {"id",
                                          "description",
                                          "metadata",
                                          "priority",
                                          "status",
                                          "assigned_to",
                                          "assigned_at",
                                          "generation",
                                          "retry_count",
                                          "max_retries",
                                          "needed_capabilities",
                                          "last_error",
                                          "complete_by",
                                          "result",
                                          "tokens_used",
                                          "submitted_by",
                                          "created_at",
                                          "updated_at",
                                          "history"};
    REQUIRE(names.size() > v11.size());
    CHECK(std::vector<std::string>(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(v11.size())) == v11);
    CHECK(TestHub::member(task, "description") == R"(do "it")");
    for (const char* name :
         {"kind", "unique_key", "fairness_key", "origin", "trace", "max_run_ms", "progress", "usage"}) {
        CAPTURE(name);
        CHECK(TestHub::member(task, name) == "null");
    }
}

TEST_CASE("a task's history and attempts tell its life, newest event first and oldest attempt first") {
    Settings settings;
    settings.retry_delay_ms = 0;
    TestHub hub(settings);
    hub.register_agent("ann");
    const int64_t ann = hub.connect("ann");
    const std::string id = hub.submit(R"({"description":"x"})");
    hub.send(ann, R"({"type":"task_accepted","task_id":")" + id + "\"}");
    hub.send(ann, R"({"type":"task_progress","task_id":")" + id + R"(","progress":40})");
    std::string task = hub.task(id);
    CHECK(TestHub::member(task, "state") == "working");
    CHECK(TestHub::member(task, "status") == "assigned");
    CHECK(TestHub::member(task, "progress") == "40");
    CHECK(TestHub::member(task, "stuck") == "false");
    hub.send(ann, R"({"type":"task_failed","task_id":")" + id + R"(","generation":1,"error":"why"})");
    const std::string generation = std::to_string(hub.row(id)->generation);
    hub.send(ann, R"({"type":"task_complete","task_id":")" + id + R"(","generation":)" + generation + "}");
    task = hub.task(id);
    CHECK(TestHub::member(task, "state") == "completed");
    const std::vector<std::string> events = history(task);
    CHECK(events == std::vector<std::string>{"completed", "assigned", "retry", "accepted", "assigned", "queued"});
    std::vector<std::string> outcomes;
    const std::string attempts = TestHub::member(task, "attempts");
    for (const json::Value& attempt : json::elements(attempts)) {
        outcomes.push_back(TestHub::member(std::string(attempt.raw), "outcome") + " " +
                           TestHub::member(std::string(attempt.raw), "error"));
    }
    CHECK(outcomes == std::vector<std::string>{"retried why", "completed null"});
}
