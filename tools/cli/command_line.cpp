#include "tools/cli/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>

#include "agentcom_version.hpp"
#include "core/base/json.hpp"
#include "core/base/utf8.hpp"
#include "tools/cli/command_tree.hpp"
#include "tools/cli/completion.hpp"
#include "tools/cli/times.hpp"

namespace agentcom::cli {

namespace {

constexpr const char* kFooter =
    "Who: --as, else AGENTCOM_AGENT, else the nearest .agentcom, else `agentcom config use`.\n"
    "Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 conflict, 5 auth, 6 timeout, 7 hub unavailable.";

// Holds what CLI11 writes into; one parse, one parser.
class Parser {
  public:
    explicit Parser(std::vector<std::string> worker_argv)
        : app_("Talk to an AgentCom hub: messages, tasks, workers.", "agentcom"),
          tree_(app_),
          worker_argv_(std::move(worker_argv)) {
        app_.set_version_flag("--version", "agentcom " + std::string(kVersion));
        app_.footer(kFooter);
        app_.require_subcommand(1);
        // So that --hub and its like may stand behind the command too.
        app_.fallthrough();
        add_global_options();
        add_fleet_commands(tree_);
        add_task_commands(tree_);
        add_message_commands(tree_);
        add_worker_command(tree_, worker_argv_);
        add_identity_commands(tree_);
        add_import_commands(tree_);
        add_hub_commands(tree_);
        add_recording_commands(tree_);
        add_backup_commands(tree_);
        completion_app_ = app_.add_subcommand("completion", "Print a script that completes our commands in a shell");
        completion_app_->add_option("SHELL", shell_, "bash, zsh or fish")
            ->required()
            ->check(CLI::IsMember({"bash", "zsh", "fish"}));
    }

    // Empty when parsed.
    std::optional<Outcome<CommandLine>> parse(std::vector<std::string> arguments) {
        // CLI11 takes them last first.
        std::ranges::reverse(arguments);
        try {
            app_.parse(std::move(arguments));
        } catch (const CLI::CallForHelp&) {
            return CommandLine(Information{app_.help()});
        } catch (const CLI::CallForVersion&) {
            return CommandLine(Information{"agentcom " + std::string(kVersion) + "\n"});
        } catch (const CLI::ParseError& error) {
            return wrong_usage(error.what(), "See `" + full_name(deepest_command()) + " --help`.");
        }
        return std::nullopt;
    }

    bool is_worker() const { return app_.get_subcommand("worker")->parsed(); }

    Outcome<CommandLine> take() {
        if (completion_app_->parsed()) return CommandLine(Information{completion_script(app_, shell_)});
        Outcome<Command> command = tree_.take();
        if (!command) return command.failure();
        options_.command = std::move(*command);
        if (!timeout_.empty()) options_.timeout_ms = parse_duration_ms(timeout_);
        return CommandLine(std::move(options_));
    }

  private:
    const CLI::App* deepest_command() const {
        const CLI::App* command = &app_;
        while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
        return command;
    }

    static std::string full_name(const CLI::App* command) {
        std::string name = command->get_name();
        for (const CLI::App* parent = command->get_parent(); parent != nullptr; parent = parent->get_parent()) {
            name = parent->get_name() + " " + name;
        }
        return name;
    }

