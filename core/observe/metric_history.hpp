// How figures went in the last 24 hours: what survives a restart of core/observe/metrics.hpp.
//
// A row of `metric_history` holds the samples of one minute: "t:1795225980000,10000,10000" says when, the first as Unix
// ms and the others by how much later; "3:1,1,2" gives the values of the figure with that number, for a counter how
// much it grew since the sample before. Figures that were 0 throughout are left out. A minute is written when it is
// over, out of the samples in memory, so that a failing store loses nothing but what it fails for longer than an hour.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/observe/metrics.hpp"

namespace agentcom::metric_history {

inline constexpr int64_t kKeptMs = kMsPerDay;
/// Workspace of the rows that hold the hub's own figures.
inline constexpr int64_t kHub = 0;

/// Samples of one minute as a row keeps them. `before` is the sample before the first; nullptr: there was none.
std::string pack(const std::vector<FigureSample>& samples, const FigureSample* before, bool of_hub);
/// Samples as they were packed; counters are growths. Empty for a text that is none.
std::vector<FigureSample> unpack(std::string_view text);

/// Writes down the minutes that are over; `all`: and the one that runs. Nothing while the store fails.
void write(Context&, bool all = false);
/// Drops what is older than a day, or dated in the future by a clock that was wrong.
void prune(Context&);
/// By workspace: when an agent was last there, as far as is kept.
std::map<int64_t, int64_t> agents_seen_at(const Context&);

struct Question {
    int64_t workspace = 0;
    int64_t since = 0;  ///< Unix ms, a multiple of the step
    int64_t until = 0;  ///< not included
    int64_t step_ms = 10'000;
    std::vector<Metric> metrics;
};
struct Point {
    int64_t at = 0;                              ///< when its step began
    std::vector<std::optional<int64_t>> values;  ///< in the order of the question; nullopt: not known
};
/// One point for each step.
std::vector<Point> read(const Context&, const Question&);

}  // namespace agentcom::metric_history
