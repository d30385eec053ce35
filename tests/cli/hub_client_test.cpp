#include "tools/cli/hub_client.hpp"

#include <catch2/catch.hpp>
#include <deque>

using namespace agentcom::cli;
using std::chrono::milliseconds;

namespace {

// Plays back replies and keeps what was asked; time passes only by sleeping.
struct FakeHub {
    std::deque<HttpReply> replies;
    std::vector<HttpRequest> requests;
    std::vector<std::string> notices;
    milliseconds now{0};
    int keys = 0;

    HubClient client() {
        Surroundings surroundings;
        surroundings.now = [this] { return now; };
        surroundings.sleep = [this](milliseconds time) { now += time; };
        surroundings.notice = [this](std::string_view line) { notices.emplace_back(line); };
        surroundings.wall_ms = [] { return int64_t{0}; };
        surroundings.random_key = [this] { return "key" + std::to_string(++keys); };
        return HubClient(
            {"127.0.0.1", 4000}, "secret",
            [this](const HttpRequest& request) {
                requests.push_back(request);
                REQUIRE(!replies.empty());
                HttpReply reply = replies.front();
                if (replies.size() > 1) replies.pop_front();
                return reply;
            },
            surroundings);
    }
};

HttpAnswer answer(unsigned status, std::string body, std::optional<int64_t> retry_after_s = std::nullopt) {
    return {status, std::move(body), retry_after_s};
}

const HttpLoss kRefused{HttpLoss::Stage::connect, "nothing listens there"};
const HttpLoss kCut{HttpLoss::Stage::exchange, "cut"};

}  // namespace

TEST_CASE("statuses become exit codes and words") {
    struct Case {
        unsigned status;
        const char* body;
        ExitCode code;
        const char* why;
    };
    const Case cases[] = {
        {401, R"({"error":"unauthorized","hint":"x"})", ExitCode::auth, "unauthorized"},
        {403, R"({"error":"admin_only","message":"Only admins"})", ExitCode::auth, "admin_only, Only admins"},
        {404, R"({"error":"task_not_found","task_id":"t"})", ExitCode::not_found, "task_not_found"},
        {409, R"({"error":"agent_id already registered"})", ExitCode::conflict, "agent_id already registered"},
        {422,
         R"({"error":"validation_failed","errors":[{"field":"a","error":"required","detail":"field is required"},)"
         R"({"field":"b","detail":"bad"}]})",
         ExitCode::usage, "validation_failed, a: field is required; b: bad"},
        {413, "", ExitCode::usage, "HTTP 413"},
        {500, "oops \x1B[2J", ExitCode::failed, "HTTP 500, oops \xEF\xBF\xBD[2J"},
        {503, R"({"error":"storage_unavailable"})", ExitCode::unavailable, "storage_unavailable"},
        {302, "{}", ExitCode::failed, "HTTP 302"},
    };
    for (const Case& c : cases) {
        INFO(c.status);
        FakeHub hub;
        hub.replies = {answer(c.status, c.body)};
        Outcome<std::string> result = hub.client().get("cannot", "/x");
        REQUIRE(!result);
        CHECK(result.failure().code == c.code);
        CHECK(result.failure().what == "cannot");
        CHECK(result.failure().why == c.why);
        CHECK(hub.requests.size() == 1);
    }
}

TEST_CASE("a request carries the token and, when it changes something, a key of its own") {
    FakeHub hub;
    hub.replies = {answer(200, "{}")};
    HubClient client = hub.client();
    CHECK(*client.get("x", "/g") == "{}");
    CHECK(*client.post("x", "/p", "{\"a\":1}") == "{}");
    CHECK(*client.remove("x", "/d") == "{}");
    CHECK(*client.post_once("x", "/o", "{}") == "{}");
    REQUIRE(hub.requests.size() == 4);
    for (const HttpRequest& request : hub.requests) CHECK(request.token == "secret");
    CHECK(hub.requests[0].idempotency_key.empty());
    CHECK(hub.requests[1].idempotency_key == "key1");
    CHECK(hub.requests[1].body == "{\"a\":1}");
    CHECK(hub.requests[2].idempotency_key == "key2");
    CHECK(hub.requests[3].idempotency_key.empty());
}

TEST_CASE("an answer that was lost is asked for again under the same key") {
    FakeHub hub;
    hub.replies = {kCut, kRefused, answer(201, "{}")};
    CHECK(hub.client().post("x", "/p", "{}"));
    REQUIRE(hub.requests.size() == 3);
    CHECK(hub.requests[2].idempotency_key == "key1");
    CHECK(hub.now == milliseconds(1500));
}

