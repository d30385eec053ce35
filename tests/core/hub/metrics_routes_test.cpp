#include "core/hub/metrics_routes.hpp"

#include <catch2/catch.hpp>

#include "tests/core/support/test_hub.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

struct History {
    TestHub hub{{}, 1, TestHub::Watch::figures};
    Response get(const std::string& query) {
        return hub.http(Method::get, "/api/metrics/history" + query, "", std::string(TestHub::kAdminToken));
    }
    /// The points of an answer as "value,value …", the first figure of each alone.
    std::string values(const std::string& query) {
        const Response response = get(query);
        CAPTURE(response.body);
        REQUIRE(response.status == 200);
        const json::Object body = json::members(response.body);
        std::string all;
        for (const json::Value& point : json::elements(body.find("points")->raw)) {
            all += (all.empty() ? "" : " ") + std::string(json::elements(point.raw).at(1).raw);
        }
        return all;
    }
};

}  // namespace

TEST_CASE("history gives a point for each step, and null where nothing is known", "[metrics]") {
    History history;
    TestHub& hub = history.hub;
    hub.register_agent("ann");
    hub.advance_ms(60'000);
    const int64_t begin = hub.now_ms();
    const std::string since = "since=" + std::to_string(begin - begin % 60'000);
    hub.submit(R"({"description":"x"})");
    hub.submit(R"({"description":"x"})");
    hub.advance_ms(120'000 - 1);
    CHECK(history.values("?names=queue_depth&step=60000&" + since) == "2 2");
    CHECK(history.values("?names=tasks_submitted&step=60000&" + since) == "2 0");
    CHECK(history.values("?names=disk_free_bytes&step=60000&" + since) == "null null");
    CHECK(history.values("?names=queue_depth&step=60000&since=0").starts_with("null null"));
    // Names keep their order, and each stands once.
    const Response two = history.get("?names=commits,queue_depth,commits");
    const json::Object body = json::members(two.body);
    const std::vector<json::Value> names = json::elements(body.find("metrics")->raw);
    REQUIRE(names.size() == 2);
    CHECK(std::string(names[1].raw) == R"({"name":"queue_depth","type":"gauge","unit":""})");
}

TEST_CASE("a question about history that cannot be answered is refused", "[metrics]") {
    History history;
    CHECK(history.get("?names=nonsense").status == 422);
    CHECK(history.get("?names=queue_depth,").status == 422);
    CHECK(history.get("?since=0&step=10000").status == 422);
    CHECK(history.get("?since=0").status == 200);
    CHECK(history.get("?since=x").status == 422);
    for (const char* query : {"?since=-9223372036854775808", "?until=9223372036854775807", "?step=0", "?step=-5",
                              "?step=9223372036854775807", "?since=9223372036854775807&until=-1"}) {
        CAPTURE(query);
        CHECK(history.get(query).status == 200);
    }
}

TEST_CASE("figures are there from the first moment, with every member", "[metrics]") {
    TestHub hub;
    const Response response = hub.http(Method::get, "/api/metrics", "", std::string(TestHub::kAdminToken));
    REQUIRE(response.status == 200);
    const json::Object body = json::members(response.body);
    for (const char* name :
         {"timestamp", "window_ms", "queue_depth", "task_latency", "agent_utilization", "error_rates", "dets_health"}) {
        CAPTURE(name);
        CHECK(body.contains(name));
    }
    CHECK(std::string(body.find("task_latency")->raw) ==
          R"({"window":{"p50":0,"p90":0,"p99":0,"count":0,"min":0,"max":0,"mean":0},)"
          R"("cumulative":{"p50":0,"p90":0,"p99":0,"count":0}})");
}
