// The schemas that the hub publishes, written from the catalogue and from the table of answers.
#pragma once

#include <string>
#include <string_view>

#include "core/base/json.hpp"
#include "core/protocol/operation.hpp"

namespace agentcom {

// The body of GET /api/schemas: `websocket` and `http` are what v1.1 published, `websocket_v2` and `routes` everything.
std::string schema_listing();

// The body of GET /api/schemas/websocket: JSON Schema 2020-12 with a definition for each frame of clients
// ("to_hub.ping") and of the hub ("from_hub.pong"), all of them in "to_hub" and "from_hub".
std::string websocket_schemas();

// The JSON Schema of a frame or body as an operation takes it: keywords without braces. Bodies of other operations are
// referred to as `reference_prefix` and their body_name().
void write_fields_schema(json::Writer& out, const Operation& operation, std::string_view reference_prefix);

// The name of the schema of a route's body: "PostTaskBody" of post_task.
std::string body_name(const Operation& route);

}  // namespace agentcom
