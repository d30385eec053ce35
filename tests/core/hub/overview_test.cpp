// GET /api/overview: the workspace on one page.
#include "core/hub/overview.hpp"

#include <catch2/catch.hpp>

#include "tests/core/hub/routes_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

struct Overview {
    explicit Overview(World& world) {
        const Response response = world.get("/api/overview");
        CAPTURE(response.body);
        REQUIRE(response.status == 200);
        text = response.body;
    }
    std::string operator[](std::string_view name) const { return TestHub::member(text, name); }
    std::vector<std::string> list(std::string_view name) const {
        std::vector<std::string> items;
        const json::Object members = json::members(text);
        for (const json::Value& item : json::elements(members.find(name)->raw)) items.emplace_back(item.raw);
        return items;
    }
    /// "kind subject" of all that needs a person.
    std::vector<std::string> needs() const {
        std::vector<std::string> all;
        for (const std::string& need : list("needs_you")) {
            all.push_back(TestHub::member(need, "kind") + " " + TestHub::member(need, "subject"));
        }
        return all;
    }

    std::string text;
};

std::string first_task(const std::string& agent) {
    const json::Object members = json::members(agent);
    return std::string(json::elements(members.find("tasks")->raw).at(0).raw);
}

}  // namespace

TEST_CASE("an overview of nothing") {
    World world;
    const Overview overview(world);
    CHECK(overview["at"] == std::to_string(world.hub.now_ms()));
    CHECK(overview["counts"] == R"({"queued":0,"held":0,"assigned":0,"working":0,"waiting_input":0,"dead_letter":0})");
    CHECK(overview["queue"] == R"({"urgent":0,"high":0,"normal":0,"low":0})");
    CHECK(overview["oldest_queued_at"] == "null");
    CHECK(overview["agents"] == "[]");
    CHECK(overview["agents_truncated"] == "false");
    CHECK(overview["needs_you"] == "[]");
    CHECK(overview["needs_you_total"] == "0");
    CHECK(TestHub::member(overview["hub"], "read_only") == "false");
    CHECK(world.hub.http(Method::get, "/api/overview").status == 401);
    // Its cursor is where the events that follow begin.
    world.submit();
    const Response events = world.get("/api/events?since=" + overview["cursor"]);
    const json::Object members = json::members(events.body);
    CHECK(json::elements(members.find("events")->raw).size() == 1);
}

