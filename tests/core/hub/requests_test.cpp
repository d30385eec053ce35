#include "core/hub/requests.hpp"

#include <catch2/catch.hpp>

#include "tests/core/support/test_hub.hpp"

using namespace agentcom;
using agentcom::test::Response;
using agentcom::test::TestHub;

namespace {

const std::string kAdmin(TestHub::kAdminToken);

/// A hub with the agents ann and bob, and short calls as ann.
struct World {
    explicit World(Settings settings = {}) : hub(std::move(settings)) {
        hub.register_agent("ann");
        hub.register_agent("bob");
    }
    Response get(const std::string& target) { return hub.http(Method::get, target, "", ann); }
    Response post(const std::string& target, const std::string& body) {
        return hub.http(Method::post, target, body, ann);
    }
    std::string submit(const std::string& more = "") {
        const Response response = post("/api/tasks", R"({"description":"x")" + (more.empty() ? "" : "," + more) + "}");
        CAPTURE(response.body);
        REQUIRE(response.status == 201);
        return TestHub::member(response.body, "task_id");
    }
    /// The ids of a listing.
    std::vector<std::string> ids(const Response& response) {
        CAPTURE(response.body);
        REQUIRE(response.status == 200);
        std::vector<std::string> all;
        const json::Object body = json::members(response.body);
        for (const json::Value& task : json::elements(body.find("tasks")->raw)) {
            all.push_back(TestHub::member(std::string(task.raw), "id"));
        }
        REQUIRE(TestHub::member(response.body, "count") == std::to_string(all.size()));
        return all;
    }
    /// Lets bob do a task.
    void complete(const std::string& id) {
        const int64_t bob = hub.connect("bob");
        hub.send(bob, R"({"type":"task_complete","task_id":")" + id + R"(","generation":)" +
                          std::to_string(hub.row(id)->generation) + "}");
        REQUIRE(TestHub::member(hub.take_frame(bob, "task_ack"), "status") == "complete");
        hub.disconnect(bob);
    }

