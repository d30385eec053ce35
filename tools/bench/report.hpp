// What a scenario found, as a table for people and as JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/bench/process_usage.hpp"
#include "tools/bench/statistics.hpp"

namespace agentcom::bench {

inline constexpr int kSchemaVersion = 1;

struct Figure {
    std::string name;  // with its unit: "messages_per_s"
    double value = 0;
};

struct Latency {
    std::string name;  // of what: "ack"
    Percentiles percentiles;
};

// One column of the table: one target, or one level of a target.
struct Run {
    std::string target;
    // The first one is what the scenario is about; compare and ratios look at it first.
    std::vector<Figure> figures;
    std::vector<Latency> latencies;
    // Of the server, while it was measured.
    std::optional<ProcessUsage> usage;
    double operations = 0;  // while it was measured: what usage is divided by
    double seconds = 0;
};

struct Report {
    std::string scenario;
    std::vector<std::pair<std::string, std::string>> parameters;
    std::vector<Run> runs;
    // Of the other runs to the first, or as their names say.
    std::vector<Figure> ratios;
};

// All numbers of a run by name, those of its usage too, in the order of the table: what compare compares.
std::vector<Figure> numbers_of(const Run& run);

// Lines for people.
std::string report_text(const Report& report);
// {"schema_version":1,"data":{"scenario","parameters","runs":[{"target","seconds","operations","figures","latency_us","usage"}],"ratios"}}
std::string report_json(const Report& report);

// A number with so many digits as make sense, and thin groups: "61 234", "0.338".
std::string number_text(double value);

// Rows of cells as columns: the first one to the left, the others to the right.
std::string table_text(const std::vector<std::vector<std::string>>& rows);

}  // namespace agentcom::bench
