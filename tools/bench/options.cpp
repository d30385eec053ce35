#include "tools/bench/options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <utility>

#include "agentcom_version.hpp"
#include "tools/bench/wire.hpp"

namespace agentcom::bench {

namespace {

constexpr const char* kFooter =
    R"(The hub is agentcom-hub beside this program, started with an empty temporary data directory and --limits off, or a
running one (--hub). The generator runs on one thread of this machine and shares its processors with the hub.

  agentcom-bench direct                          messages between 10 pairs, beside a bare relay
  agentcom-bench lifecycle --seconds 30          tasks: submit, assign, accept, complete
  agentcom-bench idle --agents 10000             memory of connected agents
  agentcom-bench compare OLD-HUB NEW-HUB direct  two builds in turn

Exit codes: 0 ok, 1 the run failed (no hub, a lost message, a refused request), 2 wrong usage.
docs/performance.md says what the figures mean.)";

constexpr std::array<std::pair<Scenario, const char*>, 10> kNames{{{Scenario::direct, "direct"},
                                                                   {Scenario::relay, "relay"},
                                                                   {Scenario::broadcast, "broadcast"},
                                                                   {Scenario::submit, "submit"},
                                                                   {Scenario::lifecycle, "lifecycle"},
                                                                   {Scenario::claim, "claim"},
                                                                   {Scenario::idle, "idle"},
                                                                   {Scenario::start, "start"},
                                                                   {Scenario::flat, "flat"},
                                                                   {Scenario::relay_server, "relay-server"}}};

const CLI::Validator kDuration(
    [](std::string& text) -> std::string {
        const int64_t ms = parse_duration_ms(text);
        if (ms < 0) return "is not a time span, such as 10, 0.5, 250ms or 2m";
        text = std::to_string(ms);
        return "";
    },
    "TIME");

CLI::Validator at_least(int64_t least) {
    return CLI::Validator(
        [least](std::string& text) -> std::string {
            int64_t value = 0;
            const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
            const bool number = error == std::errc() && end == text.data() + text.size();
            return number && value >= least ? "" : "must be a whole number of at least " + std::to_string(least);
        },
        "N");
}

const CLI::Validator kSetting(
    [](std::string& text) -> std::string { return text.find('=') == std::string::npos ? "is not NAME=VALUE" : ""; },
    "NAME=VALUE");

// The bench reads the hub's line "listening", a notice of the component network.
const CLI::Validator kLogLevel(
    [](std::string& text) -> std::string {
        const bool silent =
            text.find("network=warning") != std::string::npos || text.find("network=error") != std::string::npos;
        return silent ? "must leave the notices of the network, which say where the hub listens" : "";
    },
    "LEVEL");

// One parser for one scenario command line; CLI11 writes into `options`.
class Parser {
  public:
    explicit Parser(Options& options)
        : options_(options),
          app_("Load on an AgentCom hub over real sockets, and what the hub made of it.", "agentcom-bench") {
        app_.set_version_flag("--version", "agentcom-bench " + std::string(kVersion));
        app_.footer(kFooter);
        app_.require_subcommand(1);
        app_.fallthrough();
        app_.add_flag("--json", options.json, "Print {schema_version, data} instead of a table");
        app_.add_option("--seconds", options.seconds_ms, "How long is measured; default 10")->transform(kDuration);
        app_.add_option("--warm-up", options.warm_up_ms, "Thrown away before that; default 1")->transform(kDuration);
        add_hub_options();
        add_messages();
        add_tasks();
        add_idle();
        add_start();
        add_flat();
        // compare takes a command line of its own, see parse_compare(); this is its place in the help.
        app_.add_subcommand("compare", "HUB_A HUB_B [--rounds N] SCENARIO …: two builds of the hub in turn (A B A B …)")
            ->prefix_command();
        app_.add_subcommand("relay-server", "")->group("");
    }

    Result<CommandLine> parse(std::vector<std::string> arguments) {
        // CLI11 takes them last first.
        std::ranges::reverse(arguments);
        try {
            app_.parse(std::move(arguments));
        } catch (const CLI::CallForHelp&) {
            return Result<CommandLine>(Information{app_.help()});
        } catch (const CLI::CallForVersion&) {
            return Result<CommandLine>(Information{"agentcom-bench " + std::string(kVersion) + "\n"});
        } catch (const CLI::ParseError& error) {
            return Result<CommandLine>(wrong_usage(error.what()));
        }
        const std::string name = app_.get_subcommands().front()->get_name();
        options_.scenario =
            std::ranges::find_if(kNames, [&](const auto& known) { return known.second == name; })->first;
        return check();
    }

