#include "core/hub/schema_routes.hpp"

#include "core/hub/sessions.hpp"
#include "core/protocol/openapi.hpp"
#include "core/protocol/schemas.hpp"

namespace agentcom::requests {

// The texts are the same for as long as the program runs, and made when somebody first asks.

Reply on_schemas(const Call&) {
    static const std::string text = schema_listing();
    return Answer{200, text, std::nullopt, {}};
}

Reply on_websocket_schemas(const Call&) {
    static const std::string text = websocket_schemas();
    return Answer{200, text, std::nullopt, {}};
}

Reply on_openapi(const Call&) {
    static const std::string text = openapi_document(sessions::kHubVersion);
    return Answer{200, text, std::nullopt, {}};
}

}  // namespace agentcom::requests
