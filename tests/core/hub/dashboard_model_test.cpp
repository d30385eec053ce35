#include "core/hub/dashboard_model.hpp"

#include "tests/core/hub/dashboard_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

view::Model shown(Dashboards& world) { return world.hub.hub().dashboard_view(1); }

}  // namespace

TEST_CASE("the model shows an agent at work, with its last line of output") {
    Dashboards world;
    const int64_t bob = world.hub.connect("bob", R"("protocol_version":2,"slots":2,"capabilities":["code"])");
    const std::string id = world.submit(R"("labels":["nightly"],"kind":"build")");
    const std::string task =
        R"("task_id":")" + id + R"(","generation":)" + std::to_string(world.hub.row(id)->generation);
    world.hub.send(bob, R"({"type":"task_accepted",)" + task + "}");
    world.hub.send(bob, R"({"type":"task_progress","progress":40,)" + task + "}");
    world.hub.send(bob, R"({"type":"task_output","stream":"stdout","offset":0,"text":"a\nlinking\n",)" + task + "}");
    world.hub.send(bob, R"({"type":"task_waiting","question":"really?","options":["yes"],)" + task + "}");
    const view::Model model = shown(world);
    const view::Agent& agent = model.agents.at("bob");
    CHECK(agent.state == "waiting_input");
    CHECK(agent.task_ids == std::vector<std::string>{id});
    CHECK(agent.slots == 2);
    CHECK(agent.last_seen_at.has_value());
    const view::Task& running = model.tasks.at(id);
    CHECK(running.state == "waiting_input");
    CHECK(running.agent_id == "bob");
    CHECK(running.progress == 40);
    CHECK(running.output_line == "linking");
    CHECK(running.question == "really?");
    CHECK(running.options.text == R"(["yes"])");
    CHECK(running.labels == std::vector<std::string>{"nightly"});
    CHECK(model.counts.waiting_input == 1);
    CHECK(model.counts.working == 0);
    CHECK(model.needs.contains("waiting_input/" + id));
}

TEST_CASE("an agent that has gone is shown as offline for an hour, with the time it was last seen (W-36)") {
    Dashboards world;
    const int64_t bob = world.hub.connect("bob");
    world.hub.advance_ms(10'000);
    const int64_t left_at = world.hub.now_ms();
    world.hub.disconnect(bob);
    world.hub.advance_ms(60'000);
    const view::Model model = shown(world);
    CHECK(model.agents.at("bob").state == "offline");
    CHECK(model.agents.at("bob").last_seen_at == left_at - left_at % 1'000);
    CHECK(model.counts.agents_online == 0);
}

TEST_CASE("the queue is shown by lane, as far as there is room (W-34)") {
    Dashboards world;
    for (int i = 0; i < 130; ++i) world.submit(R"("priority":"urgent")");
    const std::string low = world.submit(R"("priority":"low")");
    const view::Model model = shown(world);
    CHECK(view::queue_of(model, 0).size() == view::kQueuedPerLane);
    CHECK(model.counts.urgent == 130);
    CHECK(view::queue_of(model, 3).at(0)->task_id == low);
    CHECK(model.counts.low == 1);
}

TEST_CASE("dead letters and what needs somebody are in the model") {
    Dashboards world;
    const std::string dead = world.bury("bob");
    world.post("/api/message", R"({"to":"nobody","payload":{}})");
    const view::Model model = shown(world);
    CHECK(model.tasks.at(dead).last_error == "no");
    CHECK(model.needs.contains("dead_letter/" + dead));
    CHECK(model.needs.contains("undeliverable/nobody"));
    CHECK(model.counts.needs_you == 2);
    CHECK(model.counts.dead_letter == 1);
}
