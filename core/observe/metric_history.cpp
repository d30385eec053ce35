#include "core/observe/metric_history.hpp"

#include <algorithm>
#include <charconv>

#include "core/base/assert.hpp"

namespace agentcom::metric_history {

namespace {

constexpr size_t kSamplesMax = 1'000;  // of one row, whatever it says

int64_t minute_of(int64_t wall_ms) { return wall_ms - wall_ms % kMsPerMinute; }

/// The numbers of "1,2,3"; nullopt for anything else.
std::optional<std::vector<int64_t>> numbers_of(std::string_view text) {
    std::vector<int64_t> numbers;
    while (!text.empty() && numbers.size() < kSamplesMax) {
        const size_t comma = std::min(text.find(','), text.size());
        int64_t number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + comma, number);
        if (error != std::errc{} || end != text.data() + comma) return std::nullopt;
        numbers.push_back(number);
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return numbers;
}

const SampleRing* ring_of(const Context& ctx, int64_t workspace) {
    if (workspace == kHub) return &ctx.metrics->hub().samples;
    const WorkspaceFigures* figures = ctx.metrics->find(workspace);
    return figures == nullptr ? nullptr : &figures->samples;
}

/// The samples in memory of minutes that are not written down yet, oldest minute first.
struct Minute {
    int64_t minute = 0;
    std::vector<FigureSample> samples;
    const FigureSample* before = nullptr;
};
std::vector<Minute> unwritten(const Context& ctx, int64_t workspace) {
    std::vector<Minute> minutes;
    const SampleRing* ring = ring_of(ctx, workspace);
    if (ring == nullptr) return minutes;
    const std::deque<FigureSample>& samples = ring->all();
    for (size_t end = samples.size(); end > 0;) {
        const int64_t minute = minute_of(samples[end - 1].at.wall_ms);
        size_t begin = end;
        while (begin > 0 && minute_of(samples[begin - 1].at.wall_ms) == minute) --begin;
        if (ctx.tables.contains<MetricHistoryRow>({workspace, minute})) break;
        const auto at = [&samples](size_t place) { return samples.begin() + static_cast<std::ptrdiff_t>(place); };
        minutes.push_back(
            {minute, std::vector<FigureSample>(at(begin), at(end)), begin == 0 ? nullptr : &samples[begin - 1]});
        end = begin;
    }
    std::reverse(minutes.begin(), minutes.end());
    return minutes;
}

void write_workspace(Context& ctx, int64_t workspace, bool all) {
    for (const Minute& minute : unwritten(ctx, workspace)) {
        if (!all && minute.minute == minute_of(ctx.now.wall_ms)) continue;
        MetricHistoryRow row;
        row.workspace = workspace;
        row.minute = minute.minute;
        row.samples = pack(minute.samples, minute.before, workspace == kHub);
        ctx.tables.put(std::move(row));
        ctx.tables.erase<MetricHistoryRow>({workspace, minute.minute - kKeptMs});
    }
}

/// What several samples make of one figure.
struct Fold {
    int64_t sum = 0;
    int64_t count = 0;
    int64_t least = 0;
    int64_t most = 0;

    void add(int64_t value) {
        least = count == 0 ? value : std::min(least, value);
        most = count == 0 ? value : std::max(most, value);
        sum = saturating_add(sum, value);
        ++count;
    }
    std::optional<int64_t> result(const MetricInfo& info) const {
        if (count == 0) return std::nullopt;
        if (info.type == MetricType::counter) return sum;
        if (info.fold == MetricFold::maximum) return most;
        if (info.fold == MetricFold::minimum) return least;
        return (sum + count / 2) / count;
    }
};

}  // namespace

std::string pack(const std::vector<FigureSample>& samples, const FigureSample* before, bool of_hub) {
    std::string text = "t:";
    for (size_t i = 0; i < samples.size(); ++i) {
        if (i > 0) text += ',';
        text += std::to_string(samples[i].at.wall_ms - (i == 0 ? 0 : samples[i - 1].at.wall_ms));
    }
    for (const MetricInfo& info : metric_infos()) {
        if (info.of_hub != of_hub) continue;
        std::string values;
        bool all_zero = true;
        const FigureSample* previous = before;
        for (const FigureSample& sample : samples) {
            int64_t value = figure(sample.values, info.metric);
            if (info.type == MetricType::counter) {
                value = previous == nullptr ? 0 : std::max<int64_t>(0, value - figure(previous->values, info.metric));
            }
            all_zero = all_zero && value == 0;
            values += (values.empty() ? "" : ",") + std::to_string(value);
            previous = &sample;
        }
        if (!all_zero) text += " " + std::to_string(static_cast<int>(info.metric)) + ":" + values;
    }
    return text;
}

std::vector<FigureSample> unpack(std::string_view text) {
    std::vector<FigureSample> samples;
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find(' '));
        text.remove_prefix(std::min(word.size() + 1, text.size()));
        const size_t colon = word.find(':');
        if (colon == std::string_view::npos) return {};
        const std::optional<std::vector<int64_t>> numbers = numbers_of(word.substr(colon + 1));
        if (!numbers) return {};
        if (word.substr(0, colon) == "t") {
            int64_t at = 0;
            for (const int64_t step : *numbers) samples.push_back({{at = saturating_add(at, step), 0}, {}});
            continue;
        }
        const std::optional<std::vector<int64_t>> metric = numbers_of(word.substr(0, colon));
        if (!metric || metric->size() != 1 || numbers->size() != samples.size()) return {};
        // A later version knows figures that this one does not.
        if (metric->front() < 0 || metric->front() >= static_cast<int64_t>(kMetrics)) continue;
        for (size_t i = 0; i < samples.size(); ++i) {
            samples[i].values.at(static_cast<size_t>(metric->front())) = (*numbers)[i];
        }
    }
    return samples;
}

