// The OpenAPI 3.1 document of the HTTP API, written from the catalogue and from the table of answers.
//
// Beyond the standard each operation says `x-agentcom-auth`, `x-agentcom-permission`, `x-agentcom-tier` and
// `x-agentcom-since` (the protocol version that brought it), and each answer `x-agentcom-errors`, the words that its
// `error` may say.
#pragma once

#include <string>
#include <string_view>

namespace agentcom {

// Always the same text for the same version. Some 200 KB and a few milliseconds: make it once.
std::string openapi_document(std::string_view hub_version);

}  // namespace agentcom
