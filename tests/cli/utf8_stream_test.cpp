#include "tools/cli/utf8_stream.hpp"

#include <catch2/catch.hpp>

#include "tools/cli/text.hpp"

using namespace agentcom::cli;

TEST_CASE("however bytes are cut, the text is the same") {
    const std::string bytes = "a€😀\xFFz\xE2\x82";
    for (size_t step = 1; step <= bytes.size(); ++step) {
        Utf8Stream stream;
        std::string text;
        for (size_t at = 0; at < bytes.size(); at += step)
            text += stream.feed(std::string_view(bytes).substr(at, step));
        text += stream.finish();
        CHECK(text == repaired_utf8(bytes));
    }
}

TEST_CASE("a character waits for its rest") {
    Utf8Stream stream;
    CHECK(stream.feed("x\xE2\x82") == "x");
    CHECK(stream.feed("\xAC") == "€");
    CHECK(stream.finish().empty());
}
