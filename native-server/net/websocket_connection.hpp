// The receiving side of one WebSocket (RFC 6455): bytes in, messages out. Framing and unmasking are wslay's.
//
// Knows no sockets. Sending is the Outbox and websocket_frame.hpp; what must be answered is told by events. After
// `on_end` nothing more is read. While no message is on its way a connection holds no buffer at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct wslay_frame_context;
struct wslay_frame_iocb;

namespace agentcom {

class WebSocketConnection {
  public:
    /// Called from `receive`. A callee must not destroy the connection.
    class Events {
      public:
        virtual ~Events() = default;
        /// A whole text message, valid UTF-8.
        virtual void on_text(std::string text) = 0;
        /// To be answered with a pong of the same payload.
        virtual void on_ping(std::string_view payload) = 0;
        virtual void on_pong() = 0;
        /// False: `receive` stops after the message that was just told.
        virtual bool takes_input() = 0;
        /// The client closed, or broke the protocol: to be answered with a close frame of this code.
        virtual void on_end(int code, std::string_view reason) = 0;
    };

    explicit WebSocketConnection(Events& events);
    ~WebSocketConnection();
    WebSocketConnection(const WebSocketConnection&) = delete;
    WebSocketConnection& operator=(const WebSocketConnection&) = delete;

    /// Gives back what it did not look at, because of `takes_input`: to be given again, before anything newer, even if
    /// that is nothing, since messages may already lie in the connection's own buffer.
    std::string_view receive(std::string_view bytes);
    /// Nothing more is read, e.g. because the hub closes; half a message is forgotten. Idempotent.
    void stop();
    bool ended() const { return ended_; }
    /// Bytes of a message that is not yet complete.
    size_t held_bytes() const { return message_.size(); }

  private:
    struct FrameContextDeleter {
        void operator()(wslay_frame_context* context) const;
    };

    void read_frames();
    bool make_context();
    void take_chunk(const wslay_frame_iocb& chunk);
    void begin_frame(const wslay_frame_iocb& chunk);
    void end_frame();
    void end_control_frame();
    void fail(int code, std::string_view reason);
    int64_t read_bytes(uint8_t* buffer, size_t size);

    Events& events_;
    std::unique_ptr<wslay_frame_context, FrameContextDeleter> context_;  // none between frames
    std::string_view input_;      // what `receive` was given and wslay has not read yet
    int64_t unframed_bytes_ = 0;  // read by wslay and not yet part of a complete frame
    std::string message_;         // payload so far, of all fragments
    std::string control_;         // payload so far of a control frame
    uint64_t frame_left_ = 0;     // payload bytes of the frame that have not come
    int64_t frame_bytes_ = 0;     // header and payload of the frame
    uint8_t frame_opcode_ = 0;
    bool in_frame_ = false;
    bool final_ = false;
    bool in_message_ = false;  // between the first fragment and the last
    bool ended_ = false;
};

}  // namespace agentcom
