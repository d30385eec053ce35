#include "core/base/utf8.hpp"

#include <catch2/catch.hpp>
#include <string>

using namespace agentcom;

namespace {

// The code point as UTF-8 would encode it, whether that is allowed or not.
std::string encode(unsigned point, int length) {
    if (length == 1) return {static_cast<char>(point)};
    std::string out;
    for (int i = 0; i < length - 1; ++i) {
        out.insert(out.begin(), static_cast<char>(0x80U | (point & 0x3FU)));
        point >>= 6U;
    }
    out.insert(out.begin(), static_cast<char>((0xF00U >> static_cast<unsigned>(length) & 0xFFU) | point));
    return out;
}

int shortest(unsigned point) { return point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4; }

}  // namespace

TEST_CASE("every code point is valid in its shortest form and in no other, surrogates in none") {
    for (unsigned point = 0; point < 0x120000; ++point) {
        for (int length = shortest(point); length <= 4; ++length) {
            const bool valid = length == shortest(point) && point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
            if (is_valid_utf8(encode(point, length)) != valid) {
                FAIL("code point " << point << " in " << length << " bytes");
            }
        }
    }
    for (unsigned point = 0; point < 0x80; ++point) CHECK_FALSE(is_valid_utf8(encode(point, 2)));
}

TEST_CASE("a text with a hole is not valid, wherever the hole is") {
    const std::string text = "plain text, \xc3\xa9t\xc3\xa9, \xe2\x82\xac, \xf0\x9f\x98\x80 and more plain text";
    CHECK(is_valid_utf8(text));
    for (size_t i = 0; i < text.size(); ++i) {
        const bool at_border = (static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U;
        CHECK(is_valid_utf8(text.substr(0, i)) == at_border);
        for (const char bad : {'\xff', '\xc0', '\xfe', '\xf5'}) {
            std::string broken = text;
            broken[i] = bad;
            CHECK_FALSE(is_valid_utf8(broken));
        }
    }
}

TEST_CASE("lengths are counted and cut in code points") {
    const std::string text = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z";
    CHECK(count_code_points(text) == 5);
    CHECK(truncate_code_points(text, 0).empty());
    CHECK(truncate_code_points(text, 1) == "a");
    CHECK(truncate_code_points(text, 2) == "a\xc3\xa9");
    CHECK(truncate_code_points(text, 4) == "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    CHECK(truncate_code_points(text, 5) == text);
    CHECK(truncate_code_points(text, 6) == text);
    CHECK(truncate_code_points("\xe2\x82\xac", 1) == "\xe2\x82\xac");
    CHECK(exceeds_code_points(text, 4));
    CHECK_FALSE(exceeds_code_points(text, 5));
    CHECK_FALSE(exceeds_code_points("", 0));
    // A combining accent is a code point of its own.
    CHECK(count_code_points("e\xcc\x81") == 2);
}