    void add_global_options() {
        app_.add_option("--ca-file", options_.ca_file,
                        "Certificates that a hub of https may prove itself by (AGENTCOM_CA_FILE)")
            ->type_name("FILE");
        app_.add_option("--hub", options_.hub, "The hub's address (AGENTCOM_HUB; default http://127.0.0.1:4000)")
            ->type_name("URL");
        app_.add_option("--as", options_.as, "Who to be (AGENTCOM_AGENT)")->type_name("AGENT");
        app_.add_option("--token", options_.token, "A token to use instead of one kept here (AGENTCOM_TOKEN)")
            ->type_name("TOKEN");
        app_.add_option("--data", options_.data_dir,
                        "The hub's data directory on this machine, for its admin token\n"
                        "(AGENTCOM_DATA; default $XDG_DATA_HOME/agentcom)")
            ->type_name("DIR");
        app_.add_flag("--json", options_.json, "Print {\"schema_version\":1,\"data\":…}, errors as \"error\"");
        app_.add_option("--fields", options_.fields,
                        "Only these members, separated by commas; as columns without --json")
            ->type_name("A,B")
            ->delimiter(',')
            ->check(name_check());
        app_.add_option("--timeout", timeout_, "Give up after so long, such as 90s (exit code 6)")
            ->type_name("SPAN")
            ->check(span_check());
    }

    CLI::App app_;
    CommandTree tree_;
    std::vector<std::string> worker_argv_;
    Options options_;
    std::string timeout_;
    std::string shell_;
    CLI::App* completion_app_ = nullptr;
};

// Whatever is given here ends up in JSON, which is UTF-8.
Trouble check_utf8(const std::vector<std::string>& arguments) {
    for (const std::string& argument : arguments) {
        if (is_valid_utf8(argument)) continue;
        return wrong_usage("an argument is not valid UTF-8",
                           "Use a UTF-8 locale, or recode the text (iconv -t UTF-8).");
    }
    return std::nullopt;
}

}  // namespace

// -- Checks of values -------------------------------------------------------------------------------------------------

Failure wrong_usage(std::string why, std::string next) {
    return Failure{ExitCode::usage, "wrong usage", std::move(why), std::move(next), {}};
}

const CLI::Validator& json_object_check() {
    static const CLI::Validator check(
        [](std::string& text) -> std::string {
            if (!json::validate(text)) return "is not valid JSON";
            return json::parse_value(text).kind == json::Kind::object ? ""
                                                                      : "is not a JSON object, such as '{\"key\": 1}'";
        },
        "");
    return check;
}

const CLI::Validator& span_check() {
    static const CLI::Validator check(
        [](std::string& text) -> std::string {
            return parse_duration_ms(text) ? "" : "is not a time span, such as 90, 90s, 15m, 2h or 1d";
        },
        "");
    return check;
}

const CLI::Validator& time_check() {
    static const CLI::Validator check(
        [](std::string& text) -> std::string {
            return parse_time_ms(text, 0)
                       ? ""
                       : "is not a time, such as +2h, 2026-01-31T18:00:00Z or milliseconds since 1970";
        },
        "");
    return check;
}

const CLI::Validator& name_check() {
    static const CLI::Validator check(
        [](std::string& text) { return std::string(text.empty() ? "must not be empty" : ""); }, "");
    return check;
}

// -- Parsing ----------------------------------------------------------------------------------------------------------

Outcome<CommandLine> parse_command_line(const std::vector<std::string>& arguments) {
    // What stands behind the first "--" is a worker's command and not for CLI11, which would look for options and
    // command names of ours in it. For every other command "--" means that no options follow.
    const auto mark = std::ranges::find(arguments, "--");
    const std::vector<std::string> head(arguments.begin(), mark);
    if (Trouble trouble = check_utf8(head)) return *trouble;
    if (mark != arguments.end()) {
        Parser worker_parser(std::vector<std::string>(mark + 1, arguments.end()));
        auto ended = worker_parser.parse(head);
        if (worker_parser.is_worker()) {
            if (ended) return std::move(*ended);
            return worker_parser.take();
        }
    }
    if (Trouble trouble = check_utf8(arguments)) return *trouble;
    Parser parser({});
    if (auto ended = parser.parse(arguments)) return std::move(*ended);
    return parser.take();
}

bool wants_json(const std::vector<std::string>& arguments) {
    const auto mark = std::ranges::find(arguments, "--");
    return std::find(arguments.begin(), mark, "--json") != mark;
}

}  // namespace agentcom::cli
