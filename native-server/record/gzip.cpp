#include "native-server/record/gzip.hpp"

namespace agentcom {

namespace {

// 15 bits of window, and 16 more to ask for a gzip frame in the place of zlib's.
constexpr int kGzipWindow = 15 + 16;

Bytef* bytes_of(std::string_view text) {
    // zlib does not write to its input; the interface is older than const.
    return reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
}

}  // namespace

GzipPacker::GzipPacker() {
    ready_ = deflateInit2(&stream_, Z_BEST_SPEED, Z_DEFLATED, kGzipWindow, 9, Z_DEFAULT_STRATEGY) == Z_OK;
}

GzipPacker::~GzipPacker() {
    if (ready_) deflateEnd(&stream_);
}

std::optional<std::string> GzipPacker::pack(std::string_view raw) {
    if (!ready_ || deflateReset(&stream_) != Z_OK) return std::nullopt;
    std::string out(deflateBound(&stream_, raw.size()), '\0');
    stream_.next_in = bytes_of(raw);
    stream_.avail_in = static_cast<uInt>(raw.size());
    stream_.next_out = bytes_of(out);
    stream_.avail_out = static_cast<uInt>(out.size());
    if (deflate(&stream_, Z_FINISH) != Z_STREAM_END) return std::nullopt;
    out.resize(out.size() - stream_.avail_out);
    return out;
}

std::optional<std::string> gunzip(std::string_view gzip, size_t raw_bytes) {
    z_stream stream{};
    if (inflateInit2(&stream, kGzipWindow) != Z_OK) return std::nullopt;
    std::string out(raw_bytes + 1, '\0');
    stream.next_in = bytes_of(gzip);
    stream.avail_in = static_cast<uInt>(gzip.size());
    stream.next_out = bytes_of(out);
    stream.avail_out = static_cast<uInt>(out.size());
    const int result = inflate(&stream, Z_FINISH);
    const bool whole = result == Z_STREAM_END && stream.avail_in == 0 && stream.total_out == raw_bytes;
    inflateEnd(&stream);
    if (!whole) return std::nullopt;
    out.resize(raw_bytes);
    return out;
}

}  // namespace agentcom
