#include "core/observe/prometheus.hpp"

#include <catch2/catch.hpp>

#include <set>
#include <sstream>
#include <string>

#include "tests/core/support/test_hub.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

bool has_line(const std::string& text, const std::string& line) {
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("figures are given in base units, each family once", "[metrics]") {
    TestHub hub({}, 1, TestHub::Watch::figures);
    hub.register_agent("ann");
    const int64_t ann = hub.connect("ann");
    const std::string id = hub.submit(R"({"description":"x"})");
    hub.advance_ms(1'500);
    hub.send(ann, R"({"type":"task_complete","task_id":")" + id + R"(","generation":1})");
    MachineSample sample;
    sample.commit_us.record(700);
    sample.loop_lag_us = 12'500;
    hub.apply(sample);
    const Response response = hub.http(Method::get, "/metrics", "", std::string(TestHub::kAdminToken));
    REQUIRE(response.status == 200);
    REQUIRE(response.headers.size() == 1);
    CHECK(response.headers.front().second == "text/plain; version=0.0.4; charset=utf-8");
    const std::string& text = response.body;
    for (const char* line : {
             R"(agentcom_tasks_completed_total{workspace="default"} 1)",
             R"(agentcom_tasks{workspace="default",state="queued"} 0)",
             R"(agentcom_agents{workspace="default",state="idle"} 1)",
             R"(agentcom_task_run_seconds_bucket{workspace="default",le="1"} 0)",
             R"(agentcom_task_run_seconds_bucket{workspace="default",le="5"} 1)",
             R"(agentcom_task_run_seconds_bucket{workspace="default",le="+Inf"} 1)",
             R"(agentcom_task_run_seconds_sum{workspace="default"} 1.5)",
             R"(agentcom_task_leases_ended_total{workspace="default",outcome="completed"} 1)",
             R"(agentcom_commit_seconds_bucket{le="0.0005"} 0)",
             R"(agentcom_commit_seconds_bucket{le="0.001"} 1)",
             R"(agentcom_commit_seconds_sum 0.0007)",
             R"(agentcom_loop_lag_seconds 0.0125)",
             R"(agentcom_alerts{severity="critical"} 0)",
         }) {
        CAPTURE(line);
        CHECK(has_line(text, line));
    }
    // What is not known is left out.
    CHECK(text.find("\nagentcom_disk_free_bytes ") == std::string::npos);
    std::set<std::string> families;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("# TYPE ")) CHECK(families.insert(line).second);
    }
    CHECK(families.size() > 20);
}

TEST_CASE("who belongs to a workspace sees no other one", "[metrics]") {
    TestHub hub({}, 1, TestHub::Watch::figures);
    hub.register_agent("ann");
    hub.register_agent("eve", "elsewhere");
    hub.advance_ms(20'000);
    const auto text = [&](const std::string& token) { return hub.http(Method::get, "/metrics", "", token).body; };
    CHECK(text(TestHub::token_of("ann")).find("elsewhere") == std::string::npos);
    CHECK(text(TestHub::token_of("eve", "elsewhere")).find("\"default\"") == std::string::npos);
    CHECK(text(TestHub::token_of("eve", "elsewhere")).find("\"elsewhere\"") != std::string::npos);
    const std::string all = text(std::string(TestHub::kAdminToken));
    CHECK(all.find("\"default\"") != std::string::npos);
    CHECK(all.find("\"elsewhere\"") != std::string::npos);
}
