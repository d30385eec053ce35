#include "core/state/effect.hpp"

#include <catch2/catch.hpp>

using namespace agentcom;

namespace {

std::shared_ptr<const std::string> text(std::string value) {
    return std::make_shared<const std::string>(std::move(value));
}

}  // namespace

TEST_CASE("of a turn that is taken back, replies become errors and pushes are dropped") {
    const std::optional<Effect> reply = effect_of_failed_turn(SendFrame{{7}, text("{}"), true, 0});
    REQUIRE(reply);
    CHECK(*std::get<SendFrame>(*reply).text == R"({"type":"error","error":"storage_unavailable"})");
    CHECK(std::get<SendFrame>(*reply).to == std::vector<ConnectionId>{7});
    CHECK_FALSE(effect_of_failed_turn(SendFrame{{7, 8}, text("{}"), false, 3}));
    CHECK_FALSE(effect_of_failed_turn(SendFrame{{7}, text("{}"), false, 0}));
}

TEST_CASE("of a turn that is taken back, every answer becomes a 503 without its secret") {
    const std::optional<Effect> answer = effect_of_failed_turn(HttpRespond{5, 201, {}, R"({"token":""})", 10});
    REQUIRE(answer);
    const auto& response = std::get<HttpRespond>(*answer);
    CHECK(response.request == 5);
    CHECK(response.status == 503);
    CHECK_FALSE(response.secret_at);
    CHECK(response.headers == std::vector<std::pair<std::string, std::string>>{{"retry-after", "1"}});
    CHECK(response.body.find("storage_unavailable") != std::string::npos);
}

TEST_CASE("of a turn that is taken back, a stream does not begin, and one that goes on is cut off") {
    HttpRespond head;
    head.request = 5;
    head.stream = true;
    CHECK_FALSE(std::get<HttpRespond>(*effect_of_failed_turn(head)).stream);
    const HttpBody piece{5, std::make_shared<const std::string>("x"), HttpBody::End::open};
    const std::optional<Effect> instead = effect_of_failed_turn(piece);
    REQUIRE(instead);
    CHECK(std::get<HttpBody>(*instead).request == 5);
    CHECK(std::get<HttpBody>(*instead).text == nullptr);
    CHECK(std::get<HttpBody>(*instead).end == HttpBody::End::cut);
}

TEST_CASE("of a turn that is taken back, closes, pings, queries and the hub's own log lines stay") {
    CHECK(std::get<CloseConnection>(*effect_of_failed_turn(CloseConnection{3, 1008, "x"})).code == 1008);
    CHECK(std::get<SendPing>(*effect_of_failed_turn(SendPing{3})).connection == 3);
    CHECK(std::get<RunQuery>(*effect_of_failed_turn(RunQuery{9, FetchTask{1, "t", 0}})).query == 9);
    CHECK(std::get<LogEvent>(*effect_of_failed_turn(LogEvent{"e"})).event == "e");
    CHECK(std::get<CallerKnown>(*effect_of_failed_turn(CallerKnown{4, "ann"})).principal == "ann");
    CHECK_FALSE(effect_of_failed_turn(LogEvent{"task_completed", {}, "{}", true}));
}

TEST_CASE("of a turn that is taken back, nobody outside is told, and secrets stay as they were") {
    CHECK_FALSE(effect_of_failed_turn(Deliver{}));
    CHECK_FALSE(effect_of_failed_turn(KeepSecret{}));
    CHECK_FALSE(effect_of_failed_turn(ForgetSecret{}));
}
