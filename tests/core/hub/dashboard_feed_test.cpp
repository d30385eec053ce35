// What dashboards are sent: v1.1's snapshots and events, and the deltas of the view model.
#include "core/hub/dashboard_feed.hpp"

#include <algorithm>

#include "core/base/prng.hpp"
#include "core/view/health.hpp"
#include "tests/core/hub/dashboard_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

using Types = std::vector<std::string>;

bool only_deltas(Dashboards& world, int64_t dashboard) {
    const Types types = world.types(dashboard);
    return !types.empty() && std::all_of(types.begin(), types.end(), [](const auto& type) { return type == "delta"; });
}

/// With rounds of 200 ms.
Settings in_rounds() {
    Settings settings = at_once();
    settings.dashboard_interval_ms = 200;
    return settings;
}

}  // namespace

TEST_CASE("events come together, one frame a round") {
    Dashboards world(in_rounds());
    const int64_t dashboard = world.hub.open_dashboard();
    CHECK(world.hub.frames(dashboard).empty());
    world.hub.advance_ms(0);
    CHECK(world.types(dashboard) == Types{"snapshot"});
    world.hub.clear_frames();
    world.submit();
    world.submit();
    world.hub.connect("bob");
    CHECK(world.hub.frames(dashboard).empty());
    world.hub.advance_ms(200);
    REQUIRE(world.types(dashboard) == Types{"events"});
    CHECK(world.events(dashboard) == Types{"task_submitted", "task_submitted", "agent_joined", "task_assigned"});
    world.hub.advance_ms(2'000);
    CHECK(world.hub.frames(dashboard).empty());
}

TEST_CASE("each fact is told once (W-35)") {
    Dashboards world;
    const int64_t bob = world.hub.connect("bob");
    const int64_t dashboard = world.hub.open_dashboard();
    world.hub.clear_frames();
    const std::string id = world.submit(R"("max_retries":1)");
    const std::string holder = R"(","generation":)" + std::to_string(world.hub.row(id)->generation) + "}";
    world.hub.send(bob, R"({"type":"task_accepted","task_id":")" + id + "\"}");
    world.hub.send(bob, R"({"type":"task_progress","task_id":")" + id + R"(","progress":5})");
    world.hub.send(bob, R"({"type":"task_complete","task_id":")" + id + holder);
    CHECK(world.events(dashboard) ==
          Types{"task_submitted", "task_assigned", "task_accepted", "task_progress", "task_completed"});
    CHECK(TestHub::member(world.last_event, "agent_id") == "null");
    // A report that does not count is no fact.
    world.hub.send(bob, R"({"type":"task_complete","task_id":")" + id + holder);
    world.hub.send(bob, R"({"type":"task_failed","task_id":"task-none"})");
    CHECK(world.events(dashboard).empty());
}

TEST_CASE("a request for a snapshot is answered once per round, for all who asked (W-37)") {
    Dashboards world(in_rounds());
    const int64_t one = world.hub.open_dashboard();
    const int64_t two = world.hub.open_dashboard();
    world.hub.advance_ms(200);
    world.hub.clear_frames();
    for (int i = 0; i < 20; ++i) world.hub.send(one, R"({"type":"request_snapshot"})");
    world.hub.send(two, R"({"type":"request_snapshot"})");
    world.hub.advance_ms(400);
    CHECK(world.types(one) == Types{"snapshot"});
    CHECK(world.hub.frames(one) == world.hub.frames(two));
    CHECK(TestHub::member(world.hub.frames(one)[0], "alerts").empty());
}

