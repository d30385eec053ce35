#include "core/observe/prometheus.hpp"

#include <algorithm>
#include <array>

#include "core/observe/metrics.hpp"

namespace agentcom::prometheus {

namespace {

/// Upper bounds of the buckets of a histogram.
struct Bounds {
    std::span<const int64_t> values;
    int64_t per_second = 1;
};
constexpr std::array<int64_t, 12> kTaskMs = {10,      100,     1'000,     5'000,     15'000,     60'000,
                                             300'000, 900'000, 1'800'000, 3'600'000, 14'400'000, 86'400'000};
constexpr std::array<int64_t, 14> kShortUs = {50,     100,    250,    500,     1'000,   2'500,   5'000,
                                              10'000, 25'000, 50'000, 100'000, 250'000, 500'000, 1'000'000};
constexpr Bounds kTaskBounds{kTaskMs, 1'000};
constexpr Bounds kShortBounds{kShortUs, 1'000'000};

/// value / per_second as a decimal, exactly.
std::string quotient(int64_t value, int64_t per_second) {
    std::string text = value < 0 ? "-" : "";
    value = value < 0 ? -value : value;
    text += std::to_string(value / per_second);
    if (per_second == 1 || value % per_second == 0) return text;
    std::string fraction = std::to_string(per_second + value % per_second).substr(1);
    while (fraction.ends_with('0')) fraction.pop_back();
    return text + "." + fraction;
}

std::string in_base_units(int64_t value, MetricUnit unit) {
    if (unit == MetricUnit::ms) return quotient(value, 1'000);
    if (unit == MetricUnit::us) return quotient(value, 1'000'000);
    return std::to_string(value);
}

/// A label's value: the format has escapes for these three.
std::string escaped(std::string_view value) {
    std::string text;
    for (const char c : value) {
        if (c == '\\' || c == '"') text += '\\';
        if (c == '\n') {
            text += "\\n";
        } else {
            text += c;
        }
    }
    return text;
}

class Page {
  public:
    void family(std::string_view name, std::string_view type, std::string_view help) {
        text_.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ");
        text_.append(name).append(" ").append(type).append("\n");
    }
    void line(std::string_view name, const std::string& labels, const std::string& value) {
        text_.append(name);
        if (!labels.empty()) text_.append("{").append(labels).append("}");
        text_.append(" ").append(value).append("\n");
    }
    void histogram(const std::string& name, const std::string& labels, const Histogram& values, const Bounds& bounds) {
        const std::string before = labels.empty() ? "" : labels + ",";
        for (const int64_t bound : bounds.values) {
            line(name + "_bucket", before + "le=\"" + quotient(bound, bounds.per_second) + "\"",
                 std::to_string(values.count_up_to(bound)));
        }
        line(name + "_bucket", before + "le=\"+Inf\"", std::to_string(values.count()));
        line(name + "_sum", labels, quotient(values.sum(), bounds.per_second));
        line(name + "_count", labels, std::to_string(values.count()));
    }
    std::string take() { return std::move(text_); }

  private:
    std::string text_;
};

std::string joined(const std::string& first, std::string_view second) {
    if (first.empty() || second.empty()) return first + std::string(second);
    return first + "," + std::string(second);
}

struct Source {
    std::string labels;  ///< workspace="..."; "" = the hub
    Figures figures{};
    const WorkspaceFigures* workspace = nullptr;
};

/// Figures that share a name stand together, under one heading; it is the first one's unless it says what they share.
std::string_view heading_of(const MetricInfo& info) {
    if (info.prometheus == "agentcom_tasks") return "Tasks in memory, by state.";
    if (info.prometheus == "agentcom_agents") return "Agents that are there, by what they are at.";
    return info.help;
}

void write_figures(Page& page, const std::vector<Source>& sources, bool of_hub) {
    std::string_view family;
    for (const MetricInfo& info : metric_infos()) {
        if (info.of_hub != of_hub || info.prometheus.empty()) continue;
        if (info.prometheus != family) {
            family = info.prometheus;
            page.family(family, to_text(info.type), heading_of(info));
        }
        for (const Source& source : sources) {
            const int64_t value = figure(source.figures, info.metric);
            if (value == kUnknownFigure) continue;
            page.line(family, joined(source.labels, info.label), in_base_units(value, info.unit));
        }
    }
}

void write_workspaces(Page& page, const std::vector<Source>& sources) {
    write_figures(page, sources, false);
    page.family("agentcom_task_leases_ended_total", "counter", "How tasks came away from their holders.");
    for (const Source& source : sources) {
        for (size_t i = 0; i < kOutcomes; ++i) {
            const std::string outcome(to_text(static_cast<Outcome>(i)));
            page.line("agentcom_task_leases_ended_total", joined(source.labels, "outcome=\"" + outcome + "\""),
                      std::to_string(source.workspace == nullptr ? 0 : source.workspace->outcomes.at(i)));
        }
    }
    page.family("agentcom_task_wait_seconds", "histogram", "Time in the queue until a task was given out.");
    for (const Source& source : sources) {
        const Histogram& values = source.workspace == nullptr ? Histogram{} : source.workspace->wait_ms_lifetime;
        page.histogram("agentcom_task_wait_seconds", source.labels, values, kTaskBounds);
    }
    page.family("agentcom_task_run_seconds", "histogram", "Time from assignment to completion.");
    for (const Source& source : sources) {
        const Histogram& values = source.workspace == nullptr ? Histogram{} : source.workspace->run_ms_lifetime;
        page.histogram("agentcom_task_run_seconds", source.labels, values, kTaskBounds);
    }
}

void write_alerts(Page& page, const Context& ctx) {
    std::array<int64_t, 3> counts{};
    for (const LiveAlertRow::Key& key : ctx.tables.sorted_keys<LiveAlertRow>()) {
        ++counts.at(static_cast<size_t>(ctx.tables.find<LiveAlertRow>(key)->severity));
    }
    page.family("agentcom_alerts", "gauge", "Alerts that stand.");
    for (size_t i = 0; i < counts.size(); ++i) {
        const std::string severity(to_text(static_cast<AlertSeverity>(i)));
        page.line("agentcom_alerts", "severity=\"" + severity + "\"", std::to_string(counts.at(i)));
    }
}

void write_hub(Page& page, const Context& ctx, std::string_view hub_version) {
    const HubFigures& hub = ctx.metrics->hub();
    write_figures(page, {{"", figures_of_hub(ctx), nullptr}}, true);
    page.family("agentcom_commit_seconds", "histogram", "Time that a transaction of the store took.");
    page.histogram("agentcom_commit_seconds", "", hub.commit_us_lifetime, kShortBounds);
    page.family("agentcom_turn_seconds", "histogram", "Time that a turn of the hub took.");
    page.histogram("agentcom_turn_seconds", "", hub.turn_us_lifetime, kShortBounds);
    write_alerts(page, ctx);
    page.family("agentcom_build_info", "gauge", "The version of the hub.");
    page.line("agentcom_build_info", "version=\"" + escaped(hub_version) + "\"", "1");
    page.family("agentcom_start_time_seconds", "gauge", "When the hub started, Unix time.");
    page.line("agentcom_start_time_seconds", "", quotient(ctx.runtime().started_at, 1'000));
}

}  // namespace

std::string text(const Context& ctx, const std::vector<int64_t>& workspaces, std::string_view hub_version) {
    std::vector<Source> sources;
    for (const int64_t workspace : workspaces) {
        const WorkspaceRow* row = ctx.tables.find<WorkspaceRow>({workspace});
        if (row == nullptr) continue;
        sources.push_back(
            {"workspace=\"" + escaped(row->name) + "\"", figures_of(ctx, workspace), ctx.metrics->find(workspace)});
    }
    Page page;
    write_workspaces(page, sources);
    write_hub(page, ctx, hub_version);
    return page.take();
}

}  // namespace agentcom::prometheus
