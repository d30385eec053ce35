#include "core/observe/notice.hpp"

#include <catch2/catch.hpp>

#include "core/base/utf8.hpp"

using namespace agentcom;

namespace {

EventRow event(std::string kind, std::string subject, std::string data = "{}", std::string cause = "") {
    EventRow row;
    row.workspace = 1;
    row.seq = 7;
    row.kind = std::move(kind);
    row.subject = std::move(subject);
    row.data = std::move(data);
    row.cause = std::move(cause);
    return row;
}

}  // namespace

TEST_CASE("what people are told of events", "[outputs]") {
    struct {
        EventRow event;
        const char* title;
        const char* body;
        bool urgent;
    } const cases[] = {
        {event("alert_fired", "stuck_tasks", R"({"severity":"critical","message":"2 tasks are stuck"})"),
         "AgentCom CRITICAL", "2 tasks are stuck", true},
        {event("alert_fired", "queue_growing", R"({"severity":"warning","message":"the queue grows"})"),
         "AgentCom WARNING", "the queue grows", false},
        {event("alert_fired", "database_size", R"({"severity":"notice"})"), "AgentCom notice", "database_size", false},
        {event("alert_refired", "stuck_tasks", R"({"severity":"critical","message":"3 tasks are stuck"})"),
         "AgentCom CRITICAL", "3 tasks are stuck", true},
        {event("alert_cleared", "stuck_tasks"), "AgentCom: over", "no longer: stuck_tasks", false},
        {event("alert_acknowledged", "stuck_tasks"), "AgentCom Alert", "stuck_tasks is acknowledged", false},
        {event("alert_rule_set", "mine"), "AgentCom", "the alert rule mine was set", false},
        {event("alert_rule_removed", "mine"), "AgentCom", "the alert rule mine was removed", false},
        {event("alert_something_new", "x"), "AgentCom", "alert something new x", false},
        {event("agent_offline", "bob", "{}", "lost"), "AgentCom Alert", "bob is offline: its connection was lost",
         false},
        {event("agent_offline", "bob", "{}", "left"), "AgentCom Alert", "bob has left", false},
        {event("task_dead_letter", "task-1", R"({"error":"no disk"})"), "AgentCom Alert",
         "task task-1 has failed for good: no disk", false},
        {event("task_waiting_input", "task-1", R"({"question":{"question":"which branch?","options":null}})"),
         "AgentCom asks", "task task-1 waits for an answer: which branch?", true},
        {event("backup_failed", "nightly", R"({"error":"disk full"})"), "AgentCom Alert",
         "backup failed nightly: disk full", false},
        {event("restore_failed", "hub.db"), "AgentCom Critical", "restore failed hub.db", true},
        {event("something_new", "x"), "AgentCom", "something new x", false},
    };
    for (const auto& each : cases) {
        INFO(each.event.kind);
        const notices::Notice notice = notices::of(each.event);
        CHECK(notice.title == each.title);
        CHECK(notice.body == each.body);
        CHECK(notice.urgent == each.urgent);
        CHECK(!notice.tag.empty());
    }
}

TEST_CASE("a notice fits into a push message", "[outputs]") {
    std::string data = R"({"error":")";
    for (int i = 0; i < 5'000; ++i) data += "€";
    const notices::Notice notice = notices::of(event("task_dead_letter", std::string(1'000, 't'), data + "\"}"));
    CHECK(count_code_points(notice.body) <= 401);
    CHECK(count_code_points(notice.tag) <= 101);
}

TEST_CASE("a short text is short as JSON, too", "[outputs]") {
    CHECK(notices::short_text("abc", 3) == "abc");
    CHECK(notices::short_text("abcd", 3) == "abc…");
    const std::string bells(1'000, '\7');
    CHECK(json::encode_string(notices::short_text(bells, 100)).size() <= 3 * 100 + 2 + 3);
    CHECK(notices::short_text("", 0).empty());
}

TEST_CASE("each notice of one alert takes the place of the one before", "[outputs]") {
    CHECK(notices::of(event("alert_fired", "a")).tag == notices::of(event("alert_cleared", "a")).tag);
    CHECK(notices::of(event("alert_fired", "a")).tag == notices::of(event("alert_refired", "a")).tag);
    CHECK(notices::of(event("alert_fired", "a")).tag != notices::of(event("alert_rule_set", "a")).tag);
    CHECK(notices::of(event("alert_fired", "a")).tag != notices::of(event("alert_fired", "b")).tag);
}

TEST_CASE("what can choose events", "[outputs]") {
    for (const char* good : {"*", "task_stuck", "task_*", "alert_fired", "a1_*"}) CHECK(notices::is_choice(good));
    for (const char* bad : {"", "_*", "task*", "Task_stuck", "task_*_x", "**", "task stuck", "*_x", "1a"}) {
        INFO(bad);
        CHECK(!notices::is_choice(bad));
    }
    CHECK(notices::is_choice(std::string(notices::kMaxChoiceBytes, 'a')));
    CHECK(!notices::is_choice(std::string(notices::kMaxChoiceBytes + 1, 'a')));
    CHECK(notices::first_bad_choice({"task_*", "No"}) == "No");
    CHECK(notices::first_bad_choice({"task_*"}).empty());
    CHECK(!notices::first_bad_choice({""}).empty());
}
