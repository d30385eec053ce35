#include "core/observe/metrics.hpp"

#include <catch2/catch.hpp>

#include "core/tasks/agents.hpp"
#include "tests/core/support/bare_context.hpp"
#include "tests/core/support/test_hub.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

json::Object metrics(TestHub& hub, std::string& body) {
    const Response response = hub.http(Method::get, "/api/metrics", "", std::string(TestHub::kAdminToken));
    REQUIRE(response.status == 200);
    body = response.body;
    return json::members(body);
}

std::string at(const std::string& object, std::initializer_list<std::string_view> path) {
    std::string text = object;
    for (const std::string_view name : path) {
        const json::Object members = json::members(text);
        const json::Value* found = members.find(name);
        REQUIRE(found != nullptr);
        text = std::string(found->raw);
    }
    return text;
}

std::string look(TestHub& hub, std::initializer_list<std::string_view> path) {
    std::string body;
    metrics(hub, body);
    return at(body, path);
}

/// What the list says of an agent.
std::string agent(TestHub& hub, const std::string& name, std::string_view member) {
    const std::string all = look(hub, {"agent_utilization", "per_agent"});
    for (const json::Value& each : json::elements(all)) {
        if (TestHub::member(std::string(each.raw), "agent_id") == name) {
            return TestHub::member(std::string(each.raw), member);
        }
    }
    return "nobody";
}

struct Fleet {
    TestHub hub{[] {
                    Settings settings;
                    settings.retry_delay_ms = 0;
                    settings.retry_delay_max_ms = 0;
                    return settings;
                }(),
                1, TestHub::Watch::figures};
    int64_t ann = 0;
    int64_t bob = 0;

    Fleet() {
        hub.register_agent("ann");
        hub.register_agent("bob");
    }
    void report(int64_t connection, const std::string& type, const std::string& id, const std::string& more = "") {
        hub.send(connection, R"({"type":")" + type + R"(","task_id":")" + id + R"(","generation":)" +
                                 std::to_string(hub.row(id)->generation) + more + "}");
    }
};

}  // namespace

TEST_CASE("W-16: the queue is sampled by time, not by what the scheduler does", "[metrics]") {
    Fleet fleet;
    for (int i = 0; i < 100; ++i) fleet.hub.submit(R"({"description":"x"})");
    CHECK(look(fleet.hub, {"queue_depth", "current"}) == "100");
    fleet.hub.advance_ms(2 * kMsPerHour);
    // An hour of samples, one a minute in the trend.
    const std::string trend = look(fleet.hub, {"queue_depth", "trend"});
    CHECK(json::elements(trend).size() == 60);
    const std::string times = look(fleet.hub, {"queue_depth", "trend_at"});
    const std::vector<json::Value> moments = json::elements(times);
    REQUIRE(moments.size() == 60);
    CHECK(*json::to_int64(moments.back()) - *json::to_int64(moments.front()) > 58 * kMsPerMinute);
    CHECK(look(fleet.hub, {"queue_depth", "max_1h"}) == "100");
    CHECK(look(fleet.hub, {"queue_depth", "avg_1h"}) == "100.0");
}

TEST_CASE("W-17: the window forgets after an hour, the whole run does not", "[metrics]") {
    Fleet fleet;
    const int64_t ann = fleet.hub.connect("ann");
    const std::string id = fleet.hub.submit(R"({"description":"x","max_retries":1})");
    fleet.hub.advance_ms(300);
    fleet.report(ann, "task_failed", id, R"(,"error":"no")");
    CHECK(look(fleet.hub, {"error_rates", "window", "dead_letter"}) == "1");
    CHECK(look(fleet.hub, {"error_rates", "window", "failure_rate_pct"}) == "100.0");
    fleet.hub.advance_ms(61 * kMsPerMinute);
    CHECK(look(fleet.hub, {"error_rates", "window", "dead_letter"}) == "0");
    CHECK(look(fleet.hub, {"error_rates", "window", "failure_rate_pct"}) == "0.0");
    CHECK(look(fleet.hub, {"error_rates", "cumulative", "dead_letter"}) == "1");
}

