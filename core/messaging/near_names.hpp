// Names that somebody who wrote to an unknown one may have meant.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/state/context.hpp"

namespace agentcom {

/// Whether a name can have mail: somebody of the workspace is registered under it, or the hub itself.
bool is_known_recipient(const Tables&, int64_t workspace, const std::string& name);

/// At most 5 registered names of the workspace at an edit distance of 1 or 2 code points, the nearest first, then in
/// the order of names. Looks at no more than 1 000 names: those that begin with the same code point and stand nearest
/// to `name` in their order.
std::vector<std::string> near_names(const Context&, int64_t workspace, const std::string& name);

}  // namespace agentcom
