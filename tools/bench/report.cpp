#include "tools/bench/report.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <cstdio>
#include <iterator>

namespace agentcom::bench {

namespace {

constexpr double kUsPerMs = 1e3;
constexpr double kUsPerS = 1e6;
constexpr double kBytesPerMb = 1e6;

std::vector<Figure> latency_numbers(const Latency& latency) {
    const Percentiles& p = latency.percentiles;
    return {{latency.name + "_p50_us", p.p50_us},
            {latency.name + "_p90_us", p.p90_us},
            {latency.name + "_p99_us", p.p99_us},
            {latency.name + "_p999_us", p.p999_us},
            {latency.name + "_max_us", p.max_us}};
}

std::vector<Figure> usage_numbers(const Run& run) {
    if (!run.usage) return {};
    const ProcessUsage& usage = *run.usage;
    std::vector<Figure> numbers{{"cpu_s", usage.cpu_s()}};
    if (run.operations > 0) numbers.push_back({"cpu_us_per_operation", usage.cpu_s() * kUsPerS / run.operations});
    numbers.push_back({"cpu_system_s", usage.system_s});
    if (run.seconds > 0) numbers.push_back({"processors_used", usage.cpu_s() / run.seconds});
    numbers.push_back({"memory_mb", static_cast<double>(usage.resident_bytes) / kBytesPerMb});
    if (usage.written_bytes < 0) return numbers;
    numbers.push_back({"written_mb", static_cast<double>(usage.written_bytes) / kBytesPerMb});
    if (run.operations > 0) {
        numbers.push_back({"written_bytes_per_operation", static_cast<double>(usage.written_bytes) / run.operations});
    }
    return numbers;
}

std::vector<Figure> thread_numbers(const Run& run) {
    std::vector<Figure> numbers;
    if (!run.usage) return numbers;
    for (const ThreadUsage& thread : run.usage->threads) numbers.push_back({"cpu_s of " + thread.name, thread.cpu_s});
    return numbers;
}

boost::json::object figures_json(const std::vector<Figure>& figures) {
    boost::json::object object;
    for (const Figure& figure : figures) object[figure.name] = figure.value;
    return object;
}

boost::json::object latency_json(const std::vector<Latency>& latencies) {
    boost::json::object object;
    for (const Latency& latency : latencies) {
        const Percentiles& p = latency.percentiles;
        object[latency.name] = {{"count", p.count}, {"p50", p.p50_us},    {"p90", p.p90_us},
                                {"p99", p.p99_us},  {"p99_9", p.p999_us}, {"max", p.max_us}};
    }
    return object;
}

boost::json::value usage_json(const Run& run) {
    if (!run.usage) return nullptr;
    boost::json::object object = figures_json(usage_numbers(run));
    boost::json::array threads;
    for (const ThreadUsage& thread : run.usage->threads) {
        threads.push_back({{"name", thread.name}, {"cpu_s", thread.cpu_s}});
    }
    object["threads"] = std::move(threads);
    return object;
}

}  // namespace

std::vector<Figure> numbers_of(const Run& run) {
    std::vector<Figure> numbers = run.figures;
    for (const Latency& latency : run.latencies) {
        for (Figure& number : latency_numbers(latency)) numbers.push_back(std::move(number));
    }
    for (Figure& number : usage_numbers(run)) numbers.push_back(std::move(number));
    if (run.usage) {
        for (const ThreadUsage& thread : run.usage->threads)
            numbers.push_back({"cpu_s of " + thread.name, thread.cpu_s});
    }
    return numbers;
}

std::string number_text(double value) {
    const double size = std::abs(value);
    const int decimals = value == std::floor(value) || size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
    char buffer[64];
    std::snprintf(buffer, sizeof buffer, "%.*f", decimals, value);
    std::string text = buffer;
    // Groups of three in front of the point.
    size_t at = std::min(text.find('.'), text.size());
    const size_t first = text.starts_with('-') ? 1 : 0;
    while (at > first + 3) {
        at -= 3;
        text.insert(at, " ");
    }
    return text;
}

std::string table_text(const std::vector<std::vector<std::string>>& rows) {
    std::vector<size_t> widths;
    for (const auto& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    std::string text;
    for (const auto& row : rows) {
        for (size_t i = 0; i < row.size(); ++i) {
            const std::string blanks(widths[i] - row[i].size(), ' ');
            text += i == 0 ? row[i] + blanks : "  " + blanks + row[i];
        }
        while (text.ends_with(' ')) text.pop_back();
        text += '\n';
    }
    return text;
}

namespace {

// The numbers of all runs, a column each. Runs may have different ones: a row is there when any run has it.
std::string numbers_table(const std::vector<Run>& runs) {
    std::vector<std::string> names;
    std::vector<std::vector<Figure>> columns;
    std::vector<std::vector<std::string>> rows(1, {""});
    for (const Run& run : runs) {
        rows[0].push_back(run.target);
        columns.push_back(run.figures);
        std::ranges::copy(usage_numbers(run), std::back_inserter(columns.back()));
        std::ranges::copy(thread_numbers(run), std::back_inserter(columns.back()));
        for (const Figure& number : columns.back()) {
            if (std::ranges::find(names, number.name) == names.end()) names.push_back(number.name);
        }
    }
    for (const std::string& name : names) {
        std::vector<std::string> row{name};
        for (const auto& column : columns) {
            const auto found = std::ranges::find(column, name, &Figure::name);
            row.push_back(found == column.end() ? "-" : number_text(found->value));
        }
        rows.push_back(std::move(row));
    }
    return table_text(rows);
}

std::string latency_table(const std::vector<Run>& runs) {
    std::vector<std::vector<std::string>> rows{{"latency, ms", "p50", "p90", "p99", "p99.9", "max"}};
    for (const Run& run : runs) {
        for (const Latency& latency : run.latencies) {
            std::vector<std::string> row{run.target + " " + latency.name};
            for (const Figure& number : latency_numbers(latency)) row.push_back(number_text(number.value / kUsPerMs));
            rows.push_back(std::move(row));
        }
    }
    return rows.size() > 1 ? "\n" + table_text(rows) : "";
}

}  // namespace

std::string report_text(const Report& report) {
    std::string text = report.scenario + ":";
    for (const auto& [name, value] : report.parameters) text += " " + name + "=" + value;
    text += "\n\n" + numbers_table(report.runs) + latency_table(report.runs);
    std::vector<std::vector<std::string>> rows;
    for (const Figure& ratio : report.ratios) rows.push_back({ratio.name, number_text(ratio.value)});
    return rows.empty() ? text : text + "\n" + table_text(rows);
}

std::string report_json(const Report& report) {
    boost::json::object parameters;
    for (const auto& [name, value] : report.parameters) parameters[name] = value;
    boost::json::array runs;
    for (const Run& run : report.runs) {
        runs.push_back({{"target", run.target},
                        {"seconds", run.seconds},
                        {"operations", run.operations},
                        {"figures", figures_json(run.figures)},
                        {"latency_us", latency_json(run.latencies)},
                        {"usage", usage_json(run)}});
    }
    const boost::json::object document{{"schema_version", kSchemaVersion},
                                       {"data",
                                        {{"scenario", report.scenario},
                                         {"parameters", std::move(parameters)},
                                         {"runs", std::move(runs)},
                                         {"ratios", figures_json(report.ratios)}}}};
    return boost::json::serialize(document) + "\n";
}

}  // namespace agentcom::bench
