// CRC-32 as gzip, zlib and PNG have it (ISO 3309, reflected polynomial 0xEDB88320): what any language can check.
#pragma once

#include <cstdint>
#include <string_view>

namespace agentcom {

/// Of `bytes` behind bytes whose CRC is `before`: crc32(b, crc32(a)) is that of a and b in a row.
uint32_t crc32(std::string_view bytes, uint32_t before = 0);

}  // namespace agentcom
