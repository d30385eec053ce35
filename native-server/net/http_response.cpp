#include "native-server/net/http_response.hpp"

#include <algorithm>
#include <boost/beast/http/status.hpp>
#include <cstdio>
#include <ctime>

#include "core/base/json.hpp"

namespace agentcom {

namespace {

bool has_header(std::span<const HttpHeader> headers, std::string_view lower_case_name) {
    return std::any_of(headers.begin(), headers.end(), [&](const HttpHeader& header) {
        return header.first.size() == lower_case_name.size() &&
               std::equal(header.first.begin(), header.first.end(), lower_case_name.begin(),
                          [](char a, char b) { return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b; });
    });
}

void add_header(std::string& out, std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value).append("\r\n");
}

void add_status(std::string& out, int status, int64_t wall_ms) {
    const std::string_view reason =
        boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(status));
    out.append("HTTP/1.1 ").append(std::to_string(status)).append(" ").append(reason).append("\r\n");
    add_header(out, "date", http_date(wall_ms));
}

}  // namespace

std::string http_date(int64_t wall_ms) {
    static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const std::time_t seconds = static_cast<std::time_t>(wall_ms / 1000);
    std::tm t{};
    gmtime_r(&seconds, &t);
    char text[64];
    // Not strftime: its names depend on the locale.
    const int size = std::snprintf(text, sizeof text, "%s, %02d %s %d %02d:%02d:%02d GMT", kDays[t.tm_wday], t.tm_mday,
                                   kMonths[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
    return {text, static_cast<size_t>(std::max(size, 0))};
}

std::string_view http_error_code(int status) {
    switch (status) {
        case 400:
            return "bad_request";
        case 404:
            return "not_found";
        case 408:
            return "request_timeout";
        case 413:
            return "payload_too_large";
        case 414:
            return "uri_too_long";
        case 415:
            return "unsupported_media_type";
        case 417:
            return "expectation_failed";
        case 426:
            return "upgrade_required";
        case 431:
            return "request_header_fields_too_large";
        case 501:
            return "not_implemented";
        case 503:
            return "unavailable";
        case 505:
            return "http_version_not_supported";
        default:
            return "internal_error";
    }
}

std::string http_error_body(std::string_view code) {
    json::Writer out;
    out.begin_object().member("error", code).end_object();
    return out.take();
}

std::string http_response(int status, std::span<const HttpHeader> headers, std::string_view body, int64_t wall_ms,
                          ResponseShape shape) {
    std::string out;
    out.reserve(400 + body.size());
    add_status(out, status, wall_ms);
    // 204 has no body and must not say how long it is (RFC 9110 §8.6).
    constexpr int kNoContent = 204;
    if (status != kNoContent) add_header(out, "content-length", std::to_string(body.size()));
    add_header(out, "vary", "accept-encoding");
    if (!has_header(headers, "cache-control")) add_header(out, "cache-control", "max-age=0, private, must-revalidate");
    if (status != kNoContent && !has_header(headers, "content-type")) {
        add_header(out, "content-type", "application/json; charset=utf-8");
    }
    if (!shape.request_name.empty()) add_header(out, "x-request-id", shape.request_name);
    for (const HttpHeader& header : headers) add_header(out, header.first, header.second);
    if (shape.close) {
        add_header(out, "connection", "close");
    } else if (shape.keep_alive) {
        add_header(out, "connection", "keep-alive");
    }
    out.append("\r\n");
    if (!shape.head_only && status != kNoContent) out.append(body);
    return out;
}

std::string http_stream_head(int status, std::span<const HttpHeader> headers, int64_t wall_ms, StreamCoding coding,
                             std::string_view request_name) {
    std::string out;
    add_status(out, status, wall_ms);
    if (!request_name.empty()) add_header(out, "x-request-id", request_name);
    for (const HttpHeader& header : headers) add_header(out, header.first, header.second);
    if (coding == StreamCoding::chunked) {
        add_header(out, "transfer-encoding", "chunked");
    } else {
        add_header(out, "connection", "close");
    }
    out.append("\r\n");
    return out;
}

std::string chunk_header(size_t bytes) {
    char text[20];
    const int size = std::snprintf(text, sizeof text, "%zx\r\n", bytes);
    return {text, static_cast<size_t>(std::max(size, 0))};
}

}  // namespace agentcom
