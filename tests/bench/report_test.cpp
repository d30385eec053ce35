#include "tools/bench/report.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

namespace agentcom::bench {

namespace {

Report example() {
    Run hub;
    hub.target = "hub";
    hub.figures = {{"messages_per_s", 61234}};
    hub.latencies = {{"ack", {3, 1, 2, 3, 4, 5}}};
    hub.usage = ProcessUsage{1.5, 0.5, 2'000'000, 3'000'000, 1000, {{1, "network", 2}}};
    hub.operations = 1000;
    hub.seconds = 4;
    Run relay;
    relay.target = "relay";
    relay.figures = {{"messages_per_s", 100'000}};
    return Report{"direct", {{"pairs", "10"}}, {hub, relay}, {{"hub/relay messages_per_s", 0.61234}}};
}

}  // namespace

TEST_CASE("a report as JSON") {
    const boost::json::value document = boost::json::parse(report_json(example()));
    CHECK(document.at("schema_version") == kSchemaVersion);
    const boost::json::value& data = document.at("data");
    CHECK(data.at("scenario") == "direct");
    CHECK(data.at_pointer("/parameters/pairs") == "10");
    CHECK(data.at_pointer("/runs/0/figures/messages_per_s") == 61234.0);
    CHECK(data.at_pointer("/runs/0/latency_us/ack/p99_9") == 4.0);
    CHECK(data.at_pointer("/runs/0/usage/cpu_us_per_operation") == 2000.0);
    CHECK(data.at_pointer("/runs/0/usage/written_bytes_per_operation") == 1.0);
    CHECK(data.at_pointer("/runs/0/usage/threads/0/name") == "network");
    CHECK(data.at_pointer("/runs/1/usage").is_null());
}

TEST_CASE("a report as text has a row for each number of any run") {
    const std::string text = report_text(example());
    CHECK(text.find("messages_per_s") != std::string::npos);
    CHECK(text.find("61 234  100 000") != std::string::npos);
    CHECK(text.find("cpu_s of network") != std::string::npos);
    CHECK(text.find("hub ack") != std::string::npos);
    CHECK(text.find("hub/relay messages_per_s  0.612") != std::string::npos);
}

TEST_CASE("numbers for people") {
    const std::pair<double, const char*> rows[] = {
        {0, "0"},        {0.3381, "0.338"},      {1.234, "1.23"},   {12.34, "12.3"}, {123.4, "123"},
        {1234, "1 234"}, {1234567, "1 234 567"}, {-1234, "-1 234"}, {-123, "-123"}};
    for (const auto& [value, text] : rows) CHECK(number_text(value) == text);
}

TEST_CASE("a table") { CHECK(table_text({{"", "a"}, {"long", "1"}, {"x", "22"}}) == "       a\nlong   1\nx     22\n"); }

}  // namespace agentcom::bench
