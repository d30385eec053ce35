#include "core/hub/alert_routes.hpp"

#include <catch2/catch.hpp>

#include "core/observe/alert_rules.hpp"
#include "core/observe/metric_names.hpp"
#include "tests/core/support/test_hub.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

const std::string kAdmin(TestHub::kAdminToken);
const std::string kRule = R"({"metric":"queue_depth","op":">","threshold":5})";

struct Rules {
    TestHub hub{{}, 1, TestHub::Watch::figures};
    Response put(const std::string& id, const std::string& body, const std::string& token = kAdmin) {
        return hub.http(Method::put, "/api/alert-rules/" + id, body, token);
    }
    Response get(const std::string& path) { return hub.http(Method::get, path, "", kAdmin); }
    Response remove(const std::string& id) { return hub.http(Method::delete_, "/api/alert-rules/" + id, "", kAdmin); }
};

size_t size_of(const std::string& object, std::string_view list) {
    const json::Object members = json::members(object);
    return json::elements(members.find(list)->raw).size();
}

}  // namespace

TEST_CASE("rules are made, shown, changed and taken away", "[alerts]") {
    Rules rules;
    CHECK(rules.get("/api/alert-rules/mine").status == 404);
    CHECK(rules.remove("mine").status == 404);
    CHECK(rules.put("mine", kRule).status == 201);
    const Response changed = rules.put("mine", R"({"metric":"wait_p99_ms","op":">=","threshold":60000,"for_ms":120000,)"
                                               R"("severity":"critical","message":"people wait"})");
    CHECK(changed.status == 200);
    CHECK(rules.get("/api/alert-rules/mine").body == changed.body);
    CHECK(TestHub::member(changed.body, "op") == ">=");
    const std::string all = rules.get("/api/alert-rules").body;
    CHECK(size_of(all, "rules") == 1);
    CHECK(size_of(all, "builtin") == alert_rules().size());
    CHECK(size_of(all, "metrics") == kMetrics);
    rules.hub.restart();
    CHECK(rules.get("/api/alert-rules/mine").body == changed.body);
    CHECK(rules.remove("mine").status == 200);
    CHECK(size_of(rules.get("/api/alert-rules").body, "rules") == 0);
    const std::string audit = rules.get("/api/admin/audit?kind=alert_rule_set,alert_rule_removed").body;
    CHECK(size_of(audit, "entries") == 3);
}

TEST_CASE("a rule that makes no sense is refused with the field that is wrong", "[alerts]") {
    Rules rules;
    const std::vector<std::pair<std::string, std::string>> bad = {
        {"{}", "metric"},
        {R"({"metric":"nonsense","op":">","threshold":5})", "metric"},
        {R"({"metric":"queue_depth","op":"=","threshold":5})", "op"},
        {R"({"metric":"queue_depth","op":">","threshold":"5"})", "threshold"},
        {R"({"metric":"queue_depth","op":">","threshold":5,"for_ms":-1})", "for_ms"},
        {R"({"metric":"queue_depth","op":">","threshold":5,"severity":"loud"})", "severity"},
    };
    for (const auto& [body, field] : bad) {
        const Response response = rules.put("mine", body);
        CAPTURE(body, response.body);
        CHECK(response.status == 422);
        CHECK(response.body.find("\"field\":\"" + field + "\"") != std::string::npos);
    }
    CHECK(rules.put("Mine!", kRule).status == 422);
    CHECK(rules.put("stuck_tasks", kRule).status == 409);
    for (int i = 0; i < 100; ++i) REQUIRE(rules.put("rule-" + std::to_string(i), kRule).status == 201);
    CHECK(rules.put("one-more", kRule).status == 409);
    CHECK(rules.put("rule-7", kRule).status == 200);
}

TEST_CASE("administrators make rules, operators acknowledge, others look", "[alerts]") {
    Rules rules;
    rules.hub.register_agent("ann");
    const std::string ann = TestHub::token_of("ann");
    CHECK(rules.put("mine", kRule, ann).status == 403);
    CHECK(rules.put("mine", kRule, "").status == 401);
    CHECK(rules.hub.http(Method::post, "/api/alerts/x/acknowledge", "", ann).status == 403);
    CHECK(rules.hub.http(Method::post, "/api/alerts/x/acknowledge", "", "").status == 401);
    CHECK(rules.hub.http(Method::get, "/api/alerts", "", ann).status == 200);
    CHECK(rules.hub.http(Method::get, "/api/alerts/history?limit=5&rule_id=x", "", ann).status == 200);
}

