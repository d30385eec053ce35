#include "native-server/log/log_line.hpp"

#include <catch2/catch.hpp>

#include "core/base/json.hpp"

namespace agentcom {

namespace {

constexpr int64_t kAt = 1'769'860'800'123;

std::string json_of(const LogEvent& event) { return format_log_line(event, kAt, LogFormat::json); }

}  // namespace

TEST_CASE("a line says when, how severe, what and where, then its fields", "[log]") {
    const LogEvent event{"clock_jumped", {{"text", "the clock\nwas set"}, {"by_ms", int64_t{5}}}};
    CHECK(json_of(event) ==
          R"({"time":"2026-01-31T12:00:00.123Z","severity":"warning","event":"clock_jumped","component":"hub",)"
          R"("text":"the clock\u000awas set","by_ms":5})");
    CHECK(format_log_line(event, kAt, LogFormat::text) == "12:00:00.123 warning the clock\\x0awas set  by_ms=5");
}

TEST_CASE("an event's data is told flat, each name once", "[log]") {
    LogEvent event{"task_assigned", {{"workspace", "default"}, {"task_id", "task-1"}, {"event_seq", int64_t{7}}}};
    event.data = R"({"agent_id":"ann","generation":1,"task_id":"other","severity":"error","error":null,"a":{"b":[1]}})";
    CHECK(json_of(event) ==
          R"({"time":"2026-01-31T12:00:00.123Z","severity":"info","event":"task_assigned","component":"tasks",)"
          R"("workspace":"default","task_id":"task-1","event_seq":7,"agent_id":"ann","generation":1,"a":{"b":[1]}})");
    CHECK(format_log_line(event, kAt, LogFormat::text) ==
          "12:00:00.123 info    task_assigned  workspace=default  task_id=task-1  event_seq=7  agent_id=ann  "
          "generation=1  a={\"b\":[1]}");
}

TEST_CASE("whatever a field holds, a line is one line of valid JSON", "[log]") {
    for (const std::string& text : {std::string("\xff\x01"), std::string("a\nb\r\x1b[31m"), std::string("\0", 1),
                                    std::string("\"\\"), std::string(100'000, 'x')}) {
        const std::string line = json_of(LogEvent{"request", {{"text", text}, {"na\nme", text}}});
        CHECK(json::validate(line));
        CHECK(line.find('\n') == std::string::npos);
        const std::string shown = format_log_line(LogEvent{"request", {{"who", text}}}, kAt, LogFormat::text);
        CHECK(shown.find_first_of("\n\r\x1b") == std::string::npos);
    }
}

TEST_CASE("what no catalogue knows is an error of the hub's", "[log]") {
    CHECK(log_class("no_such_event").severity == Severity::error);
    CHECK(log_class("no_such_event").component == Component::hub);
    CHECK(log_class("task_completed").component == Component::tasks);
}

TEST_CASE("secrets in fields and data are redacted", "[log]") {
    const std::string token(64, 'a');
    LogEvent event{"config_set", {{"auth_token", "x"}, {"text", "Bearer abcdefgh1234"}, {"url", "/?token=" + token}}};
    event.data = R"({"before":{"deep":[{"Secret":"hunter2"}]},"after":")" + token + "\"}";
    for (const LogFormat format : {LogFormat::json, LogFormat::text}) {
        const std::string line = format_log_line(event, kAt, format);
        CHECK(line.find("hunter2") == std::string::npos);
        CHECK(line.find("abcdefgh1234") == std::string::npos);
        CHECK(line.find(token) == std::string::npos);
        CHECK(line.find("[REDACTED]") != std::string::npos);
    }
}

}  // namespace agentcom
