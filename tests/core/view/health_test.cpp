#include "core/view/health.hpp"

#include <catch2/catch.hpp>

using namespace agentcom;

namespace {

view::Model with_alert(const char* severity, bool acknowledged = false) {
    view::Model model;
    view::Alert alert;
    alert.rule_id = "some_rule";
    alert.severity = severity;
    alert.message = "It is so";
    alert.acknowledged = acknowledged;
    model.alerts[alert.key()] = alert;
    return model;
}

view::Model with_agent(const char* name, const char* state) {
    view::Model model;
    view::Agent agent;
    agent.agent_id = name;
    agent.state = state;
    model.agents[agent.key()] = agent;
    return model;
}

view::Model with_figures(int64_t free_percent, int64_t invalid_1h) {
    view::Model model;
    model.storage.free_percent = free_percent;
    model.rates.invalid_1h = invalid_1h;
    return model;
}

}  // namespace

TEST_CASE("each thing that is wrong has its weight in the verdict", "[view]") {
    struct Case {
        view::Model model;
        const char* status;
        const char* condition;  // "" = none
    };
    const std::vector<Case> cases = {
        {view::Model{}, "ok", ""},
        {with_alert("notice"), "ok", ""},
        {with_alert("warning"), "warning", "It is so"},
        {with_alert("critical"), "critical", "It is so"},
        {with_alert("critical", true), "critical", "It is so"},
        {with_agent("bob", "waiting_input"), "ok", ""},
        {with_agent("bob", "offline"), "warning", "Agent offline: bob"},
        {with_figures(50, 50), "ok", ""},
        {with_figures(51, 0), "warning", "High fragmentation: 51 % of the database is free pages"},
        {with_figures(0, 51), "warning", "High validation failures: 51 this hour"},
    };
    for (const Case& each : cases) {
        CAPTURE(each.status, each.condition);
        const view::Health health = view::judge(view::signs_of(each.model));
        CHECK(health.status == each.status);
        REQUIRE(health.conditions.size() == (*each.condition == 0 ? 0 : 1));
        if (*each.condition != 0) CHECK(health.conditions[0] == each.condition);
    }
}

TEST_CASE("all that is wrong is named, agents first", "[view]") {
    view::Model model = with_figures(60, 70);
    model.alerts = with_alert("warning").alerts;
    model.agents = with_agent("ann", "offline").agents;
    model.agents.merge(with_agent("bob", "offline").agents);
    const view::Health health = view::judge(view::signs_of(model));
    CHECK(health.status == "warning");
    REQUIRE(health.conditions.size() == 4);
    CHECK(health.conditions[0] == "Agent offline: ann, bob");
    CHECK(health.conditions[1] == "It is so");
}