TEST_CASE("what cannot be repeated or reached is a clear failure") {
    FakeHub hub;
    hub.replies = {kRefused};
    Outcome<std::string> refused = hub.client().post("x", "/p", "{}");
    CHECK(refused.failure().code == ExitCode::unavailable);
    CHECK(refused.failure().why == "no hub at http://127.0.0.1:4000: nothing listens there");
    CHECK(hub.requests.size() == 1);
    hub.replies = {kCut};
    CHECK(hub.client().post_once("x", "/p", "{}").failure().code == ExitCode::unavailable);
    CHECK(hub.requests.size() == 2);
    // It gives up in the end.
    CHECK(hub.client().post("x", "/p", "{}").failure().code == ExitCode::unavailable);
    CHECK(hub.now >= milliseconds(10'000));
    CHECK(hub.now <= milliseconds(20'000));
    hub.replies = {answer(200, "<html>")};
    CHECK(hub.client().get("x", "/g").failure().code == ExitCode::failed);
}

TEST_CASE("a rate limit is waited for, and said") {
    FakeHub hub;
    hub.replies = {answer(429, "{}", 6), answer(200, "{}")};
    CHECK(hub.client().get("x", "/g"));
    CHECK(hub.now == milliseconds(6000));
    CHECK(hub.notices == std::vector<std::string>{"the hub limits the rate; waiting 6 s"});
    hub.replies = {answer(429, R"({"error":"rate_limited"})", 30)};
    CHECK(hub.client().get("x", "/g").failure().code == ExitCode::unavailable);
    CHECK(hub.now == milliseconds(66'000));
}

TEST_CASE("a hub that cannot serve is waited for if it says how long") {
    FakeHub hub;
    hub.replies = {answer(503, "{}", 2), answer(200, "{}")};
    CHECK(hub.client().get("x", "/g"));
    CHECK(hub.now == milliseconds(2000));
    hub.replies = {answer(503, R"({"error":"storage_unavailable"})")};
    CHECK(hub.client().get("x", "/g").failure().code == ExitCode::unavailable);
}

TEST_CASE("nothing is waited for beyond the deadline") {
    FakeHub hub;
    hub.replies = {kCut};
    HubClient client = hub.client();
    client.set_deadline(milliseconds(800));
    CHECK(client.post("x", "/p", "{}").failure().code == ExitCode::timeout);
    CHECK(hub.now == milliseconds(800));
    CHECK(hub.requests.front().timeout == milliseconds(800));
    // A rate limit that lasts longer than that is said at once.
    hub.replies = {answer(429, R"({"error":"rate_limited"})", 6)};
    HubClient other = hub.client();
    other.set_deadline(hub.now + milliseconds(5000));
    CHECK(other.get("x", "/g").failure().code == ExitCode::unavailable);
    CHECK(hub.now == milliseconds(800));
}

TEST_CASE("a long poll is given its time, and sent once") {
    FakeHub hub;
    hub.replies = {kCut};
    CHECK(hub.client().long_poll("x", "/g", milliseconds(25'000)).failure().code == ExitCode::unavailable);
    REQUIRE(hub.requests.size() == 1);
    CHECK(hub.requests.front().timeout > milliseconds(25'000));
}

TEST_CASE("a token that the hub does not know is made anew once") {
    FakeHub hub;
    hub.replies = {answer(401, "{}"), answer(200, "{}")};
    HubClient client = hub.client();
    client.set_renewal([] { return std::optional<std::string>("newer"); });
    CHECK(client.get("x", "/g"));
    CHECK(hub.requests.back().token == "newer");
    hub.replies = {answer(401, "{}")};
    CHECK(client.get("x", "/g").failure().code == ExitCode::auth);
}

TEST_CASE("failures as text and as JSON") {
    const Failure failure{ExitCode::not_found, "cannot show \"x\"", "no", "look", "{\"error\":1.0}"};
    CHECK(failure_text(failure) == "agentcom: cannot show \"x\": no\n  look\n");
    CHECK(failure_json(failure) ==
          "{\"schema_version\":1,\"error\":{\"code\":\"not_found\",\"exit_code\":3,"
          "\"message\":\"cannot show \\\"x\\\": no\",\"hint\":\"look\",\"hub\":{\"error\":1.0}}}\n");
}
