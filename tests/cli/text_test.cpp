#include "tools/cli/text.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "core/base/utf8.hpp"

using namespace agentcom;
using namespace agentcom::cli;

TEST_CASE("invalid UTF-8 is repaired byte by byte") {
    const std::string r = "\xEF\xBF\xBD";
    CHECK(repaired_utf8("plain \xE2\x82\xAC") == "plain \xE2\x82\xAC");
    CHECK(repaired_utf8("\x80x") == r + "x");
    CHECK(repaired_utf8("\xE2\x82") == r + r);
    CHECK(repaired_utf8("\xC0\xAF") == r + r);
    CHECK(repaired_utf8("\xED\xA0\x80") == r + r + r);
    CHECK(repaired_utf8("\xF0\x9F\x98\x80\xFF") == "\xF0\x9F\x98\x80" + r);
}

TEST_CASE("the last code points of a text") {
    CHECK(last_code_points("abc", 2) == "bc");
    CHECK(last_code_points("abc", 5) == "abc");
    CHECK(last_code_points("abc", 0).empty());
    CHECK(last_code_points("a\xE2\x82\xAC\xF0\x9F\x98\x80", 2) == "\xE2\x82\xAC\xF0\x9F\x98\x80");
}

TEST_CASE("names become file names that differ when the names do") {
    CHECK(file_name_for("ann") == "ann");
    CHECK(file_name_for("http://localhost:4000") == "http%3A%2F%2Flocalhost%3A4000");
    CHECK(file_name_for("") == "%");
    CHECK(file_name_for("%") == "%25");
    CHECK(file_name_for(".") == "%2E");
    CHECK(file_name_for("..") == "%2E.");
    CHECK(file_name_for("../../etc/passwd") == "%2E.%2F..%2Fetc%2Fpasswd");
    const std::string long_name(128, '/');
    CHECK(file_name_for(long_name).size() == 200);
    CHECK(file_name_for(long_name) != file_name_for(long_name + "/"));
}

TEST_CASE("percent encoding leaves only unreserved characters") {
    CHECK(percent_encode("a b/c?d=e~f\xC3\xA9") == "a%20b%2Fc%3Fd%3De~f%C3%A9");
}

TEST_CASE("control characters of agents do not reach a terminal") {
    const std::string r = "\xEF\xBF\xBD";
    CHECK(terminal_safe("a\tb\nc") == "a\tb\nc");
    CHECK(terminal_safe("\x1B[2J\r\x7F") == r + "[2J" + r + r);
    CHECK(terminal_safe("\xC2\x9B"
                        "1m \xC2\xA0") == r + "1m \xC2\xA0");
}

TEST_CASE("white space is trimmed at both ends") {
    CHECK(trimmed(" \n a b\t") == "a b");
    CHECK(trimmed(" \n").empty());
}

TEST_CASE("query parameters without a value are left out") {
    QueryTarget target("/x");
    target.add("a", "");
    target.add("b", "1 2");
    target.add("c", "&");
    CHECK(target.text() == "/x?b=1%202&c=%26");
}
