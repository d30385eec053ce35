#include "native-server/net/websocket_frame.hpp"

#include <openssl/evp.h>

#include <array>

#include "core/base/utf8.hpp"
#include "native-server/net/net_limits.hpp"

namespace agentcom {

namespace {

constexpr char kFinalFragment = static_cast<char>(0x80);

}  // namespace

size_t frame_header_size(size_t payload_size) {
    if (payload_size < 126) return 2;
    return payload_size <= 0xffff ? 4 : 10;
}

size_t write_frame_header(Opcode opcode, size_t payload_size, char (&header)[kMaxFrameHeaderBytes]) {
    header[0] = static_cast<char>(kFinalFragment | static_cast<char>(opcode));
    const size_t size = frame_header_size(payload_size);
    if (size == 2) {
        header[1] = static_cast<char>(payload_size);
        return size;
    }
    header[1] = size == 4 ? 126 : 127;
    for (size_t i = 2; i < size; ++i) header[i] = static_cast<char>((payload_size >> (8 * (size - 1 - i))) & 0xff);
    return size;
}

std::string control_frame(Opcode opcode, std::string_view payload) {
    payload = payload.substr(0, kMaxControlBytes);
    char header[kMaxFrameHeaderBytes];
    std::string frame(header, write_frame_header(opcode, payload.size(), header));
    return frame.append(payload);
}

std::string close_frame(int code, std::string_view reason) {
    std::string payload;
    payload.push_back(static_cast<char>((code >> 8) & 0xff));
    payload.push_back(static_cast<char>(code & 0xff));
    reason = reason.substr(0, kMaxControlBytes - payload.size());
    while (!is_valid_utf8(reason)) reason.remove_suffix(1);
    return control_frame(Opcode::close, payload.append(reason));
}

int close_answer_code(std::string_view payload) {
    if (payload.empty()) return 1000;
    if (payload.size() < 2) return 1002;
    const int code = (static_cast<uint8_t>(payload[0]) << 8) | static_cast<uint8_t>(payload[1]);
    if (!is_valid_utf8(payload.substr(2))) return 1007;
    const bool usual = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1011) || code >= 3000;
    return usual ? 1000 : 1002;
}

std::string websocket_accept(std::string_view key) {
    static constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    const std::string text = std::string(key).append(kGuid);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int digest_size = 0;
    EVP_Digest(text.data(), text.size(), digest.data(), &digest_size, EVP_sha1(), nullptr);
    std::array<unsigned char, 2 * EVP_MAX_MD_SIZE> base64{};
    const int size = EVP_EncodeBlock(base64.data(), digest.data(), static_cast<int>(digest_size));
    return {reinterpret_cast<const char*>(base64.data()), static_cast<size_t>(size)};
}

}  // namespace agentcom
