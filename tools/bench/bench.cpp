#include "tools/bench/bench.hpp"

#include <ostream>

#include "tools/bench/compare.hpp"
#include "tools/bench/options.hpp"
#include "tools/bench/relay_server.hpp"
#include "tools/bench/scenarios.hpp"

namespace agentcom::bench {

namespace {

int tell(const Error& error, std::ostream& err) {
    err << "agentcom-bench: " << error.text << '\n';
    if (error.code != "usage") return kExitFailedRun;
    err << "See `agentcom-bench --help`.\n";
    return kExitUsage;
}

}  // namespace

int run_bench(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    const Result<CommandLine> command_line = parse_command_line(arguments);
    if (!command_line) return tell(command_line.error(), err);
    if (const auto* information = std::get_if<Information>(&command_line.value())) {
        out << information->text;
        return kExitOk;
    }
    if (const auto* compare = std::get_if<CompareOptions>(&command_line.value())) {
        const Result<CompareReport> report = run_compare(*compare);
        if (!report) return tell(report.error(), err);
        out << (compare->scenario.json ? compare_json(report.value()) : compare_text(report.value()));
        return kExitOk;
    }
    const auto& options = std::get<Options>(command_line.value());
    if (options.scenario == Scenario::relay_server) return run_relay_server();
    const Result<Report> report = run_scenario(options);
    if (!report) return tell(report.error(), err);
    out << (options.json ? report_json(report.value()) : report_text(report.value()));
    return kExitOk;
}

}  // namespace agentcom::bench