  private:
    CLI::App* add(const char* name, const char* text) { return app_.add_subcommand(name, text); }

    static void number(CLI::App* app, const char* name, int64_t& value, int64_t least, const std::string& text) {
        app->add_option(name, value, text + "; default " + std::to_string(value))->check(at_least(least));
    }

    void add_hub_options() {
        const char* group = "Which hub";
        const auto option = [&](const char* name, auto& value, const char* text) {
            return app_.add_option(name, value, text)->group(group);
        };
        option("--hub-program", options_.hub_program, "The hub to start; default: agentcom-hub beside this program");
        option("--hub", options_.hub_url, "A running hub instead, such as http://127.0.0.1:4000");
        option("--token", options_.token,
               "An administrator's token of the running hub; default: none, agents register");
        option("--pid", options_.hub_pid, "Process id of the running hub, to read what it uses")->check(at_least(1));
        option("--data", options_.data_directory, "Data directory of the started hub, kept; default: a temporary one");
        option("--set", options_.settings, "A setting of the started hub; repeatable")
            ->check(kSetting)
            ->allow_extra_args(false);
        option("--log-level", options_.log_level,
               "Log level of the started hub, such as info or notice,tasks=debug; default: notice")
            ->check(kLogLevel);
        app_.add_flag("--with-limits", options_.with_limits, "Leave the started hub's rate limits on")->group(group);
        app_.add_option("--stored", options_.stored, "Messages and finished tasks to store before it begins")
            ->check(at_least(0))
            ->group(group);
    }

    void add_messages() {
        CLI::App* direct = add("direct", "Messages from agent to agent, each acknowledged and delivered");
        direct->add_flag("!--no-relay", options_.relay, "Do not run the relay beside it");
        CLI::App* relay = add("relay", "The same on a bare libwebsockets relay that stores nothing");
        for (CLI::App* app : {direct, relay}) {
            number(app, "--pairs", options_.pairs, 1, "Senders with a receiver each");
        }
        CLI::App* broadcast = add("broadcast", "Messages from one agent to all");
        broadcast->add_flag("!--no-relay", options_.relay, "Do not run the relay beside it");
        number(broadcast, "--receivers", options_.receivers, 1, "Agents that hear it");
        for (CLI::App* app : {direct, relay, broadcast}) {
            number(app, "--window", options_.window, 1, "Messages under way per sender");
            number(app, "--payload", options_.payload_bytes, static_cast<int64_t>(MessageTemplate::kLeastPayloadBytes),
                   "Bytes of the payload");
        }
    }

    void add_tasks() {
        CLI::App* submit = add("submit", "POST /api/tasks, with nobody there to do them");
        CLI::App* lifecycle =
            add("lifecycle", "Tasks over HTTP, done by agents on WebSockets: submit, assign, accept, complete");
        CLI::App* claim = add("claim", "The same without a socket: POST /api/tasks/claim and …/complete");
        for (CLI::App* app : {submit, lifecycle, claim}) {
            number(app, "--lanes", options_.lanes, 1, "HTTP connections that submit");
            number(app, "--pipeline", options_.pipeline, 1, "Requests under way on each");
            number(app, "--batch", options_.batch, 0, "Tasks of one request (POST /api/tasks/batch); 0: no batches");
        }
        for (CLI::App* app : {lifecycle, claim}) {
            number(app, "--agents", options_.agents, 1, "Agents that work");
            app->add_option("--in-flight", options_.in_flight, "Tasks under way; default: as many as agents can hold")
                ->check(at_least(1));
        }
        number(lifecycle, "--slots", options_.slots, 1, "Tasks that an agent does at a time");
        number(lifecycle, "--dashboards", options_.dashboards, 0,
               "Run a second time with so many dashboards that follow by deltas");
    }

    void add_idle() {
        CLI::App* idle = add("idle", "Agents that are connected, ping now and then, and do nothing");
        number(idle, "--agents", options_.idle_agents, 1, "How many");
        idle->add_option("--ping-interval", options_.ping_interval_ms, "Time between pings of one agent; default 30")
            ->transform(kDuration);
    }

