// The figures in the text format of Prometheus (exposition format 0.0.4): base units (seconds, bytes), counters that
// end in _total, and no label whose values grow with the use of the hub but `workspace`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/state/context.hpp"

namespace agentcom::prometheus {

inline constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

/// Of these workspaces and of the hub.
std::string text(const Context&, const std::vector<int64_t>& workspaces, std::string_view hub_version);

}  // namespace agentcom::prometheus