TEST_CASE("an alert of the hub is acknowledged by the hub's own and by the default workspace", "[alerts]") {
    Rules rules;
    rules.hub.register_agent("eve", "elsewhere");
    const auto operator_of = [&](const std::string& workspace) {
        const Response made =
            rules.hub.http(Method::post, "/admin/tokens",
                           R"({"agent_id":"human:op","role":"operator","workspace":")" + workspace + "\"}", kAdmin);
        CAPTURE(made.body);
        REQUIRE(made.status == 201);
        return TestHub::member(made.body, "token");
    };
    const std::string theirs = operator_of("elsewhere");
    const std::string ours = operator_of("default");
    const auto acknowledge = [&](const std::string& rule, const std::string& token) {
        return rules.hub.http(Method::post, "/api/alerts/" + rule + "/acknowledge", "", token);
    };
    StorageFigures files;
    files.lost_rows = 1;
    rules.hub.apply(files);
    rules.hub.apply(MachineSample{});
    const std::string mine_elsewhere = "mine?workspace=elsewhere";
    REQUIRE(rules.put(mine_elsewhere, R"({"metric":"queue_depth","op":">=","threshold":0})").status == 201);
    rules.hub.advance_ms(60'000);
    const Response refused = acknowledge("rows_lost", theirs);
    CHECK(refused.status == 403);
    CHECK(TestHub::member(refused.body, "error") == "forbidden");
    CHECK_FALSE(TestHub::member(refused.body, "message").empty());
    CHECK(acknowledge("nothing_of_the_kind", theirs).status == 404);
    CHECK(acknowledge("mine", theirs).status == 200);
    // Their dashboards may no more than they.
    const int64_t dashboard = rules.hub.open_dashboard("", theirs, false);
    rules.hub.send(dashboard, R"({"type":"acknowledge_alert","rule_id":"rows_lost"})");
    CHECK(TestHub::member(rules.hub.take_frame(dashboard, "alert_ack_result"), "status") == "forbidden");
    CHECK(rules.hub.tables().find<LiveAlertRow>({0, "rows_lost"})->acknowledged_by.empty());
    CHECK(acknowledge("rows_lost", ours).status == 200);
    CHECK(rules.hub.http(Method::post, "/api/alerts/rows_lost/acknowledge?workspace=elsewhere", "", kAdmin).status ==
          200);
}

TEST_CASE("a workspace sees its own alerts and those of the hub", "[alerts]") {
    Rules rules;
    rules.hub.register_agent("eve", "elsewhere");
    const std::string eve = TestHub::token_of("eve", "elsewhere");
    REQUIRE(rules.put("mine", R"({"metric":"queue_depth","op":">=","threshold":0})").status == 201);
    StorageFigures files;
    files.lost_rows = 1;
    rules.hub.apply(files);
    rules.hub.apply(MachineSample{});
    rules.hub.advance_ms(60'000);
    CHECK(size_of(rules.get("/api/alerts").body, "alerts") == 2);
    const std::string theirs = rules.hub.http(Method::get, "/api/alerts", "", eve).body;
    CHECK(size_of(theirs, "alerts") == 1);
    CHECK(theirs.find("rows_lost") != std::string::npos);
    CHECK(size_of(rules.hub.http(Method::get, "/api/alert-rules", "", eve).body, "rules") == 0);
    // A rule that goes takes its alert with it, and leaves it in the history of its workspace.
    CHECK(rules.remove("mine").status == 200);
    CHECK(size_of(rules.get("/api/alerts").body, "alerts") == 1);
    CHECK(size_of(rules.get("/api/alerts/history").body, "alerts") == 1);
    CHECK(size_of(rules.hub.http(Method::get, "/api/alerts/history", "", eve).body, "alerts") == 0);
}
