#include "core/hub/input.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

#include "core/base/prng.hpp"

using namespace agentcom;

namespace {

Credential credential(const std::string& token) { return credential_of_token(token); }

/// One input of every type, with every field set.
std::vector<Input> examples() {
    std::vector<Input> inputs;
    const auto add = [&inputs](InputBody body) {
        const auto number = static_cast<int64_t>(inputs.size());
        inputs.push_back({{1'800'000'000'000 + number, -5 * number}, std::move(body)});
    };
    add(Started{-3, std::string(32, 'e'), 9, std::string(64, 'a'), "abcdefgh", "info", "BKey", "2026-11-21", 12,
                "d1 d2"});
    add(DashboardOpened{8, "::1", true, "mode=delta", credential("t")});
    add(ConnectionOpened{7, "::1", true});
    add(FrameReceived{7, false, R"({"type":"ping"})", credential("t")});
    add(FrameReceived{8, true, "", {Credential::Kind::malformed, ""}});
    add(ControlReceived{7});
    add(MailPushed{7, INT64_MAX});
    add(ConnectionClosed{7, true});
    HttpRequest request;
    request.request = 3;
    request.method = Method::options;
    request.path = "/api/tasks/%2F";
    request.query = "a=b";
    request.host = "[::1]:99";
    request.content_type = "application/json";
    request.has_content_type = true;
    request.malformed_body = true;
    request.body = std::string("{\"a\":\"\0\"}", 9);
    request.accept = "text/event-stream";
    request.last_event_id = "e.5";
    request.idempotency_key = "key";
    request.authorization = credential("a");
    request.flex_authorization = credential("b");
    request.has_bearer = true;
    request.query_token = credential("c");
    request.body_token = {Credential::Kind::malformed, ""};
    request.peer = "10.0.0.1";
    request.loopback = true;
    request.secret = {std::string(64, 'f'), "ffffffff"};
    add(std::move(request));
    add(RequestCancelled{3});
    add(Tick{});
    add(Committed{INT64_MAX});
    add(CommitFailed{INT64_MIN});
    add(StorageRecovered{});
    add(QueryResult{4,
                    false,
                    {{TableId::tasks,
                      {ColumnValue::of("x"), ColumnValue{}, ColumnValue::unchanged(), ColumnValue::of(int64_t{-1})}},
                     {static_cast<TableId>(255), {}}}});
    add(ClockJumped{-1});
    add(Shutdown{});
    add(BodyTaken{3});
    add(Delivered{1, "webhook/ops", 9, 503, 1'000, "slow"});
    MachineSample sample;
    sample.commit_us.record(1'305, 2);
    sample.turn_us.record(17);
    int64_t number = 0;
    MachineSample::numbers(sample, [&number](int64_t& each) { each = ++number; });
    add(std::move(sample));
    add(StorageJobDone{5, true, R"({"backup":"b"})", "a word"});
    add(StorageFigures{1, 2, 3, 4, "page 5", 6, R"([{"table":"task_queue"}])", "[]"});
    return inputs;
}

}  // namespace

TEST_CASE("every type of input has an example here, and a name") {
    std::vector<bool> seen(std::variant_size_v<InputBody>);
    for (const Input& input : examples()) {
        seen[input.body.index()] = true;
        CHECK_FALSE(input_name(input.body).empty());
    }
    CHECK(std::count(seen.begin(), seen.end(), false) == 0);
    CHECK(input_name(Started{}) == "Started");
    CHECK(input_name(QueryResult{}) == "QueryResult");
    CHECK(input_name(Shutdown{}) == "Shutdown");
}

TEST_CASE("inputs come back from their bytes") {
    for (const Input& input : examples()) {
        CAPTURE(input_name(input.body));
        const std::string bytes = encode_input(input);
        const std::optional<Input> back = decode_input(bytes);
        REQUIRE(back);
        CHECK(back->at == input.at);
        CHECK(back->body.index() == input.body.index());
        CHECK(encode_input(*back) == bytes);
    }
    const std::vector<Input> all = examples();
    const auto of_http = std::find_if(
        all.begin(), all.end(), [](const Input& input) { return std::holds_alternative<HttpRequest>(input.body); });
    REQUIRE(of_http != all.end());
    const std::optional<Input> request = decode_input(encode_input(*of_http));
    REQUIRE(request);
    const auto& http = std::get<HttpRequest>(request->body);
    CHECK(http.method == Method::options);
    CHECK(http.body.size() == 9);
    CHECK(http.accept == "text/event-stream");
    CHECK(http.last_event_id == "e.5");
    CHECK(http.flex_authorization == credential("b"));
    CHECK(http.body_token.kind == Credential::Kind::malformed);
    CHECK(http.secret.prefix == "ffffffff");
}

TEST_CASE("cut, lengthened or altered bytes are refused or make another input, and never harm") {
    Prng prng(11);
    for (const Input& input : examples()) {
        const std::string bytes = encode_input(input);
        for (size_t length = 0; length < bytes.size(); ++length) {
            REQUIRE_FALSE(decode_input(std::string_view(bytes).substr(0, length)));
        }
        REQUIRE_FALSE(decode_input(bytes + '\0'));
        for (int i = 0; i < 500; ++i) {
            std::string broken = bytes;
            for (uint64_t flips = 1 + prng.below(3); flips > 0; --flips) {
                broken[prng.index_below(broken.size())] = static_cast<char>(prng.below(256));
            }
            const std::optional<Input> other = decode_input(broken);
            if (other) REQUIRE(encode_input(*other) == broken);
        }
    }
    for (int i = 0; i < 5'000; ++i) {
        std::string bytes(prng.index_below(80), '\0');
        for (char& byte : bytes) byte = static_cast<char>(prng.below(256));
        if (bytes.size() > 16) bytes[16] = static_cast<char>(prng.below(std::variant_size_v<InputBody> + 1));
        const std::optional<Input> input = decode_input(bytes);
        if (input) REQUIRE(encode_input(*input) == bytes);
    }
}
