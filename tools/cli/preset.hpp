// How a worker runs its command for a task, as data: what is started, what it is told, and how its answer is read.
//
// Presets are JSON files. `shell`, `claude` and `codex` (tools/cli/presets) are in the program; others are named by
// their path, or by their name when they lie in CONFIG/presets. docs/cli.md describes the format.
//
// Templates have places for values: {task} (the task as JSON), {task_id}, {description}, {metadata}, {prompt}, and for
// what people say {text} and {from}. {prompt:json} is the same as a JSON string. Other braces mean nothing.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/json.hpp"
#include "tools/cli/failure.hpp"

namespace agentcom::cli {

// Members (by path: "item.type") that must have these values, given as JSON.
using LineMatch = std::vector<std::pair<std::string, std::string>>;

// Takes a value from each line that matches. A path may go through lists: "message.content[].text".
struct LineRule {
    LineMatch when;
    std::string take;
    std::string as = "{value}";
};

struct UsageRule {
    LineMatch when;
    std::vector<std::string> input_tokens;   // paths whose numbers are added up
    std::vector<std::string> output_tokens;  // likewise
    std::string cost_usd;                    // path, "" = not told
};

struct Preset {
    enum class Interactive { never, asked, always };

    std::string name;
    std::vector<std::string> argv;     // {arguments} stands for those behind "--"
    std::string prompt;                // template
    std::string prompt_with_metadata;  // used instead for a task that has metadata; "" = never
    std::string input;                 // template of what standard input begins with
    std::string say;                   // template of what it gets when people say something
    Interactive interactive = Interactive::never;
    bool json_lines = false;     // whether standard output is one JSON object a line
    LineMatch close_input_when;  // of json_lines; none = standard input stays open
    std::vector<LineRule> show;  // what of it is shown live; none = all of it
    std::vector<LineRule> result;
    std::vector<LineRule> error;
    std::vector<LineRule> model;
    UsageRule usage;
};

// A preset by name or path. `config` is where the user's own ones lie.
Outcome<Preset> find_preset(const std::string& name, const std::filesystem::path& config);

// Nothing when the text is not of the form; `why` then says what is wrong.
std::optional<Preset> parse_preset(std::string text, std::string& why);

// -- Using one --------------------------------------------------------------------------------------------------------

// The command line for all tasks.
std::vector<std::string> preset_argv(const Preset& preset, const std::vector<std::string>& arguments);

// What a task's command gets on standard input at first.
std::string preset_input(const Preset& preset, std::string_view task_raw);

// What it gets when somebody says something.
std::string preset_say(const Preset& preset, std::string_view from, std::string_view text);

bool matches(const LineMatch& match, const json::Object& line);

// The texts that a rule finds in a line, each put into `as`. A value that is no string stands as JSON; null is nothing.
std::string taken_by(const LineRule& rule, const json::Object& line);

}  // namespace agentcom::cli
