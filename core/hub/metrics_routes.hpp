// The figures over HTTP: now, in the last 24 hours, and for Prometheus (core/observe/metrics.hpp).
#pragma once

#include "core/hub/request_call.hpp"

namespace agentcom::requests {

/// Values that one answer of the history holds at most: figures times steps.
inline constexpr int64_t kHistoryValuesMax = 50'000;

/// The figures of a workspace as dashboards are sent them every `metrics_interval_ms`.
std::string metrics_snapshot(const Context&, int64_t workspace);

Reply on_metrics(const Call&);
Reply on_metrics_history(const Call&);
Reply on_metrics_text(const Call&);

}  // namespace agentcom::requests
