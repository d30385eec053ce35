// Bytes of a WebSocket connection, in two packets, through the frame parser.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/base/utf8.hpp"
#include "native-server/net/websocket_connection.hpp"

namespace {

class Listening final : public agentcom::WebSocketConnection::Events {
  public:
    void on_text(std::string text) override {
        if (!agentcom::is_valid_utf8(text)) std::abort();
    }
    void on_ping(std::string_view /*payload*/) override {}
    void on_pong() override {}
    bool takes_input() override { return true; }
    void on_end(int /*code*/, std::string_view /*reason*/) override {}
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace agentcom;
    Listening events;
    WebSocketConnection connection(events);
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const size_t half = size == 0 ? 0 : data[0] % (size + 1);
    for (std::string_view part : {bytes.substr(0, half), bytes.substr(half)}) {
        while (!part.empty()) {
            const std::string_view rest = connection.receive(part);
            if (rest.size() >= part.size()) break;
            part = rest;
        }
    }
    return 0;
}
