// Bytes of an HTTP connection, in two packets, through the parser and out again as requests. Every request that comes
// out is answered at once, as the hub would.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "native-server/net/http_connection.hpp"

namespace {

class Answering final : public agentcom::HttpConnection::Events {
  public:
    void on_request(agentcom::HttpRequest request, bool /*mints_secret*/) override {
        static_cast<void>(agentcom::encode_input({{}, std::move(request)}));
        waiting = true;
    }
    void on_upgrade() override {}
    bool waiting = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace agentcom;
    NetContext context;
    Outbox outbox(context.outboxes);
    Answering events;
    HttpConnection connection(context, outbox, events);
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const auto feed = [&](std::string_view part) {
        connection.receive(part);
        for (int i = 0; i < 1'000 && events.waiting && !connection.ended(); ++i) {
            events.waiting = false;
            connection.respond(200, {}, "{}");
        }
    };
    const size_t half = size == 0 ? 0 : data[0] % (size + 1);
    feed(bytes.substr(0, half));
    feed(bytes.substr(half));
    return 0;
}
