// The presets that are part of the program: tools/cli/presets/*.json, put into a source file by the build.
#pragma once

#include <string_view>
#include <vector>

namespace agentcom::cli {

struct BuiltInPreset {
    std::string_view name;
    std::string_view text;
};

extern const std::vector<BuiltInPreset> kBuiltInPresets;

}  // namespace agentcom::cli
