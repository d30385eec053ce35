// Two builds of the hub under the same scenario, in turn (A B A B …), so that what changes on the machine meanwhile
// meets both.
#pragma once

#include <string>
#include <vector>

#include "tools/bench/options.hpp"
#include "tools/bench/report.hpp"
#include "tools/bench/statistics.hpp"

namespace agentcom::bench {

struct Comparison {
    std::string name;
    Spread a;
    Spread b;
    Spread ratio;  // b to a, of each round: how far builds differ, beside how far rounds do
};

struct CompareReport {
    std::string scenario;
    std::string program_a;
    std::string program_b;
    int64_t rounds = 0;
    std::vector<Comparison> comparisons;
};

// `a[i]` and `b[i]` are the numbers of round i. Numbers that a round lacks, or that are 0 in A, are left out.
std::vector<Comparison> compare_rounds(const std::vector<std::vector<Figure>>& a,
                                       const std::vector<std::vector<Figure>>& b);

Result<CompareReport> run_compare(const CompareOptions& options);
std::string compare_text(const CompareReport& report);
// {"schema_version":1,"data":{"scenario":"compare","of","a","b","rounds","figures":{NAME:{"a","b","ratio":{"median","least","most"}}}}}
std::string compare_json(const CompareReport& report);

}  // namespace agentcom::bench
