#include "tools/bench/options.hpp"

#include <catch2/catch.hpp>

namespace agentcom::bench {

namespace {

Options parsed(const std::vector<std::string>& arguments) {
    const Result<CommandLine> line = parse_command_line(arguments);
    if (!line) FAIL(line.error().text);
    REQUIRE(std::holds_alternative<Options>(line.value()));
    return std::get<Options>(line.value());
}

}  // namespace

TEST_CASE("defaults and options of a scenario") {
    const Options plain = parsed({"direct"});
    CHECK(plain.scenario == Scenario::direct);
    CHECK(plain.pairs == 10);
    CHECK(plain.window == 64);
    CHECK(plain.payload_bytes == 100);
    CHECK(plain.relay);
    CHECK(plain.seconds_ms == 10'000);
    CHECK(plain.log_level == "notice");

    const Options set = parsed(
        {"direct", "--pairs", "3", "--no-relay", "--seconds", "250ms", "--json", "--set", "a=1", "--set", "b=2"});
    CHECK(set.pairs == 3);
    CHECK_FALSE(set.relay);
    CHECK(set.seconds_ms == 250);
    CHECK(set.json);
    CHECK(set.settings == std::vector<std::string>{"a=1", "b=2"});
    CHECK(parsed({"lifecycle", "--log-level", "info,tasks=debug"}).log_level == "info,tasks=debug");
    // General options may stand in front, too.
    CHECK(parsed({"--warm-up", "2", "idle"}).warm_up_ms == 2000);
    CHECK(parsed({"idle"}).idle_agents == 1000);
    CHECK(parsed({"lifecycle", "--agents", "7"}).agents == 7);
    CHECK(parsed({"lifecycle", "--dashboards", "50"}).dashboards == 50);
    CHECK(parsed({"flat", "--levels", "0,5,10"}).levels == std::vector<int64_t>{0, 5, 10});
    CHECK(parsed({"relay-server"}).scenario == Scenario::relay_server);
}

TEST_CASE("wrong usage") {
    const std::vector<std::vector<std::string>> wrong{
        {},
        {"nonsense"},
        {"direct", "--pairs", "0"},
        {"direct", "--pairs", "many"},
        {"direct", "--payload", "19"},
        {"direct", "--seconds", "0"},
        {"direct", "--seconds", "soon"},
        {"direct", "--agents", "1"},
        {"direct", "extra"},
        {"direct", "--set", "nameonly"},
        {"direct", "--hub", "http://127.0.0.1:1", "--data", "d"},
        {"direct", "--hub", "http://127.0.0.1:1", "--log-level", "info"},
        {"direct", "--log-level", "info,network=error"},
        {"start", "--hub", "http://127.0.0.1:1"},
        {"flat", "--levels", "5,1"},
        {"compare", "a"},
        {"compare", "a", "b"},
        {"compare", "a", "b", "--rounds", "0", "direct"},
        {"compare", "a", "b", "direct", "--data", "d"},
    };
    for (const auto& arguments : wrong) {
        std::string shown;
        for (const std::string& argument : arguments) shown += argument + " ";
        INFO(shown);
        const Result<CommandLine> line = parse_command_line(arguments);
        REQUIRE_FALSE(line);
        CHECK(line.error().code == "usage");
    }
}

TEST_CASE("compare takes two programs and a scenario") {
    const Result<CommandLine> line =
        parse_command_line({"compare", "old", "new", "--rounds", "5", "broadcast", "--receivers", "4", "--json"});
    REQUIRE(line);
    const auto& compare = std::get<CompareOptions>(line.value());
    CHECK(compare.program_a == "old");
    CHECK(compare.program_b == "new");
    CHECK(compare.rounds == 5);
    CHECK(compare.scenario.scenario == Scenario::broadcast);
    CHECK(compare.scenario.receivers == 4);
    CHECK(compare.scenario.json);
}

TEST_CASE("help is a text, not a run") {
    for (const std::vector<std::string>& arguments :
         {std::vector<std::string>{"--help"}, {"direct", "--help"}, {"compare", "--help"}, {"--version"}}) {
        const Result<CommandLine> line = parse_command_line(arguments);
        REQUIRE(line);
        CHECK(std::holds_alternative<Information>(line.value()));
    }
}

TEST_CASE("time spans") {
    CHECK(parse_duration_ms("10") == 10'000);
    CHECK(parse_duration_ms("0.5") == 500);
    CHECK(parse_duration_ms("250ms") == 250);
    CHECK(parse_duration_ms("3s") == 3000);
    CHECK(parse_duration_ms("2m") == 120'000);
    for (const char* text : {"", "x", "-1", "1h", "nan", "1e300"}) CHECK(parse_duration_ms(text) == -1);
}

}  // namespace agentcom::bench
