// HTTP responses as bytes (http.md §1.2): the head that every response has, and the bodies of errors that the hub's
// core never sees.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace agentcom {

using HttpHeader = std::pair<std::string, std::string>;

struct ResponseShape {
    bool close = false;       ///< say that the connection ends after this
    bool keep_alive = false;  ///< say that it stays open: only HTTP/1.0 clients need to be told
    bool head_only = false;   ///< the answer to HEAD: all headers, no body
    /// What the header X-Request-Id says: the name of the request in logs.
    std::string_view request_name = {};
};

/// How a body goes over the wire whose length is not known beforehand.
enum class StreamCoding : uint8_t {
    chunked,   ///< HTTP/1.1 (RFC 9112 §7.1)
    to_close,  ///< HTTP/1.0: the body ends with the connection
};

/// The head of a response whose body follows. With `to_close` it says that the connection ends.
std::string http_stream_head(int status, std::span<const HttpHeader> headers, int64_t wall_ms, StreamCoding coding,
                             std::string_view request_name = {});
/// What stands before and behind the bytes of a chunk, and what ends the last one.
std::string chunk_header(size_t bytes);
inline constexpr std::string_view kChunkEnd = "\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

/// A whole response. `content_type` and `cache-control` may be among `headers`, else the usual ones are sent.
std::string http_response(int status, std::span<const HttpHeader> headers, std::string_view body, int64_t wall_ms,
                          ResponseShape shape);

/// The code that goes with a status in {"error":code}, e.g. 413 is "payload_too_large".
std::string_view http_error_code(int status);
/// {"error":code}
std::string http_error_body(std::string_view code);

/// The text of a Date header (RFC 9110 §5.6.7).
std::string http_date(int64_t wall_ms);

}  // namespace agentcom