TEST_CASE("a slow dashboard of v1.1 gets a snapshot for what it missed") {
    Dashboards world;
    world.hub.slow_readers = true;
    const int64_t dashboard = world.hub.open_dashboard();
    for (int i = 0; i < 1'000; ++i) world.submit();
    CHECK(world.types(dashboard) == Types{"snapshot"});
    world.hub.clear_frames();
    world.hub.take_frames(dashboard);
    REQUIRE(world.types(dashboard) == Types{"snapshot"});
    CHECK(at_path(world.hub.frames(dashboard)[0], "data.queue.by_status.queued") == "1000");
    world.hub.take_frames(dashboard);
    world.submit();
    CHECK(world.events(dashboard) == Types{"task_submitted"});
}

TEST_CASE("by deltas a dashboard gets the model once, and then what changes (W-37)") {
    Dashboards world;
    const int64_t dashboard = world.follow();
    REQUIRE(world.types(dashboard) == Types{"subscribed", "model"});
    CHECK(TestHub::member(world.hub.frames(dashboard)[1], "reason") == "start");
    view::Model model;
    world.fold(dashboard, model);
    const std::string id = world.submit();
    REQUIRE(only_deltas(world, dashboard));
    CHECK(world.hub.frames(dashboard)[0].size() < 2'000);
    world.fold(dashboard, model);
    CHECK(model.tasks.at(id).waits_for == "no_capable_agent");
    CHECK(model.counts.queued == 1);
    // Figures count when the turn is committed; then there is nothing more to tell.
    world.hub.advance_ms(0);
    world.hub.clear_frames();
    world.hub.advance_ms(0);
    CHECK(world.hub.frames(dashboard).empty());
}

TEST_CASE("who comes back goes on from its cursor while that is possible") {
    Dashboards world;
    const int64_t keeps_it_alive = world.follow();
    const int64_t first = world.follow();
    view::Model model;
    world.fold(first, model);
    world.hub.apply(ConnectionClosed{first});
    const std::string id = world.submit();
    const int64_t again = world.follow(model.cursor());
    CHECK_FALSE(world.hub.take_frame(again, "subscribed").empty());
    CHECK(only_deltas(world, again));
    world.fold(again, model);
    CHECK(model.tasks.contains(id));
    const auto reason_for = [&](const std::string& since) {
        const int64_t dashboard = world.follow(since);
        return TestHub::member(world.hub.take_frame(dashboard, "model"), "reason");
    };
    CHECK(reason_for("other.1") == "epoch");
    CHECK(reason_for("nonsense") == "epoch");
    CHECK(reason_for(model.epoch + ".999999") == "epoch");
    for (int i = 0; i < 400; ++i) world.submit();
    CHECK(reason_for(model.cursor()) == "too_old");
    CHECK(world.hub.closed(keeps_it_alive) == nullptr);
}

TEST_CASE("one that lags gets what it missed, or the model anew, and costs no more than that") {
    Dashboards world;
    const int64_t dashboard = world.follow();
    view::Model model;
    world.fold(dashboard, model);
    world.hub.slow_readers = true;
    for (int i = 0; i < 10; ++i) world.submit();
    CHECK(world.types(dashboard) == Types{"delta"});
    world.hub.take_frames(dashboard);
    CHECK(only_deltas(world, dashboard));
    CHECK(world.hub.frames(dashboard).size() >= 10);
    world.fold(dashboard, model);
    CHECK(model.counts.queued == 10);
    for (int i = 0; i < 400; ++i) world.submit();
    CHECK(world.hub.frames(dashboard).empty());
    world.hub.slow_readers = false;
    world.hub.take_frames(dashboard);
    REQUIRE_FALSE(world.hub.frames(dashboard).empty());
    CHECK(TestHub::member(world.hub.frames(dashboard)[0], "reason") == "lagged");
    world.fold(dashboard, model);
    CHECK(model.counts.queued == 410);
}

TEST_CASE("all who follow get the same bytes") {
    Dashboards world;
    std::vector<int64_t> dashboards;
    for (int i = 0; i < 5; ++i) dashboards.push_back(world.follow());
    world.hub.clear_frames();
    world.submit();
    for (const int64_t dashboard : dashboards) CHECK(world.hub.frames(dashboard) == world.hub.frames(dashboards[0]));
    CHECK(only_deltas(world, dashboards[0]));
}

TEST_CASE("what a failed commit takes back is taken back on every dashboard") {
    Dashboards world;
    const int64_t events = world.hub.open_dashboard();
    const int64_t deltas = world.follow();
    view::Model model;
    world.fold(deltas, model);
    world.hub.clear_frames();
    world.hub.store().set_failing(true);
    CHECK(world.post("/api/tasks", R"({"description":"lost"})").status == 503);
    CHECK(world.hub.take_frame(events, "events").empty());
    CHECK_FALSE(world.hub.take_frame(events, "snapshot").empty());
    world.hub.advance_ms(0);
    world.fold(deltas, model);
    CHECK(model.counts.queued == 0);
    CHECK(model.hub.read_only);
    world.hub.store().set_failing(false);
    world.hub.apply(StorageRecovered{});
    world.submit();
    world.fold(deltas, model);
    CHECK(model.counts.queued == 1);
    CHECK_FALSE(model.hub.read_only);
}

// -- folding, in a world where anything happens -----------------------------------------------------------------------

namespace {

class AnythingHappens {
  public:
    AnythingHappens(uint64_t seed, Settings settings)
        : hub_(std::move(settings), static_cast<int64_t>(seed), TestHub::Watch::figures), prng_(seed) {
        for (const char* name : {"ann", "bob", "cat", "dan"}) hub_.register_agent(name);
        dashboard_ = hub_.open_dashboard("mode=delta");
        hub_.send(dashboard_, R"({"type":"subscribe","mode":"delta"})");
    }

    /// One random input, and what it brings; then what is shown must be what is.
    void step() {
        act();
        // The round.
        hub_.advance_ms(1);
        for (const std::string& frame : hub_.frames(dashboard_)) {
            const Result<view::Change> change = view::take(model_, frame);
            if (!change.ok()) FAIL(change.error().code << ": " << frame);
            wholes_ += change.value() == view::Change::whole ? 1 : 0;
            deltas_ += change.value() == view::Change::some ? 1 : 0;
        }
        hub_.clear_frames();
        note_changes();
        const view::Model is = hub_.hub().dashboard_view(1);
        if (!same_view(model_, is)) {
            FAIL("shown: " << view::model_frame(model_, "") << "\n   is: " << view::model_frame(is, ""));
        }
        compare_health();
    }

    /// How often these were shown anew.
    struct Changes {
        int64_t alerts = 0;
        int64_t needs = 0;
        int64_t storage = 0;
        int64_t health = 0;
    };
    const Changes& changes() const { return changes_; }
    int64_t wholes() const { return wholes_; }
    int64_t deltas() const { return deltas_; }
    const view::Model& model() const { return model_; }

  private:
    void note_changes() {
        changes_.alerts += model_.alerts == before_.alerts ? 0 : 1;
        changes_.needs += model_.needs == before_.needs ? 0 : 1;
        changes_.storage += model_.storage == before_.storage ? 0 : 1;
        before_.alerts = model_.alerts;
        before_.needs = model_.needs;
        before_.storage = model_.storage;
    }

    /// What front ends make of the model is what the hub says itself.
    void compare_health() {
        const view::Health shown = view::judge(view::signs_of(model_));
        const std::string state = hub_.http(Method::get, "/api/dashboard/state", "", kAdmin).body;
        json::Writer out;
        out.begin_object().member("status", shown.status);
        out.raw_member("conditions", json::encode_strings(shown.conditions)).end_object();
        const std::string text = out.take();
        if (TestHub::member(state, "health") != text) FAIL(TestHub::member(state, "health") << " is not " << text);
        changes_.health += text == health_ ? 0 : 1;
        health_ = text;
    }

    uint64_t below(uint64_t bound) { return prng_.below(bound); }
    std::string name() { return std::vector<std::string>{"ann", "bob", "cat", "dan"}[prng_.index_below(4)]; }

    int64_t socket() {
        const std::string agent = name();
        if (!sockets_.contains(agent)) {
            sockets_[agent] = hub_.connect(agent, R"("protocol_version":2,"slots":)" + std::to_string(1 + below(3)) +
                                                      R"(,"capabilities":["code"])");
        }
        return sockets_[agent];
    }

    void report(const std::string& type, const std::string& more) {
        std::vector<std::pair<std::string, std::string>> held;
        for (const auto& [agent, tasks] : hub_.tables().indexes().leases) {
            for (const std::string& task : tasks) held.emplace_back(agent.second, task);
        }
        if (held.empty()) return;
        const auto& [agent, task] = held[prng_.index_below(held.size())];
        if (!sockets_.contains(agent)) return;
        hub_.send(sockets_[agent], R"({"type":")" + type + R"(","task_id":")" + task + R"(","generation":)" +
                                       std::to_string(hub_.row(task)->generation) + more + "}");
    }

    void submit() {
        static const std::vector<std::string> kMore = {"", R"(,"priority":"urgent")",
                                                       R"(,"needed_capabilities":["code"])", R"(,"max_retries":1)",
                                                       R"(,"metadata":{"target_agent":"cat"})"};
        hub_.http(Method::post, "/api/tasks",
                  R"({"description":"do \"it\")" + std::to_string(below(99)) + "\"" +
                      kMore[prng_.index_below(kMore.size())] + "}",
                  TestHub::token_of("ann"));
    }

    std::string any_task() {
        const auto keys = hub_.tables().sorted_keys<TaskRow>();
        return keys.empty() ? "task-none" : std::get<1>(keys[prng_.index_below(keys.size())]);
    }

    void people() {
        const std::string task = any_task();
        switch (below(4)) {
            case 0:
                hub_.http(Method::delete_, "/api/tasks/" + task, "", kAdmin);
                break;
            case 1:
                hub_.http(Method::post, "/api/tasks/" + task + "/retry", "", kAdmin);
                break;
            case 2:
                hub_.http(Method::post, "/api/message", R"({"to":"nobody","payload":{}})", TestHub::token_of("ann"));
                break;
            default:
                hub_.http(Method::post, "/api/message", R"({"to":")" + name() + R"(","payload":{}})",
                          TestHub::token_of("bob"));
        }
    }

    void look_at_files() {
        StorageFigures figures;
        figures.database_bytes = 1'000'000;
        figures.free_bytes = static_cast<int64_t>(below(3)) * 300'000;
        figures.lost_rows = below(3) == 0 ? static_cast<int64_t>(below(5)) : 0;
        figures.damage = below(4) == 0 ? "page " + std::to_string(below(3)) : "";
        hub_.apply(figures);
        hub_.apply(MachineSample{});
    }

    void care() {
        if (hub_.storage_jobs().empty() || below(2) == 0) {
            hub_.begin_http(Method::post, below(2) == 0 ? "/api/admin/compact" : "/api/admin/backup", "", kAdmin);
            return;
        }
        const StorageJob job = hub_.storage_jobs().back();
        if (below(2) == 0) {
            hub_.apply(StorageJobDone{job.job, false, "{}", "no room"});
        } else if (job.kind == StorageJobKind::backup) {
            hub_.apply(StorageJobDone{
                job.job, true, R"({"name":"b","path":"/b","bytes":1,"sha256":"x","copied_to":null,"tables":[]})", ""});
        } else {
            hub_.apply(StorageJobDone{job.job, true, R"({"freed_bytes":1,"duration_ms":2})", ""});
        }
    }

    void acknowledge() {
        const auto standing = hub_.tables().sorted_keys<LiveAlertRow>();
        if (standing.empty()) return;
        const std::string rule = std::get<1>(standing[prng_.index_below(standing.size())]);
        hub_.http(Method::post, "/api/alerts/" + rule + "/acknowledge", "", kAdmin);
    }

    void act() {
        switch (below(19)) {
            case 0:
            case 1:
            case 2:
                return submit();
            case 3:
                socket();
                return;
            case 4:
                if (const std::string agent = name(); sockets_.contains(agent)) {
                    hub_.disconnect(sockets_[agent]);
                    sockets_.erase(agent);
                }
                return;
            case 5:
                return report("task_accepted", "");
            case 6:
                return report("task_progress", R"(,"progress":)" + std::to_string(below(100)));
            case 7:
            case 8:
                return report("task_complete", R"(,"tokens_used":7,"result":{"pr_url":"u"})");
            case 9:
                return report("task_failed", R"(,"error":"it broke")");
            case 10:
                return report("task_output", R"(,"stream":"stdout","offset":)" + std::to_string(below(50)) +
                                                 R"(,"text":"line \n more")");
            case 11:
                return report("task_waiting", R"(,"question":"which?","options":["a","b"])");
            case 12:
                return people();
            case 13:
                hub_.send(socket(), R"({"type":"status","status":"busy )" + std::to_string(below(3)) + "\"}");
                return;
            case 14:
                if (below(20) == 0) return fail();
                hub_.send(socket(), R"({"type":"task_complete","task_id":"task-none","generation":1})");
                return;
            case 15:
                return look_at_files();
            case 16:
                return care();
            case 17:
                return acknowledge();
            default:
                pass(static_cast<int64_t>(below(below(10) == 0 ? 400'000 : 2'000)));
                // The hub may have closed sockets meanwhile.
                std::erase_if(sockets_, [this](const auto& each) { return hub_.closed(each.second) != nullptr; });
                hub_.apply(ControlReceived{dashboard_});
        }
    }

    /// All that is due by then happens at once.
    void pass(int64_t ms) {
        const Time now = hub_.time();
        hub_.set_time({now.wall_ms + ms, now.mono_us + us_from_ms(ms)});
        hub_.apply(Tick{});
    }

    void fail() {
        hub_.store().set_failing(true);
        submit();
        hub_.store().set_failing(false);
        hub_.apply(StorageRecovered{});
        std::erase_if(sockets_, [this](const auto& each) { return hub_.closed(each.second) != nullptr; });
    }

    TestHub hub_;
    Prng prng_;
    std::map<std::string, int64_t> sockets_;
    int64_t dashboard_ = 0;
    view::Model model_;
    view::Model before_;  ///< as far as `note_changes` compares it
    std::string health_;
    Changes changes_;
    int64_t wholes_ = 0;
    int64_t deltas_ = 0;
};

}  // namespace

TEST_CASE("folding the deltas gives what the hub itself shows, whatever happens") {
    const uint64_t seed = 20261121;
    CAPTURE(seed);
    Settings settings = at_once();
    settings.dashboard_interval_ms = 1;
    // A small world, which is looked at often.
    settings.live_tasks_max = 30;
    settings.metrics_interval_ms = 120'000;
    settings.idle_timeout_ms = 600'000;
    settings.retry_delay_ms = 100;
    AnythingHappens world(seed, settings);
    for (int64_t i = 0; i < 10'000; ++i) {
        CAPTURE(i);
        world.step();
    }
    // It was no empty world.
    CHECK(world.deltas() > 5'000);
    CHECK(world.wholes() > 2);
    CHECK(world.model().completions.size() == view::kCompletionsMax);
    CHECK_FALSE(world.model().samples.empty());
    CHECK(world.changes().alerts > 10);
    CHECK(world.changes().needs > 10);
    CHECK(world.changes().storage > 10);
    CHECK(world.changes().health > 10);
}
