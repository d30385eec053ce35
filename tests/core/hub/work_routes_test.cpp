#include "core/hub/work_routes.hpp"

#include <catch2/catch.hpp>

#include "tests/core/hub/routes_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

/// The task in the answer to a claim; "" if there is none.
std::string task_of(const Response& response) {
    CAPTURE(response.body);
    REQUIRE(response.status == 200);
    const std::string task = TestHub::member(response.body, "task");
    return task == "null" ? "" : task;
}

/// A world where bob works over HTTP.
struct Worked : World {
    using World::World;
    int64_t begin_claim(const std::string& body, const std::string& who = "bob") {
        return hub.begin_http(Method::post, "/api/tasks/claim", body, TestHub::token_of(who));
    }
    std::string claim(const std::string& body = "{}") { return task_of(hub.answer(begin_claim(body))); }
    Response report(const std::string& id, const std::string& what, const std::string& body) {
        return hub.http(Method::post, "/api/tasks/" + id + "/" + what, body, TestHub::token_of("bob"));
    }
    std::vector<std::string> kinds(const std::string& id) {
        std::vector<std::string> all;
        for (const RowValues& values : hub.store().rows(TableId::events)) {
            const auto event = row_from_values<EventRow>(RowValues(values));
            if (event->subject == id) all.push_back(event->kind);
        }
        return all;
    }
};

const std::string kFirst = R"({"generation":1})";

}  // namespace

TEST_CASE("a program without a socket takes a task and completes it, with the events of a session") {
    Worked world;
    CHECK(world.claim().empty());
    const std::string id =
        world.submit(R"("metadata":{"k":1},"kind":"job","labels":["l"],"trace":"t","priority":"high")");
    const std::string task = world.claim(R"({"lease_ms":5000})");
    CHECK(TestHub::member(task, "task_id") == id);
    CHECK(TestHub::member(task, "description") == "x");
    CHECK(TestHub::member(task, "metadata") == R"({"k":1})");
    CHECK(TestHub::member(task, "generation") == "1");
    CHECK(TestHub::member(task, "attempt") == "1");
    CHECK(TestHub::member(task, "priority") == "1");
    CHECK(TestHub::member(task, "kind") == "job");
    CHECK(TestHub::member(task, "trace") == "t");
    CHECK(TestHub::member(task, "lease_ms") == "5000");
    CHECK(TestHub::member(task, "requested_by") == "ann");
    CHECK(world.hub.row(id)->state == TaskState::working);
    CHECK(world.report(id, "accept", kFirst).status == 200);
    const Response progress = world.report(id, "progress", R"({"generation":1,"progress":40,"note":"half way"})");
    CHECK(progress.status == 200);
    CHECK(TestHub::member(progress.body, "lease_ms") == "5000");
    CHECK(TestHub::member(progress.body, "say") == "[]");
    CHECK(TestHub::member(progress.body, "cancel") == "null");
    const Response done = world.report(id, "complete", R"({"generation":1,"result":{"ok":1.0},"tokens_used":7})");
    CHECK(done.status == 200);
    CHECK(TestHub::member(done.body, "status") == "complete");
    CHECK(world.kinds(id) ==
          std::vector<std::string>{"task_submitted", "task_assigned", "task_accepted", "task_note", "task_completed"});
    const Response shown = world.get("/api/tasks/" + id);
    CHECK(TestHub::member(shown.body, "result") == R"({"ok":1.0})");
    CHECK(TestHub::member(shown.body, "tokens_used") == "7");
    // Once more: the same answer.
    CHECK(world.report(id, "complete", R"({"generation":1,"result":{}})").status == 200);
    CHECK(world.report(id, "fail", kFirst).status == 409);
}

