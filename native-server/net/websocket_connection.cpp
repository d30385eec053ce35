#include "native-server/net/websocket_connection.hpp"

#include <wslay/wslay.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/base/utf8.hpp"
#include "native-server/net/net_limits.hpp"
#include "native-server/net/websocket_frame.hpp"

namespace agentcom {

namespace {

constexpr size_t kMaskBytes = 4;

}  // namespace

void WebSocketConnection::FrameContextDeleter::operator()(wslay_frame_context* context) const {
    wslay_frame_context_free(context);
}

WebSocketConnection::WebSocketConnection(Events& events) : events_(events) {}
WebSocketConnection::~WebSocketConnection() = default;

void WebSocketConnection::stop() {
    ended_ = true;
    message_ = {};
}

int64_t WebSocketConnection::read_bytes(uint8_t* buffer, size_t size) {
    const size_t n = std::min(size, input_.size());
    if (n == 0) return -1;
    std::memcpy(buffer, input_.data(), n);
    input_.remove_prefix(n);
    unframed_bytes_ += static_cast<int64_t>(n);
    return static_cast<int64_t>(n);
}

bool WebSocketConnection::make_context() {
    static constexpr wslay_frame_callbacks kCallbacks{nullptr,
                                                      [](uint8_t* buffer, size_t size, int, void* self) -> ssize_t {
                                                          return static_cast<WebSocketConnection*>(self)->read_bytes(
                                                              buffer, size);
                                                      },
                                                      nullptr};
    wslay_frame_context* made = nullptr;
    if (wslay_frame_context_init(&made, &kCallbacks, this) != 0) return false;
    context_.reset(made);
    return true;
}

std::string_view WebSocketConnection::receive(std::string_view bytes) {
    input_ = bytes;
    read_frames();
    if (ended_) {
        context_.reset();
        message_ = {};
        return {};
    }
    return std::exchange(input_, {});
}

void WebSocketConnection::read_frames() {
    while (!ended_ && events_.takes_input()) {
        // wslay's buffer is 4 KiB: it exists only while a frame is on its way.
        if (!context_) {
            if (input_.empty()) return;
            if (!make_context()) return fail(1011, "");
        }
        wslay_frame_iocb chunk{};
        const ssize_t result = wslay_frame_recv(context_.get(), &chunk);
        if (result == WSLAY_ERR_WANT_READ) {
            if (unframed_bytes_ == 0 && !in_frame_) context_.reset();
            return;
        }
        if (result < 0) return fail(1002, "");
        take_chunk(chunk);
    }
}

void WebSocketConnection::take_chunk(const wslay_frame_iocb& chunk) {
    if (!in_frame_) begin_frame(chunk);
    if (ended_) return;
    const char* data = reinterpret_cast<const char*>(chunk.data);
    std::string& target = wslay_is_ctrl_frame(frame_opcode_) ? control_ : message_;
    if (chunk.data_length > 0) target.append(data, chunk.data_length);
    frame_left_ -= chunk.data_length;
    if (frame_left_ == 0) end_frame();
}

void WebSocketConnection::begin_frame(const wslay_frame_iocb& chunk) {
    in_frame_ = true;
    final_ = chunk.fin != 0;
    frame_opcode_ = chunk.opcode;
    frame_left_ = chunk.payload_length;
    const auto payload = static_cast<size_t>(chunk.payload_length);
    frame_bytes_ = static_cast<int64_t>(frame_header_size(payload) + kMaskBytes + payload);
    if (chunk.mask == 0) return fail(1002, "frames of a client must be masked");
    if (chunk.rsv != 0) return fail(1002, "no extension was agreed on");
    switch (static_cast<Opcode>(chunk.opcode)) {
        case Opcode::text:
        case Opcode::binary:
            if (in_message_) return fail(1002, "a message began inside another");
            if (static_cast<Opcode>(chunk.opcode) == Opcode::binary) return fail(1003, "text frames only");
            break;
        case Opcode::continuation:
            if (!in_message_) return fail(1002, "a continuation of nothing");
            break;
        case Opcode::close:
        case Opcode::ping:
        case Opcode::pong:
            control_.clear();
            return;
        default:
            return fail(1002, "unknown opcode");
    }
    in_message_ = true;
    if (payload > kMaxFrameBytes - message_.size()) return fail(1009, "message too big");
}

void WebSocketConnection::end_frame() {
    in_frame_ = false;
    unframed_bytes_ -= frame_bytes_;
    if (wslay_is_ctrl_frame(frame_opcode_)) return end_control_frame();
    if (!final_) return;
    in_message_ = false;
    if (!is_valid_utf8(message_)) return fail(1007, "");
    events_.on_text(std::exchange(message_, {}));
}

void WebSocketConnection::end_control_frame() {
    const std::string payload = std::exchange(control_, {});
    switch (static_cast<Opcode>(frame_opcode_)) {
        case Opcode::ping:
            return events_.on_ping(payload);
        case Opcode::pong:
            return events_.on_pong();
        default:
            return fail(close_answer_code(payload), "");
    }
}

void WebSocketConnection::fail(int code, std::string_view reason) {
    ended_ = true;
    events_.on_end(code, reason);
}

}  // namespace agentcom