void write(Context& ctx, bool all) {
    if (ctx.read_only() || ctx.metrics == nullptr) return;
    write_workspace(ctx, kHub, all);
    for (const int64_t workspace : ctx.metrics->workspaces()) write_workspace(ctx, workspace, all);
}

void prune(Context& ctx) {
    if (ctx.read_only()) return;
    for (const MetricHistoryRow::Key& key : ctx.tables.sorted_keys<MetricHistoryRow>()) {
        const int64_t age_ms = ctx.now.wall_ms - std::get<1>(key);
        if (age_ms > kKeptMs + kMsPerMinute || age_ms < -kKeptMs) ctx.tables.erase<MetricHistoryRow>(key);
    }
}

std::map<int64_t, int64_t> agents_seen_at(const Context& ctx) {
    std::map<int64_t, int64_t> seen_at;
    for (const MetricHistoryRow::Key& key : ctx.tables.sorted_keys<MetricHistoryRow>()) {
        if (std::get<0>(key) == kHub) continue;
        for (const FigureSample& sample : unpack(ctx.tables.find<MetricHistoryRow>(key)->samples)) {
            if (figure(sample.values, Metric::agents_online) <= 0) continue;
            int64_t& latest = seen_at[std::get<0>(key)];
            latest = std::max(latest, sample.at.wall_ms);
        }
    }
    return seen_at;
}

std::vector<Point> read(const Context& ctx, const Question& question) {
    AGENTCOM_ASSERT(question.step_ms > 0 && question.until >= question.since, "a question about history has a span");
    const int64_t steps = (question.until - question.since + question.step_ms - 1) / question.step_ms;
    std::vector<std::vector<Fold>> folds(static_cast<size_t>(steps), std::vector<Fold>(question.metrics.size()));
    bool wants[2] = {false, false};
    for (const Metric metric : question.metrics) wants[metric_info(metric).of_hub ? 1 : 0] = true;
    const auto take = [&](const std::vector<FigureSample>& samples, bool of_hub) {
        for (const FigureSample& sample : samples) {
            if (sample.at.wall_ms < question.since || sample.at.wall_ms >= question.until) continue;
            std::vector<Fold>& row =
                folds[static_cast<size_t>((sample.at.wall_ms - question.since) / question.step_ms)];
            for (size_t i = 0; i < row.size(); ++i) {
                const int64_t value = figure(sample.values, question.metrics[i]);
                if (metric_info(question.metrics[i]).of_hub == of_hub && value != kUnknownFigure) row[i].add(value);
            }
        }
    };
    for (const bool of_hub : {false, true}) {
        if (!wants[of_hub ? 1 : 0]) continue;
        const int64_t workspace = of_hub ? kHub : question.workspace;
        for (int64_t minute = minute_of(question.since); minute < question.until; minute += kMsPerMinute) {
            if (const MetricHistoryRow* row = ctx.tables.find<MetricHistoryRow>({workspace, minute})) {
                take(unpack(row->samples), of_hub);
            }
        }
        for (const Minute& minute : unwritten(ctx, workspace)) {
            take(unpack(pack(minute.samples, minute.before, of_hub)), of_hub);
        }
    }
    std::vector<Point> points;
    for (int64_t step = 0; step < steps; ++step) {
        Point& point = points.emplace_back();
        point.at = question.since + step * question.step_ms;
        for (size_t i = 0; i < question.metrics.size(); ++i) {
            point.values.push_back(folds[static_cast<size_t>(step)][i].result(metric_info(question.metrics[i])));
        }
    }
    return points;
}

}  // namespace agentcom::metric_history
