#include "tools/cli/gunzip.hpp"

#include <zlib.h>

namespace agentcom::cli {

std::optional<std::string> gunzip(std::string_view gzip, size_t raw_bytes) {
    constexpr int kGzipWindow = 15 + 16;  // 16 asks zlib for a gzip frame
    z_stream stream{};
    if (inflateInit2(&stream, kGzipWindow) != Z_OK) return std::nullopt;
    std::string out(raw_bytes + 1, '\0');
    // zlib does not write to its input; the interface is older than const.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(gzip.data()));
    stream.avail_in = static_cast<uInt>(gzip.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const int result = inflate(&stream, Z_FINISH);
    const bool whole = result == Z_STREAM_END && stream.avail_in == 0 && stream.total_out == raw_bytes;
    inflateEnd(&stream);
    if (!whole) return std::nullopt;
    out.resize(raw_bytes);
    return out;
}

}  // namespace agentcom::cli
