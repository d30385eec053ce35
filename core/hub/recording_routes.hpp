// GET /api/admin/recording…: the machine records, so it makes these answers; the hub says who may have them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/hub/request_call.hpp"

namespace agentcom::requests {

/// Of the download itself.
std::vector<std::pair<std::string, std::string>> recording_headers();
Reply on_recording(const Call&);
Reply on_recording_segments(const Call&);

}  // namespace agentcom::requests
