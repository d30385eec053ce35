#include "tools/cli/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <utility>

#include "agentcom_version.hpp"
#include "core/base/json.hpp"
#include "core/base/limits.hpp"
#include "core/base/utf8.hpp"

namespace agentcom::cli {

namespace {

constexpr const char* kFooter =
    "Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 conflict, 5 auth, 6 timeout, 7 hub unavailable.";

const CLI::Validator kJsonObject(
    [](std::string& text) -> std::string {
        if (!json::validate(text)) return "is not valid JSON";
        return json::parse_value(text).kind == json::Kind::object ? "" : "is not a JSON object, such as '{\"key\": 1}'";
    },
    "");

const CLI::Validator kDuration(
    [](std::string& text) -> std::string {
        return parse_duration_ms(text) ? "" : "is not a time span, such as 90, 90s, 15m, 2h or 1d";
    },
    "");

const CLI::Validator kInstantOrSpan(
    [](std::string& text) -> std::string {
        const bool relative = text.starts_with('+') && parse_duration_ms(std::string_view(text).substr(1));
        return relative || parse_instant_ms(text) ? ""
                                                  : "is not a time, such as +2h, 2026-01-31T18:00:00Z or milliseconds "
                                                    "since 1970";
    },
    "");

const CLI::Validator kName([](std::string& text) { return std::string(text.empty() ? "must not be empty" : ""); }, "");

// Holds what CLI11 writes into; one parse, one parser.
class Parser {
  public:
    Parser() : app_("Talk to an AgentCom hub: messages, tasks, workers.", "agentcom") {
        app_.set_version_flag("--version", "agentcom " + std::string(kVersion));
        app_.footer(kFooter);
        app_.require_subcommand(1);
        // So that --hub and its like may stand behind the command too.
        app_.fallthrough();
        add_global_options();
        add_register();
        add_send();
        add_inbox();
        add_submit();
        add_task();
        add_worker();
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
            return Failure{
                ExitCode::usage, "wrong usage", error.what(), "See `" + full_name(deepest_command()) + " --help`.", {}};
        }
        return std::nullopt;
    }

    bool is_worker() const { return worker_app_->parsed(); }

    Outcome<CommandLine> options(std::vector<std::string> worker_argv) {
        Options result = std::move(options_);
        if (register_app_->parsed()) result.command = std::move(register_);
        if (send_app_->parsed()) {
            if (send_text_.has_value() == !send_.payload_raw.empty()) {
                return Failure{ExitCode::usage,
                               "wrong usage",
                               "send takes either TEXT or --payload",
                               "See `agentcom send --help`.",
                               {}};
            }
            if (send_text_) send_.payload_raw = "{\"text\":" + json::encode_string(*send_text_) + "}";
            result.command = std::move(send_);
        }
        if (inbox_app_->parsed()) result.command = inbox_;
        if (submit_app_->parsed()) {
            read_times();
            result.command = std::move(submit_);
        }
        if (task_show_app_->parsed()) result.command = TaskShowCommand{task_id_};
        if (task_list_app_->parsed()) result.command = std::move(task_list_);
        if (task_cancel_app_->parsed()) result.command = TaskCancelCommand{task_id_};
        if (task_retry_app_->parsed()) result.command = TaskRetryCommand{task_id_};
        if (worker_app_->parsed()) {
            worker_.argv = std::move(worker_argv);
            if (worker_.argv.empty()) {
                return Failure{ExitCode::usage,
                               "wrong usage",
                               "worker needs a command to run for each task",
                               "Put it behind --, as in: agentcom worker -- ./solve.sh --fast",
                               {}};
            }
            result.command = std::move(worker_);
        }
        return CommandLine(std::move(result));
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
        app_.add_option("--hub", options_.hub, "The hub's address (default http://127.0.0.1:4000)")
            ->envname("AGENTCOM_HUB")
            ->type_name("URL");
        app_.add_option("--as", options_.as, "Who to be; without it the only identity registered on this hub")
            ->envname("AGENTCOM_AGENT")
            ->type_name("AGENT");
        app_.add_option("--token", options_.token, "A token to use instead of a registered identity's")
            ->envname("AGENTCOM_TOKEN")
            ->type_name("TOKEN");
        app_.add_option("--data", options_.data_dir,
                        "The hub's data directory on this machine, for its admin token\n"
                        "(default $XDG_DATA_HOME/agentcom)")
            ->type_name("DIR");
        app_.add_flag("--json", options_.json, "Print the hub's JSON; errors too, as JSON on standard error");
    }

