#include "tools/cli/table.hpp"

#include <catch2/catch.hpp>

using namespace agentcom::cli;

TEST_CASE("the width of a text is what a terminal gives it") {
    CHECK(display_width("") == 0);
    CHECK(display_width("abc") == 3);
    CHECK(display_width("é") == 1);
    CHECK(display_width("e\xCC\x81") == 1);
    CHECK(display_width("日本") == 4);
    CHECK(display_width("🚀") == 2);
    CHECK(display_width("…") == 1);
}

TEST_CASE("a text is cut to its columns, wide characters whole") {
    CHECK(fitted("abc", 3) == "abc");
    CHECK(fitted("abcd", 3) == "ab…");
    CHECK(fitted("日本語", 5) == "日本…");
    CHECK(fitted("日本語", 4) == "日…");
    CHECK(fitted("a\nb\tc", 9) == "a b c");
    CHECK(fitted("\x1B[2J", 9) == "\xEF\xBF\xBD[2J");
    CHECK(fitted("abc", 0).empty());
    CHECK(padded("日", 4) == "日  ");
}

TEST_CASE("a text is broken at its spaces") {
    CHECK(wrapped("one two three", 7) == std::vector<std::string>{"one two", "three"});
    CHECK(wrapped("abcdefgh", 3) == std::vector<std::string>{"abc", "def", "gh"});
    CHECK(wrapped("", 5).empty());
}

TEST_CASE("a table is as wide as it may be, and its elastic column gives way") {
    const std::vector<std::vector<std::string>> rows = {{"a", "a long description of it"}, {"bcd", "short"}};
    CHECK(table_text({"ID", "TEXT"}, rows, 1, 0) == "ID   TEXT\na    a long description of it\nbcd  short\n");
    CHECK(table_text({"ID", "TEXT"}, rows, 1, 20) == "ID   TEXT\na    a long descrip…\nbcd  short\n");
}