TEST_CASE("an overview of a queue") {
    World world;
    const int64_t first_at = world.hub.now_ms();
    world.submit();
    world.hub.advance_ms(1'000);
    world.submit(R"("priority":"urgent")");
    world.submit(R"("priority":"urgent")");
    world.submit(R"("not_before":)" + std::to_string(world.hub.now_ms() + 100'000));
    const Overview overview(world);
    CHECK(overview["queue"] == R"({"urgent":2,"high":0,"normal":1,"low":0})");
    CHECK(TestHub::member(overview["counts"], "queued") == "3");
    CHECK(TestHub::member(overview["counts"], "held") == "1");
    CHECK(overview["oldest_queued_at"] == std::to_string(first_at));
    // Across a restart all of it is found again.
    world.hub.restart();
    const Overview again(world);
    CHECK(again["queue"] == overview["queue"]);
    CHECK(again["oldest_queued_at"] == overview["oldest_queued_at"]);
}

TEST_CASE("an overview of agents at work") {
    World world;
    const int64_t bob = world.hub.connect("bob", R"("capabilities":["code"],"slots":2,"client_type":"sidecar")");
    world.hub.connect("ann", R"("protocol_version":2)");
    world.post("/api/message", R"({"to":"bob","payload":{}})");
    const std::string id = world.submit(R"("needed_capabilities":["code"])");
    world.hub.send(bob, R"({"type":"task_accepted","task_id":")" + id + R"("})");
    world.hub.send(bob, R"({"type":"task_progress","task_id":")" + id + R"(","progress":40})");
    const Overview overview(world);
    const std::vector<std::string> agents = overview.list("agents");
    REQUIRE(agents.size() == 2);
    CHECK(TestHub::member(agents[0], "agent_id") == "ann");
    CHECK(TestHub::member(agents[0], "state") == "idle");
    CHECK(TestHub::member(agents[0], "protocol_version") == "2");
    CHECK(TestHub::member(agents[0], "client_type") == "null");
    CHECK(TestHub::member(agents[1], "agent_id") == "bob");
    CHECK(TestHub::member(agents[1], "state") == "working");
    CHECK(TestHub::member(agents[1], "slots") == "2");
    CHECK(TestHub::member(agents[1], "capabilities") == R"(["code"])");
    CHECK(TestHub::member(agents[1], "client_type") == "sidecar");
    CHECK(TestHub::member(agents[1], "mail_pending") == "1");
    CHECK(TestHub::member(agents[1], "flags") == "[]");
    const std::string task = first_task(agents[1]);
    CHECK(TestHub::member(task, "task_id") == id);
    CHECK(TestHub::member(task, "description") == "x");
    CHECK(TestHub::member(task, "state") == "working");
    CHECK(TestHub::member(task, "progress") == "40");
    CHECK(TestHub::member(task, "generation") == "1");
    CHECK(TestHub::member(task, "stuck") == "false");
    CHECK(TestHub::member(task, "since") == std::to_string(world.hub.now_ms()));

    // While it is away it holds its task still.
    world.hub.disconnect(bob);
    const std::vector<std::string> then = Overview(world).list("agents");
    REQUIRE(then.size() == 2);
    CHECK(TestHub::member(then[1], "state") == "offline");
    CHECK(TestHub::member(then[1], "connected_at") == "null");
    CHECK(TestHub::member(first_task(then[1]), "task_id") == id);
}

TEST_CASE("a description is shown as far as there is room, or what else names the task") {
    World world;
    world.hub.connect("bob", R"("slots":9)");
    struct Case {
        std::string body;
        std::string shown;
    };
    std::string long_text;
    std::string shown;
    for (int i = 0; i < 200; ++i) long_text += "ü";
    for (int i = 0; i < 120; ++i) shown += "ü";
    const Case cases[] = {
        {R"({"description":"short"})", "short"},
        {R"({"description":")" + long_text + R"("})", shown},
        {R"({"description":")" + std::string(9'000, 'x') + R"(","kind":"review"})", "review"},
    };
    for (const Case& each : cases) {
        const std::string id = TestHub::member(world.post("/api/tasks", each.body).body, "task_id");
        const std::string agent = Overview(world).list("agents").at(0);
        const json::Object members = json::members(agent);
        bool found = false;
        for (const json::Value& task : json::elements(members.find("tasks")->raw)) {
            if (TestHub::member(std::string(task.raw), "task_id") != id) continue;
            found = true;
            CHECK(TestHub::member(std::string(task.raw), "description") == each.shown);
        }
        CHECK(found);
    }
}

TEST_CASE("what needs a person, most urgent first") {
    Settings settings;
    settings.stuck_after_ms = 10'000;
    settings.acceptance_timeout_ms = 5'000;
    World world(settings);
    const int64_t bob = world.hub.connect("bob");
    const std::string dead = world.submit(R"("max_retries":1)");
    world.hub.send(bob, R"({"type":"task_failed","task_id":")" + dead + R"(","generation":1,"error":"no disk"})");
    REQUIRE(world.hub.row(dead)->state == TaskState::dead_letter);
    const std::string stuck = world.submit();
    world.hub.send(bob, R"({"type":"task_accepted","task_id":")" + stuck + R"("})");
    const int64_t stuck_since = world.hub.now_ms();
    world.post("/api/message", R"({"to":"nobody","payload":{}})");
    world.post("/api/message", R"({"to":"nobody","payload":{}})");
    world.hub.connect("ann");
    world.submit();  // goes to ann, who does not accept it
    for (int i = 0; i < 6; ++i) {
        world.hub.advance_ms(2'000);
        world.hub.send(bob, R"({"type":"ping"})");
    }
    const Overview overview(world);
    CHECK(overview.needs() == std::vector<std::string>{"stuck " + stuck, "dead_letter " + dead, "unresponsive ann",
                                                       "undeliverable nobody"});
    CHECK(overview["needs_you_total"] == "4");
    const std::vector<std::string> needs = overview.list("needs_you");
    CHECK(TestHub::member(needs[0], "since") == std::to_string(stuck_since));
    CHECK(TestHub::member(needs[0], "agent_id") == "bob");
    CHECK(TestHub::member(needs[1], "text") == "x: no disk");
    CHECK(TestHub::member(needs[3], "text") == "2 messages wait for this name, which nobody has");
}

TEST_CASE("many dead letters do not hide an agent that needs somebody") {
    Settings settings;
    settings.acceptance_timeout_ms = 5'000;
    settings.reject_backoff_ms = 0;
    World world(settings);
    const int64_t bob = world.hub.connect("bob", R"("slots":64)");
    for (int i = 0; i < 130; ++i) {
        const std::string id = world.submit(R"("max_retries":1)");
        world.hub.send(bob, R"({"type":"task_failed","task_id":")" + id + R"(","generation":1})");
        REQUIRE(world.hub.row(id)->state == TaskState::dead_letter);
    }
    world.submit();
    world.hub.advance_ms(6'000);
    const Overview overview(world);
    CHECK(overview.needs().size() == 100);
    CHECK(overview.needs().back() == "unresponsive bob");
    CHECK(overview["needs_you_total"] == "131");
}

TEST_CASE("a question comes first of what needs a person") {
    World world;
    const int64_t bob = world.hub.connect("bob", R"("protocol_version":2)");
    const std::string id = world.submit();
    world.hub.send(bob, R"({"type":"task_waiting","task_id":")" + id + R"(","question":"which \"one\"?"})");
    {
        const Overview overview(world);
        CHECK(overview.needs() == std::vector<std::string>{"waiting_input " + id});
        CHECK(TestHub::member(overview.list("needs_you")[0], "text") == R"(which "one"?)");
        CHECK(TestHub::member(overview["counts"], "waiting_input") == "1");
        CHECK(TestHub::member(overview["counts"], "assigned") == "0");
        CHECK(TestHub::member(overview.list("agents")[0], "state") == "waiting_input");
    }
    REQUIRE(world.post("/api/tasks/" + id + "/say", R"({"text":"this"})").status == 200);
    CHECK(Overview(world).needs().empty());
}