    void add_register() {
        register_app_ = app_.add_subcommand("register", "Register an agent and keep its token for later commands");
        register_app_->add_option("AGENT", register_.agent, "The agent's id")->required()->check(kName);
        register_app_->add_option("--workspace", register_.workspace, "Register it there; needs an admin's token")
            ->type_name("W");
    }

    void add_send() {
        send_app_ = app_.add_subcommand("send", "Send a message to an agent, or to everybody");
        send_app_->add_option("TO", send_.to, "An agent's id, or 'broadcast'")->required()->check(kName);
        send_app_->add_option("TEXT", send_text_, "Sent as {\"text\": TEXT}; behind -- if it starts with '-'");
        send_app_->add_option("--payload", send_.payload_raw, "A JSON object to send instead, byte for byte")
            ->type_name("JSON")
            ->check(kJsonObject);
        send_app_->add_option("--type", send_.type, "The message's type (default chat)")->type_name("T");
        send_app_->add_option("--reply-to", send_.reply_to, "The id of the message this answers")->type_name("ID");
    }

    void add_inbox() {
        inbox_app_ = app_.add_subcommand("inbox", "Show the messages that wait for an agent");
        inbox_app_->add_flag("--ack", inbox_.ack, "Then remove from the mailbox what was shown");
        inbox_app_->add_option("--since", inbox_.since, "Only messages with a higher number")->type_name("N");
    }

    void add_submit() {
        submit_app_ = app_.add_subcommand("submit", "Submit a task for an agent to do");
        submit_app_->add_option("DESCRIPTION", submit_.description, "What is to be done")->required();
        submit_app_->add_option("--priority", submit_.priority, "urgent, high, normal (default) or low")
            ->type_name("P")
            ->check(CLI::IsMember({"urgent", "high", "normal", "low"}));
        submit_app_->add_option("--needs", submit_.needs, "A capability the agent must have; repeatable")
            ->type_name("CAP")
            ->expected(1)
            ->take_all()
            ->check(kName);
        submit_app_->add_option("--metadata", submit_.metadata_raw, "A JSON object for the agent, byte for byte")
            ->type_name("JSON")
            ->check(kJsonObject);
        submit_app_->add_option("--max-retries", submit_.max_retries, "Failures until it is a dead letter (default 3)")
            ->type_name("N");
        submit_app_->add_option("--complete-by", complete_by_, "Deadline: +2h, 2026-01-31T18:00:00Z or Unix ms")
            ->type_name("TIME")
            ->check(kInstantOrSpan);
        submit_app_->add_option("--max-run", max_run_, "The longest one attempt may run, such as 15m")
            ->type_name("SPAN")
            ->check(kDuration);
        submit_app_->add_option("--unique-key", submit_.unique_key, "At most one unfinished task has this key")
            ->type_name("KEY");
        submit_app_->add_option("--blocked-by", submit_.blocked_by, "A task that must end first; repeatable")
            ->type_name("ID")
            ->expected(1)
            ->take_all()
            ->check(kName);
        CLI::Option* wait = submit_app_->add_flag("--wait", submit_.wait, "Wait for the end and print the result");
        submit_app_->add_option("--timeout", timeout_, "Wait at most so long, such as 90s; the task goes on")
            ->type_name("SPAN")
            ->check(kDuration)
            ->needs(wait);
    }

