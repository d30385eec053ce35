#include "native-server/config/layers.hpp"

#include <utility>

namespace agentcom {

std::string_view to_text(Source source) {
    switch (source) {
        case Source::default_value:
            return "default";
        case Source::profile:
            return "profile";
        case Source::file:
            return "file";
        case Source::environment:
            return "environment";
        case Source::command_line:
            return "command line";
    }
    return "default";
}

void Layers::put(std::string_view name, std::string text, Source source, std::string origin) {
    Value& value = values_[std::string(name)];
    if (source < value.source) return;
    value = {std::move(text), source, std::move(origin)};
}

const Layers::Value* Layers::find(std::string_view name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? nullptr : &found->second;
}

}  // namespace agentcom
