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
};

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
