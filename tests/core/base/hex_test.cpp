#include "core/base/hex.hpp"

#include <catch2/catch.hpp>
#include <string>

using namespace agentcom;

TEST_CASE("every byte goes to hex and back") {
    std::string bytes;
    for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
    const std::string text = to_hex(bytes);
    CHECK(text.substr(0, 6) == "000102");
    CHECK(text.substr(text.size() - 6) == "fdfeff");
    CHECK(from_hex(text) == bytes);
    CHECK(from_hex("ABcd") == "\xab\xcd");
    CHECK(from_hex("") == "");
}

TEST_CASE("what is not hex is refused") {
    for (const char* text : {"a", "abc", "0g", "g0", "0x", " 0", "0 ", "/0", ":0", "@0", "`0", "G0"}) {
        CAPTURE(text);
        CHECK_FALSE(from_hex(text).has_value());
    }
}

TEST_CASE("the constant-time comparison compares") {
    CHECK(equal_constant_time("", ""));
    CHECK(equal_constant_time("secret", "secret"));
    CHECK_FALSE(equal_constant_time("secret", "secre"));
    const std::string text = "0123456789abcdef";
    for (size_t i = 0; i < text.size(); ++i) {
        for (int bit = 0; bit < 8; ++bit) {
            std::string other = text;
            other[i] = static_cast<char>(other[i] ^ (1 << bit));
            CHECK_FALSE(equal_constant_time(text, other));
        }
    }
}
