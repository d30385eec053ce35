#include "native-server/net/websocket_frame.hpp"

#include <catch2/catch.hpp>
#include <string>

namespace agentcom {

TEST_CASE("frame headers have the shortest form", "[net]") {
    struct Row {
        size_t payload;
        std::string header;
    };
    const Row rows[] = {
        {0, std::string("\x81\x00", 2)},
        {125, std::string("\x81\x7d", 2)},
        {126, std::string("\x81\x7e\x00\x7e", 4)},
        {65'535, std::string("\x81\x7e\xff\xff", 4)},
        {65'536, std::string("\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10)},
    };
    for (const Row& row : rows) {
        char header[kMaxFrameHeaderBytes];
        CHECK(std::string(header, write_frame_header(Opcode::text, row.payload, header)) == row.header);
        CHECK(frame_header_size(row.payload) == row.header.size());
    }
}

TEST_CASE("close frames carry code and reason", "[net]") {
    CHECK(close_frame(1008, "too slow") == std::string("\x88\x0a\x03\xf0too slow"));
    CHECK(close_frame(1000, "") == std::string("\x88\x02\x03\xe8"));
    // "ä" is two bytes: half of it must not be sent.
    const std::string long_reason = std::string(122, 'r') + "ä";
    CHECK(close_frame(1000, long_reason) == std::string("\x88\x7c\x03\xe8") + std::string(122, 'r'));
}

TEST_CASE("a client's close code decides the answer", "[net]") {
    const auto payload = [](int code) {
        return std::string{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
    };
    CHECK(close_answer_code("") == 1000);
    for (const int code : {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 4000, 4999}) {
        CHECK(close_answer_code(payload(code)) == 1000);
    }
    for (const int code : {0, 999, 1004, 1005, 1006, 1012, 1015, 2999}) CHECK(close_answer_code(payload(code)) == 1002);
    CHECK(close_answer_code("x") == 1002);
    CHECK(close_answer_code(payload(1000) + "\xff") == 1007);
}

TEST_CASE("the handshake's answer is that of RFC 6455", "[net]") {
    CHECK(websocket_accept("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

}  // namespace agentcom
