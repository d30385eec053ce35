#include "tools/cli/commands.hpp"

#include <catch2/catch.hpp>

#include "tests/cli/stage.hpp"
#include "tools/cli/identity_store.hpp"

using namespace agentcom::cli;
using std::chrono::milliseconds;

namespace {

const std::string kSubmitted = R"({"status":"queued","task_id":"task-1","priority":2,"created_at":5})";
SendCommand message(std::string to, std::string payload_raw, std::string type, std::string reply_to) {
    SendCommand command;
    command.to = std::move(to);
    command.payload_raw = std::move(payload_raw);
    command.type = std::move(type);
    command.reply_to = std::move(reply_to);
    return command;
}

const std::string kQueued = R"({"id":"task-1","status":"queued"})";

}  // namespace

TEST_CASE("register keeps the token that the hub gives") {
    Stage stage;
    stage.choices.token = {};
    stage.answer(201, R"({"agent_id":"ann","token":"t0"})");
    CHECK(!run(stage.context(), RegisterCommand{"ann", ""}));
    CHECK(stage.requests.front().target == "/api/onboard/register");
    CHECK(stage.requests.front().body == R"({"agent_id":"ann"})");
    CHECK(stage.requests.front().token.empty());
    CHECK(IdentityStore(stage.directories.config).find(stage.choices.hub_url, "ann") == Identity{"ann", "t0"});
    CHECK(stage.out.str().find("t0") == std::string::npos);

    stage.replies.clear();
    stage.answer(409, R"({"error":"agent_id already registered"})");
    const Trouble trouble = run(stage.context(), RegisterCommand{"ann", ""});
    REQUIRE(trouble);
    CHECK(trouble->code == ExitCode::conflict);
    CHECK(trouble->next.find("--as ann") != std::string::npos);
}

TEST_CASE("registering in a workspace takes an admin's token") {
    Stage stage;
    stage.choices.token = {};
    CHECK(run(stage.context(), RegisterCommand{"ann", "w"})->code == ExitCode::auth);
    CHECK(stage.requests.empty());
    stage.choices.token = {"admin-secret", "--token"};
    stage.answer(201, R"({"agent_id":"ann","token":"t0"})");
    CHECK(!run(stage.context(), RegisterCommand{"ann", "w"}));
    CHECK(stage.requests.front().body == R"({"agent_id":"ann","workspace":"w"})");
    CHECK(stage.requests.front().token == "admin-secret");
    CHECK(stage.notices.empty());
    // The same name elsewhere: the first token is not lost.
    stage.replies.clear();
    stage.answer(201, R"({"agent_id":"ann","token":"t1"})");
    CHECK(!run(stage.context(), RegisterCommand{"ann", "v"}));
    CHECK(stage.notices.size() == 1);
    const IdentityStore store(stage.directories.config);
    CHECK(store.list(stage.choices.hub_url) == std::vector<Identity>{{"ann", "t1"}});
    CHECK(std::filesystem::exists(store.path(stage.choices.hub_url, "ann").string() + ".previous"));
}

TEST_CASE("send passes the payload on byte for byte") {
    Stage stage;
    stage.answer(200, R"({"status":"sent","id":"m1"})");
    CHECK(!run(stage.context(), message("bob", "{\"n\": 1e400 }", "alert", "m0")));
    CHECK(stage.requests.back().body ==
          "{\"to\":\"bob\",\"payload\":{\"n\": 1e400 },\"type\":\"alert\",\"reply_to\":\"m0\"}");
    CHECK(stage.out.str() == "sent m1\n");
    CHECK(!run(stage.context(), message("broadcast", "{}", "", "")));
    CHECK(stage.requests.back().body == "{\"payload\":{}}");
}

TEST_CASE("inbox acknowledges what it has shown, and only if asked") {
    Stage stage;
    stage.choices.agent = {"ann/x", "--as"};
    stage.answer(
        200, R"({"agent_id":"ann/x","messages":[{"id":"m1","from":"bob","to":"ann/x","type":"chat",)"
             R"("payload":{"text":"hi"},"reply_to":null,"timestamp":1795225796809,"seq":7}],"last_seq":7,"count":1})");
    CHECK(!run(stage.context(), InboxCommand{false, false, 3}));
    REQUIRE(stage.requests.size() == 1);
    CHECK(stage.requests[0].target == "/api/mailbox/ann%2Fx?since=3");
    CHECK(stage.out.str() == "#7  2026-11-21 01:49:56Z  bob  chat  m1\n  hi\n");
    CHECK(!run(stage.context(), InboxCommand{true, false, 0}));
    REQUIRE(stage.requests.size() == 3);
    CHECK(stage.requests[2].target == "/api/mailbox/ann%2Fx/ack");
    CHECK(stage.requests[2].body == R"({"seq":7})");
    // An empty mailbox leaves nothing to acknowledge.
    stage.replies.clear();
    stage.answer(200, R"({"agent_id":"ann/x","messages":[],"last_seq":0,"count":0})");
    CHECK(!run(stage.context(), InboxCommand{true, false, 0}));
    CHECK(stage.requests.size() == 4);
    // What could not be shown is not acknowledged.
    stage.out.setstate(std::ios::badbit);
    stage.replies.clear();
    stage.answer(200, R"({"messages":[{"seq":8}],"last_seq":8})");
    CHECK(run(stage.context(), InboxCommand{true, false, 0}));
    CHECK(stage.requests.size() == 5);
}