    TestHub hub;
    const std::string ann = TestHub::token_of("ann");
};

using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE("each route without a token, and with a wrong one, is refused or open as it should be") {
    World world;
    struct Case {
        Method method;
        const char* target;
        const char* body;
        int without;  ///< status without a token, on loopback
        const char* answer;
    };
    constexpr const char* kStrict = R"({"error":"unauthorized","hint":"provide Authorization: Bearer <token>"})";
    constexpr const char* kFlex = R"({"error":"unauthorized"})";
    for (const Case& c : std::vector<Case>{{Method::get, "/health", "", 200, nullptr},
                                           {Method::get, "/livez", "", 200, nullptr},
                                           {Method::get, "/readyz", "", 200, nullptr},
                                           {Method::get, "/api/agents", "", 200, nullptr},
                                           {Method::get, "/api/agents/states", "", 401, kStrict},
                                           {Method::get, "/api/agents/ann/state", "", 401, kStrict},
                                           {Method::post, "/admin/tokens", R"({"agent_id":"x"})", 401, kStrict},
                                           {Method::get, "/admin/tokens", "", 401, kStrict},
                                           {Method::delete_, "/admin/tokens/ann", "", 401, kStrict},
                                           {Method::post, "/api/message", R"({"payload":{}})", 401, kStrict},
                                           {Method::get, "/api/mailbox/ann", "", 401, kFlex},
                                           {Method::post, "/api/mailbox/ann/ack", R"({"seq":1})", 401, kFlex},
                                           {Method::post, "/api/tasks", R"({"description":"x"})", 401, kStrict},
                                           {Method::get, "/api/tasks", "", 401, kStrict},
                                           {Method::get, "/api/tasks/dead-letter", "", 401, kStrict},
                                           {Method::get, "/api/tasks/stats", "", 401, kStrict},
                                           {Method::get, "/api/tasks/t", "", 401, kStrict},
                                           {Method::post, "/api/tasks/t/retry", "", 401, kStrict},
                                           {Method::delete_, "/api/tasks/t", "", 401, kStrict}}) {
        CAPTURE(c.target);
        for (const char* token : {"", "wrong"}) {
            const Response response = world.hub.http(c.method, c.target, c.body, token);
            CHECK(response.status == c.without);
            if (c.answer != nullptr) CHECK(response.body == c.answer);
        }
    }
    CHECK(world.hub.http(Method::get, "/nope").body == R"({"error":"not_found"})");
    CHECK(world.hub.http(Method::put, "/api/tasks").status == 404);
}

TEST_CASE("off loopback, data needs a token and registration an administrator, unless opened") {
    for (const bool open : {false, true}) {
        CAPTURE(open);
        Settings settings;
        settings.open_reads = settings.open_registration = open ? 1 : 0;
        World world(settings);
        Hub& hub = world.hub.hub();
        const auto status = [&](Method method, const std::string& path, const std::string& body,
                                const std::string& token) {
            HttpRequest request;
            request.request = 900'000;
            request.method = method;
            request.path = path;
            request.body = body;
            request.peer = "10.1.1.1";
            request.secret = {sha256_hex(path + body + token), "prefix00"};
            if (!token.empty()) request.authorization = request.flex_authorization = credential_of_token(token);
            REQUIRE_FALSE(hub.apply({world.hub.time(), request}));
            int found = 0;
            for (const Effect& effect : hub.end_turn().effects) {
                if (const auto* response = std::get_if<HttpRespond>(&effect)) found = response->status;
            }
            return found;
        };
        CHECK(status(Method::get, "/health", "", "") == 200);
        CHECK(status(Method::get, "/api/agents", "", "") == (open ? 200 : 401));
        CHECK(status(Method::post, "/api/onboard/register", R"({"agent_id":"far"})", "") == (open ? 201 : 403));
        CHECK(status(Method::get, "/api/tasks/stats", "", "") == 401);
    }
}

TEST_CASE("the checks come in their order: JSON, route, token, limit, fields, store") {
    Settings settings;
    settings.limit_heavy_per_min = 2;  // the registration of two agents
    World world(settings);
    HttpRequest request;
    request.request = 900'001;
    request.method = Method::post;
    request.path = "/no/such/route";
    request.malformed_body = true;
    Hub& hub = world.hub.hub();
    REQUIRE_FALSE(hub.apply({world.hub.time(), request}));
    const TurnResult turn = hub.end_turn();
    CHECK(std::get<HttpRespond>(turn.effects.at(0)).status == 400);
    CHECK(world.hub.http(Method::get, "/no/such/route?x=%zz").status == 400);
    CHECK(world.hub.http(Method::post, "/no/such/route", "{}", "wrong").status == 404);
    CHECK(world.hub.http(Method::post, "/api/tasks", R"({"description":5})", "wrong").status == 401);
    // A refused field costs a token; the third request is over the limit whatever it holds.
    CHECK(world.post("/api/tasks", R"({"description":5})").status == 422);
    CHECK(world.post("/api/tasks", R"({"description":5})").status == 422);
    const Response limited = world.post("/api/tasks", R"({"description":5})");
    CHECK(limited.status == 429);
    CHECK(limited.body == R"({"error":"rate_limited","retry_after_ms":30000,"tier":"heavy"})");
    CHECK(limited.headers == std::vector<std::pair<std::string, std::string>>{{"retry-after", "30"}});
    world.hub.store().set_failing(true);
    CHECK(world.post("/api/message", R"({"payload":{}})").status == 503);
    CHECK(world.post("/api/message", R"({"payload":5})").status == 422);
    CHECK(world.post("/api/tasks/none/retry", "").status == 503);
}

TEST_CASE("registering and tokens") {
    World world;
    const Response made = world.hub.http(Method::post, "/api/onboard/register", R"({"agent_id":"new"})");
    CHECK(made.status == 201);
    const std::string token = TestHub::member(made.body, "token");
    CHECK(token.size() == 64);
    CHECK(made.body ==
          R"({"agent_id":"new","token":")" + token +
              R"(","hub_ws_url":"ws://127.0.0.1:4000/ws","hub_api_url":"http://127.0.0.1:4000","default_repo":null})");
    CHECK(world.hub.http(Method::get, "/api/tasks/stats", "", token).status == 200);
    const Response again = world.hub.http(Method::post, "/api/onboard/register", R"({"agent_id":"new"})");
    CHECK(again.status == 409);
    CHECK(again.body == R"({"error":"agent_id already registered"})");
    CHECK(
        world.hub.http(Method::post, "/api/onboard/register", R"({"agent_id":""})").body ==
        R"({"error":"validation_failed","errors":[{"field":"agent_id","error":"required","detail":"agent_id must not be empty"}]})");
    for (const char* bad : {" x", "x ", "broadcast", "a\\u0000b", "a\\nb", ".", ".."}) {
        CAPTURE(bad);
        const Response refused =
            world.hub.http(Method::post, "/api/onboard/register", R"({"agent_id":")" + std::string(bad) + "\"}");
        CHECK(refused.status == 422);
        CHECK(refused.body.find("invalid_characters") != std::string::npos);
    }
    // A further token works beside the first one.
    const Response further = world.hub.http(Method::post, "/admin/tokens", R"({"agent_id":"new"})", token);
    CHECK(further.status == 201);
    CHECK(world.hub.http(Method::get, "/api/tasks/stats", "", TestHub::member(further.body, "token")).status == 200);
    CHECK(world.hub.http(Method::get, "/api/tasks/stats", "", token).status == 200);
    CHECK(world.hub.http(Method::post, "/admin/tokens", R"({"agent_id":"bob"})", token).status == 403);
    CHECK(world.hub.http(Method::post, "/admin/tokens", R"({"agent_id":"bob"})", kAdmin).status == 201);
    // An agent sees its own, the admin all; never more than a prefix.
    const Response own = world.hub.http(Method::get, "/admin/tokens", "", token);
    CHECK(own.body.find("\"ann\"") == std::string::npos);
    CHECK(own.body.find(token.substr(0, 8) + "...") != std::string::npos);
    CHECK(own.body.find(token.substr(0, 9)) == std::string::npos);
    const Response all = world.hub.http(Method::get, "/admin/tokens", "", kAdmin);
    CHECK(all.body.find("\"ann\"") != std::string::npos);
    CHECK(world.hub.http(Method::delete_, "/admin/tokens/new", "", token).status == 200);
    CHECK(world.hub.http(Method::get, "/api/tasks/stats", "", token).status == 401);
    CHECK(world.hub.http(Method::delete_, "/admin/tokens/nobody", "", kAdmin).status == 200);
    CHECK(world.hub.http(Method::post, "/api/onboard/register", R"({"agent_id":"new"})").status == 201);
}