    void add_start() {
        CLI::App* start =
            add("start", "Time from exec to \"listening\" on a filled data directory. --data keeps and reuses it");
        number(start, "--queued", options_.queued, 0, "Queued tasks");
        number(start, "--finished", options_.finished, 0, "Finished tasks");
        number(start, "--messages", options_.messages, 0, "Messages");
        number(start, "--rounds", options_.rounds, 1, "Starts");
    }

    void add_flat() {
        CLI::App* flat = add("flat", "direct and lifecycle with more and more messages and finished tasks stored");
        flat->add_option("--levels", options_.levels,
                         "Stored messages and tasks, comma between; default 0,100000,1000000")
            ->delimiter(',')
            ->check(at_least(0));
    }

    Result<CommandLine> check() const {
        if (options_.seconds_ms < 1) return Result<CommandLine>(wrong_usage("--seconds: must be more than nothing"));
        if (!std::ranges::is_sorted(options_.levels)) return Result<CommandLine>(wrong_usage("--levels: must go up"));
        const bool own = options_.hub_url.empty();
        const bool starts = options_.scenario == Scenario::start;
        if (!own && starts)
            return Result<CommandLine>(wrong_usage("start needs a hub of its own: it cannot use --hub"));
        const bool sets_up = !options_.data_directory.empty() || !options_.hub_program.empty() ||
                             !options_.settings.empty() || options_.log_level != kQuietLog;
        if (!own && sets_up) {
            return Result<CommandLine>(
                wrong_usage("--data, --hub-program, --set and --log-level are for a hub that "
                            "the bench starts; --hub names a running one"));
        }
        return Result<CommandLine>(options_);
    }

    Options& options_;
    CLI::App app_;
};

// HUB_A HUB_B [--rounds N] SCENARIO …, behind "compare".
Result<CommandLine> parse_compare(const std::vector<std::string>& arguments) {
    CompareOptions compare;
    std::vector<std::string> programs;
    size_t at = 0;
    for (; at < arguments.size(); ++at) {
        const std::string& argument = arguments[at];
        if (argument == "--rounds" && at + 1 < arguments.size()) {
            const std::string& value = arguments[++at];
            const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), compare.rounds);
            if (error != std::errc() || end != value.data() + value.size() || compare.rounds < 1) {
                return Result<CommandLine>(wrong_usage("--rounds: must be a whole number of at least 1"));
            }
        } else if (programs.size() < 2 && !argument.starts_with('-')) {
            programs.push_back(argument);
        } else {
            break;
        }
    }
    if (programs.size() < 2)
        return Result<CommandLine>(wrong_usage("compare needs two programs: compare HUB_A HUB_B SCENARIO"));
    std::vector<std::string> rest(arguments.begin() + static_cast<ptrdiff_t>(at), arguments.end());
    Parser parser(compare.scenario);
    Result<CommandLine> scenario = parser.parse(std::move(rest));
    if (!scenario || !std::holds_alternative<Options>(scenario.value())) return scenario;
    if (!compare.scenario.hub_url.empty() || !compare.scenario.data_directory.empty()) {
        return Result<CommandLine>(wrong_usage("compare starts both hubs on data of their own: no --hub, no --data"));
    }
    compare.program_a = programs[0];
    compare.program_b = programs[1];
    return Result<CommandLine>(std::move(compare));
}

}  // namespace

std::string_view name_of(Scenario scenario) {
    return std::ranges::find(kNames, scenario, &std::pair<Scenario, const char*>::first)->second;
}

int64_t parse_duration_ms(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || !(value >= 0) || value > 1e9) return -1;
    const std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
    if (unit == "ms") return static_cast<int64_t>(value);
    if (unit.empty() || unit == "s") return static_cast<int64_t>(value * 1000);
    if (unit == "m") return static_cast<int64_t>(value * 60'000);
    return -1;
}

Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments) {
    const bool help = arguments.size() > 1 && (arguments[1] == "--help" || arguments[1] == "-h");
    if (!arguments.empty() && arguments[0] == "compare" && !help) {
        return parse_compare({arguments.begin() + 1, arguments.end()});
    }
    Options options;
    Parser parser(options);
    return parser.parse(arguments);
}

}  // namespace agentcom::bench
