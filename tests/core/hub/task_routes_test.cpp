#include "core/hub/task_routes.hpp"

#include <catch2/catch.hpp>

#include "tests/core/hub/routes_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

TEST_CASE("a task is submitted, shown, listed, cancelled and revived") {
    World world;
    const std::string id = world.submit(R"("priority":"urgent","metadata":{"a":1e400},"labels":["l"],"kind":"k")");
    const Response shown = world.get("/api/tasks/" + id);
    CHECK(shown.status == 200);
    for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{{"id", id},
                                                                                      {"priority", "0"},
                                                                                      {"status", "queued"},
                                                                                      {"state", "queued"},
                                                                                      {"metadata", R"({"a":1e400})"},
                                                                                      {"submitted_by", "ann"},
                                                                                      {"requested_by", "ann"},
                                                                                      {"labels", R"(["l"])"},
                                                                                      {"kind", "k"},
                                                                                      {"assigned_to", "null"},
                                                                                      {"generation", "0"},
                                                                                      {"result", "null"},
                                                                                      {"max_retries", "3"},
                                                                                      {"root_id", id}}) {
        CAPTURE(name);
        CHECK(TestHub::member(shown.body, name) == value);
    }
    const Response missing = world.get("/api/tasks/task-none");
    CHECK(missing.status == 404);
    CHECK(missing.body == R"({"error":"task_not_found","task_id":"task-none"})");
    CHECK(world.post("/api/tasks/" + id + "/retry", "").status == 404);
    CHECK(world.post("/api/tasks/task-none/retry", "").body == R"({"error":"task_not_found","task_id":"task-none"})");
    const Response cancelled = world.hub.http(Method::delete_, "/api/tasks/" + id, "", world.ann);
    CHECK(cancelled.status == 200);
    CHECK(cancelled.body == R"({"status":"cancelled","task_id":")" + id + R"(","priority":0})");
    const Response after = world.get("/api/tasks/" + id);
    CHECK(TestHub::member(after.body, "state") == "cancelled");
    CHECK(TestHub::member(after.body, "status") == "dead_letter");
    CHECK(world.hub.http(Method::delete_, "/api/tasks/" + id, "", world.ann).status == 409);
    CHECK(world.hub.http(Method::delete_, "/api/tasks/task-none", "", world.ann).status == 404);

    const std::string fragile = world.submit(R"("max_retries":1)");
    const int64_t bob = world.hub.connect("bob");
    world.hub.send(bob, R"({"type":"task_failed","task_id":")" + fragile + R"(","generation":1,"error":"why"})");
    CHECK(TestHub::member(world.hub.take_frame(bob, "task_ack"), "status") == "dead_letter");
    CHECK(world.ids(world.get("/api/tasks/dead-letter")) == Ids{fragile});
    CHECK(world.ids(world.get("/api/tasks")).empty());
    CHECK(TestHub::member(world.get("/api/tasks/" + fragile).body, "last_error") == "why");
    const Response revived = world.post("/api/tasks/" + fragile + "/retry", "");
    CHECK(revived.body == R"({"status":"requeued","task_id":")" + fragile + R"(","priority":2})");
    CHECK(world.ids(world.get("/api/tasks/dead-letter")).empty());
}

TEST_CASE("priorities that nobody knows are normal, on every path in") {
    World world;
    for (const auto& [word, number] : std::vector<std::pair<std::string, std::string>>{
             {"urgent", "0"}, {"high", "1"}, {"normal", "2"}, {"low", "3"}, {"HIGH", "2"}, {"", "2"}, {"odd", "2"}}) {
        CAPTURE(word);
        const Response response = world.post("/api/tasks", R"({"description":"","priority":")" + word + "\"}");
        CHECK(TestHub::member(response.body, "priority") == number);
        CHECK(TestHub::member(response.body, "status") == "queued");
    }
}

