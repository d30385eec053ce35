// GET /api/admin/recording…: the machine records, so it makes these answers; the hub says who may have them.
#pragma once

#include "core/hub/request_call.hpp"

namespace agentcom::requests {

Reply on_recording(const Call&);
Reply on_recording_segments(const Call&);

}  // namespace agentcom::requests
