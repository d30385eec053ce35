// The program agentcom-bench, with its arguments and streams as arguments.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace agentcom::bench {

// `arguments` are those after the program's name. Gives the exit code: 0, kExitFailedRun or kExitUsage.
int run_bench(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);

}  // namespace agentcom::bench
