#include "tools/cli/completion.hpp"

#include <algorithm>
#include <vector>

namespace agentcom::cli {

namespace {

// What may follow a command: its subcommands and options, those of the program too.
struct CommandEntry {
    std::string path;  // "task show"; "" for the program itself
    std::vector<const CLI::App*> commands;
    std::vector<const CLI::Option*> options;
};

void collect(const CLI::App& app, const std::string& path, std::vector<CommandEntry>& entries) {
    CommandEntry entry;
    entry.path = path;
    for (const CLI::App* command : app.get_subcommands({})) entry.commands.push_back(command);
    for (const CLI::Option* option : app.get_options()) {
        if (!option->get_lnames().empty()) entry.options.push_back(option);
    }
    const std::vector<const CLI::App*> commands = entry.commands;
    entries.push_back(std::move(entry));
    for (const CLI::App* command : commands) {
        collect(*command, path.empty() ? command->get_name() : path + " " + command->get_name(), entries);
    }
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// Text for the inside of single quotes.
std::string quoted(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (c == '\'') {
            out += "'\\''";
        } else {
            out += c;
        }
    }
    return out;
}

std::string names_of(const CommandEntry& entry) {
    std::string words;
    for (const CLI::App* command : entry.commands) words += command->get_name() + " ";
    if (entry.path == "completion") words += "bash zsh fish ";
    return words;
}

std::string options_of(const CommandEntry& entry) {
    std::string words;
    for (const CLI::Option* option : entry.options) words += "--" + option->get_lnames().front() + " ";
    return words;
}

// The options that want a word behind them, which is then no command's name.
std::string options_with_value(const std::vector<CommandEntry>& entries) {
    std::vector<std::string> names;
    for (const CommandEntry& entry : entries) {
        for (const CLI::Option* option : entry.options) {
            if (option->get_expected_max() == 0) continue;
            for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
            for (const std::string& name : option->get_snames()) names.push_back("-" + name);
        }
    }
    std::ranges::sort(names);
    names.erase(std::unique(names.begin(), names.end()), names.end());
    std::string pattern;
    for (const std::string& name : names) pattern += (pattern.empty() ? "" : "|") + name;
    return pattern;
}

// Both shells walk the words in the same way; zsh runs bash's completions with bashcompinit.
std::string bash_script(const std::vector<CommandEntry>& entries) {
    std::string script =
        "_agentcom() {\n"
        "    local word chosen='' skip='' i\n"
        "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
        "        word=${COMP_WORDS[i]}\n"
        "        if [ -n \"$skip\" ]; then skip=''; continue; fi\n"
        "        case $word in\n"
        "            --) return ;;\n"
        "            " +
        options_with_value(entries) +
        ") skip=1 ;;\n"
        "            -*) ;;\n"
        "            *) case \"${chosen:+$chosen }$word\" in\n";
    for (const CommandEntry& entry : entries) {
        if (!entry.path.empty()) script += "                '" + entry.path + "') chosen='" + entry.path + "' ;;\n";
    }
    script +=
        "            esac ;;\n"
        "        esac\n"
        "    done\n"
        "    local names='' options=''\n"
        "    case $chosen in\n";
    for (const CommandEntry& entry : entries) {
        script +=
            "        '" + entry.path + "') names='" + names_of(entry) + "' options='" + options_of(entry) + "' ;;\n";
    }
    script +=
        "    esac\n"
        "    if [ -n \"$chosen\" ]; then options=\"$options" +
        options_of(entries.front()) +
        "\"; fi\n"
        "    word=${COMP_WORDS[COMP_CWORD]}\n"
        // Options only where there is no name to choose, or where one was begun.
        "    case $word in -*) names='' ;; *) [ -n \"$names\" ] && options='' ;; esac\n"
        "    [ -n \"$skip\" ] && names='' options=''\n"
        "    COMPREPLY=($(compgen -W \"$names$options\" -- \"$word\"))\n"
        "}\n"
        "complete -o default -F _agentcom agentcom\n";
    return script;
}

std::string fish_script(const std::vector<CommandEntry>& entries) {
    std::string script =
        "# agentcom completion fish > ~/.config/fish/completions/agentcom.fish\n"
        "complete -c agentcom -f\n";
    for (const CommandEntry& entry : entries) {
        std::string condition = entry.path.empty() ? "__fish_use_subcommand" : "";
        std::string rest = entry.path;
        while (!rest.empty()) {
            const size_t space = rest.find(' ');
            condition += (condition.empty() ? "" : "; and ") + ("__fish_seen_subcommand_from " + rest.substr(0, space));
            rest = space == std::string::npos ? "" : rest.substr(space + 1);
        }
        for (const CLI::App* command : entry.commands) {
            script += "complete -c agentcom -n '" + condition + "' -a " + command->get_name() + " -d '" +
                      quoted(first_line(command->get_description())) + "'\n";
        }
        if (entry.path == "completion") script += "complete -c agentcom -n '" + condition + "' -a 'bash zsh fish'\n";
        for (const CLI::Option* option : entry.options) {
            script += "complete -c agentcom" + (entry.path.empty() ? "" : " -n '" + condition + "'") + " -l " +
                      option->get_lnames().front();
            if (!option->get_snames().empty()) script += " -s " + option->get_snames().front();
            if (option->get_expected_max() > 0) script += " -r";
            script += " -d '" + quoted(first_line(option->get_description())) + "'\n";
        }
    }
    return script;
}

}  // namespace

std::string completion_script(const CLI::App& root, std::string_view shell) {
    std::vector<CommandEntry> entries;
    collect(root, "", entries);
    if (shell == "fish") return fish_script(entries);
    if (shell == "zsh") {
        return "# source <(agentcom completion zsh), in ~/.zshrc\n"
               "autoload -U +X bashcompinit && bashcompinit\n" +
               bash_script(entries);
    }
    return "# source <(agentcom completion bash), in ~/.bashrc\n" + bash_script(entries);
}

}  // namespace agentcom::cli
