// Bytes that claim to be a saved state or a recorded input: refused or read, never a crash.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/hub/hub.hpp"
#include "core/hub/input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace agentcom;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    if (const std::optional<Input> input = decode_input(bytes)) {
        // What can be read can be written again.
        if (!decode_input(encode_input(*input))) std::abort();
    }
    static_cast<void>(Hub::load(bytes, Settings{}));
    return 0;
}