    void add_task() {
        CLI::App* task = app_.add_subcommand("task", "Show, list, cancel and retry tasks");
        task->require_subcommand(1);
        task_show_app_ = task->add_subcommand("show", "Show one task");
        task_show_app_->add_option("ID", task_id_, "The task's id")->required()->check(kName);
        task_list_app_ = task->add_subcommand("list", "List tasks");
        task_list_app_->add_option("--status", task_list_.status, "queued, assigned, completed or dead_letter")
            ->type_name("S");
        task_list_app_->add_option("--priority", task_list_.priority, "urgent, high, normal or low")
            ->type_name("P")
            ->check(CLI::IsMember({"urgent", "high", "normal", "low"}));
        task_list_app_->add_option("--assigned-to", task_list_.assigned_to, "Tasks of this agent")->type_name("AGENT");
        task_list_app_->add_option("--limit", task_list_.limit, "At most so many")
            ->type_name("N")
            ->check(CLI::PositiveNumber);
        task_cancel_app_ = task->add_subcommand("cancel", "Cancel a task that has not ended");
        task_cancel_app_->add_option("ID", task_id_, "The task's id")->required()->check(kName);
        task_retry_app_ = task->add_subcommand("retry", "Queue a dead letter again");
        task_retry_app_->add_option("ID", task_id_, "The task's id")->required()->check(kName);
    }

