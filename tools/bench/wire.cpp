#include "tools/bench/wire.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace agentcom::bench {

namespace {

constexpr uint8_t kFinal = 0x80;
constexpr uint8_t kMasked = 0x80;
constexpr size_t kLargestShortPayload = 125;
constexpr size_t kLargestMediumPayload = 0xffff;
constexpr std::string_view kNumberMember = "{\"n\":\"";

void append_header(std::string& out, uint8_t first, uint8_t mask_bit, size_t payload_size) {
    out += static_cast<char>(first);
    int length_bytes = 0;
    if (payload_size <= kLargestShortPayload) {
        out += static_cast<char>(mask_bit | payload_size);
    } else if (payload_size <= kLargestMediumPayload) {
        out += static_cast<char>(mask_bit | 126);
        length_bytes = 2;
    } else {
        out += static_cast<char>(mask_bit | 127);
        length_bytes = 8;
    }
    for (int i = length_bytes - 1; i >= 0; --i) out += static_cast<char>((payload_size >> (8 * i)) & 0xff);
    if (mask_bit != 0) out.append(4, '\0');
}

uint8_t byte_at(std::string_view bytes, size_t at) { return static_cast<uint8_t>(bytes[at]); }

// Just behind the string that begins at `at`; npos when it does not end.
size_t skip_string(std::string_view text, size_t at) {
    for (size_t i = at + 1; i < text.size(); ++i) {
        if (text[i] == '\\') {
            ++i;
        } else if (text[i] == '"') {
            return i + 1;
        }
    }
    return std::string_view::npos;
}

size_t skip_blanks(std::string_view text, size_t at) {
    while (at < text.size() && (text[at] == ' ' || text[at] == '\n' || text[at] == '\t' || text[at] == '\r')) ++at;
    return at;
}

// Just behind the value that begins at `at`; npos when it does not end.
size_t skip_value(std::string_view text, size_t at) {
    if (at < text.size() && text[at] == '"') return skip_string(text, at);
    int depth = 0;
    while (at < text.size()) {
        const char c = text[at];
        if (c == '"') {
            at = skip_string(text, at);
            if (at == std::string_view::npos) return at;
            continue;
        }
        if (depth == 0 && (c == ',' || c == '}' || c == ']')) return at;
        if (c == '{' || c == '[') ++depth;
        if ((c == '}' || c == ']') && --depth == 0) return at + 1;
        ++at;
    }
    return std::string_view::npos;
}

// The raw value of a member; empty when there is none.
std::string_view find_value(std::string_view object, std::string_view name) {
    size_t at = skip_blanks(object, 0);
    if (at >= object.size() || object[at] != '{') return {};
    at = skip_blanks(object, at + 1);
    while (at < object.size() && object[at] == '"') {
        const size_t key_end = skip_string(object, at);
        if (key_end == std::string_view::npos) return {};
        const std::string_view key = object.substr(at + 1, key_end - at - 2);
        at = skip_blanks(object, key_end);
        if (at >= object.size() || object[at] != ':') return {};
        at = skip_blanks(object, at + 1);
        const size_t value_end = skip_value(object, at);
        if (value_end == std::string_view::npos) return {};
        if (key == name) return object.substr(at, value_end - at);
        at = skip_blanks(object, value_end);
        if (at >= object.size() || object[at] != ',') return {};
        at = skip_blanks(object, at + 1);
    }
    return {};
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::ranges::equal(a, b, {}, lower, lower);
}

// 0 when the head names none.
size_t content_length(std::string_view head) {
    constexpr std::string_view kName = "content-length:";
    for (size_t at = head.find("\r\n"); at != std::string_view::npos; at = head.find("\r\n", at + 2)) {
        std::string_view line = head.substr(at + 2);
        if (line.size() < kName.size() || !equal_ignoring_case(line.substr(0, kName.size()), kName)) continue;
        line.remove_prefix(kName.size());
        while (line.starts_with(' ')) line.remove_prefix(1);
        size_t length = 0;
        std::from_chars(line.data(), line.data() + line.size(), length);
        return length;
    }
    return 0;
}

}  // namespace

// ---------------------------------------------------------------------------------------------------------------------
// Frames

std::string client_frame(FrameKind kind, std::string_view payload) {
    std::string frame;
    frame.reserve(payload.size() + 14);
    append_header(frame, static_cast<uint8_t>(kFinal | static_cast<uint8_t>(kind)), kMasked, payload.size());
    frame += payload;
    return frame;
}

void append_server_header(std::string& out, size_t payload_size) {
    append_header(out, static_cast<uint8_t>(kFinal | static_cast<uint8_t>(FrameKind::text)), 0, payload_size);
}

std::optional<ServerFrame> scan_server_frame(std::string_view bytes) {
    if (bytes.size() < 2) return std::nullopt;
    uint64_t length = byte_at(bytes, 1) & 0x7fU;
    size_t header = 2;
    if (length > kLargestShortPayload) {
        const size_t length_bytes = length == 126 ? 2 : 8;
        header += length_bytes;
        if (bytes.size() < header) return std::nullopt;
        length = 0;
        for (size_t i = 2; i < header; ++i) length = length << 8 | byte_at(bytes, i);
    }
    if (bytes.size() - header < length) return std::nullopt;
    const auto size = static_cast<size_t>(length);
    return ServerFrame{static_cast<FrameKind>(byte_at(bytes, 0) & 0x0fU), (byte_at(bytes, 0) & kFinal) != 0,
                       bytes.substr(header, size), header + size};
}