TEST_CASE("lists are filtered, sorted by priority and age, and cut into pages") {
    World world;
    const std::string low = world.submit(R"("priority":"low")");
    const std::string first = world.submit();
    const std::string second = world.submit();
    const std::string urgent = world.submit(R"("priority":"urgent","needed_capabilities":["rare"])");
    const std::string held = world.submit(R"("not_before":99999999999999)");
    CHECK(world.ids(world.get("/api/tasks")) == Ids{urgent, first, second, held, low});
    CHECK(world.ids(world.get("/api/tasks?status=queued")) == Ids{urgent, first, second, held, low});
    CHECK(world.ids(world.get("/api/tasks?status=held")) == Ids{held});
    CHECK(world.ids(world.get("/api/tasks?priority=low")) == Ids{low});
    CHECK(world.ids(world.get("/api/tasks?priority=0")) == Ids{urgent});
    CHECK(world.ids(world.get("/api/tasks?status=completed")).empty());
    for (const char* bad :
         {"status=", "status=no", "priority=", "priority=9", "cursor=x", "cursor=1", "cursor=1.x", "limit=x"}) {
        CAPTURE(bad);
        CHECK(world.get(std::string("/api/tasks?") + bad).status == 422);
    }
    Ids paged;
    std::string cursor;
    for (int pages = 0; pages < 3; ++pages) {
        const Response page = world.get("/api/tasks?limit=2&cursor=" + cursor);
        for (const std::string& id : world.ids(page)) paged.push_back(id);
        cursor = TestHub::member(page.body, "next_cursor");
        if (pages == 0) world.complete(first);  // what ends meanwhile moves nothing
    }
    CHECK(cursor == "null");
    CHECK(paged == Ids{urgent, first, second, held, low});
    CHECK(world.ids(world.get("/api/tasks?status=completed")) == Ids{first});
    CHECK(world.ids(world.get("/api/tasks?limit=0")).size() == 1);
}

TEST_CASE("tasks are counted by status and priority") {
    World world;
    const std::string done = world.submit();
    world.complete(done);
    world.submit(R"("priority":"urgent")");
    world.submit(R"("not_before":99999999999999)");
    const std::string cancelled = world.submit();
    world.hub.http(Method::delete_, "/api/tasks/" + cancelled, "", world.ann);
    CHECK(
        world.get("/api/tasks/stats").body ==
        R"({"by_status":{"completed":1,"queued":2},"by_priority":{"0":1,"2":2},"dead_letter":0,"queued_index_size":1})");
}

TEST_CASE("references to tasks are checked, and finished ones are looked up in the store") {
    World world;
    const Response unknown = world.post("/api/tasks", R"({"description":"x","blocked_by":["task-none"]})");
    CHECK(unknown.status == 422);
    CHECK(unknown.body.find("blocked_by") != std::string::npos);
    CHECK(world.post("/api/tasks", R"({"description":"x","parent_id":"task-none"})").status == 422);
    const std::string a = world.submit();
    world.complete(a);
    const std::string b = world.submit();
    world.complete(b);
    const std::string open = world.submit();
    REQUIRE(world.hub.row(a) == nullptr);
    const std::string free = world.submit(R"("blocked_by":[")" + a + "\",\"" + b + R"("],"parent_id":")" + a + "\"");
    CHECK(world.hub.row(free)->state == TaskState::queued);
    CHECK(TestHub::member(world.get("/api/tasks/" + free).body, "parent_id") == a);
    CHECK(TestHub::member(world.get("/api/tasks/" + free).body, "root_id") == a);
    const std::string waiting = world.submit(R"("blocked_by":[")" + a + "\",\"" + open + "\",\"" + b + "\"]");
    CHECK(world.hub.row(waiting)->state == TaskState::held);
    CHECK(TestHub::member(world.get("/api/tasks/" + waiting).body, "held_by") == "blocked_by");
    CHECK(world.post("/api/tasks", R"({"description":"x","blocked_by":[")" + a + R"(","task-none"]})").status == 422);
    world.complete(open);
    CHECK(world.hub.row(waiting)->state == TaskState::queued);
}

