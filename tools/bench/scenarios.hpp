// The scenarios, each from start to report: a hub (and the relay) come up, agents connect, the load runs, all ends.
#pragma once

#include "tools/bench/options.hpp"
#include "tools/bench/report.hpp"
#include "tools/bench/target.hpp"

namespace agentcom::bench {

// Any but relay_server.
Result<Report> run_scenario(const Options& options);

// -- Their parts, for scenarios that are made of others
// -----------------------------------------------------------------

// Each on a target that runs.
Result<Run> measure_direct(LoadLoop& loop, const Target& target, const Options& options);
Result<Run> measure_broadcast(LoadLoop& loop, const Target& target, const Options& options);
Result<Run> measure_tasks(LoadLoop& loop, const Target& target, const Options& options);
Result<Run> measure_claim(LoadLoop& loop, const Target& target, const Options& options);
Result<Run> measure_idle(LoadLoop& loop, const Target& target, const Options& options);

Result<Report> run_start(const Options& options);
Result<Report> run_flat(const Options& options);

// Settings that let a hub keep as much as `messages` and `tasks`, and what a run adds to them.
std::vector<std::string> settings_to_keep(int64_t messages, int64_t tasks);
// Stores delivered messages and finished tasks through the hub, then queued tasks that nobody can do.
Status fill(LoadLoop& loop, const Target& target, int64_t messages, int64_t finished, int64_t queued);

}  // namespace agentcom::bench
