// Who may look at a dashboard, and what it may do.
#include "core/hub/dashboards.hpp"

#include "tests/core/hub/dashboard_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

using Types = std::vector<std::string>;

/// A token of this role, made by the admin.
std::string token_of_role(Dashboards& world, const std::string& name, const std::string& role) {
    const Response made = world.hub.http(Method::post, "/admin/tokens",
                                         R"({"agent_id":")" + name + R"(","role":")" + role + "\"}", kAdmin);
    CAPTURE(made.body);
    REQUIRE(made.status == 201);
    return TestHub::member(made.body, "token");
}

}  // namespace

TEST_CASE("on the hub's own machine anybody may look, and nobody may act (W-32)") {
    Dashboards world;
    const std::string dead = world.bury("bob");
    const int64_t dashboard = world.hub.open_dashboard();
    CHECK(world.types(dashboard) == Types{"snapshot"});
    CHECK(TestHub::member(world.hub.frames(dashboard)[0], "alerts") == "[]");
    world.hub.clear_frames();
    world.hub.send(dashboard, R"({"type":"retry_task","task_id":")" + dead + "\"}");
    CHECK(TestHub::member(world.hub.take_frame(dashboard, "retry_result"), "status") == "unauthorized");
    CHECK(world.hub.row(dead)->state == TaskState::dead_letter);
}

TEST_CASE("elsewhere a dashboard shows a token, as header or as first frame (W-32)") {
    Dashboards world;
    const int64_t by_header = world.hub.open_dashboard("", world.ann, false);
    CHECK(world.types(by_header) == Types{"authenticated", "snapshot"});
    const int64_t by_frame = world.hub.open_dashboard("", "", false);
    CHECK(world.hub.frames(by_frame).empty());
    world.hub.send(by_frame, R"({"type":"request_snapshot"})");
    CHECK(TestHub::member(world.hub.take_frame(by_frame, "error"), "error") == "not_authenticated");
    world.hub.send(by_frame, R"({"type":"auth","token":"wrong"})");
    CHECK(TestHub::member(world.hub.take_frame(by_frame, "error"), "error") == "invalid_token");
    world.hub.send(by_frame, R"({"type":"auth","token":")" + world.ann + "\"}");
    CHECK(TestHub::member(world.hub.take_frame(by_frame, "authenticated"), "principal") == "ann");
    CHECK(world.types(by_frame) == Types{"snapshot"});
    const int64_t wrong = world.hub.open_dashboard("", "nonsense", false);
    REQUIRE(world.hub.closed(wrong) != nullptr);
    CHECK(world.hub.closed(wrong)->code == 1008);
    const int64_t silent = world.hub.open_dashboard("", "", false);
    world.hub.advance_ms(60'000);
    REQUIRE(world.hub.closed(silent) != nullptr);
    CHECK(world.hub.closed(silent)->code == 1008);
}

TEST_CASE("commands ask for what their routes ask for") {
    Dashboards world;
    const std::string viewer = token_of_role(world, "human:eve", "viewer");
    const std::string dead = world.bury("bob");
    const std::string retry = R"({"type":"retry_task","task_id":")" + dead + "\"}";
    const int64_t watching = world.hub.open_dashboard("", viewer, false);
    world.hub.send(watching, retry);
    CHECK(TestHub::member(world.hub.take_frame(watching, "retry_result"), "status") == "forbidden");
    const int64_t acting = world.hub.open_dashboard("", world.ann, false);
    world.hub.send(acting, R"({"type":"retry_task","task_id":"task-none"})");
    CHECK(TestHub::member(world.hub.take_frame(acting, "retry_result"), "status") == "not_found");
    world.hub.send(acting, R"({"type":"retry_task","task_id":[1e400]})");
    const std::string odd = world.hub.take_frame(acting, "retry_result");
    CHECK(TestHub::member(odd, "status") == "not_found");
    CHECK(TestHub::member(odd, "task_id") == "[1e400]");
    world.hub.send(acting, retry);
    CHECK(TestHub::member(world.hub.take_frame(acting, "retry_result"), "status") == "requeued");
    CHECK(world.hub.row(dead)->state != TaskState::dead_letter);
    world.hub.send(acting, R"({"type":"acknowledge_alert","rule_id":7})");
    CHECK(TestHub::member(world.hub.take_frame(acting, "alert_ack_result"), "status") == "not_found");
    world.hub.send(acting, R"({"type":"acknowledge_alert","rule_id":"stuck_tasks"})");
    CHECK(TestHub::member(world.hub.take_frame(acting, "alert_ack_result"), "status") == "forbidden");
    const int64_t admin = world.hub.open_dashboard("", kAdmin, false);
    world.hub.send(admin, R"({"type":"acknowledge_alert","rule_id":"stuck_tasks"})");
    CHECK(TestHub::member(world.hub.take_frame(admin, "alert_ack_result"), "status") == "not_found");
}

TEST_CASE("an open hub lets everybody look and act, as v1.1 did") {
    Settings settings = at_once();
    settings.open_reads = 1;
    settings.open_admin = 1;
    Dashboards world(settings);
    const std::string dead = world.bury("bob");
    const int64_t dashboard = world.hub.open_dashboard("", "", false);
    CHECK(world.types(dashboard) == Types{"snapshot"});
    world.hub.send(dashboard, R"({"type":"retry_task","task_id":")" + dead + "\"}");
    CHECK(TestHub::member(world.hub.take_frame(dashboard, "retry_result"), "status") == "requeued");
}

