// The target of an HTTP request: query strings, percent escapes, routes, and the credential that is cut out. Whatever
// comes, nothing crashes, and what was decoded is text.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/base/utf8.hpp"
#include "core/protocol/credentials.hpp"
#include "core/protocol/operation.hpp"
#include "core/protocol/validation.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace agentcom;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    if (const auto decoded = percent_decode(bytes); decoded && !is_valid_utf8(*decoded)) std::abort();
    const size_t mark = std::min(bytes.find('?'), bytes.size());
    const std::string_view path = bytes.substr(0, mark);
    const std::string_view text = bytes.substr(std::min(mark + 1, bytes.size()));
    const std::optional<Query> query = parse_query(text);
    if (query) {
        for (const auto& [name, value] : *query) {
            if (!is_valid_utf8(name) || !is_valid_utf8(value)) std::abort();
            static_cast<void>(query_integer(*query, name));
        }
    }
    const CutQuery cut = cut_query_token(text);
    // What is left of a query without its token can be read, and holds no token.
    if (!cut.malformed && query) {
        const std::optional<Query> rest = parse_query(cut.query);
        if (!rest || rest->size() != query->size()) std::abort();
        for (const auto& [name, value] : *rest) {
            if (name == "token" && !value.empty()) std::abort();
        }
    }
    for (const Method method : {Method::get, Method::post, Method::delete_, Method::other}) {
        const RouteMatch match = match_route(method, path);
        if (match.operation != nullptr && query) {
            if (!json::validate(http_validation_error(validate_query(*match.operation, *query)))) std::abort();
        }
    }
    return 0;
}
