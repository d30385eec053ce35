#include "tools/cli/preset.hpp"

#include <algorithm>

#include "tools/cli/built_in_presets.hpp"
#include "tools/cli/files.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/text.hpp"

namespace agentcom::cli {

namespace {

// -- Reading the form -------------------------------------------------------------------------------------------------

std::vector<std::string> strings_of(const json::Object& object, std::string_view key) {
    std::vector<std::string> strings;
    for (const json::Value& value : elements_of(object, key)) {
        if (value.kind == json::Kind::string) strings.push_back(json::decode_string(value));
    }
    return strings;
}

LineMatch match_of(const json::Object& object, std::string_view key) {
    LineMatch match;
    for (const json::Member& member : members_of(raw_of(object, key))) {
        match.emplace_back(member.key, std::string(member.value.raw));
    }
    return match;
}

std::vector<LineRule> rules_of(const json::Object& object, std::string_view key) {
    std::vector<LineRule> rules;
    for (const json::Value& value : elements_of(object, key)) {
        const json::Object members = members_of(value.raw);
        LineRule rule{match_of(members, "when"), text_of(members, "take")};
        if (members.contains("as")) rule.as = text_of(members, "as");
        rules.push_back(std::move(rule));
    }
    return rules;
}

// -- Templates --------------------------------------------------------------------------------------------------------

using Values = std::vector<std::pair<std::string_view, std::string>>;

// Each value is put in once: what stands in a value is never a place itself.
std::string filled(std::string_view form, const Values& values) {
    std::string out;
    while (!form.empty()) {
        const size_t open = form.find('{');
        out += form.substr(0, open);
        if (open == std::string_view::npos) break;
        form.remove_prefix(open);
        bool found = false;
        for (const auto& [name, value] : values) {
            const std::string place = "{" + std::string(name) + "}";
            const std::string json_place = "{" + std::string(name) + ":json}";
            if (form.starts_with(place)) {
                out += value;
                form.remove_prefix(place.size());
                found = true;
            } else if (form.starts_with(json_place)) {
                out += json::encode_string(value);
                form.remove_prefix(json_place.size());
                found = true;
            }
            if (found) break;
        }
        if (found) continue;
        out += '{';
        form.remove_prefix(1);
    }
    return out;
}

// -- Paths ------------------------------------------------------------------------------------------------------------

void collect(std::string_view value_raw, std::string_view path, std::vector<std::string_view>& found) {
    if (path.empty()) {
        if (value_raw != "null") found.push_back(value_raw);
        return;
    }
    if (path.starts_with("[]")) {
        path.remove_prefix(path.starts_with("[].") ? 3 : 2);
        if (!value_raw.starts_with('[')) return;
        for (const json::Value& element : json::elements(value_raw)) collect(element.raw, path, found);
        return;
    }
    const size_t end = path.find_first_of(".[");
    const json::Object members = members_of(value_raw);
    const json::Value* member = members.find(path.substr(0, end));
    if (member == nullptr) return;
    path.remove_prefix(end == std::string_view::npos ? path.size() : end);
    if (path.starts_with('.')) path.remove_prefix(1);
    collect(member->raw, path, found);
}

}  // namespace

std::optional<Preset> parse_preset(std::string text, std::string& why) {
    const std::optional<json::Document> document = json::Document::parse(std::move(text), json::Duplicates::last_wins);
    if (!document || !document->is_object()) {
        why = "it is not a JSON object";
        return std::nullopt;
    }
    const json::Object& members = document->object();
    Preset preset;
    preset.name = text_of(members, "name");
    preset.argv = strings_of(members, "argv");
    preset.prompt = text_of(members, "prompt");
    preset.prompt_with_metadata = text_of(members, "prompt_with_metadata");
    preset.input = text_of(members, "input");
    preset.say = text_of(members, "say");
    const std::string interactive = text_of(members, "interactive");
    if (interactive == "always") preset.interactive = Preset::Interactive::always;
    if (interactive == "asked") preset.interactive = Preset::Interactive::asked;
    preset.json_lines = text_of(members, "output") == "json_lines";
    preset.close_input_when = match_of(members, "close_input_when");
    preset.show = rules_of(members, "show");
    preset.result = rules_of(members, "result");
    preset.error = rules_of(members, "error");
    preset.model = rules_of(members, "model");
    const json::Object usage = members_of(raw_of(members, "usage"));
    preset.usage = UsageRule{match_of(usage, "when"), strings_of(usage, "input_tokens"),
                             strings_of(usage, "output_tokens"), text_of(usage, "cost_usd")};
    if (number_of(members, "format") != 1) why = "its format is not 1";
    if (preset.argv.empty()) why = "argv is missing";
    if (preset.interactive != Preset::Interactive::never && preset.say.empty()) why = "interactive, but without say";
    if (!why.empty()) return std::nullopt;
    return preset;
}

Outcome<Preset> find_preset(const std::string& name, const std::filesystem::path& config) {
    std::optional<std::string> text;
    if (name.find('/') != std::string::npos) {
        text = read_file(name);
    } else {
        text = read_file(config / "presets" / (file_name_for(name) + ".json"));
        const auto built_in = std::ranges::find(kBuiltInPresets, name, &BuiltInPreset::name);
        if (!text && built_in != kBuiltInPresets.end()) text = std::string(built_in->text);
    }
    const std::string what = "cannot use the preset '" + name + "'";
    const std::string next = "There are shell, claude and codex; docs/cli.md says how to write one.";
    if (!text) return Failure{ExitCode::usage, what, "there is none of this name", next, {}};
    std::string why;
    std::optional<Preset> preset = parse_preset(std::move(*text), why);
    if (!preset) return Failure{ExitCode::usage, what, why, next, {}};
    return std::move(*preset);
}

std::vector<std::string> preset_argv(const Preset& preset, const std::vector<std::string>& arguments) {
    std::vector<std::string> argv;
    for (const std::string& argument : preset.argv) {
        if (argument == "{arguments}") {
            argv.insert(argv.end(), arguments.begin(), arguments.end());
        } else {
            argv.push_back(argument);
        }
    }
    return argv;
}

std::string preset_input(const Preset& preset, std::string_view task_raw) {
    const json::Object task = members_of(task_raw);
    const std::string metadata(raw_of(task, "metadata"));
    const bool has_metadata = metadata != "null" && !members_of(metadata).empty();
    Values values = {{"task", std::string(task_raw)},
                     {"task_id", text_of(task, "task_id")},
                     {"description", text_of(task, "description")},
                     {"metadata", metadata}};
    const bool with_metadata = has_metadata && !preset.prompt_with_metadata.empty();
    values.emplace_back("prompt", filled(with_metadata ? preset.prompt_with_metadata : preset.prompt, values));
    return filled(preset.input, values);
}

std::string preset_say(const Preset& preset, std::string_view from, std::string_view text) {
    return filled(preset.say, {{"text", std::string(text)}, {"from", std::string(from)}});
}

bool matches(const LineMatch& match, const json::Object& line) {
    return std::ranges::all_of(match, [&line](const auto& condition) {
        // The first name is looked up by itself, so that a line without it is refused at once.
        std::vector<std::string_view> found;
        const size_t dot = condition.first.find('.');
        const json::Value* member = line.find(condition.first.substr(0, dot));
        if (member == nullptr) return false;
        collect(member->raw, dot == std::string::npos ? "" : std::string_view(condition.first).substr(dot + 1), found);
        return found.size() == 1 && found.front() == condition.second;
    });
}

std::string taken_by(const LineRule& rule, const json::Object& line) {
    if (!matches(rule.when, line)) return {};
    std::vector<std::string_view> found;
    const size_t end = rule.take.find_first_of(".[");
    const json::Value* member = line.find(rule.take.substr(0, end));
    if (member == nullptr) return {};
    std::string_view rest = end == std::string::npos ? "" : std::string_view(rule.take).substr(end);
    if (rest.starts_with('.')) rest.remove_prefix(1);
    collect(member->raw, rest, found);
    std::string out;
    for (const std::string_view raw : found) {
        const json::Value value = json::parse_value(raw);
        out += filled(rule.as,
                      {{"value", value.kind == json::Kind::string ? json::decode_string(value) : std::string(raw)}});
    }
    return out;
}

}  // namespace agentcom::cli