TEST_CASE("the agents' routes show who is online and what they do") {
    World world;
    CHECK(world.get("/health").body == R"({"status":"ok","service":"agent_com","agents_connected":0})");
    const int64_t bob = world.hub.connect("bob", R"("capabilities":["code"],"slots":2,"name":"Bob")");
    const std::string at = std::to_string(world.hub.now_ms());
    CHECK(world.get("/health").body == R"({"status":"ok","service":"agent_com","agents_connected":1})");
    CHECK(world.get("/api/agents").body ==
          R"({"agents":[{"agent_id":"bob","name":"Bob","status":"connected","capabilities":["code"],"connected_at":)" +
              at + R"(,"fsm_state":"idle"}]})");
    const std::string id = world.submit();
    CHECK(TestHub::member(world.get("/api/agents/bob/state").body, "fsm_state") == "assigned");
    world.hub.send(bob, R"({"type":"task_accepted","task_id":")" + id + "\"}");
    const Response state = world.get("/api/agents/bob/state");
    CHECK(TestHub::member(state.body, "fsm_state") == "working");
    CHECK(TestHub::member(state.body, "current_task_id") == id);
    CHECK(TestHub::member(state.body, "capabilities") == R"([{"name":"code"}])");
    CHECK(TestHub::member(state.body, "flags") == "[]");
    CHECK(TestHub::member(state.body, "slots") == "2");
    CHECK(TestHub::member(state.body, "task_ids") == "[\"" + id + "\"]");
    CHECK(TestHub::member(state.body, "last_state_change") != "");
    const Response states = world.get("/api/agents/states");
    CHECK(states.body.find(R"("fsm_state":"working")") != std::string::npos);
    CHECK(states.body.find("last_state_change") == std::string::npos);
    CHECK(world.get("/api/agents/ann/state").status == 404);
    CHECK(world.get("/api/agents/ann/state").body == R"({"error":"agent_not_found"})");
}

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

