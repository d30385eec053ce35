#include "core/hub/requests.hpp"

#include <catch2/catch.hpp>

#include "core/base/limits.hpp"
#include "tests/core/hub/routes_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

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
}

TEST_CASE("another method on a known path is told what is allowed", "[admin]") {
    struct Case {
        Method method;
        const char* target;
        const char* allow;
    };
    const Case cases[] = {
        {Method::put, "/api/tasks", "GET, HEAD, POST"}, {Method::delete_, "/api/tasks/stats", "GET, HEAD"},
        {Method::get, "/api/message", "POST"},          {Method::head, "/api/message", "POST"},
        {Method::other, "/health", "GET, HEAD"},        {Method::patch, "/api/config/default-repo", "GET, HEAD, PUT"}};
    World world;
    World old(v11_profile());
    for (const Case& c : cases) {
        CAPTURE(c.target);
        const Response refused = world.hub.http(c.method, c.target);
        CHECK(refused.status == 405);
        REQUIRE(refused.headers.size() == 1);
        CHECK(refused.headers[0] == std::pair<std::string, std::string>("allow", c.allow));
        CHECK(TestHub::member(refused.body, "error") == "method_not_allowed");
        CHECK(old.hub.http(c.method, c.target).body == R"({"error":"not_found"})");
    }
    CHECK(world.hub.http(Method::patch, "/api/message").body == R"({"error":"method_not_allowed","allow":["POST"]})");
    const Response options = world.hub.http(Method::options, "/api/tasks");
    CHECK(options.status == 204);
    CHECK(options.body.empty());
    CHECK(options.headers.at(0).second == "GET, HEAD, POST");
    CHECK(world.hub.http(Method::options, "/nope").status == 404);
    CHECK(old.hub.http(Method::options, "/api/tasks").status == 404);
    CHECK(world.hub.http(Method::head, "/health").body == world.hub.http(Method::get, "/health").body);
}

TEST_CASE("whatever a query says where a number should be, every route has an answer", "[admin]") {
    Settings settings;
    settings.limits = 0;
    settings.open_admin = 1;
    World world(settings);
    for (const Operation& route : catalogue()) {
        // Files are sent by the machine: tests/e2e/recording.test.mjs asks for them.
        if (route.is_frame() || route.id == OperationId::http_recording) continue;
        std::string path(route.path);
        if (const size_t at = path.find(":agent_id"); at != std::string::npos) path.replace(at, 9, "ann");
        if (const size_t at = path.find(':'); at != std::string::npos) path.replace(at, path.find('/', at) - at, "x");
        for (const QueryField& field : route.query) {
            if (field.type != FieldType::integer) continue;
            const auto ask = [&](const std::string& value, const std::string& token) {
                const int64_t id =
                    world.hub.begin_http(route.method, path + "?" + std::string(field.name) + "=" + value, "", token);
                Response response = world.hub.answer(id);
                if (response.status != 0) return response;
                world.hub.advance_ms(kMaxWaitMs);  // it waits for something to happen
                return world.hub.answer(id);
            };
            for (const char* bad : {"abc", "", "1.5", "1e3", "0x1", "1%00", "+1", "--1"}) {
                CAPTURE(route.name, field.name, bad);
                if (route.auth != Auth::none) CHECK(ask(bad, "").status == 401);
                const Response refused = ask(bad, world.ann);
                CHECK(refused.status == 422);
                CHECK(refused.body.find(R"("field":")" + std::string(field.name) + "\"") != std::string::npos);
            }
            for (const char* odd : {"-1", "%2B1", "0", "-0", "00", "9223372036854775808", "-9223372036854775809"}) {
                CAPTURE(route.name, field.name, odd);
                const int status = ask(odd, world.ann).status;
                CHECK(status >= 200);
                CHECK(status < 500);
            }
        }
    }
}

TEST_CASE("white space around a body means nothing to any route", "[admin]") {
    Settings settings;
    settings.limits = 0;
    settings.open_admin = 1;
    for (const Operation& route : catalogue()) {
        if (route.is_frame() || route.method == Method::get) continue;
        CAPTURE(route.name);
        std::string path(route.path);
        if (const size_t at = path.find(":agent_id"); at != std::string::npos) path.replace(at, 9, "ann");
        if (const size_t at = path.find(':'); at != std::string::npos) path.replace(at, path.find('/', at) - at, "x");
        for (const char* body : {"{}", R"({"x":1})"}) {
            const auto ask = [&](const std::string& sent) {
                World world(settings);
                return world.hub.http(route.method, path, sent, world.ann).status;
            };
            const int status = ask(body);
            CHECK(status < 500);
            CHECK(ask(std::string("\r\n\t ") + body + " \n") == status);
        }
    }
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

TEST_CASE("how much an answer holds is set", "[admin]") {
    Settings settings;
    settings.message_page = 1;
    settings.message_page_max = 2;
    settings.channel_page = 1;
    settings.channel_page_max = 2;
    World world(settings);
    REQUIRE(world.post("/api/channels", R"({"name":"talk"})").status == 201);
    for (int i = 0; i < 3; ++i) {
        REQUIRE(world.post("/api/message", R"({"to":"bob","payload":{}})").status == 200);
        REQUIRE(world.post("/api/channels/talk/publish", R"({"payload":{}})").status == 200);
    }
    for (const char* path : {"/api/messages?to=bob", "/api/channels/talk/history?since=0"}) {
        CAPTURE(path);
        CHECK(TestHub::member(world.get(path).body, "count") == "1");
        CHECK(TestHub::member(world.get(std::string(path) + "&limit=100").body, "count") == "2");
    }
}

TEST_CASE("who sent a request is known before its answer, however long that takes") {
    World world;
    const auto caller_of = [&](int64_t request) {
        const auto found = world.hub.callers().find(request);
        return found == world.hub.callers().end() ? std::string("nobody") : found->second;
    };
    const std::string id = world.submit();
    world.complete(id);
    // At once, and behind a query of the store.
    for (const std::string& target : {std::string("/api/tasks/stats"), "/api/tasks/" + id}) {
        CAPTURE(target);
        CHECK(caller_of(world.hub.begin_http(Method::get, target, "", world.ann)) == "ann");
    }
    // While it waits.
    const int64_t claim = world.hub.begin_http(Method::post, "/api/tasks/claim", R"({"wait_ms":60000})", world.ann);
    CHECK(world.hub.response(claim) == nullptr);
    CHECK(caller_of(claim) == "ann");
    // Refused for its rights, with a token that counts; and with one that does not.
    CHECK(caller_of(world.hub.begin_http(Method::post, "/api/admin/backup", "", world.ann)) == "ann");
    CHECK(caller_of(world.hub.begin_http(Method::get, "/api/tasks", "", "wrong")) == "nobody");
    CHECK(caller_of(world.hub.begin_http(Method::get, "/health")) == "nobody");
}
