// What a load counts while it runs, and how that becomes a Run.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/bench/load_loop.hpp"
#include "tools/bench/options.hpp"
#include "tools/bench/report.hpp"
#include "tools/bench/statistics.hpp"
#include "tools/bench/target.hpp"

namespace agentcom::bench {

struct Meter {
    // The latencies that the load records, by name; a load knows them by their place.
    explicit Meter(const std::vector<std::string>& latency_names);
    void reset();

    int64_t operations = 0;
    int64_t refused = 0;  // by rate limits
    std::vector<std::pair<std::string, LatencyHistogram>> latencies;
};

// Lets a load that is under way run through the warm-up, then through the measured time. The figure is named
// `rate_name`, and counts operations a second.
Result<Run> measure(LoadLoop& loop, const Target& target, const Options& options, Meter& meter,
                    std::string_view rate_name);

}  // namespace agentcom::bench