TEST_CASE("a unique key gives the live task that has it") {
    World world;
    const std::string id = world.submit(R"("unique_key":"u")");
    const Response duplicate = world.post("/api/tasks", R"({"description":"y","unique_key":"u"})");
    CHECK(duplicate.status == 200);
    CHECK(TestHub::member(duplicate.body, "task_id") == id);
    CHECK(TestHub::member(duplicate.body, "duplicate") == "true");
    world.complete(id);
    CHECK(world.submit(R"("unique_key":"u")") != id);
}

TEST_CASE("a batch is taken whole, in order, and may refer to itself") {
    World world;
    const std::string old = world.submit();
    const Response response =
        world.post("/api/tasks/batch", R"({"tasks":[{"description":"a"},{"description":"b","blocked_by":["#0",")" +
                                           old + R"("]},{"description":"c","parent_id":"#1","priority":"high"}]})");
    CAPTURE(response.body);
    REQUIRE(response.status == 201);
    CHECK(TestHub::member(response.body, "count") == "3");
    std::vector<std::string> ids;
    const std::string tasks = TestHub::member(response.body, "tasks");
    for (const json::Value& task : json::elements(tasks)) {
        ids.push_back(TestHub::member(std::string(task.raw), "task_id"));
    }
    REQUIRE(ids.size() == 3);
    CHECK(world.hub.row(ids[1])->hold == HoldReason::blocked_by);
    CHECK(world.hub.row(ids[1])->blocked_count == 2);
    CHECK(world.hub.row(ids[2])->parent_id == ids[1]);
    CHECK(world.hub.row(ids[2])->root_id == ids[1]);
    CHECK(world.hub.row(ids[0])->seq < world.hub.row(ids[2])->seq);
}

TEST_CASE("a batch with one bad task is refused whole") {
    Settings settings;
    settings.live_tasks_max = 3;
    World world(settings);
    struct Case {
        std::string body;
        int status;
        std::string in_body;
    };
    const std::string good = R"({"description":"a"})";
    std::string thousand = good;
    for (int i = 0; i < 1'000; ++i) thousand += "," + good;
    const std::vector<Case> cases{
        {"{}", 422, R"("field":"tasks")"},
        {R"({"tasks":{}})", 422, R"("field":"tasks")"},
        {R"({"tasks":[]})", 422, R"("field":"tasks")"},
        {R"({"tasks":[)" + thousand + "]}", 422, R"("field":"tasks")"},
        {R"({"tasks":[)" + good + ",7]}", 422, R"("field":"tasks[1]")"},
        {R"({"tasks":[)" + good + R"(,{"description":7}]})", 422, R"("field":"tasks[1].description")"},
        {R"({"tasks":[)" + good + R"(,{}]})", 422, R"("field":"tasks[1].description")"},
        {R"({"tasks":[{"description":"a","blocked_by":["#0"]}]})", 422, R"("field":"tasks[0].blocked_by")"},
        {R"({"tasks":[{"description":"a","parent_id":"#1"},)" + good + "]}", 422, R"("field":"tasks[0].parent_id")"},
        {R"({"tasks":[{"description":"a","blocked_by":["task-none"]}]})", 422, R"("field":"tasks[0].blocked_by")"},
        {R"({"tasks":[)" + good + R"(,{"description":"a","on_blocker_failure":"x"}]})", 422,
         R"("field":"tasks[1].on_blocker_failure")"},
        {R"({"tasks":[)" + good + "," + good + "," + good + "," + good + "]}", 503, "queue_full"},
    };
    for (const Case& each : cases) {
        const Response response = world.post("/api/tasks/batch", each.body);
        CAPTURE(each.body.substr(0, 100), response.body);
        CHECK(response.status == each.status);
        CHECK(response.body.find(each.in_body) != std::string::npos);
        CHECK(world.hub.tables().count<TaskRow>() == 0);
        CHECK(world.hub.tables().count<TaskInputRow>() == 0);
    }
}