// ---------------------------------------------------------------------------------------------------------------------
// HTTP

std::string http_request(std::string_view method, std::string_view target, std::string_view token,
                         std::string_view body) {
    std::string request(method);
    request.append(" ").append(target).append(" HTTP/1.1\r\nhost: localhost\r\n");
    if (!token.empty()) request.append("authorization: Bearer ").append(token).append("\r\n");
    if (!body.empty()) {
        request.append("content-type: application/json\r\ncontent-length: ").append(std::to_string(body.size()));
        request.append("\r\n");
    }
    request.append("\r\n").append(body);
    return request;
}

std::string upgrade_request(std::string_view path, std::string_view token) {
    std::string request = "GET " + std::string(path) + " HTTP/1.1\r\nhost: localhost\r\n";
    if (!token.empty()) request.append("authorization: Bearer ").append(token).append("\r\n");
    return request +
           "upgrade: websocket\r\nconnection: Upgrade\r\n"
           "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n";
}

std::optional<HttpAnswer> scan_http_answer(std::string_view bytes) {
    const size_t head_end = bytes.find("\r\n\r\n");
    if (head_end == std::string_view::npos) return std::nullopt;
    constexpr std::string_view kVersion = "HTTP/1.1 ";
    int status = 0;
    if (bytes.starts_with(kVersion)) {
        std::from_chars(bytes.data() + kVersion.size(), bytes.data() + head_end, status);
    }
    if (status == 0) return HttpAnswer{0, {}, bytes.size()};
    const size_t head_size = head_end + 4;
    const size_t length = status < 200 ? 0 : content_length(bytes.substr(0, head_end));
    if (bytes.size() - head_size < length) return std::nullopt;
    return HttpAnswer{status, bytes.substr(head_size, length), head_size + length};
}

// ---------------------------------------------------------------------------------------------------------------------
// JSON

std::optional<std::string_view> find_text(std::string_view object, std::string_view name) {
    const std::string_view value = find_value(object, name);
    if (value.size() < 2 || value.front() != '"') return std::nullopt;
    return value.substr(1, value.size() - 2);
}

std::optional<int64_t> find_integer(std::string_view object, std::string_view name) {
    const std::string_view value = find_value(object, name);
    int64_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc() || value.empty() || (end != value.data() + value.size() && *end > ' '))
        return std::nullopt;
    return number;
}

std::optional<std::string_view> find_object(std::string_view object, std::string_view name) {
    const std::string_view value = find_value(object, name);
    if (!value.starts_with('{')) return std::nullopt;
    return value;
}

std::string_view frame_type(std::string_view text) {
    constexpr std::string_view kFirst = "{\"type\":\"";
    if (text.starts_with(kFirst)) {
        const size_t end = text.find('"', kFirst.size());
        return end == std::string_view::npos ? std::string_view() : text.substr(kFirst.size(), end - kFirst.size());
    }
    return find_text(text, "type").value_or(std::string_view());
}

void write_digits(char* where, int64_t number) {
    for (size_t i = kNumberDigits; i > 0; --i) {
        where[i - 1] = static_cast<char>('0' + number % 10);
        number /= 10;
    }
}

MessageTemplate::MessageTemplate(std::string_view to, size_t payload_bytes) {
    std::string text = "{\"type\":\"message\",";
    if (!to.empty()) text.append("\"to\":\"").append(to).append("\",");
    text += "\"payload\":";
    const size_t payload_at = text.size();
    text.append(kNumberMember).append(kNumberDigits, '0').append("\"");
    constexpr std::string_view kFiller = ",\"x\":\"";
    const size_t with_filler = kLeastPayloadBytes + kFiller.size() + 1;
    if (payload_bytes >= with_filler) {
        text.append(kFiller).append(payload_bytes - with_filler, 'x').append("\"");
    } else {
        // Blanks are part of a payload like anything else.
        text.append(payload_bytes > kLeastPayloadBytes ? payload_bytes - kLeastPayloadBytes : 0, ' ');
    }
    text += "}}";
    bytes_ = client_frame(FrameKind::text, text);
    digits_at_ = bytes_.size() - text.size() + payload_at + kNumberMember.size();
}

std::string_view MessageTemplate::frame(int64_t number) {
    write_digits(bytes_.data() + digits_at_, number);
    return bytes_;
}

int64_t message_number(std::string_view push, size_t& hint) {
    const auto stands_at = [push](size_t digits_at) {
        return digits_at >= kNumberMember.size() && digits_at + kNumberDigits <= push.size() &&
               push.substr(digits_at - kNumberMember.size(), kNumberMember.size()) == kNumberMember;
    };
    if (!stands_at(hint)) {
        const size_t found = push.find(kNumberMember);
        if (found == std::string_view::npos || !stands_at(found + kNumberMember.size())) return -1;
        hint = found + kNumberMember.size();
    }
    int64_t number = 0;
    for (const char c : push.substr(hint, kNumberDigits)) number = number * 10 + (c - '0');
    return number;
}

}  // namespace agentcom::bench
