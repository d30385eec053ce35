#include "tools/bench/wire.hpp"

#include <catch2/catch.hpp>

namespace agentcom::bench {

namespace {

std::string server_frame(std::string_view text) {
    std::string frame;
    append_server_header(frame, text.size());
    return frame.append(text);
}

}  // namespace

TEST_CASE("client frames are masked with 0") {
    CHECK(client_frame(FrameKind::text, "hi") == std::string("\x81\x82\0\0\0\0hi", 8));
    CHECK(client_frame(FrameKind::pong, "") == std::string("\x8a\x80\0\0\0\0", 6));
    // RFC 6455 §5.2: the length takes 7 bits, 16 or 64.
    CHECK(client_frame(FrameKind::text, std::string(125, 'x')).size() == 125 + 6);
    CHECK(client_frame(FrameKind::text, std::string(126, 'x')).size() == 126 + 8);
    CHECK(client_frame(FrameKind::text, std::string(65535, 'x')).size() == 65535 + 8);
    CHECK(client_frame(FrameKind::text, std::string(65536, 'x')).size() == 65536 + 14);
}

TEST_CASE("server frames are found whole or not at all") {
    for (const size_t size : {size_t{0}, size_t{1}, size_t{125}, size_t{126}, size_t{65535}, size_t{65536}}) {
        const std::string text(size, 't');
        const std::string frame = server_frame(text);
        const std::string more = frame + "more";
        const auto found = scan_server_frame(more);
        REQUIRE(found);
        CHECK(found->kind == FrameKind::text);
        CHECK(found->final);
        CHECK(found->payload == text);
        CHECK(found->size == frame.size());
        for (const size_t cut : {size_t{0}, size_t{1}, size_t{2}, frame.size() - 1}) {
            if (cut < frame.size()) CHECK_FALSE(scan_server_frame(std::string_view(frame).substr(0, cut)));
        }
    }
}

TEST_CASE("answers are found whole or not at all") {
    const std::string answer = "HTTP/1.1 201 Created\r\nDate: x\r\nContent-Length: 5\r\n\r\nhello";
    const auto found = scan_http_answer(answer + "HTTP/1.1 ");
    REQUIRE(found);
    CHECK(found->status == 201);
    CHECK(found->body == "hello");
    CHECK(found->size == answer.size());
    for (size_t cut = 0; cut < answer.size(); ++cut) {
        CHECK_FALSE(scan_http_answer(std::string_view(answer).substr(0, cut)));
    }
    // A switch of protocols has no body, whatever follows.
    const auto upgraded = scan_http_answer("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n\x81");
    REQUIRE(upgraded);
    CHECK(upgraded->status == 101);
    CHECK(upgraded->body.empty());
    CHECK(scan_http_answer("nonsense\r\n\r\n")->status == 0);
}

TEST_CASE("requests say what they carry") {
    CHECK(http_request("POST", "/a", "tok", "{}") ==
          "POST /a HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer tok\r\ncontent-type: application/json\r\n"
          "content-length: 2\r\n\r\n{}");
    CHECK(http_request("GET", "/", "", "") == "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
}

TEST_CASE("members are found on the top level only") {
    const std::string_view object =
        R"({"a":{"id":"inner","n":[1,{"id":"deeper"}]},"s":"x\"}{","id":"outer","n":-17,"f":1.5,"e":{},"z":null})";
    CHECK(find_text(object, "id") == "outer");
    CHECK(find_text(object, "s") == R"(x\"}{)");
    CHECK(find_integer(object, "n") == -17);
    CHECK_FALSE(find_integer(object, "f"));
    CHECK_FALSE(find_integer(object, "id"));
    CHECK_FALSE(find_text(object, "n"));
    CHECK_FALSE(find_text(object, "missing"));
    CHECK(find_object(object, "e") == "{}");
    CHECK_FALSE(find_object(object, "z"));
    CHECK(find_text(" { \"id\" : \"x\" } ", "id") == "x");
    for (const std::string_view broken : {"", "[]", "{", "{\"id\"", "{\"id\":", "{\"id\":\"x", "{\"id\" \"x\"}"}) {
        CHECK_FALSE(find_text(broken, "id"));
    }
}

TEST_CASE("the type of a frame") {
    CHECK(frame_type(R"({"type":"pong","timestamp":1})") == "pong");
    CHECK(frame_type(R"({"timestamp":1,"type":"pong"})") == "pong");
    CHECK(frame_type(R"({"timestamp":1})").empty());
}

TEST_CASE("a message carries its number and has the wanted payload") {
    for (const size_t bytes : {size_t{20}, size_t{21}, size_t{26}, size_t{27}, size_t{100}, size_t{5000}}) {
        MessageTemplate message("bob", bytes);
        const std::string frame(message.frame(1234567));
        const size_t text_at = frame.find('{');
        const std::string text = frame.substr(text_at);
        CHECK(frame == client_frame(FrameKind::text, text));
        CHECK(find_text(text, "to") == "bob");
        CHECK(find_object(text, "payload")->size() == bytes);
        size_t hint = 0;
        CHECK(message_number(text, hint) == 1234567);
        CHECK(message_number(std::string(message.frame(89)).substr(text_at), hint) == 89);
    }
    CHECK(frame_type(std::string(MessageTemplate("", 20).frame(0)).substr(6)) == "message");
    size_t hint = 0;
    CHECK(message_number(R"({"type":"message","payload":{}})", hint) == -1);
    // A wrong hint is looked past.
    hint = 3;
    CHECK(message_number(R"({"payload":{"n":"000000000042"}})", hint) == 42);
}

}  // namespace agentcom::bench
