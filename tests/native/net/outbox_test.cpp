#include "native-server/net/outbox.hpp"

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "native-server/net/websocket_frame.hpp"

namespace agentcom {
namespace {

std::shared_ptr<const std::string> shared(std::string text) {
    return std::make_shared<const std::string>(std::move(text));
}

// All that waits, taken in pieces of `step` bytes.
std::string take_all(Outbox& outbox, size_t step) {
    std::string out;
    std::string buffer(step, '\0');
    while (!outbox.empty()) out.append(buffer.data(), outbox.fill(buffer.data(), step));
    return out;
}

std::string framed(const std::string& text) {
    char header[kMaxFrameHeaderBytes];
    return std::string(header, write_frame_header(Opcode::text, text.size(), header)) + text;
}

}  // namespace

TEST_CASE("an outbox gives the same bytes in pieces of any size", "[net]") {
    const std::string small = "{\"type\":\"pong\"}";
    const std::string medium(300, 'm');
    const std::string large(70'000, 'l');
    const std::string expected = framed(small) + "HTTP raw" + framed(medium) + framed(large) + framed("");
    for (const size_t step : {size_t{1}, size_t{2}, size_t{3}, size_t{7}, size_t{64}, size_t{1000}, size_t{65536}}) {
        Outbox::Totals totals;
        Outbox outbox(totals);
        outbox.add_frame(shared(small), 0);
        outbox.add_bytes("HTTP raw");
        outbox.add_frame(shared(medium), 0);
        outbox.add_frame(shared(large), 0);
        outbox.add_frame(shared(""), 0);
        CHECK(outbox.frames() == 5);
        CHECK(outbox.bytes() == static_cast<int64_t>(expected.size()));
        CHECK(totals.bytes == outbox.bytes());
        CHECK(take_all(outbox, step) == expected);
        CHECK(outbox.bytes() == 0);
        CHECK(totals.bytes == 0);
    }
}

TEST_CASE("mail counts as taken with the last byte of its frame", "[net]") {
    Outbox::Totals totals;
    Outbox outbox(totals);
    outbox.add_frame(shared("one"), 7);
    outbox.add_frame(shared("two"), 9);
    char buffer[5];
    CHECK(outbox.fill(buffer, 4) == 4);
    CHECK(outbox.taken_mail_seq() == 0);
    CHECK(outbox.fill(buffer, 1) == 1);
    CHECK(outbox.taken_mail_seq() == 7);
    CHECK(outbox.fill(buffer, 5) == 5);
    CHECK(outbox.taken_mail_seq() == 9);
}

TEST_CASE("what waits can be dropped without breaking a frame that is half sent", "[net]") {
    Outbox::Totals totals;
    Outbox outbox(totals);
    outbox.add_frame(shared("first"), 1);
    outbox.add_frame(shared("second"), 2);
    char buffer[3];
    SECTION("half sent") {
        CHECK(outbox.fill(buffer, 3) == 3);
        outbox.drop_waiting();
        CHECK(totals.bytes == outbox.bytes());
        CHECK(take_all(outbox, 64) == framed("first").substr(3));
    }
    SECTION("between frames") {
        std::string all(7, '\0');
        CHECK(outbox.fill(all.data(), 7) == 7);
        outbox.drop_waiting();
        CHECK(outbox.empty());
        CHECK(totals.bytes == 0);
    }
}

TEST_CASE("an outbox that is never empty does not grow without end", "[net]") {
    Outbox::Totals totals;
    Outbox outbox(totals);
    char buffer[8];
    outbox.add_frame(shared("abcdef"), 0);
    for (int i = 0; i < 100'000; ++i) {
        outbox.add_frame(shared("abcdef"), 0);
        REQUIRE(outbox.fill(buffer, 8) == 8);
    }
    CHECK(outbox.frames() == 1);
    CHECK(outbox.bytes() == 8);
}

TEST_CASE("an outbox that ends takes its bytes off the total", "[net]") {
    Outbox::Totals totals;
    {
        Outbox outbox(totals);
        outbox.add_bytes("abc");
        CHECK(totals.bytes == 3);
    }
    CHECK(totals.bytes == 0);
}

}  // namespace agentcom
