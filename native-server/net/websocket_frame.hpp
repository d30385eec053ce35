// The frames that the hub sends (RFC 6455 §5.2): unmasked, never fragmented.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace agentcom {

enum class Opcode : uint8_t { continuation = 0x0, text = 0x1, binary = 0x2, close = 0x8, ping = 0x9, pong = 0xa };

inline constexpr size_t kMaxFrameHeaderBytes = 10;

/// Bytes of the header before a payload of this size.
size_t frame_header_size(size_t payload_size);
/// Writes the header of an unfragmented frame; gives its size.
size_t write_frame_header(Opcode opcode, size_t payload_size, char (&header)[kMaxFrameHeaderBytes]);

/// A whole control frame. A payload of more than 125 bytes is cut off.
std::string control_frame(Opcode opcode, std::string_view payload);
/// A close frame. The reason is cut off (between code points) where it would make the frame too long.
std::string close_frame(int code, std::string_view reason);

/// The code that answers a client's close frame with this payload: 1000 for codes that a client may send, 1002 else.
int close_answer_code(std::string_view payload);

/// The value of Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 §4.2.2).
std::string websocket_accept(std::string_view key);

}  // namespace agentcom