    void add_worker() {
        worker_app_ = app_.add_subcommand("worker", "Take tasks and run a command for each of them");
        worker_app_->footer(
            "agentcom worker [OPTIONS] -- COMMAND ARGS...\n\n"
            "The command gets the task as JSON on its standard input and in AGENTCOM_TASK_ID,\n"
            "AGENTCOM_TASK_DESCRIPTION, AGENTCOM_TASK_METADATA, AGENTCOM_TASK_GENERATION and\n"
            "AGENTCOM_TASK_JSON (values over 100 KB on standard input only). It runs without a\n"
            "shell. Exit status 0 completes the task with what it wrote to standard output;\n"
            "any other fails it with the end of standard error. The first SIGINT or SIGTERM\n"
            "lets running tasks finish, the second ends them.");
        worker_app_->add_option("-c,--capability", worker_.capabilities, "Something this worker can do; repeatable")
            ->type_name("C")
            ->expected(1)
            ->take_all()
            ->check(kName);
        worker_app_->add_option("--slots", worker_.slots, "Tasks at a time (default 1)")
            ->type_name("N")
            ->check(CLI::Range(int64_t{1}, kMaxSlots));
        worker_app_->add_flag("--once", worker_.once, "Take one task, then exit: 0 when it completed, else 1");
        worker_app_
            ->add_option("--progress-interval", worker_.progress_interval_s,
                         "Seconds between signs of life of a running task (default 60)")
            ->type_name("S")
            ->check(CLI::Range(int64_t{1}, int64_t{86'400}));
    }

    void read_times() {
        using namespace std::chrono;
        if (!complete_by_.empty()) {
            submit_.complete_in = complete_by_.starts_with('+');
            submit_.complete_by_ms = submit_.complete_in ? parse_duration_ms(std::string_view(complete_by_).substr(1))
                                                         : parse_instant_ms(complete_by_);
        }
        if (!max_run_.empty()) submit_.max_run_ms = parse_duration_ms(max_run_);
        if (!timeout_.empty()) submit_.timeout_ms = parse_duration_ms(timeout_);
    }

    CLI::App app_;
    Options options_;

    RegisterCommand register_;
    SendCommand send_;
    std::optional<std::string> send_text_;
    InboxCommand inbox_;
    SubmitCommand submit_;
    std::string complete_by_;
    std::string max_run_;
    std::string timeout_;
    std::string task_id_;
    TaskListCommand task_list_;
    WorkerCommand worker_;

    CLI::App* register_app_ = nullptr;
    CLI::App* send_app_ = nullptr;
    CLI::App* inbox_app_ = nullptr;
    CLI::App* submit_app_ = nullptr;
    CLI::App* task_show_app_ = nullptr;
    CLI::App* task_list_app_ = nullptr;
    CLI::App* task_cancel_app_ = nullptr;
    CLI::App* task_retry_app_ = nullptr;
    CLI::App* worker_app_ = nullptr;
};

// Whatever is given here ends up in JSON, which is UTF-8.
Trouble check_utf8(const std::vector<std::string>& arguments) {
    for (const std::string& argument : arguments) {
        if (!is_valid_utf8(argument)) {
            return Failure{ExitCode::usage,
                           "wrong usage",
                           "an argument is not valid UTF-8",
                           "Use a UTF-8 locale, or recode the text (iconv -t UTF-8).",
                           {}};
        }
    }
    return std::nullopt;
}

}  // namespace

Outcome<CommandLine> parse_command_line(const std::vector<std::string>& arguments) {
    // What stands behind the first "--" is a worker's command and not for CLI11, which would look for options and
    // command names of ours in it. For every other command "--" means that no options follow.
    const auto mark = std::ranges::find(arguments, "--");
    const std::vector<std::string> head(arguments.begin(), mark);
    if (Trouble trouble = check_utf8(head)) return *trouble;
    if (mark != arguments.end()) {
        Parser worker_parser;
        auto ended = worker_parser.parse(head);
        if (worker_parser.is_worker()) {
            if (ended) return std::move(*ended);
            return worker_parser.options(std::vector<std::string>(mark + 1, arguments.end()));
        }
    }
    if (Trouble trouble = check_utf8(arguments)) return *trouble;
    Parser parser;
    if (auto ended = parser.parse(arguments)) return std::move(*ended);
    return parser.options({});
}

std::optional<int64_t> parse_duration_ms(std::string_view text) {
    constexpr int64_t kLongest = int64_t{3650} * 86'400'000;
    int64_t count = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, count);
    if (error != std::errc{} || count < 1) return std::nullopt;
    const std::string_view unit(stop, static_cast<size_t>(end - stop));
    int64_t factor = 0;
    if (unit == "ms") factor = 1;
    if (unit == "s" || unit.empty()) factor = 1'000;
    if (unit == "m") factor = 60'000;
    if (unit == "h") factor = 3'600'000;
    if (unit == "d") factor = 86'400'000;
    if (factor == 0 || count > kLongest / factor) return std::nullopt;
    return count * factor;
}

std::optional<int64_t> parse_instant_ms(std::string_view text) {
    using namespace std::chrono;
    if (!text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos) {
        int64_t milliseconds_since_1970 = 0;
        const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), milliseconds_since_1970);
        // Below this it is seconds, or a year: 10^11 ms was in March 1973.
        if (error != std::errc{} || milliseconds_since_1970 < 100'000'000'000) return std::nullopt;
        return milliseconds_since_1970;
    }
    int year_number = 0;
    unsigned month_number = 0;
    unsigned day_number = 0;
    int hour = 0;
    int minute = 0;
    int second = 0;
    int used = 0;
    const std::string copy(text);
    const int fields = std::sscanf(copy.c_str(), "%4d-%2u-%2uT%2d:%2d:%2d%n", &year_number, &month_number, &day_number,
                                   &hour, &minute, &second, &used);
    if (fields != 6) return std::nullopt;
    const std::string_view rest = text.substr(static_cast<size_t>(used));
    const year_month_day date{year{year_number}, month{month_number}, day{day_number}};
    const bool valid = (rest.empty() || rest == "Z") && date.ok() && hour >= 0 && hour < 24 && minute >= 0 &&
                       minute < 60 && second >= 0 && second < 60;
    if (!valid) return std::nullopt;
    const auto instant = sys_days{date} + hours{hour} + minutes{minute} + seconds{second};
    return duration_cast<milliseconds>(instant.time_since_epoch()).count();
}

}  // namespace agentcom::cli
