#include "tools/cli/commands.hpp"

#include <catch2/catch.hpp>
#include <deque>
#include <sstream>

#include "tests/cli/temporary_directory.hpp"
#include "tools/cli/identity_store.hpp"

using namespace agentcom::cli;
using std::chrono::milliseconds;

namespace {

// Commands against played-back answers, in a home of their own.
struct Stage {
    Stage() {
        directories = {home.path() / "config", home.path() / "state", home.path() / "data"};
        options.token = "secret";
        options.as = "ann";
    }

    CommandContext context() {
        Surroundings surroundings;
        surroundings.now = [this] { return now; };
        surroundings.sleep = [this](milliseconds time) { now += time; };
        surroundings.notice = [this](std::string_view line) { notices.emplace_back(line); };
        surroundings.random_key = [] { return std::string("key"); };
        const HttpTransport transport = [this](const HttpRequest& request) -> HttpReply {
            requests.push_back(request);
            if (replies.empty()) return HttpLoss{HttpLoss::Stage::connect, "nothing listens there"};
            HttpReply reply = replies.front();
            if (replies.size() > 1) replies.pop_front();
            return reply;
        };
        return CommandContext{options, hub, directories, transport, surroundings, out};
    }
    void answer(unsigned status, std::string body) { replies.push_back(HttpAnswer{status, std::move(body), {}}); }

    TemporaryDirectory home;
    Options options;
    HubUrl hub{"127.0.0.1", 4000};
    Directories directories;
    std::deque<HttpReply> replies;
    std::vector<HttpRequest> requests;
    std::vector<std::string> notices;
    std::ostringstream out;
    milliseconds now{0};
};

const std::string kSubmitted = R"({"status":"queued","task_id":"task-1","priority":2,"created_at":5})";
const std::string kQueued = R"({"id":"task-1","status":"queued"})";

}  // namespace

TEST_CASE("register keeps the token that the hub gives") {
    Stage stage;
    stage.options.token.clear();
    stage.answer(201, R"({"agent_id":"ann","token":"t0"})");
    CHECK(!run_register(stage.context(), {"ann", ""}));
    CHECK(stage.requests.front().target == "/api/onboard/register");
    CHECK(stage.requests.front().body == R"({"agent_id":"ann"})");
    CHECK(stage.requests.front().token.empty());
    CHECK(IdentityStore(stage.directories.config).find(stage.hub, "ann") == Identity{"ann", "t0"});
    CHECK(stage.out.str().find("t0") == std::string::npos);

    stage.replies.clear();
    stage.answer(409, R"({"error":"agent_id already registered"})");
    const Trouble trouble = run_register(stage.context(), {"ann", ""});
    REQUIRE(trouble);
    CHECK(trouble->code == ExitCode::conflict);
    CHECK(trouble->next.find("--as ann") != std::string::npos);
}

TEST_CASE("registering in a workspace takes an admin's token") {
    Stage stage;
    stage.options.token.clear();
    CHECK(run_register(stage.context(), {"ann", "w"})->code == ExitCode::auth);
    CHECK(stage.requests.empty());
    stage.options.token = "admin-secret";
    stage.answer(201, R"({"agent_id":"ann","token":"t0"})");
    CHECK(!run_register(stage.context(), {"ann", "w"}));
    CHECK(stage.requests.front().body == R"({"agent_id":"ann","workspace":"w"})");
    CHECK(stage.requests.front().token == "admin-secret");
    CHECK(stage.notices.empty());
    // The same name elsewhere: the first token is not lost.
    stage.replies.clear();
    stage.answer(201, R"({"agent_id":"ann","token":"t1"})");
    CHECK(!run_register(stage.context(), {"ann", "v"}));
    CHECK(stage.notices.size() == 1);
    const IdentityStore store(stage.directories.config);
    CHECK(store.list(stage.hub) == std::vector<Identity>{{"ann", "t1"}});
    CHECK(std::filesystem::exists(store.path(stage.hub, "ann").string() + ".previous"));
}