TEST_CASE("W-19, W-35: each end of an attempt counts once, for its own agent", "[metrics]") {
    Fleet fleet;
    const int64_t ann = fleet.hub.connect("ann");
    const std::string first = fleet.hub.submit(R"({"description":"x"})");
    fleet.hub.advance_ms(1'000);
    fleet.report(ann, "task_complete", first);
    // The same report again gets the same answer and counts no more.
    fleet.hub.send(ann, R"({"type":"task_complete","task_id":")" + first + R"(","generation":1})");
    const std::string second = fleet.hub.submit(R"({"description":"x","max_retries":2})");
    fleet.report(ann, "task_failed", second, R"(,"error":"no")");
    fleet.hub.disconnect(ann);
    fleet.hub.advance_ms(kMsPerMinute);
    const int64_t bob = fleet.hub.connect("bob");
    fleet.report(bob, "task_failed", second, R"(,"error":"no")");
    const std::string third = fleet.hub.submit(R"({"description":"x"})");
    fleet.hub.advance_ms(3'000);
    fleet.report(bob, "task_complete", third);

    CHECK(look(fleet.hub, {"tasks", "window", "submitted"}) == "3");
    CHECK(look(fleet.hub, {"tasks", "window", "completed"}) == "2");
    CHECK(look(fleet.hub, {"tasks", "window", "failed"}) == "1");
    CHECK(look(fleet.hub, {"tasks", "window", "dead_letter"}) == "1");
    CHECK(look(fleet.hub, {"error_rates", "window", "total_tasks"}) == "4");
    CHECK(look(fleet.hub, {"error_rates", "window", "failure_rate_pct"}) == "50.0");
    CHECK(look(fleet.hub, {"task_latency", "window", "count"}) == "2");
    CHECK(look(fleet.hub, {"task_latency", "window", "min"}) == "1000");
    CHECK(look(fleet.hub, {"task_latency", "window", "p99"}) == "3000");
    CHECK(agent(fleet.hub, "ann", "tasks_completed_1h") == "1");
    CHECK(agent(fleet.hub, "ann", "tasks_failed_1h") == "1");
    CHECK(agent(fleet.hub, "ann", "avg_task_duration_ms") == "1000");
    CHECK(agent(fleet.hub, "bob", "avg_task_duration_ms") == "3000");
}

TEST_CASE("W-19: waiting time is shown, and the shares of an agent's hour add up", "[metrics]") {
    Fleet fleet;
    const std::string id = fleet.hub.submit(R"({"description":"x"})");
    fleet.hub.advance_ms(20'000);
    const int64_t ann = fleet.hub.connect("ann", R"("protocol_version":2)");
    CHECK(look(fleet.hub, {"task_wait", "window", "max"}) == "20000");
    CHECK(agent(fleet.hub, "ann", "state") == "assigned");
    fleet.hub.send(ann, R"({"type":"task_accepted","task_id":")" + id + R"("})");
    CHECK(agent(fleet.hub, "ann", "state") == "working");
    fleet.hub.advance_ms(30'000);
    fleet.hub.send(ann, R"({"type":"task_waiting","task_id":")" + id + R"(","generation":1,"question":"which?"})");
    CHECK(agent(fleet.hub, "ann", "state") == "blocked");
    fleet.hub.advance_ms(30'000);
    fleet.report(ann, "task_complete", id);
    CHECK(agent(fleet.hub, "ann", "state") == "idle");
    fleet.hub.advance_ms(30'000);
    fleet.hub.disconnect(ann);
    CHECK(agent(fleet.hub, "ann", "state") == "offline");
    fleet.hub.advance_ms(30'000);
    CHECK(agent(fleet.hub, "ann", "working_pct_1h") == "25.0");
    CHECK(agent(fleet.hub, "ann", "blocked_pct_1h") == "25.0");
    CHECK(agent(fleet.hub, "ann", "idle_pct_1h") == "25.0");
    CHECK(agent(fleet.hub, "ann", "offline_pct_1h") == "25.0");
    CHECK(look(fleet.hub, {"agent_utilization", "system", "agents_online"}) == "0");
    CHECK(look(fleet.hub, {"agent_utilization", "system", "agents_registered"}) == "3");
    // Who has been away for the whole of the window is listed no more.
    fleet.hub.advance_ms(3 * kMsPerHour);
    CHECK(agent(fleet.hub, "ann", "state") == "nobody");
}

TEST_CASE("what is taken back is not counted, and agents are what they are", "[metrics]") {
    Fleet fleet;
    const int64_t ann = fleet.hub.connect("ann");
    const std::string id = fleet.hub.submit(R"({"description":"x"})");
    CHECK(agent(fleet.hub, "ann", "state") == "assigned");
    fleet.hub.store().set_failing(true);
    fleet.report(ann, "task_complete", id);
    CHECK(look(fleet.hub, {"tasks", "window", "completed"}) == "0");
    CHECK(agent(fleet.hub, "ann", "state") == "assigned");
    fleet.hub.store().set_failing(false);
    fleet.hub.apply(StorageRecovered{});
    fleet.report(ann, "task_complete", id);
    CHECK(look(fleet.hub, {"tasks", "window", "completed"}) == "1");
    CHECK(agent(fleet.hub, "ann", "state") == "idle");
}

TEST_CASE("what is refused counts at once, since nothing of it may ever be committed", "[metrics]") {
    BareContext bare;
    Metrics metrics;
    const auto apply = [&](Fact::What what) {
        bare.run([&](Context& ctx) {
            ctx.facts.push_back({what, 1, what == Fact::What::event ? "task_submitted" : "ann", 0, Outcome::completed});
            metrics.apply(ctx);
        });
    };
    for (const Fact::What what : {Fact::What::refused, Fact::What::invalid, Fact::What::bad_frame}) apply(what);
    REQUIRE(metrics.find(1) != nullptr);
    CHECK(metrics.find(1)->lifetime.of(Counter::refused) == 1);
    CHECK(metrics.find(1)->lifetime.of(Counter::invalid) == 1);
    CHECK(metrics.find(1)->bad_frames.total(0).total() == 1);
    const auto bytes = [&] {
        ByteWriter out;
        metrics.save(out);
        return out.bytes().size();
    };
    // Nothing is left over for a commit that never comes.
    const size_t before = bytes();
    for (int i = 0; i < 1'000; ++i) apply(Fact::What::invalid);
    CHECK(bytes() < before + 100);
    // What rests on rows waits for them.
    apply(Fact::What::event);
    CHECK(metrics.find(1)->lifetime.of(Counter::submitted) == 0);
    metrics.committed(1, {});
    CHECK(metrics.find(1)->lifetime.of(Counter::submitted) == 1);
}

TEST_CASE("tokens that agents claim to have used do not overflow their sums", "[metrics]") {
    WorkspaceFigures figures;
    for (int64_t minute = 0; minute < 3; ++minute) {
        for (int i = 0; i < 2; ++i) figures.add(Counter::tokens_used, INT64_MAX, minute * kUsPerMinute);
    }
    CHECK(figures.lifetime.of(Counter::tokens_used) == INT64_MAX);
    CHECK(figures.counts.total(2 * kUsPerMinute).of(Counter::tokens_used) == INT64_MAX);
}

TEST_CASE("W-18: figures of the machine come when they come, and their absence stops nothing", "[metrics]") {
    Fleet fleet;
    CHECK(look(fleet.hub, {"dets_health"}) == "null");
    CHECK(look(fleet.hub, {"hub", "commits"}) == "0");
    CHECK(look(fleet.hub, {"hub", "disk_free_pct"}) == "null");
    MachineSample sample;
    sample.commit_us.record(700);
    sample.turn_us.record(30);
    sample.disk_free_bytes = 30'000'000;
    sample.disk_total_bytes = 100'000'000;
    sample.connections = 12;
    fleet.hub.apply(sample);
    sample.commit_us.record(1'700);
    fleet.hub.apply(sample);
    CHECK(look(fleet.hub, {"hub", "commits"}) == "3");
    CHECK(look(fleet.hub, {"hub", "commit_max_us"}) == "1700");
    CHECK(look(fleet.hub, {"hub", "disk_free_pct"}) == "29");
    CHECK(look(fleet.hub, {"hub", "connections"}) == "12");
    CHECK(look(fleet.hub, {"hub", "database_bytes"}) == "null");
}

TEST_CASE("figures are saved with the hub", "[metrics]") {
    Fleet fleet;
    const int64_t ann = fleet.hub.connect("ann");
    const std::string id = fleet.hub.submit(R"({"description":"x"})");
    fleet.hub.advance_ms(10 * kMsPerMinute);
    fleet.report(ann, "task_complete", id);
    MachineSample sample;
    sample.commit_us.record(700);
    fleet.hub.apply(sample);
    const Result<Hub> loaded = Hub::load(fleet.hub.hub().save(), fleet.hub.hub().settings());
    REQUIRE(loaded.ok());
    CHECK(loaded.value().digest() == fleet.hub.hub().digest());
    CHECK(loaded.value().save() == fleet.hub.hub().save());
}
