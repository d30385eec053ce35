#include "core/state/columns.hpp"

namespace agentcom::detail {

std::string encode_list(const std::vector<std::string>& items) { return json::encode_strings(items); }

std::vector<std::string> decode_list(std::string_view text) {
    std::vector<std::string> items;
    const json::Value value = json::parse_value(text);
    if (value.kind != json::Kind::array) return items;
    for (const json::Value& element : json::elements(value.raw)) {
        if (element.kind == json::Kind::string) items.push_back(json::decode_string(element));
    }
    return items;
}

}  // namespace agentcom::detail