TEST_CASE("submit sends what was said and nothing else") {
    Stage stage;
    stage.answer(201, kSubmitted);
    SubmitCommand submit;
    submit.description = "do \"it\"";
    CHECK(!run(stage.context(), submit));
    CHECK(stage.requests.back().body == R"({"description":"do \"it\""})");
    CHECK(stage.out.str() == "submitted task-1\n");
    submit.needs = {"code"};
    submit.metadata_raw = "{\"k\": 1.0}";
    submit.max_retries = 0;
    submit.complete_by = "1795225854031";
    submit.priority = "high";
    submit.max_run_ms = 1000;
    submit.unique_key = "u";
    submit.blocked_by = {"task-0"};
    CHECK(!run(stage.context(), submit));
    CHECK(stage.requests.back().body ==
          R"({"priority":"high","needed_capabilities":["code"],"metadata":{"k": 1.0},"max_retries":0,)"
          R"("complete_by":1795225854031,"max_run_ms":1000,"unique_key":"u","blocked_by":["task-0"],)"
          R"("description":"do \"it\""})");
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
        CHECK(!run(stage.context(), submit));
        CHECK(stage.out.str() == c.printed);
        CHECK(stage.requests.back().target == "/api/tasks/task-1?wait_ms=25000");
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
        stage.deadline = milliseconds(30'000);
        const Trouble trouble = run(stage.context(), submit);
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
    CHECK(!run(stage.context(), submit));
    CHECK(stage.out.str() == "x\n");

    Stage gone;
    gone.answer(201, kSubmitted);
    gone.replies.push_back(HttpLoss{HttpLoss::Stage::connect, "nothing listens there"});
    CHECK(run(gone.context(), submit)->code == ExitCode::unavailable);
    CHECK(gone.now >= milliseconds(300'000));
}

TEST_CASE("task commands ask the right routes") {
    Stage stage;
    stage.answer(
        200,
        R"({"tasks":[{"id":"task-1","status":"queued","priority":0,"description":"a\nb","created_at":1795225796809}]})");
    CHECK(!run(stage.context(), TaskListCommand{"queued", "high", "a b", 5, ""}));
    CHECK(stage.requests.back().target == "/api/tasks?status=queued&priority=high&assigned_to=a%20b&limit=5");
    CHECK(stage.out.str() ==
          "ID      STATUS  PRIORITY  ASSIGNED TO  CREATED               DESCRIPTION\n"
          "task-1  queued  urgent    -            2026-11-21 01:49:56Z  a b\n");
    CHECK(!run(stage.context(), TaskCancelCommand{"task/1", std::nullopt, ""}));
    CHECK(stage.requests.back().method == HttpMethod::delete_);
    CHECK(stage.requests.back().target == "/api/tasks/task%2F1");
    CHECK(!run(stage.context(), TaskRetryCommand{"task-1"}));
    CHECK(stage.requests.back().target == "/api/tasks/task-1/retry");
    CHECK(stage.requests.back().body.empty());
    CHECK(!run(stage.context(), TaskShowCommand{"task-1"}));
    CHECK(stage.requests.back().method == HttpMethod::get);
}

TEST_CASE("with json the hub's answer is in a document, as it is") {
    Stage stage;
    stage.options.json = true;
    stage.answer(200, "{\"id\": \"task-1\", \"x\":1.50}");
    CHECK(!run(stage.context(), TaskShowCommand{"task-1"}));
    CHECK(stage.out.str() == "{\"schema_version\":1,\"data\":{\"id\": \"task-1\", \"x\":1.50}}\n");
}

TEST_CASE("a name that nobody has is refused with what it might have meant") {
    Stage stage;
    stage.answer(404, R"({"error":"unknown_recipient","to":"bbo","near":["bob","bobby"]})");
    const Trouble trouble = run(stage.context(), message("bbo", "{}", "", ""));
    REQUIRE(trouble);
    CHECK(stage.requests.back().target == "/api/message?strict=1");
    CHECK(trouble->code == ExitCode::not_found);
    CHECK(trouble->next.find("Did you mean bob, bobby?") == 0);
    stage.replies.clear();
    stage.answer(200, R"({"status":"sent","id":"m1","undeliverable":true})");
    SendCommand patient = message("bbo", "{}", "", "");
    patient.strict = false;
    CHECK(!run(stage.context(), patient));
    CHECK(stage.requests.back().target == "/api/message");
    CHECK(stage.out.str().find("waits") != std::string::npos);
}

TEST_CASE("tasks from standard input go out as one batch, with defaults for what they leave out") {
    Stage stage;
    stage.in.str("{\"description\":\"a\"}\n\n {\"description\":\"b\",\"priority\":\"low\",\"n\":1e400}\n");
    stage.answer(201, R"({"tasks":[{"task_id":"t1"},{"task_id":"t2"}],"count":2})");
    SubmitCommand submit;
    submit.description = "-";
    submit.priority = "high";
    CHECK(!run(stage.context(), submit));
    CHECK(stage.requests.back().target == "/api/tasks/batch");
    CHECK(stage.requests.back().body ==
          R"({"tasks":[{"description":"a","priority":"high"},{"description":"b","priority":"low","n":1e400}]})");
    CHECK(stage.out.str() == "submitted t1\nsubmitted t2\n");
}

TEST_CASE("a line that is no task is named, and nothing is submitted") {
    for (const auto& [text, number] :
         {std::pair{"{\"description\":\"a\"}\n[]\n", "line 2"}, {"{\n", "line 1"}, {"", "standard input is empty"}}) {
        Stage stage;
        stage.in.str(text);
        SubmitCommand submit;
        submit.description = "-";
        const Trouble trouble = run(stage.context(), submit);
        REQUIRE(trouble);
        CHECK(trouble->code == ExitCode::usage);
        CHECK(trouble->why.find(number) != std::string::npos);
        CHECK(stage.requests.empty());
    }
    Stage stage;
    stage.in.str("\n{\"description\":5}\n");
    stage.answer(422, R"({"error":"validation_failed","errors":[{"field":"tasks[0].description","detail":"no"}]})");
    SubmitCommand submit;
    submit.description = "-";
    CHECK(run(stage.context(), submit)->next.find("line 2") != std::string::npos);
}

TEST_CASE("an answer is one of the offered ones by its number, or a text") {
    struct Case {
        const char* said;
        const char* sent;
    };
    for (const Case& c : {Case{"2", "no"}, {"yes", "yes"}, {"3", "3"}, {"maybe", "maybe"}}) {
        Stage stage;
        stage.answer(200, R"({"id":"t","question":{"question":"Deploy?","options":["yes","no"],"asked_at":1}})");
        stage.answer(200, R"({"status":"said","task_id":"t","seq":1,"delivered":true})");
        CHECK(!run(stage.context(), TaskAnswerCommand{"t", c.said}));
        CHECK(stage.requests.back().target == "/api/tasks/t/say");
        CHECK(stage.requests.back().body == R"({"text":")" + std::string(c.sent) + "\"}");
    }
    Stage stage;
    stage.answer(200, R"({"id":"t","question":null})");
    CHECK(run(stage.context(), TaskAnswerCommand{"t", "x"})->code == ExitCode::conflict);
}

TEST_CASE("a wait for mail ends with mail, or with its time") {
    Stage stage;
    stage.answer(200, R"({"messages":[],"last_seq":0})");
    stage.answer(200, R"({"messages":[{"seq":1,"from":"b","payload":{"text":"hi"}}],"last_seq":1})");
    CHECK(!run(stage.context(), InboxCommand{false, true, 0}));
    CHECK(stage.requests.size() == 2);
    CHECK(stage.requests.back().target == "/api/mailbox/ann?wait_ms=25000");
    Stage late;
    late.deadline = milliseconds(3'000);
    late.answer(200, R"({"messages":[],"last_seq":0})");
    CHECK(run(late.context(), InboxCommand{false, true, 0})->code == ExitCode::timeout);
}

TEST_CASE("a watch goes on from its cursor when the hub was away, and tells of what is missing") {
    Stage stage;
    stage.options.json = true;
    stage.answer(200, R"({"epoch":"e","cursor":"e.5","events":[],"more":false,"resync":null})");
    stage.replies.push_back(HttpLoss{HttpLoss::Stage::connect, "nothing listens there"});
    stage.answer(200, R"({"cursor":"e.6","events":[{"seq":6,"kind":"task_completed"}],"resync":null})");
    stage.answer(200, R"({"cursor":"f.2","events":[],"resync":{"reason":"epoch","snapshot":{}}})");
    stage.answer(200, R"({"cursor":"f.3","events":[{"seq":3,"kind":"x"}],"resync":null})");
    WatchCommand watch;
    watch.kinds = {"task_*", "x"};
    watch.count = 2;
    CHECK(!run(stage.context(), watch));
    REQUIRE(stage.requests.size() == 5);
    CHECK(stage.requests[0].target == "/api/events?kind=task_%2A%2Cx");
    CHECK(stage.requests[1].target == "/api/events?since=e.5&kind=task_%2A%2Cx&wait_ms=25000");
    CHECK(stage.requests[2].target == stage.requests[1].target);
    CHECK(stage.requests[4].target == "/api/events?since=f.2&kind=task_%2A%2Cx&wait_ms=25000");
    CHECK(stage.out.str() ==
          "{\"schema_version\":1,\"data\":{\"seq\":6,\"kind\":\"task_completed\"}}\n"
          "{\"schema_version\":1,\"data\":{\"kind\":\"resync\",\"reason\":\"epoch\",\"cursor\":\"f.2\"}}\n"
          "{\"schema_version\":1,\"data\":{\"seq\":3,\"kind\":\"x\"}}\n");
}
