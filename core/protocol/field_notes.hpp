// What each field, parameter and member is for, in a line with its unit: the prose of the OpenAPI document, the JSON
// Schemas and the tables of docs/protocol.md.
//
// One table, from most special to most general: what an owner means by a name, then what the name means everywhere.
#pragma once

#include <string_view>

namespace agentcom {

// The owner is the name of an operation ("post_task"), the type of a frame, or a named shape ("Task"). "" when the
// table does not know the name; a test finds those.
std::string_view field_note(std::string_view owner, std::string_view name);

}  // namespace agentcom
