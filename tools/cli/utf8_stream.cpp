#include "tools/cli/utf8_stream.hpp"

#include <algorithm>
#include <utility>

#include "tools/cli/text.hpp"

namespace agentcom::cli {

namespace {

// How many bytes at the end may be the beginning of a character.
size_t unfinished_bytes(std::string_view bytes) {
    const size_t most = std::min<size_t>(bytes.size(), 3);
    for (size_t back = 1; back <= most; ++back) {
        const auto byte = static_cast<unsigned char>(bytes[bytes.size() - back]);
        if ((byte & 0xC0) == 0x80) continue;
        const size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
        return length > back ? back : 0;
    }
    return 0;
}

}  // namespace

std::string Utf8Stream::feed(std::string_view bytes) {
    held_ += bytes;
    const size_t whole = held_.size() - unfinished_bytes(held_);
    std::string text = repaired_utf8(std::string_view(held_).substr(0, whole));
    held_.erase(0, whole);
    return text;
}

std::string Utf8Stream::finish() { return repaired_utf8(std::exchange(held_, {})); }

}  // namespace agentcom::cli
