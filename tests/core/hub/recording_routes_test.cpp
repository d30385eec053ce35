#include "core/hub/recording_routes.hpp"

#include <catch2/catch.hpp>

#include "tests/core/support/test_hub.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

/// What a request asks of the machine; nullopt: it is answered by the hub, with `status`.
std::optional<AnswerRecording> asked(TestHub& hub, const std::string& target, const std::string& token, int& status,
                                     Method method = Method::get) {
    HttpRequest request;
    request.request = 1'000;
    request.method = method;
    request.path = target.substr(0, target.find('?'));
    request.query = target.find('?') == std::string::npos ? "" : target.substr(target.find('?') + 1);
    request.authorization = credential_of_token(token);
    request.peer = "127.0.0.1";
    request.loopback = true;
    REQUIRE_FALSE(hub.hub().apply({hub.time(), std::move(request)}));
    const TurnResult turn = hub.hub().end_turn();
    std::optional<AnswerRecording> found;
    status = 0;
    for (const Effect& effect : turn.effects) {
        if (const auto* answer = std::get_if<AnswerRecording>(&effect)) found = *answer;
        if (const auto* answer = std::get_if<HttpRespond>(&effect)) status = answer->status;
    }
    hub.hub().apply({hub.time(), Committed{turn.turn}});
    return found;
}

}  // namespace

TEST_CASE("the machine is asked for the recording by those who administer the hub") {
    TestHub hub;
    hub.register_agent("eve");
    const std::string admin(TestHub::kAdminToken);
    int status = 0;
    const auto list = asked(hub, "/api/admin/recording/segments", admin, status);
    REQUIRE(list);
    CHECK(list->list);
    const auto all = asked(hub, "/api/admin/recording", admin, status);
    REQUIRE(all);
    CHECK_FALSE(all->list);
    CHECK(all->request == 1'000);
    CHECK(all->from_ms == 0);
    CHECK(all->to_ms == INT64_MAX);
    CHECK_FALSE(all->strip_payloads);
    const auto part = asked(hub, "/api/admin/recording?from=5&to=9&strip=payloads", admin, status);
    REQUIRE(part);
    CHECK(part->from_ms == 5);
    CHECK(part->to_ms == 9);
    CHECK(part->strip_payloads);
    CHECK_FALSE(asked(hub, "/api/admin/recording?strip=all", admin, status));
    CHECK(status == 422);
    CHECK_FALSE(asked(hub, "/api/admin/recording?from=x", admin, status));
    CHECK(status == 422);
    CHECK_FALSE(asked(hub, "/api/admin/recording", TestHub::token_of("eve"), status));
    CHECK(status == 403);
    CHECK_FALSE(asked(hub, "/api/admin/recording/segments", TestHub::token_of("eve"), status));
    CHECK(status == 403);
}

TEST_CASE("who takes a recording is noted, and a hub that cannot write gives it all the same") {
    TestHub hub;
    int status = 0;
    const std::string admin(TestHub::kAdminToken);
    const auto events_of = [&] { return hub.tables().find<WorkspaceRow>({1})->event_seq; };
    const int64_t before = events_of();
    REQUIRE(asked(hub, "/api/admin/recording", admin, status));
    CHECK(events_of() == before + 1);
    REQUIRE(asked(hub, "/api/admin/recording/segments", admin, status));
    CHECK(events_of() == before + 1);
    // HEAD takes nothing.
    CHECK_FALSE(asked(hub, "/api/admin/recording", admin, status, Method::head));
    CHECK(status == 200);
    CHECK_FALSE(asked(hub, "/api/admin/recording?strip=all", admin, status, Method::head));
    CHECK(status == 422);
    CHECK(events_of() == before + 1);
    hub.hub().apply({hub.time(), CommitFailed{1'000}});
    REQUIRE(asked(hub, "/api/admin/recording", admin, status));
    CHECK(events_of() == before + 1);
}

TEST_CASE("a request of a turn that was taken back is told so") {
    const auto instead = effect_of_failed_turn(AnswerRecording{7, true, 0, 0, false});
    REQUIRE(instead);
    CHECK(std::get<HttpRespond>(*instead).request == 7);
    CHECK(std::get<HttpRespond>(*instead).status == 503);
}