TEST_CASE("send passes the payload on byte for byte") {
    Stage stage;
    stage.answer(200, R"({"status":"sent","id":"m1"})");
    CHECK(!run_send(stage.context(), {"bob", "{\"n\": 1e400 }", "alert", "m0"}));
    CHECK(stage.requests.back().body ==
          "{\"to\":\"bob\",\"payload\":{\"n\": 1e400 },\"type\":\"alert\",\"reply_to\":\"m0\"}");
    CHECK(stage.out.str() == "sent m1\n");
    CHECK(!run_send(stage.context(), {"broadcast", "{}", "", ""}));
    CHECK(stage.requests.back().body == "{\"payload\":{}}");
}

TEST_CASE("inbox acknowledges what it has shown, and only if asked") {
    Stage stage;
    stage.options.as = "ann/x";
    stage.answer(
        200, R"({"agent_id":"ann/x","messages":[{"id":"m1","from":"bob","to":"ann/x","type":"chat",)"
             R"("payload":{"text":"hi"},"reply_to":null,"timestamp":1795225796809,"seq":7}],"last_seq":7,"count":1})");
    CHECK(!run_inbox(stage.context(), {false, 3}));
    REQUIRE(stage.requests.size() == 1);
    CHECK(stage.requests[0].target == "/api/mailbox/ann%2Fx?since=3");
    CHECK(stage.out.str() == "#7  2026-11-21 01:49:56Z  bob  chat  m1\n  hi\n");
    CHECK(!run_inbox(stage.context(), {true, 0}));
    REQUIRE(stage.requests.size() == 3);
    CHECK(stage.requests[2].target == "/api/mailbox/ann%2Fx/ack");
    CHECK(stage.requests[2].body == R"({"seq":7})");
    // An empty mailbox leaves nothing to acknowledge.
    stage.replies.clear();
    stage.answer(200, R"({"agent_id":"ann/x","messages":[],"last_seq":0,"count":0})");
    CHECK(!run_inbox(stage.context(), {true, 0}));
    CHECK(stage.requests.size() == 4);
    // What could not be shown is not acknowledged.
    stage.out.setstate(std::ios::badbit);
    stage.replies.clear();
    stage.answer(200, R"({"messages":[{"seq":8}],"last_seq":8})");
    CHECK(run_inbox(stage.context(), {true, 0}));
    CHECK(stage.requests.size() == 5);
}

TEST_CASE("submit sends what was said and nothing else") {
    Stage stage;
    stage.answer(201, kSubmitted);
    SubmitCommand submit;
    submit.description = "do \"it\"";
    CHECK(!run_submit(stage.context(), submit));
    CHECK(stage.requests.back().body == R"({"description":"do \"it\"","priority":"normal"})");
    CHECK(stage.out.str() == "submitted task-1\n");
    submit.needs = {"code"};
    submit.metadata_raw = "{\"k\": 1.0}";
    submit.max_retries = 0;
    submit.complete_by_ms = 1'795'225'854'031;
    submit.max_run_ms = 1000;
    submit.unique_key = "u";
    submit.blocked_by = {"task-0"};
    CHECK(!run_submit(stage.context(), submit));
    CHECK(stage.requests.back().body ==
          R"({"description":"do \"it\"","priority":"normal","needed_capabilities":["code"],"metadata":{"k": 1.0},)"
          R"("max_retries":0,"complete_by":1795225854031,"max_run_ms":1000,"unique_key":"u","blocked_by":["task-0"]})");
}

TEST_CASE("submit with wait prints the result of a completed task") {
    struct Case {
        const char* result;
        const char* printed;
    };
    const Case cases[] = {{R"({"output":"done\n"})", "done\n"},
                          {R"({"output":"done"})", "done\n"},
                          {R"({"answer":1e400})", "{\"answer\":1e400}\n"},
                          {"null", "null\n"}};
    for (const Case& c : cases) {
        Stage stage;
        stage.answer(201, kSubmitted);
        stage.answer(200, kQueued);
        stage.answer(200, kQueued);
        stage.answer(200, R"({"id":"task-1","status":"completed","result":)" + std::string(c.result) + "}");
        SubmitCommand submit;
        submit.wait = true;
        CHECK(!run_submit(stage.context(), submit));
        CHECK(stage.out.str() == c.printed);
        CHECK(stage.requests.back().target == "/api/tasks/task-1");
    }
}