TEST_CASE("the mailbox is its owner's alone") {
    World world;
    const std::string bob = TestHub::token_of("bob");
    CHECK(world.get("/api/mailbox/bob").status == 401);
    CHECK(world.post("/api/mailbox/bob/ack", R"({"seq":1})").status == 401);
    CHECK(world.hub.http(Method::get, "/api/mailbox/bob", "", bob).body ==
          R"({"agent_id":"bob","messages":[],"last_seq":0,"count":0})");
    CHECK(world.hub.http(Method::get, "/api/mailbox/bob?since=41", "", bob).body ==
          R"({"agent_id":"bob","messages":[],"last_seq":41,"count":0})");
    CHECK(world.hub.http(Method::get, "/api/mailbox/bob?since=x", "", bob).status == 422);
    CHECK(world.hub.http(Method::post, "/api/mailbox/bob/ack", "{}", bob).status == 422);
    const Response sent = world.post("/api/message", R"({"to":"bob","type":null,"payload":{"k":1},"reply_to":"r"})");
    const std::string id = TestHub::member(sent.body, "id");
    CHECK(sent.body == R"({"status":"sent","id":")" + id + "\"}");
    CHECK(world.hub.http(Method::get, "/api/mailbox/bob", "", bob).body ==
          R"({"agent_id":"bob","messages":[{"seq":1,"id":")" + id +
              R"(","from":"ann","to":"bob","type":"chat","payload":{"k":1},"reply_to":"r","timestamp":)" +
              std::to_string(world.hub.now_ms()) + R"(}],"last_seq":1,"count":1})");
}

// -- frames behind a query
// ---------------------------------------------------------------------------------------------

