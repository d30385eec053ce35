#include "native-server/net/websocket_connection.hpp"

#include <catch2/catch.hpp>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "native-server/net/net_limits.hpp"
#include "native-server/net/websocket_frame.hpp"

namespace agentcom {
namespace {

struct Recorder : WebSocketConnection::Events {
    std::vector<std::string> seen;
    int64_t room = std::numeric_limits<int64_t>::max();

    bool takes_input() override { return static_cast<int64_t>(seen.size()) < room; }
    void on_text(std::string text) override { seen.push_back("text " + text); }
    void on_ping(std::string_view payload) override { seen.push_back("ping " + std::string(payload)); }
    void on_pong() override { seen.push_back("pong"); }
    void on_end(int code, std::string_view) override { seen.push_back("end " + std::to_string(code)); }
};

struct ClientFrame {
    Opcode opcode = Opcode::text;
    std::string payload;
    bool final = true;
    bool masked = true;
    int rsv = 0;
};

// As a client sends it.
std::string bytes_of(const ClientFrame& frame) {
    char header[kMaxFrameHeaderBytes];
    std::string out(header, write_frame_header(frame.opcode, frame.payload.size(), header));
    out[0] = static_cast<char>((frame.final ? 0x80 : 0) | (frame.rsv << 4) | static_cast<int>(frame.opcode));
    if (!frame.masked) return out + frame.payload;
    out[1] = static_cast<char>(out[1] | static_cast<char>(0x80));
    const std::string mask = "\x37\xfa\x21\x3d";
    out += mask;
    for (size_t i = 0; i < frame.payload.size(); ++i) out.push_back(static_cast<char>(frame.payload[i] ^ mask[i % 4]));
    return out;
}

std::vector<std::string> receive(const std::string& bytes, size_t step) {
    Recorder recorder;
    WebSocketConnection connection(recorder);
    for (size_t i = 0; i < bytes.size(); i += step) connection.receive(std::string_view(bytes).substr(i, step));
    return recorder.seen;
}

std::vector<std::string> receive_in_all_ways(const std::string& bytes) {
    const std::vector<std::string> at_once = receive(bytes, bytes.size());
    for (const size_t step : {size_t{1}, size_t{2}, size_t{3}, size_t{5}, size_t{13}, size_t{4096}}) {
        CHECK(receive(bytes, step) == at_once);
    }
    return at_once;
}

using Seen = std::vector<std::string>;

}  // namespace

TEST_CASE("messages arrive whole, however the bytes are cut", "[net]") {
    const std::string medium(200, 'm');
    const std::string large(70'000, 'l');
    std::string bytes =
        bytes_of({Opcode::text, "{}"}) + bytes_of({Opcode::text, ""}) + bytes_of({Opcode::text, medium}) +
        bytes_of({Opcode::ping, "are you there"}) + bytes_of({Opcode::text, "one ", false}) +
        bytes_of({Opcode::ping, ""}) + bytes_of({Opcode::continuation, "two ", false}) + bytes_of({Opcode::pong, "x"}) +
        bytes_of({Opcode::continuation, "three"}) + bytes_of({Opcode::text, large}) +
        bytes_of({Opcode::text, "a", false}) + bytes_of({Opcode::continuation, ""}) + bytes_of({Opcode::text, "last"});
    CHECK(receive_in_all_ways(bytes) == Seen{"text {}", "text ", "text " + medium, "ping are you there", "ping ",
                                             "pong", "text one two three", "text " + large, "text a", "text last"});
}

TEST_CASE("with no room for more a connection stops after a message, and goes on where it stopped", "[net]") {
    std::string bytes;
    std::vector<std::string> expected;
    for (int i = 0; i < 2000; ++i) {
        bytes += bytes_of({Opcode::text, std::to_string(i)});
        expected.push_back("text " + std::to_string(i));
    }
    Recorder recorder;
    recorder.room = 0;
    WebSocketConnection connection(recorder);
    std::string rest = bytes;
    for (int i = 0; i < 2000; i += 10) {
        CHECK(static_cast<int>(recorder.seen.size()) == i);
        recorder.room += 10;
        rest = std::string(connection.receive(rest));
    }
    CHECK(rest.empty());
    CHECK(recorder.seen == expected);
}

TEST_CASE("breaches of the protocol end a connection with their code", "[net]") {
    struct Row {
        std::string what;
        std::string bytes;
        std::string code;
    };
    const std::string close_1000 = std::string("\x03\xe8", 2);
    const std::vector<Row> rows = {
        {"unmasked", bytes_of({Opcode::text, "{}", true, false}), "1002"},
        {"binary", bytes_of({Opcode::binary, "{}"}), "1003"},
        {"wrong UTF-8", bytes_of({Opcode::text, "\xc3("}), "1007"},
        {"wrong UTF-8 in fragments", bytes_of({Opcode::text, "\xc3", false}) + bytes_of({Opcode::continuation, "("}),
         "1007"},
        {"reserved bit 1", bytes_of({Opcode::text, "{}", true, true, 4}), "1002"},
        {"reserved bit 3", bytes_of({Opcode::text, "{}", true, true, 1}), "1002"},
        {"unknown opcode", bytes_of({static_cast<Opcode>(3), "{}"}), "1002"},
        {"unknown control opcode", bytes_of({static_cast<Opcode>(11), "{}"}), "1002"},
        {"stray continuation", bytes_of({Opcode::continuation, "{}"}), "1002"},
        {"message inside a message", bytes_of({Opcode::text, "a", false}) + bytes_of({Opcode::text, "b"}), "1002"},
        {"fragmented ping", bytes_of({Opcode::ping, "a", false}), "1002"},
        {"long ping", bytes_of({Opcode::ping, std::string(126, 'p')}), "1002"},
        {"close", bytes_of({Opcode::close, close_1000 + "bye"}), "1000"},
        {"empty close", bytes_of({Opcode::close, ""}), "1000"},
        {"odd close code", bytes_of({Opcode::close, std::string("\x03\xed", 2)}), "1002"},
        {"half a close code", bytes_of({Opcode::close, "x"}), "1002"},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        // What follows is not read.
        CHECK(receive_in_all_ways(row.bytes + bytes_of({Opcode::text, "late"})) == Seen{"end " + row.code});
    }
}

TEST_CASE("a message above the limit is refused by its header", "[net]") {
    Recorder recorder;
    WebSocketConnection connection(recorder);
    char header[kMaxFrameHeaderBytes];
    std::string bytes(header, write_frame_header(Opcode::text, kMaxFrameBytes + 1, header));
    bytes[1] = static_cast<char>(bytes[1] | static_cast<char>(0x80));
    connection.receive(bytes + "mask" + "x");
    CHECK(recorder.seen == Seen{"end 1009"});
    CHECK(connection.held_bytes() == 0);
}

TEST_CASE("fragments count together against the limit", "[net]") {
    Recorder recorder;
    WebSocketConnection connection(recorder);
    const std::string half(kMaxFrameBytes / 2, 'x');
    connection.receive(bytes_of({Opcode::text, half, false}));
    CHECK(connection.held_bytes() == half.size());
    connection.receive(bytes_of({Opcode::continuation, half, false}));
    CHECK(recorder.seen.empty());
    connection.receive(bytes_of({Opcode::continuation, "x"}));
    CHECK(recorder.seen == Seen{"end 1009"});
}

}  // namespace agentcom