TEST_CASE("submit with wait tells dead letters, cancellation, and the end of its time") {
    struct Case {
        const char* task;
        ExitCode code;
        const char* why;
    };
    const Case cases[] = {
        {R"({"status":"dead_letter","last_error":"exit status 1"})", ExitCode::failed, "exit status 1"},
        {R"({"status":"dead_letter","last_error":"cancelled"})", ExitCode::failed, "it was cancelled"},
        {R"({"status":"dead_letter","state":"cancelled"})", ExitCode::failed, "it was cancelled"},
        {R"({"status":"assigned"})", ExitCode::timeout, "the time given with --timeout is over"},
    };
    for (const Case& c : cases) {
        INFO(c.task);
        Stage stage;
        stage.answer(201, kSubmitted);
        stage.answer(200, c.task);
        SubmitCommand submit;
        submit.wait = true;
        submit.timeout_ms = 30'000;
        const Trouble trouble = run_submit(stage.context(), submit);
        REQUIRE(trouble);
        CHECK(trouble->code == c.code);
        CHECK(trouble->why == c.why);
        if (c.code == ExitCode::timeout) CHECK(stage.now == milliseconds(30'000));
    }
}

TEST_CASE("submit with wait outlasts a restart of the hub, but not its end") {
    Stage stage;
    stage.answer(201, kSubmitted);
    for (int i = 0; i < 5; ++i) stage.replies.push_back(HttpLoss{HttpLoss::Stage::connect, "nothing listens there"});
    stage.answer(200, R"({"status":"completed","result":{"output":"x"}})");
    SubmitCommand submit;
    submit.wait = true;
    CHECK(!run_submit(stage.context(), submit));
    CHECK(stage.out.str() == "x\n");

    Stage gone;
    gone.answer(201, kSubmitted);
    gone.replies.push_back(HttpLoss{HttpLoss::Stage::connect, "nothing listens there"});
    CHECK(run_submit(gone.context(), submit)->code == ExitCode::unavailable);
    CHECK(gone.now >= milliseconds(300'000));
}

TEST_CASE("task commands ask the right routes") {
    Stage stage;
    stage.answer(
        200,
        R"({"tasks":[{"id":"task-1","status":"queued","priority":0,"description":"a\nb","created_at":1795225796809}]})");
    CHECK(!run_task_list(stage.context(), {"queued", "high", "a b", 5}));
    CHECK(stage.requests.back().target == "/api/tasks?status=queued&priority=high&assigned_to=a%20b&limit=5");
    CHECK(stage.out.str() ==
          "ID      STATUS  PRIORITY  ASSIGNED TO  CREATED               DESCRIPTION\n"
          "task-1  queued  urgent    -            2026-11-21 01:49:56Z  a b\n");
    CHECK(!run_task_cancel(stage.context(), {"task/1"}));
    CHECK(stage.requests.back().method == HttpMethod::delete_);
    CHECK(stage.requests.back().target == "/api/tasks/task%2F1");
    CHECK(!run_task_retry(stage.context(), {"task-1"}));
    CHECK(stage.requests.back().target == "/api/tasks/task-1/retry");
    CHECK(stage.requests.back().body.empty());
    CHECK(!run_task_show(stage.context(), {"task-1"}));
    CHECK(stage.requests.back().method == HttpMethod::get);
}

TEST_CASE("with json the hub's answer is printed as it is") {
    Stage stage;
    stage.options.json = true;
    stage.answer(200, "{\"id\": \"task-1\", \"x\":1.50}");
    CHECK(!run_task_show(stage.context(), {"task-1"}));
    CHECK(stage.out.str() == "{\"id\": \"task-1\", \"x\":1.50}\n");
}
