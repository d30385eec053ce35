// What the hub says about itself: the schemas of frames and bodies, and the OpenAPI document. Open to everybody.
#pragma once

#include "core/hub/request_call.hpp"

namespace agentcom::requests {

Reply on_schemas(const Call&);
Reply on_websocket_schemas(const Call&);
Reply on_openapi(const Call&);

}  // namespace agentcom::requests