TEST_CASE("frames behind one that waits for the store are answered after it, in their order") {
    World world;
    const std::string done = world.submit();
    const std::string other = world.submit();
    const int64_t bob = world.hub.connect("bob", R"("slots":2)");
    for (const std::string& id : {done, other}) {
        world.hub.send(bob, R"({"type":"task_complete","task_id":")" + id + R"(","generation":1})");
    }
    world.hub.clear_frames();
    // By hand, so that the store's answer comes late.
    Hub& hub = world.hub.hub();
    std::vector<RunQuery> queries;
    std::vector<std::string> replies;
    const auto turn = [&] {
        for (const Effect& effect : hub.end_turn().effects) {
            if (const auto* frame = std::get_if<SendFrame>(&effect)) replies.push_back(*frame->text);
            if (const auto* query = std::get_if<RunQuery>(&effect)) queries.push_back(*query);
        }
    };
    const auto send = [&](const std::string& text) {
        REQUIRE_FALSE(hub.apply({world.hub.time(), FrameReceived{bob, false, text, {}}}));
        turn();
    };
    const auto answer = [&](bool ok) {
        REQUIRE(queries.size() == 1);
        QueryResult result = world.hub.store().run(queries[0].query, queries[0].what);
        result.ok = ok;
        queries.clear();
        REQUIRE_FALSE(hub.apply({world.hub.time(), std::move(result)}));
        turn();
    };
    const std::string again = R"({"type":"task_complete","generation":1,"task_id":")";
    send(again + done + "\"}");
    send(R"({"type":"ping"})");
    send(again + other + "\"}");
    send(R"({"type":"status","status":"s"})");
    CHECK(replies.empty());
    REQUIRE(queries.size() == 1);
    answer(true);
    REQUIRE(replies.size() == 2);
    CHECK(TestHub::member(replies[0], "task_id") == done);
    CHECK(TestHub::member(replies[1], "type") == "pong");
    SECTION("the next one waits as well") {
        answer(true);
        REQUIRE(replies.size() >= 4);
        CHECK(TestHub::member(replies[2], "task_id") == other);
        CHECK(TestHub::member(replies[3], "type") == "status_updated");
        CHECK(queries.empty());
        CHECK(hub.tables().count<DeferredRow>() == 0);
        CHECK(hub.tables().count<PendingRow>() == 0);
    }
    SECTION("the store cannot answer") {
        answer(false);
        REQUIRE(replies.size() >= 4);
        CHECK(replies[2] == storage_unavailable_frame());
        CHECK(TestHub::member(replies[3], "type") == "status_updated");
    }
    SECTION("the socket ends meanwhile") {
        REQUIRE_FALSE(hub.apply({world.hub.time(), ConnectionClosed{bob}}));
        turn();
        replies.clear();
        answer(true);
        CHECK(replies.empty());
        CHECK(hub.tables().count<DeferredRow>() == 0);
        CHECK(hub.tables().count<PendingRow>() == 0);
    }
    SECTION("too many frames wait") {
        for (int64_t i = 0; i < Settings{}.deferred_frames_max + 1; ++i) send(R"({"type":"ping"})");
        CHECK(hub.tables().find<SessionRow>({bob})->closing);
    }
}

TEST_CASE("a planted fault changes nothing and harms nobody else") {
    Settings settings;
    settings.planted_fault = "BOOM";
    World world(settings);
    world.hub.faults_expected = true;
    const int64_t ann = world.hub.connect("ann");
    const int64_t bob = world.hub.connect("bob");
    const std::string id = world.submit();
    world.hub.clear_frames();
    const Hash128 before = world.hub.hub().digest();
    const std::optional<Fault> fault =
        world.hub.apply(FrameReceived{ann, false, R"({"type":"message","to":"bob","payload":{"x":"BOOM"}})", {}});
    REQUIRE(fault);
    CHECK(fault->connection == ann);
    CHECK(fault->request == 0);
    CHECK(fault->text.find("planted fault") != std::string::npos);
    CHECK(fault->file.find("frames.cpp") != std::string::npos);
    CHECK(fault->line > 0);
    CHECK(world.hub.hub().digest() == before);
    CHECK(world.hub.frames(ann).empty());
    CHECK(world.hub.frames(bob).empty());
    HttpRequest request;
    request.request = 900'002;
    request.method = Method::post;
    request.path = "/api/tasks";
    request.body = R"({"description":"BOOM"})";
    request.authorization = credential_of_token(world.ann);
    const std::optional<Fault> other = world.hub.apply(request);
    REQUIRE(other);
    CHECK(other->request == 900'002);
    CHECK(world.hub.hub().digest() == before);
    // Within one turn, what others did before and after the fault stands.
    Hub& hub = world.hub.hub();
    const Time now = world.hub.time();
    CHECK_FALSE(hub.apply({now, FrameReceived{bob, false, R"({"type":"ping"})", {}}}));
    CHECK(hub.apply({now, FrameReceived{ann, false, R"({"type":"status","status":"BOOM"})", {}}}));
    CHECK_FALSE(hub.apply({now, FrameReceived{bob, false, R"({"type":"message","to":"ann","payload":{}})", {}}}));
    const TurnResult turn = hub.end_turn();
    CHECK(turn.effects.size() == 3);
    CHECK_FALSE(turn.batch.empty());
    CHECK(world.hub.row(id) != nullptr);
}
