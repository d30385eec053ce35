// Small files of the data directory, written so that a crash leaves the old one or the new one.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.hpp"

namespace agentcom {

/// Writes a file that only its owner may read (0600): a temporary one beside it, synced, then renamed.
/// Error `cannot_write` with the system's text.
Status write_private_file(const std::string& path, std::string_view content);

/// The whole content; nullopt when it cannot be read.
std::optional<std::string> read_file(const std::string& path);

bool file_exists(const std::string& path);

}  // namespace agentcom
