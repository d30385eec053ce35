#include "tools/cli/task_report.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "core/base/json.hpp"
#include "core/base/utf8.hpp"

using namespace agentcom;
using namespace agentcom::cli;

namespace {

CommandResult with_output(std::string output) {
    CommandResult result;
    result.output = std::move(output);
    result.duration_ms = 12;
    return result;
}

}  // namespace

TEST_CASE("a success carries what the command wrote") {
    struct Case {
        std::string output;
        std::string result;
    };
    const Case cases[] = {
        {"", R"({"status":"success","output":"","exit_status":0,"duration_ms":12})"},
        {"hi\n", R"({"status":"success","output":"hi\u000a","exit_status":0,"duration_ms":12})"},
        {"a\xFF"
         "b",
         "{\"status\":\"success\",\"output\":\"a\xEF\xBF\xBD"
         "b\",\"exit_status\":0,\"duration_ms\":12}"},
        {"{\"n\": 1e400}\n",
         R"({"status":"success","output":"{\"n\": 1e400}\u000a","exit_status":0,"duration_ms":12,"data":{"n": 1e400}})"},
        {R"({"tokens_used":5})",
         R"({"status":"success","output":"{\"tokens_used\":5}","exit_status":0,"duration_ms":12,"data":{"tokens_used":5},)"
         R"("tokens_used":5})"},
        {R"({"a":1}{"b":2})", R"({"status":"success","output":"{\"a\":1}{\"b\":2}","exit_status":0,"duration_ms":12})"},
        {"[1]", R"({"status":"success","output":"[1]","exit_status":0,"duration_ms":12})"},
    };
    for (const Case& c : cases) {
        INFO(c.output);
        CHECK(report_frame("t", 3, with_output(c.output)) ==
              R"({"type":"task_complete","task_id":"t","generation":3,"result":)" + c.result + "}");
    }
}

TEST_CASE("output that is only the end of a longer one says so and is never taken for an object") {
    CommandResult result = with_output("{}");
    result.output_cut = true;
    const std::string frame = report_frame("t", 1, result);
    CHECK(frame.find(R"("output_truncated":true)") != std::string::npos);
    CHECK(frame.find("data") == std::string::npos);
}

TEST_CASE("an object that is valid but too deep for a frame stays text") {
    std::string deep;
    for (int i = 0; i < 511; ++i) deep += R"({"a":)";
    deep += "1" + std::string(511, '}');
    REQUIRE(json::validate(deep));
    const std::string frame = report_frame("t", 1, with_output(deep));
    CHECK(json::validate(frame));
    CHECK(frame.find("\"data\"") == std::string::npos);
}

TEST_CASE("a failure says how the command ended, and why as far as 2000 code points reach") {
    CommandResult result;
    result.exit_status = 2;
    CHECK(report_frame("t", 1, result) ==
          R"({"type":"task_failed","task_id":"t","generation":1,"reason":"exit status 2"})");
    result.errors = "warning\nno such file\n\n";
    CHECK(
        report_frame("t", 1, result) ==
        R"({"type":"task_failed","task_id":"t","generation":1,"reason":"exit status 2\u000awarning\u000ano such file"})");
    result.exit_status = 0;
    result.signal = 9;
    result.errors = std::string(5000, 'x') + "\xE2\x82\xAC the end";
    const std::string frame = report_frame("t", 1, result);
    const json::Object members = json::members(frame);
    const std::string reason = json::decode_string(*members.find("reason"));
    CHECK(count_code_points(reason) == 2000);
    CHECK(reason.starts_with("killed by signal 9 (Killed)\nxxx"));
    CHECK(reason.ends_with("\xE2\x82\xAC the end"));
    result = CommandResult{};
    result.start_error = "./x: No such file or directory";
    CHECK(ending_text(result) == "cannot start: ./x: No such file or directory");
    CHECK(!result.succeeded());
}

TEST_CASE("what an agent has used is reported beside its result") {
    CommandResult result = with_output("ok");
    result.usage = TaskUsage{true, "m", 100, 20, 1'500};
    CHECK(
        report_frame("t", 3, result)
            .find(
                R"(},"tokens_used":120,"usage":{"model":"m","input_tokens":100,"output_tokens":20,"cost_micros":1500}})") !=
        std::string::npos);
}

TEST_CASE("a command that tells of an error has failed, whatever its exit status") {
    CommandResult result = with_output("ok");
    result.reported_error = "out of turns";
    CHECK(report_frame("t", 3, result) ==
          R"({"type":"task_failed","task_id":"t","generation":3,"reason":"out of turns"})");
    result.exit_status = 2;
    result.errors = "a banner";
    CHECK(report_frame("t", 3, result) ==
          R"({"type":"task_failed","task_id":"t","generation":3,"reason":"exit status 2\u000aout of turns"})");
}
