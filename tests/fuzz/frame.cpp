// Bytes of a WebSocket text message through everything that looks at them before the hub's state does: the credential
// cutter, the JSON validator, the catalogue's checks. Whatever comes, no token survives and nothing crashes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "core/protocol/credentials.hpp"
#include "core/protocol/validation.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace agentcom;
    CutFrame cut = cut_frame_credentials(std::string(reinterpret_cast<const char*>(data), size));
    if (cut.malformed) return 0;
    const FrameCheck check = check_frame(cut.document);
    if (check.ok()) {
        const Arguments arguments(*check.operation, cut.document.object());
        for (const Field& field : check.operation->fields) {
            if (!arguments.has(field.name)) continue;
            if (field.type == FieldType::integer) static_cast<void>(arguments.integer(field.name));
            if (field.type == FieldType::string) static_cast<void>(arguments.string(field.name));
            if (field.type == FieldType::array_of_string) static_cast<void>(arguments.string_list(field.name));
        }
    } else if (!json::validate(ws_validation_error(check.message_type_raw, check.errors))) {
        std::abort();  // whatever was sent, the answer is JSON
    }
    // What was cut stays JSON, and cutting again finds nothing more.
    CutFrame again = cut_frame_credentials(cut.document.text());
    if (again.malformed) std::abort();
    return 0;
}