TEST_CASE("reports over HTTP pass the fence like frames") {
    Worked world;
    const std::string id = world.submit(R"("max_retries":2)");
    world.claim();
    struct Case {
        std::string what;
        std::string who;
        std::string task;
        std::string body;
        int status;
        std::string error;
    };
    const std::vector<Case> cases{
        {"complete", "ann", id, kFirst, 409, "stale_generation"},
        {"complete", "bob", id, R"({"generation":2})", 409, "stale_generation"},
        {"fail", "bob", id, R"({"generation":0})", 409, "stale_generation"},
        {"release", "ann", id, kFirst, 409, "stale_generation"},
        {"accept", "ann", id, kFirst, 409, "stale_generation"},
        {"progress", "bob", id, R"({"generation":7})", 409, "stale_generation"},
        {"progress", "bob", id, R"({"generation":1,"progress":101})", 422, "validation_failed"},
        {"complete", "bob", "task-none", kFirst, 404, "task_not_found"},
        {"progress", "bob", "task-none", kFirst, 404, "task_not_found"},
        {"complete", "bob", id, "{}", 422, "validation_failed"},
        {"complete", "bob", id, R"({"generation":1,"result":[]})", 422, "validation_failed"},
    };
    for (const Case& each : cases) {
        CAPTURE(each.what, each.who, each.body);
        const Response response = world.hub.http(Method::post, "/api/tasks/" + each.task + "/" + each.what, each.body,
                                                 TestHub::token_of(each.who));
        CHECK(response.status == each.status);
        CHECK(TestHub::member(response.body, "error") == each.error);
        CHECK(world.hub.row(id)->state == TaskState::working);
    }
    CHECK(TestHub::member(world.report(id, "fail", R"({"generation":1,"error":"bad"})").body, "status") == "retried");
    CHECK(TestHub::member(world.report(id, "fail", R"({"generation":1,"error":"bad"})").body, "status") == "retried");
    world.hub.advance_ms(1'000);
    CHECK(TestHub::member(world.claim(), "attempt") == "2");
    CHECK(TestHub::member(world.report(id, "release", R"({"generation":3,"reason":"tired"})").body, "status") ==
          "released");
    CHECK(TestHub::member(world.claim(), "generation") == "5");
    CHECK(TestHub::member(world.report(id, "fail", R"({"generation":5})").body, "status") == "dead_letter");
}

TEST_CASE("a claim that waits gets the next task that suits it, the longest waiting first") {
    Worked world;
    world.hub.register_agent("carol");
    const int64_t any = world.begin_claim(R"({"wait_ms":50000})");
    const int64_t code = world.begin_claim(R"({"wait_ms":50000,"capabilities":["code"]})", "carol");
    const int64_t urgent = world.begin_claim(R"({"wait_ms":50000,"lanes":["urgent"]})");
    CHECK(world.hub.answer(any).status == 0);

    const std::string coding = world.submit(R"("needed_capabilities":["code"])");
    CHECK(TestHub::member(task_of(world.hub.answer(code)), "task_id") == coding);
    const std::string first = world.submit();
    CHECK(TestHub::member(task_of(world.hub.answer(any)), "task_id") == first);
    world.submit();
    CHECK(world.hub.answer(urgent).status == 0);
    const std::string hurry = world.submit(R"("priority":"urgent")");
    CHECK(TestHub::member(task_of(world.hub.answer(urgent)), "task_id") == hurry);

    SECTION("a claim and a socket take turns by how long they have waited") {
        world.hub.register_agent("dave");
        world.claim();  // the one that was left
        world.hub.advance_ms(1'000);
        const int64_t dave = world.hub.connect("dave");
        world.hub.advance_ms(1'000);
        const int64_t later = world.begin_claim(R"({"wait_ms":50000})");
        const std::string one = world.submit();
        CHECK(TestHub::member(world.hub.take_frame(dave, "task_assign"), "task_id") == one);
        const std::string two = world.submit();
        CHECK(TestHub::member(task_of(world.hub.answer(later)), "task_id") == two);
    }
    SECTION("its time over, it gets none; its client gone, it takes none") {
        world.claim();
        const int64_t waiting = world.begin_claim(R"({"wait_ms":2000})");
        world.hub.advance_ms(2'000);
        CHECK(task_of(world.hub.answer(waiting)).empty());
        const int64_t gone = world.begin_claim(R"({"wait_ms":50000})");
        world.hub.apply(RequestCancelled{gone});
        CHECK(world.hub.row(world.submit())->state == TaskState::queued);
        CHECK(world.hub.tables().count<ClaimRow>() == 0);
    }
    SECTION("when the hub stops they are all answered") {
        world.claim();
        const int64_t waiting = world.begin_claim(R"({"wait_ms":50000})");
        world.hub.apply(Shutdown{});
        CHECK(task_of(world.hub.answer(waiting)).empty());
    }
}

TEST_CASE("N claims race for one task: one gets it") {
    Worked world;
    std::vector<int64_t> requests;
    for (int i = 0; i < 50; ++i) {
        world.hub.register_agent("racer" + std::to_string(i));
        requests.push_back(world.begin_claim(R"({"wait_ms":1000})", "racer" + std::to_string(i)));
    }
    const std::string id = world.submit();
    world.hub.advance_ms(1'000);
    int winners = 0;
    for (const int64_t request : requests) winners += task_of(world.hub.answer(request)).empty() ? 0 : 1;
    CHECK(winners == 1);
    CHECK(world.hub.row(id)->assigned_to == "racer0");
}

TEST_CASE("the same request_id gets the same task, also after a restart and after its end") {
    Worked world;
    const std::string body = R"({"request_id":"r1","wait_ms":5000})";
    const int64_t first = world.begin_claim(body);
    SECTION("asked again while it waits, the newer request takes its place") {
        const int64_t second = world.begin_claim(body);
        CHECK(task_of(world.hub.answer(first)).empty());
        const std::string id = world.submit();
        CHECK(TestHub::member(task_of(world.hub.answer(second)), "task_id") == id);
        CHECK(world.hub.answer(first).status == 0);
    }
    SECTION("asked again when it has a task") {
        const std::string id = world.submit();
        world.submit();
        const std::string task = task_of(world.hub.answer(first));
        CHECK(TestHub::member(task, "task_id") == id);
        CHECK(world.claim(body) == task);
        world.hub.restart();
        CHECK(world.claim(body) == task);
        CHECK(world.report(id, "complete", kFirst).status == 200);
        const std::string after = world.claim(body);
        CHECK(TestHub::member(after, "task_id") == id);
        CHECK(TestHub::member(after, "generation") == "1");
        const Response other = world.hub.answer(world.begin_claim(R"({"request_id":"r1","wait_ms":1})"));
        CHECK(other.status == 422);
        CHECK(TestHub::member(other.body, "error") == "idempotency_conflict");
        // Another agent's r1 is another request.
        CHECK(TestHub::member(task_of(world.hub.answer(world.begin_claim(body, "ann"))), "task_id") != id);
    }
}

TEST_CASE("a claimed lease lasts through restarts and sockets, and ends in silence") {
    Worked world;
    const std::string id = world.submit();
    world.claim(R"({"lease_ms":10000})");
    SECTION("the agent's own socket neither takes it over nor loses it") {
        const int64_t bob = world.hub.connect("bob");
        CHECK(world.hub.take_frame(bob, "task_assign").empty());
        world.hub.disconnect(bob);
        CHECK(world.hub.row(id)->state == TaskState::working);
        // A socket that says something says nothing of the program.
        const int64_t again = world.hub.connect("bob");
        world.hub.advance_ms(9'000);
        world.hub.send(again, R"({"type":"ping"})");
        world.hub.advance_ms(1'000);
        CHECK(world.hub.row(id)->generation > 1);
    }
    SECTION("each report renews it") {
        for (int i = 0; i < 5; ++i) {
            world.hub.advance_ms(9'000);
            CHECK(world.report(id, "progress", kFirst).status == 200);
        }
        world.hub.advance_ms(10'000);
        CHECK(world.hub.row(id)->state == TaskState::queued);
        CHECK(world.hub.row(id)->avoid_agent == "bob");
        CHECK(world.report(id, "progress", kFirst).status == 409);
    }
    SECTION("a restart gives it a full period and grace") {
        world.hub.restart();
        world.hub.advance_ms(39'999);
        CHECK(world.hub.row(id)->state == TaskState::working);
        CHECK(world.report(id, "complete", kFirst).status == 200);
    }
}

TEST_CASE("a claim that asks for what cannot be is refused") {
    Settings settings;
    settings.max_slots = 2;
    Worked world(settings);
    for (int i = 0; i < 3; ++i) world.submit();
    CHECK(world.hub.answer(world.begin_claim(R"({"lanes":["fast"]})")).status == 422);
    CHECK(world.hub.answer(world.begin_claim(R"({"capabilities":"code"})")).status == 422);
    CHECK(world.hub.http(Method::post, "/api/tasks/claim", "{}").status == 401);
    CHECK_FALSE(world.claim().empty());
    CHECK_FALSE(world.claim().empty());
    const Response full = world.hub.answer(world.begin_claim("{}"));
    CHECK(full.status == 409);
    CHECK(TestHub::member(full.body, "error") == "slots_full");
}

TEST_CASE("a long text of a claimed task comes from the store") {
    Settings settings;
    settings.inline_body_bytes = 100;
    Worked world(settings);
    const std::string text(5'000, 'y');
    const Response submitted = world.post("/api/tasks", R"({"description":")" + text + "\"}");
    REQUIRE(submitted.status == 201);
    CHECK(TestHub::member(world.claim(), "description") == text);
}
