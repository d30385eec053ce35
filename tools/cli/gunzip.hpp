// Unpacks the blocks of a recording.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace agentcom::cli {

// One gzip member (RFC 1952) that is `raw_bytes` long when unpacked; nothing when it is not.
std::optional<std::string> gunzip(std::string_view gzip, size_t raw_bytes);

}  // namespace agentcom::cli
