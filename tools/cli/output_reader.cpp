#include "tools/cli/output_reader.hpp"

#include <cmath>
#include <cstdlib>

#include "tools/cli/output.hpp"
#include "tools/cli/text.hpp"

namespace agentcom::cli {

namespace {

constexpr double kMicrosPerDollar = 1e6;
constexpr double kMaxCostDollars = 1e9;

int64_t sum_of(const std::vector<std::string>& paths, const json::Object& line) {
    int64_t sum = 0;
    for (const std::string& path : paths) {
        const int64_t number = std::strtoll(taken_by({{}, path}, line).c_str(), nullptr, 10);
        if (number > 0) sum += number;
    }
    return sum;
}

}  // namespace

std::string OutputReader::feed(std::string_view bytes) {
    std::string text = text_.feed(bytes);
    if (!preset_.json_lines) return text;
    std::string shown;
    std::string_view rest = text;
    for (;;) {
        const size_t end = rest.find('\n');
        if (line_.size() + rest.size() > kMaxLineBytes && end == std::string_view::npos) line_too_long_ = true;
        if (!line_too_long_) line_ += rest.substr(0, end);
        if (end == std::string_view::npos) return shown;
        rest.remove_prefix(end + 1);
        if (!line_too_long_) shown += read_line(line_);
        line_too_long_ = false;
        line_.clear();
    }
}

std::string OutputReader::finish() {
    std::string text = text_.finish();
    if (!preset_.json_lines) return text;
    line_ += text;
    std::string shown = trimmed(line_).empty() ? "" : read_line(line_);
    line_.clear();
    return shown;
}

std::string OutputReader::read_line(std::string_view line) {
    // Not all that such programs print is JSON: a line of another sort is for people.
    const std::string_view text = trimmed(line);
    if (!text.starts_with('{') || !json::validate(text)) return std::string(line) + "\n";
    const json::Object members = members_of(text);
    for (const LineRule& rule : preset_.result) {
        if (std::string found = taken_by(rule, members); !found.empty()) result_ = std::move(found);
    }
    for (const LineRule& rule : preset_.error) {
        if (std::string found = taken_by(rule, members); !found.empty()) error_ = std::move(found);
    }
    for (const LineRule& rule : preset_.model) {
        if (std::string found = taken_by(rule, members); !found.empty()) usage_.model = std::move(found);
    }
    read_usage(members);
    if (!preset_.close_input_when.empty() && matches(preset_.close_input_when, members)) input_closed_ = true;
    if (preset_.show.empty()) return std::string(line) + "\n";
    std::string shown;
    for (const LineRule& rule : preset_.show) shown += taken_by(rule, members);
    return shown;
}

void OutputReader::read_usage(const json::Object& line) {
    const UsageRule& rule = preset_.usage;
    if (rule.when.empty() || !matches(rule.when, line)) return;
    usage_.is_known = true;
    usage_.input_tokens = sum_of(rule.input_tokens, line);
    usage_.output_tokens = sum_of(rule.output_tokens, line);
    if (rule.cost_usd.empty()) return;
    const std::string cost = taken_by({{}, rule.cost_usd}, line);
    const double dollars = cost.empty() ? -1 : std::strtod(cost.c_str(), nullptr);
    if (dollars >= 0 && dollars < kMaxCostDollars) usage_.cost_micros = std::llround(dollars * kMicrosPerDollar);
}

void OutputReader::complete(CommandResult& result) const {
    if (!preset_.json_lines) return;
    result.output = result_.value_or("");
    result.output_cut = false;
    result.reported_error = error_;
    // A program that ends well without a word of its own has not done what it was asked.
    if (result.succeeded() && !result_) result.reported_error = "it ended without a result";
    result.usage = usage_;
}

}  // namespace agentcom::cli
