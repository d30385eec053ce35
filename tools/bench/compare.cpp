#include "tools/bench/compare.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "tools/bench/scenarios.hpp"

namespace agentcom::bench {

namespace {

boost::json::object spread_json(const Spread& spread) {
    return {{"median", spread.median}, {"least", spread.least}, {"most", spread.most}};
}

Result<std::vector<Figure>> run_round(Options options, const std::string& program) {
    options.hub_program = program;
    // The relay is the same beside both.
    options.relay = false;
    const Result<Report> report = run_scenario(options);
    if (!report) return Result<std::vector<Figure>>(failed_run(program + ": " + report.error().text));
    std::vector<Figure> numbers;
    const std::vector<Run>& runs = report.value().runs;
    for (const Run& run : runs) {
        for (Figure& number : numbers_of(run)) {
            if (runs.size() > 1) number.name = run.target + " " + number.name;
            numbers.push_back(std::move(number));
        }
    }
    return Result<std::vector<Figure>>(std::move(numbers));
}

}  // namespace

std::vector<Comparison> compare_rounds(const std::vector<std::vector<Figure>>& a,
                                       const std::vector<std::vector<Figure>>& b) {
    std::vector<Comparison> comparisons;
    if (a.empty() || a.size() != b.size()) return comparisons;
    for (const Figure& figure : a.front()) {
        std::vector<double> values_a;
        std::vector<double> values_b;
        std::vector<double> ratios;
        for (size_t round = 0; round < a.size(); ++round) {
            const auto in_a = std::ranges::find(a[round], figure.name, &Figure::name);
            const auto in_b = std::ranges::find(b[round], figure.name, &Figure::name);
            if (in_a == a[round].end() || in_b == b[round].end() || in_a->value == 0) break;
            values_a.push_back(in_a->value);
            values_b.push_back(in_b->value);
            ratios.push_back(ratio_of(in_b->value, in_a->value));
        }
        if (ratios.size() != a.size()) continue;
        comparisons.push_back({figure.name, spread_of(values_a), spread_of(values_b), spread_of(ratios)});
    }
    return comparisons;
}

Result<CompareReport> run_compare(const CompareOptions& options) {
    std::vector<std::vector<Figure>> rounds_a;
    std::vector<std::vector<Figure>> rounds_b;
    for (int64_t round = 0; round < options.rounds; ++round) {
        for (const bool first : {true, false}) {
            Result<std::vector<Figure>> numbers =
                run_round(options.scenario, first ? options.program_a : options.program_b);
            if (!numbers) return Result<CompareReport>(numbers.error());
            (first ? rounds_a : rounds_b).push_back(std::move(numbers).value());
        }
    }
    return Result<CompareReport>(CompareReport{std::string(name_of(options.scenario.scenario)), options.program_a,
                                               options.program_b, options.rounds, compare_rounds(rounds_a, rounds_b)});
}

std::string compare_text(const CompareReport& report) {
    std::string text = "compare " + report.scenario + ", " + std::to_string(report.rounds) +
                       " rounds\nA: " + report.program_a + "\nB: " + report.program_b + "\n\n";
    std::vector<std::vector<std::string>> rows{{"median of rounds", "A", "B", "B/A", "least", "most"}};
    for (const Comparison& c : report.comparisons) {
        rows.push_back({c.name, number_text(c.a.median), number_text(c.b.median), number_text(c.ratio.median),
                        number_text(c.ratio.least), number_text(c.ratio.most)});
    }
    return text + table_text(rows);
}

std::string compare_json(const CompareReport& report) {
    boost::json::object figures;
    for (const Comparison& c : report.comparisons) {
        figures[c.name] = {{"a", spread_json(c.a)}, {"b", spread_json(c.b)}, {"ratio", spread_json(c.ratio)}};
    }
    const boost::json::object document{{"schema_version", kSchemaVersion},
                                       {"data",
                                        {{"scenario", "compare"},
                                         {"of", report.scenario},
                                         {"a", report.program_a},
                                         {"b", report.program_b},
                                         {"rounds", report.rounds},
                                         {"figures", std::move(figures)}}}};
    return boost::json::serialize(document) + "\n";
}

}  // namespace agentcom::bench
