// The scenarios that measure one load on one target.

#include <algorithm>
#include <memory>
#include <vector>

#include "tools/bench/claim_load.hpp"
#include "tools/bench/dashboard_socket.hpp"
#include "tools/bench/message_load.hpp"
#include "tools/bench/meter.hpp"
#include "tools/bench/scenarios.hpp"
#include "tools/bench/task_load.hpp"

namespace agentcom::bench {

namespace {

constexpr int64_t kDrainTimeoutMs = 30'000;
// Wakes the generator when rate limits have made it wait, or pings are due.
constexpr int64_t kBeatMs = 10;

// The load is held, and all that is under way must come to its end: what was sent and never came is a failed run.
template <class Load>
Status drain(LoadLoop& loop, std::vector<std::unique_ptr<Load>>& loads) {
    for (auto& load : loads) load->stop();
    return loop.run_until([&] { return std::ranges::all_of(loads, [](const auto& load) { return load->drained(); }); },
                          kDrainTimeoutMs, "end of what was under way: something was lost, or the hub stands still");
}

template <class Load>
Result<Run> measure_loads(LoadLoop& loop, const Target& target, const Options& options,
                          std::vector<std::unique_ptr<Load>>& loads, Meter& meter, std::string_view rate_name) {
    loop.set_beat(kBeatMs);
    loop.on_round([&loads] {
        for (auto& load : loads) load->send_more();
    });
    Result<Run> run = measure(loop, target, options, meter, rate_name);
    if (run) {
        if (const Status drained = drain(loop, loads); !drained) run = Result<Run>(drained.error());
    }
    loop.on_round({});
    loop.set_beat(0);
    return run;
}

TaskLoadOptions task_options(const Options& options) {
    TaskLoadOptions tasks;
    tasks.lanes = options.lanes;
    tasks.pipeline = options.pipeline;
    tasks.batch = options.batch;
    return tasks;
}

}  // namespace

Result<Run> measure_direct(LoadLoop& loop, const Target& target, const Options& options) {
    const auto identities = register_agents(loop, target, options.pairs * 2);
    if (!identities) return Result<Run>(identities.error());
    Result<Agents> connected = connect_agents(loop, target, identities.value());
    if (!connected) return Result<Run>(connected.error());
    Agents& agents = connected.value();
    Meter meter(message_latency_names());
    std::vector<std::unique_ptr<MessageLoad>> loads;
    for (size_t i = 0; i < agents.size(); i += 2) {
        loads.push_back(std::make_unique<MessageLoad>(loop, *agents[i], std::vector<AgentSocket*>{agents[i + 1].get()},
                                                      agents[i + 1]->name(), options.window,
                                                      static_cast<size_t>(options.payload_bytes), meter));
    }
    return measure_loads(loop, target, options, loads, meter, "messages_per_s");
}

Result<Run> measure_broadcast(LoadLoop& loop, const Target& target, const Options& options) {
    const auto identities = register_agents(loop, target, options.receivers + 1);
    if (!identities) return Result<Run>(identities.error());
    Result<Agents> connected = connect_agents(loop, target, identities.value());
    if (!connected) return Result<Run>(connected.error());
    std::vector<AgentSocket*> receivers;
    for (const auto& agent : connected.value()) receivers.push_back(agent.get());
    receivers.erase(receivers.begin());
    Meter meter(message_latency_names());
    std::vector<std::unique_ptr<MessageLoad>> loads;
    loads.push_back(std::make_unique<MessageLoad>(loop, *connected.value().front(), receivers, "", options.window,
                                                  static_cast<size_t>(options.payload_bytes), meter));
    return measure_loads(loop, target, options, loads, meter, "deliveries_per_s");
}

Result<Run> measure_tasks(LoadLoop& loop, const Target& target, const Options& options) {
    const bool submit_only = options.scenario == Scenario::submit;
    const auto identities = register_agents(loop, target, submit_only ? 0 : options.agents);
    if (!identities) return Result<Run>(identities.error());
    Result<Agents> agents = connect_agents(loop, target, identities.value(), options.slots);
    if (!agents) return Result<Run>(agents.error());
    const Result<Dashboards> dashboards = connect_dashboards(loop, target, options.dashboards);
    if (!dashboards) return Result<Run>(dashboards.error());
    TaskLoadOptions tasks = task_options(options);
    tasks.done_when_stored = submit_only;
    // Also on a hub where others wait for work.
    if (submit_only) tasks.more_fields = R"(,"needed_capabilities":["agentcom-bench-nobody"])";
    const int64_t holdable = submit_only ? options.lanes * options.pipeline * std::max<int64_t>(1, options.batch)
                                         : options.agents * options.slots;
    tasks.in_flight = !submit_only && options.in_flight > 0 ? options.in_flight : holdable;
    Meter meter(task_latency_names());
    if (submit_only) meter.latencies.resize(1);
    std::vector<std::unique_ptr<TaskLoad>> loads;
    loads.push_back(std::make_unique<TaskLoad>(loop, target, agents.value(), std::move(tasks), meter));
    Result<Run> run =
        measure_loads(loop, target, options, loads, meter, submit_only ? "tasks_per_s" : "lifecycles_per_s");
    if (run && options.dashboards > 0) {
        double deltas = 0;
        double bytes = 0;
        for (const auto& dashboard : dashboards.value()) {
            deltas += static_cast<double>(dashboard->deltas());
            bytes += static_cast<double>(dashboard->bytes());
        }
        const double count = static_cast<double>(options.dashboards);
        run.value().figures.push_back({"deltas_per_dashboard", deltas / count});
        run.value().figures.push_back({"bytes_per_dashboard", bytes / count});
    }
    return run;
}

Result<Run> measure_claim(LoadLoop& loop, const Target& target, const Options& options) {
    const auto identities = register_agents(loop, target, options.agents);
    if (!identities) return Result<Run>(identities.error());
    TaskLoadOptions tasks = task_options(options);
    tasks.in_flight = options.in_flight > 0 ? options.in_flight : options.agents * 2;
    Meter meter(task_latency_names());
    Agents none;
    std::vector<std::unique_ptr<TaskLoad>> loads;
    loads.push_back(std::make_unique<TaskLoad>(loop, target, none, std::move(tasks), meter));
    const ClaimLoad claims(loop, target, identities.value(), *loads.front(), meter);
    Result<Run> run = measure_loads(loop, target, options, loads, meter, "lifecycles_per_s");
    // Claiming accepts: there is no step of its own.
    if (run) std::erase_if(run.value().latencies, [](const Latency& latency) { return latency.name == "accept"; });
    return run;
}

Result<Run> measure_idle(LoadLoop& loop, const Target& target, const Options& options) {
    const auto identities = register_agents(loop, target, options.idle_agents);
    if (!identities) return Result<Run>(identities.error());
    const auto before = read_usage(target.pid);
    const int64_t begin_ns = monotonic_ns();
    Result<Agents> connected = connect_agents(loop, target, identities.value());
    if (!connected) return Result<Run>(connected.error());
    const double connect_s = static_cast<double>(monotonic_ns() - begin_ns) / 1e9;
    Agents& agents = connected.value();

    Meter meter({"pong"});
    std::vector<int64_t> pinged_ns(agents.size(), 0);
    for (size_t i = 0; i < agents.size(); ++i) {
        agents[i]->on_text([&, i](std::string_view text) {
            if (frame_type(text) != "pong") return;
            ++meter.operations;
            meter.latencies[0].second.record(loop.now_ns() - pinged_ns[i]);
        });
    }
    // Spread evenly over the interval, as those of agents that came at different times are.
    const std::string ping = client_frame(FrameKind::text, R"({"type":"ping"})");
    const int64_t first_ns = monotonic_ns();
    int64_t sent = 0;
    loop.on_round([&] {
        const int64_t now_ns = monotonic_ns();
        const double intervals =
            static_cast<double>(now_ns - first_ns) / 1e6 / static_cast<double>(options.ping_interval_ms);
        const auto due = static_cast<int64_t>(intervals * static_cast<double>(agents.size()));
        for (; sent < due; ++sent) {
            const auto next = static_cast<size_t>(sent) % agents.size();
            pinged_ns[next] = now_ns;
            agents[next]->send_frames(ping);
        }
    });
    loop.set_beat(kBeatMs);
    Result<Run> run = measure(loop, target, options, meter, "pongs_per_s");
    loop.on_round({});
    loop.set_beat(0);
    if (!run) return run;
    std::vector<Figure>& figures = run.value().figures;
    if (before && run.value().usage) {
        const int64_t grown = run.value().usage->resident_bytes - before->resident_bytes;
        figures.insert(figures.begin(), {"memory_bytes_per_agent",
                                         static_cast<double>(grown) / static_cast<double>(options.idle_agents)});
    }
    figures.push_back({"agents", static_cast<double>(options.idle_agents)});
    figures.push_back({"connects_per_s", static_cast<double>(options.idle_agents) / connect_s});
    return run;
}

}  // namespace agentcom::bench
