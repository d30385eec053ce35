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

TEST_CASE("rising ids rise, and end as random ones") {
    CHECK(rising_id(0, "0123456789abcdef") == "0000000089abcdef");
    CHECK(rising_id(0x12345678, "0123456789abcdef") == "1234567889abcdef");
    CHECK(rising_id(int64_t{0x1'0000'0001}, "0123456789abcdef") == "0000000189abcdef");
    CHECK(rising_id(255, "ffffffffffffffff") < rising_id(256, "0000000000000000"));
}
