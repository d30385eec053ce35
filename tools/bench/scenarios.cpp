#include "tools/bench/scenarios.hpp"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "tools/bench/message_load.hpp"
#include "tools/bench/meter.hpp"
#include "tools/bench/task_load.hpp"

namespace agentcom::bench {

namespace {

constexpr int64_t kFillTimeoutMs = 3'600'000;
constexpr int64_t kLargestBatch = 1000;

std::string seconds_text(int64_t ms) { return number_text(static_cast<double>(ms) / 1000); }

using Parameters = std::vector<std::pair<std::string, std::string>>;

void add(Parameters& parameters, const char* name, int64_t value) {
    parameters.emplace_back(name, std::to_string(value));
}

Parameters parameters_of(const Options& o, const std::string& file_system) {
    Parameters parameters;
    switch (o.scenario) {
        case Scenario::broadcast:
            add(parameters, "receivers", o.receivers);
            break;
        case Scenario::direct:
        case Scenario::relay:
            add(parameters, "pairs", o.pairs);
            break;
        case Scenario::idle:
            add(parameters, "agents", o.idle_agents);
            add(parameters, "ping_interval_ms", o.ping_interval_ms);
            break;
        case Scenario::claim:
        case Scenario::lifecycle:
            add(parameters, "agents", o.agents);
            if (o.scenario == Scenario::lifecycle) add(parameters, "slots", o.slots);
            if (o.dashboards > 0) add(parameters, "dashboards", o.dashboards);
            [[fallthrough]];
        case Scenario::submit:
            add(parameters, "lanes", o.lanes);
            add(parameters, "pipeline", o.pipeline);
            add(parameters, "batch", o.batch);
            if (o.in_flight > 0) add(parameters, "in_flight", o.in_flight);
            break;
        default:
            break;
    }
    if (o.scenario == Scenario::direct || o.scenario == Scenario::relay || o.scenario == Scenario::broadcast) {
        add(parameters, "window", o.window);
        add(parameters, "payload_bytes", o.payload_bytes);
    }
    parameters.emplace_back("seconds", seconds_text(o.seconds_ms));
    parameters.emplace_back("warm_up_seconds", seconds_text(o.warm_up_ms));
    if (o.stored > 0) add(parameters, "stored", o.stored);
    if (o.with_limits) parameters.emplace_back("limits", "on");
    if (o.log_level != kQuietLog) parameters.emplace_back("log_level", o.log_level);
    for (const std::string& setting : o.settings) parameters.emplace_back("set", setting);
    if (!file_system.empty()) parameters.emplace_back("file_system", file_system);
    return parameters;
}

using Measure = Result<Run> (*)(LoadLoop&, const Target&, const Options&);

Measure measure_of(Scenario scenario) {
    switch (scenario) {
        case Scenario::direct:
        case Scenario::relay:
            return &measure_direct;
        case Scenario::broadcast:
            return &measure_broadcast;
        case Scenario::claim:
            return &measure_claim;
        case Scenario::idle:
            return &measure_idle;
        default:
            return &measure_tasks;
    }
}

// A loop for each part: sockets of one must not end the next.
Result<Run> run_on(const Target& target, const Options& options) {
    LoadLoop loop;
    if (target.checks_tokens && options.stored > 0) {
        if (const Status filled = fill(loop, target, options.stored, options.stored, 0); !filled) {
            return Result<Run>(filled.error());
        }
    }
    return measure_of(options.scenario)(loop, target, options);
}

// The same load once more on the same hub, with dashboards that watch.
Status add_with_dashboards(const Target& target, const Options& options, Report& report) {
    Options again = options;
    again.stored = 0;
    Result<Run> run = run_on(target, again);
    if (!run) return Status(run.error());
    run.value().target = "watched";
    const Figure& alone = report.runs.front().figures.front();
    const double ratio = ratio_of(run.value().figures.front().value, alone.value);
    report.ratios.push_back({"watched/hub " + alone.name, ratio});
    report.runs.push_back(std::move(run).value());
    return {};
}

bool has_relay(const Options& options) {
    return options.scenario == Scenario::relay ||
           (options.relay && (options.scenario == Scenario::direct || options.scenario == Scenario::broadcast));
}

}  // namespace

Result<Report> run_scenario(const Options& options) {
    if (options.scenario == Scenario::start) return run_start(options);
    if (options.scenario == Scenario::flat) return run_flat(options);
    Report report;
    report.scenario = name_of(options.scenario);
    if (options.scenario != Scenario::relay) {
        const auto kept =
            options.stored > 0 ? settings_to_keep(options.stored, options.stored) : std::vector<std::string>();
        Result<std::unique_ptr<HubUnderTest>> hub = HubUnderTest::start(options, kept);
        if (!hub) return Result<Report>(hub.error());
        Options without = options;
        without.dashboards = 0;
        Result<Run> run = run_on(hub.value()->target(), without);
        if (!run) return Result<Report>(run.error());
        report.parameters = parameters_of(options, hub.value()->file_system());
        report.runs.push_back(std::move(run).value());
        if (options.dashboards > 0) {
            const Status added = add_with_dashboards(hub.value()->target(), options, report);
            if (!added) return Result<Report>(added.error());
        }
    } else {
        report.parameters = parameters_of(options, "");
    }
    if (!has_relay(options)) return Result<Report>(std::move(report));
    Result<std::unique_ptr<RelayUnderTest>> relay = RelayUnderTest::start();
    if (!relay) return Result<Report>(relay.error());
    Result<Run> run = run_on(relay.value()->target(), options);
    if (!run) return Result<Report>(run.error());
    report.runs.push_back(std::move(run).value());
    if (report.runs.size() == 2) {
        const Figure& hub_rate = report.runs[0].figures.front();
        const double ratio = ratio_of(hub_rate.value, report.runs[1].figures.front().value);
        report.ratios.push_back({"hub/relay " + hub_rate.name, ratio});
    }
    return Result<Report>(std::move(report));
}

// ---------------------------------------------------------------------------------------------------------------------
// Filling

std::vector<std::string> settings_to_keep(int64_t messages, int64_t tasks) {
    // A measured run may add some millions itself.
    constexpr int64_t kMore = 10'000'000;
    return {"message_history=" + std::to_string(messages + kMore), "finished_tasks=" + std::to_string(tasks + kMore),
            "event_history=" + std::to_string(4 * tasks + kMore)};
}

namespace {

Status run_to_end(LoadLoop& loop, const std::function<void()>& send_more, const std::function<bool()>& finished) {
    loop.on_round(send_more);
    const Status done = loop.run_until(finished, kFillTimeoutMs, "end of filling the hub");
    loop.on_round({});
    return done;
}

Status fill_messages(LoadLoop& loop, const Target& target, int64_t count) {
    constexpr int64_t kPairs = 10;
    constexpr int64_t kWindow = 512;
    constexpr size_t kPayloadBytes = 100;
    const auto identities = register_agents(loop, target, kPairs * 2);
    if (!identities) return Status(identities.error());
    Result<Agents> connected = connect_agents(loop, target, identities.value());
    if (!connected) return Status(connected.error());
    Agents& agents = connected.value();
    Meter meter(message_latency_names());
    std::vector<std::unique_ptr<MessageLoad>> loads;
    for (int64_t pair = 0; pair < kPairs; ++pair) {
        AgentSocket& receiver = *agents[static_cast<size_t>(pair * 2 + 1)];
        const int64_t share = count / kPairs + (pair < count % kPairs ? 1 : 0);
        loads.push_back(std::make_unique<MessageLoad>(loop, *agents[static_cast<size_t>(pair * 2)],
                                                      std::vector<AgentSocket*>{&receiver}, receiver.name(), kWindow,
                                                      kPayloadBytes, meter, share));
    }
    return run_to_end(
        loop,
        [&] {
            for (auto& load : loads) load->send_more();
        },
        [&] { return std::ranges::all_of(loads, [](const auto& load) { return load->finished(); }); });
}

// 0 when the hub knows no batches.
Result<int64_t> batch_size(LoadLoop& loop, const Target& target) {
    const Result<Answer> answer = request(loop, target, "POST", "/api/tasks/batch", R"({"tasks":[]})");
    if (!answer) return Result<int64_t>(answer.error());
    return Result<int64_t>(answer.value().status == 404 || answer.value().status == 405 ? 0 : kLargestBatch);
}

Status fill_tasks(LoadLoop& loop, const Target& target, int64_t count, bool finished) {
    constexpr int64_t kAgents = 50;
    constexpr int64_t kSlots = 64;
    const auto identities = register_agents(loop, target, finished ? kAgents : 0);
    if (!identities) return Status(identities.error());
    Result<Agents> agents = connect_agents(loop, target, identities.value(), kSlots);
    if (!agents) return Status(agents.error());
    const Result<int64_t> batch = batch_size(loop, target);
    if (!batch) return Status(batch.error());
    TaskLoadOptions options;
    options.batch = batch.value();
    options.limit = count;
    options.accept = false;
    options.done_when_stored = !finished;
    options.in_flight = std::max<int64_t>(kAgents * kSlots, 4 * options.batch);
    options.lanes = options.batch > 0 ? 4 : 128;
    if (!finished) options.more_fields = R"(,"needed_capabilities":["agentcom-bench-nobody"])";
    Meter meter(task_latency_names());
    TaskLoad load(loop, target, agents.value(), options, meter);
    return run_to_end(
        loop, [&] { load.send_more(); }, [&] { return load.finished(); });
}

}  // namespace

Status fill(LoadLoop& loop, const Target& target, int64_t messages, int64_t finished, int64_t queued) {
    if (messages > 0) {
        if (Status filled = fill_messages(loop, target, messages); !filled) return filled;
    }
    if (finished > 0) {
        if (Status filled = fill_tasks(loop, target, finished, true); !filled) return filled;
    }
    if (queued > 0) return fill_tasks(loop, target, queued, false);
    return {};
}

// ---------------------------------------------------------------------------------------------------------------------
// start

Result<Report> run_start(const Options& options) {
    std::error_code error;
    const bool filled =
        !options.data_directory.empty() && std::filesystem::exists(options.data_directory + "/hub.db", error);
    std::vector<std::string> settings = settings_to_keep(options.messages, options.finished);
    settings.push_back("live_tasks_max=" + std::to_string(options.queued + 1'000'000));
    Result<std::unique_ptr<HubUnderTest>> started = HubUnderTest::start(options, settings);
    if (!started) return Result<Report>(started.error());
    HubUnderTest& hub = *started.value();
    Report report;
    report.scenario = name_of(options.scenario);
    report.parameters = {{"queued", std::to_string(options.queued)},     {"finished", std::to_string(options.finished)},
                         {"messages", std::to_string(options.messages)}, {"rounds", std::to_string(options.rounds)},
                         {"data", filled ? "as it was" : "filled"},      {"file_system", hub.file_system()}};
    if (!filled) {
        LoadLoop loop;
        const Status done = fill(loop, hub.target(), options.messages, options.finished, options.queued);
        if (!done) return Result<Report>(done.error());
    }
    std::vector<double> seconds;
    Run run;
    run.target = "hub";
    for (int64_t round = 0; round < options.rounds; ++round) {
        if (const Status restarted = hub.restart(); !restarted) return Result<Report>(restarted.error());
        seconds.push_back(static_cast<double>(hub.child()->start_ns()) / 1e9);
        run.usage = read_usage(hub.target().pid);
    }
    const Spread spread = spread_of(seconds);
    run.figures = {{"start_s", spread.median}, {"start_least_s", spread.least}, {"start_most_s", spread.most}};
    report.runs.push_back(std::move(run));
    return Result<Report>(std::move(report));
}

// ---------------------------------------------------------------------------------------------------------------------
// flat

Result<Report> run_flat(const Options& options) {
    const int64_t most = options.levels.empty() ? 0 : options.levels.back();
    Result<std::unique_ptr<HubUnderTest>> started = HubUnderTest::start(options, settings_to_keep(most, most));
    if (!started) return Result<Report>(started.error());
    const Target& target = started.value()->target();
    Report report;
    report.scenario = name_of(options.scenario);
    report.parameters = parameters_of(options, started.value()->file_system());
    int64_t stored = 0;
    for (const int64_t level : options.levels) {
        {
            LoadLoop loop;
            if (const Status filled = fill(loop, target, level - stored, level - stored, 0); !filled) {
                return Result<Report>(filled.error());
            }
        }
        stored = level;
        for (const Scenario part : {Scenario::direct, Scenario::lifecycle}) {
            Options of_part = options;
            of_part.scenario = part;
            of_part.stored = 0;
            Result<Run> run = run_on(target, of_part);
            if (!run) return Result<Report>(run.error());
            run.value().target = std::string(name_of(part)) + "@" + std::to_string(level);
            report.runs.push_back(std::move(run).value());
        }
    }
    for (size_t i = 2; i < report.runs.size(); ++i) {
        const Run& first = report.runs[i % 2];
        const double ratio = ratio_of(report.runs[i].figures.front().value, first.figures.front().value);
        report.ratios.push_back({report.runs[i].target + " / " + first.target, ratio});
    }
    return Result<Report>(std::move(report));
}

}  // namespace agentcom::bench
