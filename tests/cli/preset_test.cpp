#include "tools/cli/preset.hpp"

#include <catch2/catch.hpp>

#include "tools/cli/built_in_presets.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/output_reader.hpp"

using namespace agentcom;
using namespace agentcom::cli;

namespace {

Preset built_in(const std::string& name) {
    Outcome<Preset> preset = find_preset(name, "/nonexistent");
    REQUIRE(preset);
    return *preset;
}

CommandResult read(const Preset& preset, const std::string& output, std::string& shown) {
    OutputReader reader(preset);
    // In pieces that end anywhere.
    for (size_t at = 0; at < output.size(); at += 7) shown += reader.feed(std::string_view(output).substr(at, 7));
    shown += reader.finish();
    CommandResult result;
    result.output = output;
    reader.complete(result);
    return result;
}

}  // namespace

TEST_CASE("the presets of the program are of their form") {
    REQUIRE(kBuiltInPresets.size() >= 3);
    for (const BuiltInPreset& preset : kBuiltInPresets) CHECK(built_in(std::string(preset.name)).name == preset.name);
    CHECK(find_preset("nonsense", "/nonexistent").failure().code == ExitCode::usage);
    CHECK(find_preset("/nonexistent/x.json", "/nonexistent").failure().code == ExitCode::usage);
}

TEST_CASE("a preset that is not of the form says what is wrong") {
    for (const char* text : {"", "[]", "{\"argv\":[\"x\"]}", "{\"format\":1}",
                             "{\"format\":1,\"argv\":[\"x\"],\"interactive\":\"always\"}"}) {
        std::string why;
        CHECK(!parse_preset(text, why));
        CHECK(!why.empty());
    }
}

TEST_CASE("the user's arguments stand where the preset has their place") {
    CHECK(preset_argv(built_in("shell"), {"./x", "-y"}) == std::vector<std::string>{"./x", "-y"});
    const std::vector<std::string> codex = preset_argv(built_in("codex"), {"--model", "m"});
    CHECK(codex.front() == "codex");
    CHECK(codex[codex.size() - 3] == "--model");
    CHECK(codex.back() == "-");
}

TEST_CASE("what a command is told is the task, or a prompt made of it") {
    const std::string task = R"({"task_id":"t","description":"say \"{task}\"","metadata":{}})";
    CHECK(preset_input(built_in("shell"), task) == task + "\n");
    CHECK(preset_input(built_in("codex"), task) == "say \"{task}\"\n");
    CHECK(preset_input(built_in("claude"), task) ==
          R"({"type":"user","message":{"role":"user","content":[{"type":"text","text":"say \"{task}\""}]}})"
          "\n");
    CHECK(preset_input(built_in("codex"), R"({"description":"d","metadata":{"n":1e400}})") ==
          "d\n\nDetails of this task, as JSON:\n{\"n\":1e400}\n");
    CHECK(preset_say(built_in("shell"), "ann", "go on") == "go on\n");
    CHECK(preset_say(built_in("claude"), "ann", "a \"b\"").find(R"("text":"a \"b\"")") != std::string::npos);
}

TEST_CASE("the words of claude, its result and what it has used") {
    std::string shown;
    const CommandResult result =
        read(built_in("claude"),
             R"({"type":"system","subtype":"init","model":"m-1"})"
             "\n"
             R"({"type":"assistant","message":{"content":[{"type":"text","text":"Let me look."},)"
             R"({"type":"tool_use","name":"Bash","input":{}}]}})"
             "\nnot json\n"
             R"({"type":"result","subtype":"success","is_error":false,"result":"42 stars","total_cost_usd":0.0125,)"
             R"("usage":{"input_tokens":10,"cache_read_input_tokens":5,"output_tokens":7}})"
             "\n",
             shown);
    CHECK(shown == "Let me look.\n[Bash]\nnot json\n");
    CHECK(result.succeeded());
    CHECK(result.output == "42 stars");
    CHECK(result.usage.model == "m-1");
    CHECK(result.usage.input_tokens == 15);
    CHECK(result.usage.output_tokens == 7);
    CHECK(result.usage.cost_micros == 12'500);
}

TEST_CASE("an agent that says that it failed has failed, and so has one that says nothing") {
    std::string shown;
    CHECK(read(built_in("claude"), R"({"type":"result","subtype":"error_max_turns","is_error":true})", shown)
              .reported_error == "error_max_turns");
    CHECK(
        read(built_in("claude"), R"({"type":"result","subtype":"success","is_error":true,"result":"no credit"})", shown)
            .reported_error == "no credit");
    CHECK(read(built_in("codex"), R"({"type":"turn.failed","error":{"message":"quota"}})", shown).reported_error ==
          "quota");
    CHECK(!read(built_in("codex"), "", shown).succeeded());
}

TEST_CASE("the words of codex, its result and what it has used") {
    std::string shown;
    const CommandResult result =
        read(built_in("codex"),
             R"({"type":"thread.started","thread_id":"x"})"
             "\n"
             R"({"type":"item.started","item":{"type":"command_execution","command":"ls"}})"
             "\n"
             R"({"type":"item.completed","item":{"type":"command_execution","command":"ls","aggregated_output":"a\n"}})"
             "\n"
             R"({"type":"item.completed","item":{"type":"agent_message","text":"done"}})"
             "\n"
             R"({"type":"turn.completed","usage":{"input_tokens":3,"cached_input_tokens":2,"output_tokens":1}})"
             "\n",
             shown);
    CHECK(shown == "$ ls\na\ndone\n");
    CHECK(result.output == "done");
    CHECK(result.usage.input_tokens == 3);
    CHECK(result.usage.output_tokens == 1);
    CHECK(!result.usage.cost_micros);
}
