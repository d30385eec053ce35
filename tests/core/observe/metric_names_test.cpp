#include "core/observe/metric_names.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <set>
#include <string>

using namespace agentcom;

TEST_CASE("every figure has a name of its own and says what it is", "[metrics]") {
    std::set<std::string_view> names;
    std::map<std::string, std::string_view> series;
    for (const MetricInfo& info : metric_infos()) {
        CAPTURE(info.name);
        CHECK(names.insert(info.name).second);
        CHECK(find_metric(info.name) == &metric_info(info.metric));
        CHECK(info.help.ends_with('.'));
        if (info.prometheus.empty()) continue;
        CHECK(series.emplace(std::string(info.prometheus) + std::string(info.label), info.name).second);
        CHECK(info.prometheus.ends_with("_total") == (info.type == MetricType::counter));
        const bool is_time = info.unit == MetricUnit::ms || info.unit == MetricUnit::us;
        CHECK(info.prometheus.ends_with("_seconds") == is_time);
        CHECK(info.prometheus.ends_with("_bytes") == (info.unit == MetricUnit::bytes));
    }
    CHECK(find_metric("no such figure") == nullptr);
}

TEST_CASE("figures that share a name for Prometheus stand together", "[metrics]") {
    std::set<std::string_view> closed;
    std::string_view open;
    for (const MetricInfo& info : metric_infos()) {
        if (info.prometheus.empty() || info.prometheus == open) continue;
        CHECK_FALSE(closed.contains(info.prometheus));
        closed.insert(open);
        open = info.prometheus;
    }
}
