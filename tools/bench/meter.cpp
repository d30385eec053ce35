#include "tools/bench/meter.hpp"

#include <algorithm>

namespace agentcom::bench {

Meter::Meter(const std::vector<std::string>& latency_names) {
    for (const std::string& name : latency_names) latencies.emplace_back(name, LatencyHistogram());
}

void Meter::reset() {
    operations = 0;
    refused = 0;
    for (auto& [name, histogram] : latencies) histogram.reset();
}

Result<Run> measure(LoadLoop& loop, const Target& target, const Options& options, Meter& meter,
                    std::string_view rate_name) {
    if (const Status warm = loop.run_for(options.warm_up_ms); !warm) return Result<Run>(warm.error());
    meter.reset();
    const auto before = read_usage(target.pid);
    const double own_before_s = own_cpu_s();
    const double machine_before_s = machine_cpu_s();
    const int64_t begin_ns = monotonic_ns();
    if (const Status done = loop.run_for(options.seconds_ms); !done) return Result<Run>(done.error());
    Run run;
    run.target = target.name;
    run.seconds = static_cast<double>(monotonic_ns() - begin_ns) / 1e9;
    run.operations = static_cast<double>(meter.operations);
    const auto after = read_usage(target.pid);
    if (before && after) run.usage = usage_between(*before, *after);
    run.figures.push_back({std::string(rate_name), run.operations / run.seconds});
    if (meter.refused > 0) run.figures.push_back({"refused", static_cast<double>(meter.refused)});
    const double own_s = own_cpu_s() - own_before_s;
    const double others_s = machine_cpu_s() - machine_before_s - own_s - (run.usage ? run.usage->cpu_s() : 0);
    run.figures.push_back({"generator_cpu_s", own_s});
    if (run.usage) run.figures.push_back({"others_cpu_s", std::max(0.0, others_s)});
    for (const auto& [name, histogram] : meter.latencies) run.latencies.push_back({name, histogram.percentiles()});
    return Result<Run>(std::move(run));
}

}  // namespace agentcom::bench
