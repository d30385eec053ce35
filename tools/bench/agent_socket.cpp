#include "tools/bench/agent_socket.hpp"

#include <utility>

namespace agentcom::bench {

AgentSocket::AgentSocket(LoadLoop& loop, AgentIdentity identity, int64_t slots)
    : loop_(loop), identity_(std::move(identity)), slots_(slots), stream_(loop, static_cast<StreamUser&>(*this)) {}

void AgentSocket::on_connected() {
    state_ = State::upgrading;
    stream_.send(upgrade_request());
}

void AgentSocket::on_end(std::string_view why) {
    loop_.fail("the socket of agent " + identity_.name + " ended: " + std::string(why));
}

void AgentSocket::on_bytes(std::string_view bytes) {
    if (partial_.empty()) {
        partial_.assign(bytes.substr(take(bytes)));
        return;
    }
    partial_ += bytes;
    // The text must not move while it is looked at.
    std::string held = std::exchange(partial_, {});
    held.erase(0, take(held));
    partial_ = std::move(held);
    // Thousands of idle agents must not keep buffers.
    if (partial_.empty()) partial_.shrink_to_fit();
}

// Gives how many bytes were taken.
size_t AgentSocket::take(std::string_view bytes) {
    size_t taken = 0;
    if (state_ == State::upgrading) {
        const auto answer = scan_http_answer(bytes);
        if (!answer) return 0;
        if (answer->status != 101) {
            loop_.fail("the upgrade to WebSocket was refused with " + std::to_string(answer->status));
            return bytes.size();
        }
        taken = answer->size;
        state_ = State::identifying;
        // Presence of others is not what is measured: each agent would hear of each other.
        stream_.send(client_frame(FrameKind::text, "{\"type\":\"identify\",\"agent_id\":\"" + identity_.name +
                                                       "\",\"token\":\"" + identity_.token +
                                                       "\",\"presence\":\"none\",\"slots\":" + std::to_string(slots_) +
                                                       "}"));
    }
    while (const auto frame = scan_server_frame(bytes.substr(taken))) {
        taken += frame->size;
        take_frame(*frame);
    }
    return taken;
}

void AgentSocket::take_frame(const ServerFrame& frame) {
    if (frame.kind == FrameKind::text && frame.final) return take_text(frame.payload);
    if (frame.kind == FrameKind::ping) return stream_.send(client_frame(FrameKind::pong, frame.payload));
    if (frame.kind == FrameKind::pong) return;
    if (frame.kind == FrameKind::close) {
        const std::string_view code = frame.payload.substr(0, 2);
        const int number = code.size() < 2 ? 0 : static_cast<uint8_t>(code[0]) * 256 + static_cast<uint8_t>(code[1]);
        return on_end("closed with " + std::to_string(number) + " " + std::string(frame.payload.substr(code.size())));
    }
    on_end("the hub sent a frame that it never sends");
}

void AgentSocket::take_text(std::string_view text) {
    if (state_ == State::ready) {
        if (on_text_) on_text_(text);
        return;
    }
    if (frame_type(text) == "identified") {
        state_ = State::ready;
    } else {
        on_end("identify was answered with " + std::string(text.substr(0, 300)));
    }
}

}  // namespace agentcom::bench