TEST_CASE("what a dashboard does not know how to say is passed over") {
    Dashboards world;
    const int64_t dashboard = world.hub.open_dashboard("", world.ann);
    world.hub.clear_frames();
    for (const char* text :
         {"", "{", "[]", "5", "{}", R"({"type":"ping"})", R"({"type":5})", R"({"type":"retry_task"})",
          R"({"type":"acknowledge_alert"})", R"({"type":"identify","agent_id":"ann"})"}) {
        world.hub.send(dashboard, text);
    }
    CHECK(world.hub.frames(dashboard).empty());
    CHECK(world.hub.closed(dashboard) == nullptr);
    world.hub.send(dashboard, R"({"type":"subscribe","mode":"loud"})");
    CHECK(TestHub::member(world.hub.take_frame(dashboard, "error"), "error") == "invalid_mode");
}

TEST_CASE("a dashboard ends with its token, with its silence and with the hub") {
    Dashboards world;
    const std::string viewer = token_of_role(world, "human:eve", "viewer");
    const int64_t dashboard = world.hub.open_dashboard("", viewer, false);
    REQUIRE(world.hub.http(Method::delete_, "/admin/tokens/human%3Aeve", "", kAdmin).status == 200);
    REQUIRE(world.hub.closed(dashboard) != nullptr);
    CHECK(world.hub.closed(dashboard)->code == 1008);

    const int64_t silent = world.hub.open_dashboard();
    const int64_t alive = world.hub.open_dashboard();
    for (int i = 0; i < 10; ++i) {
        world.hub.advance_ms(30'000);
        world.hub.apply(ControlReceived{alive});
    }
    REQUIRE(world.hub.closed(silent) != nullptr);
    CHECK(world.hub.closed(silent)->code == 1002);
    CHECK(world.hub.closed(alive) == nullptr);
    world.hub.apply(Shutdown{});
    REQUIRE(world.hub.closed(alive) != nullptr);
    CHECK(world.hub.closed(alive)->code == 1001);
}

TEST_CASE("looking is limited like the route for it (W-01)") {
    Settings settings = at_once();
    settings.limits = 1;
    settings.limit_light_per_min = 3;
    Dashboards world(settings);
    const int64_t dashboard = world.hub.open_dashboard("", world.ann, false);
    world.hub.clear_frames();
    for (int i = 0; i < 5; ++i) world.hub.send(dashboard, R"({"type":"request_snapshot"})");
    CHECK(world.types(dashboard) == Types{"snapshot", "snapshot", "snapshot", "rate_limited", "rate_limited"});
    CHECK(world.hub.closed(dashboard) == nullptr);
    CHECK(world.get("/api/dashboard/state").status == 429);
}

TEST_CASE("there is room for so many dashboards") {
    Settings settings = at_once();
    settings.dashboards_max = 2;
    Dashboards world(settings);
    const int64_t first = world.hub.open_dashboard();
    world.hub.open_dashboard();
    const int64_t third = world.hub.open_dashboard();
    REQUIRE(world.hub.closed(third) != nullptr);
    CHECK(world.hub.closed(third)->code == 1013);
    world.hub.apply(ConnectionClosed{third});
    world.hub.apply(ConnectionClosed{first});
    CHECK(world.hub.closed(world.hub.open_dashboard()) == nullptr);
}

TEST_CASE("who shows no token keeps nobody out") {
    Settings settings = at_once();
    settings.dashboards_max = 3;
    Dashboards world(settings);
    const int64_t admitted = world.hub.open_dashboard("", world.ann, false);
    const int64_t first = world.hub.open_dashboard("", "", false);
    const int64_t second = world.hub.open_dashboard("", "", false);
    // Each further one takes the place of the oldest that has shown nothing yet; what closes takes up no place.
    const int64_t by_header = world.hub.open_dashboard("", world.ann, false);
    REQUIRE(world.hub.closed(first) != nullptr);
    CHECK(world.hub.closed(first)->code == 1013);
    CHECK(world.hub.closed(second) == nullptr);
    const int64_t by_frame = world.hub.open_dashboard("", "", false);
    REQUIRE(world.hub.closed(second) != nullptr);
    world.hub.send(by_frame, R"({"type":"auth","token":")" + world.ann + "\"}");
    CHECK(TestHub::member(world.hub.take_frame(by_frame, "authenticated"), "principal") == "ann");
    const int64_t late = world.hub.open_dashboard("", "", false);
    REQUIRE(world.hub.closed(late) != nullptr);
    CHECK(world.hub.closed(late)->code == 1013);
    for (const int64_t open : {admitted, by_header, by_frame}) CHECK(world.hub.closed(open) == nullptr);
    // One that is closing makes room before it is gone.
    REQUIRE(world.hub.http(Method::post, "/admin/tokens/ann/rotate", "", kAdmin).status == 201);
    CHECK(world.hub.closed(world.hub.open_dashboard("", kAdmin, false)) == nullptr);
}

TEST_CASE("an administrator of the hub chooses the workspace") {
    Dashboards world;
    world.hub.register_agent("zoe", "lab");
    const int64_t dashboard = world.hub.open_dashboard("workspace=lab", kAdmin, false);
    CHECK(TestHub::member(world.hub.take_frame(dashboard, "authenticated"), "workspace") == "lab");
    const int64_t none = world.hub.open_dashboard("workspace=moon", kAdmin, false);
    CHECK(TestHub::member(world.hub.take_frame(none, "error"), "error") == "workspace_not_found");
    world.hub.clear_frames();
    world.submit();
    CHECK(world.hub.frames(dashboard).empty());
}
