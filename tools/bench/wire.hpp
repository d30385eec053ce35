// Bytes on the wire as the generator needs them: WebSocket frames and HTTP messages, made and scanned without copies.
//
// The generator shares two cores with the hub, so nothing here parses JSON into a tree or allocates per frame. A client
// must mask its frames (RFC 6455 §5.3); the mask that we use is 0, which is legal and leaves the payload as it is. The
// hub unmasks all the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace agentcom::bench {

enum class FrameKind : uint8_t { continuation = 0x0, text = 0x1, binary = 0x2, close = 0x8, ping = 0x9, pong = 0xa };

// A whole client frame, masked with 0.
std::string client_frame(FrameKind kind, std::string_view payload);

struct ServerFrame {
    FrameKind kind = FrameKind::text;
    bool final = true;
    std::string_view payload;
    size_t size = 0;  // of the whole frame
};
// The unmasked frame that `bytes` begin with; nothing while it is incomplete.
std::optional<ServerFrame> scan_server_frame(std::string_view bytes);
// Appends the header of an unmasked, unfragmented text frame.
void append_server_header(std::string& out, size_t payload_size);

// `method target HTTP/1.1` with keep-alive. No bearer token if `token` is empty, no body if `body` is.
std::string http_request(std::string_view method, std::string_view target, std::string_view token,
                         std::string_view body);
// GET with an upgrade to WebSocket. No bearer token if `token` is empty.
std::string upgrade_request(std::string_view path = "/ws", std::string_view token = {});

struct HttpAnswer {
    int status = 0;
    std::string_view body;
    size_t size = 0;  // of the whole answer
};
// The answer that `bytes` begin with; nothing while it is incomplete. Bodies have a content-length, as the hub's always
// do; `malformed` answers (no status line) have status 0 and take all bytes. 1xx answers have no body.
std::optional<HttpAnswer> scan_http_answer(std::string_view bytes);

// Members of a JSON object's top level, found by walking over the bytes. Strings come as between their quotes, escapes
// left as they are. Nothing when there is no such member, it has another type, or the text is no object.
std::optional<std::string_view> find_text(std::string_view object, std::string_view name);
std::optional<int64_t> find_integer(std::string_view object, std::string_view name);
std::optional<std::string_view> find_object(std::string_view object, std::string_view name);
// "type" of a frame; "" when it has none. The first member is looked at first.
std::string_view frame_type(std::string_view text);

// A frame "message" whose payload is `payload_bytes` long (at least kLeastPayloadBytes) and carries a number.
class MessageTemplate {
  public:
    static constexpr size_t kLeastPayloadBytes = 20;

    // `to` empty: to everybody.
    MessageTemplate(std::string_view to, size_t payload_bytes);
    // The frame with this number; valid until the next call.
    std::string_view frame(int64_t number);

  private:
    std::string bytes_;
    size_t digits_at_ = 0;
};
// The number in a pushed message. `hint` is where its digits stood in the last one, and is kept up to date. -1: there
// is none.
int64_t message_number(std::string_view push, size_t& hint);

inline constexpr size_t kNumberDigits = 12;
void write_digits(char* where, int64_t number);

}  // namespace agentcom::bench
