// gzip members (RFC 1952) through zlib.
#pragma once

#include <zlib.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace agentcom {

/// Packs one member after the other with the same tables, which are 256 KiB. Not thread-safe.
class GzipPacker {
  public:
    GzipPacker();
    ~GzipPacker();
    GzipPacker(const GzipPacker&) = delete;
    GzipPacker& operator=(const GzipPacker&) = delete;

    /// nullopt: out of memory.
    std::optional<std::string> pack(std::string_view raw);

  private:
    z_stream stream_{};
    bool ready_ = false;
};

/// Unpacks one member that is `raw_bytes` long when unpacked; nullopt when it is not.
std::optional<std::string> gunzip(std::string_view gzip, size_t raw_bytes);

}  // namespace agentcom
