#include "core/state/search.hpp"

#include <catch2/catch.hpp>

#include "core/base/prng.hpp"

using namespace agentcom;

TEST_CASE("what is searched are the string values of a payload, however deep, and not its keys", "[history]") {
    CHECK(search_text(R"({"title":"Hello","n":5,"list":["a\"b",{"deep":"x\n"}],"no":null})") == "Hello\na\"b\nx\n\n");
    CHECK(search_text("{}").empty());
    CHECK(search_text(R"({"key" : "value"})") == "value\n");
    const std::string big = search_text(R"({"a":")" + std::string(kSearchedBytes - 1, 'x') + R"(äöü"})");
    CHECK(big.size() <= kSearchedBytes);
    CHECK(big.back() == 'x');
}

TEST_CASE("there is nothing to search in what is no JSON", "[history]") {
    for (const char* damaged :
         {"", "\"", "{\"a\":\"b", "{\"a\":\"\\u12\"}", "{\"a\":\"\\", "\xff\"a\"", "{\"a\":\"b\"}}"}) {
        CAPTURE(damaged);
        CHECK(search_text(damaged).empty());
    }
}

TEST_CASE("a search is words, phrases and beginnings of words; nothing in it is malformed", "[history]") {
    CHECK(parse_search("Red fish*") == std::vector<SearchPhrase>{{{"red"}, false}, {{"fish"}, true}});
    CHECK(parse_search(R"("one two" three)") == std::vector<SearchPhrase>{{{"one", "two"}, false}, {{"three"}, false}});
    CHECK(parse_search(R"("open end)") == std::vector<SearchPhrase>{{{"open", "end"}, false}});
    CHECK(parse_search(R"(NEAR(a, 5) OR -b)").size() == 5);
    CHECK(parse_search("!!! \"\" *").empty());
    CHECK(search_expression(parse_search(R"(a "b c"* d*)")) == R"("a" "b c" * "d" *)");
    CHECK(search_expression({}).empty());
}

TEST_CASE("a text matches when it has all phrases", "[history]") {
    const auto matches = [](std::string_view query, std::string_view text) {
        return search_matches(parse_search(query), text);
    };
    CHECK(matches("fox", "The quick brown Fox"));
    CHECK(matches("fox the", "The quick brown Fox"));
    CHECK_FALSE(matches("fo", "The quick brown Fox"));
    CHECK(matches("fo*", "The quick brown Fox"));
    CHECK(matches("\"brown fox\"", "The quick brown Fox"));
    CHECK_FALSE(matches("\"fox brown\"", "The quick brown Fox"));
    CHECK(matches("\"quick br\"*", "The quick brown Fox"));
    CHECK_FALSE(matches("", "anything"));
}

TEST_CASE("any bytes make a search", "[history]") {
    Prng prng(static_cast<uint64_t>(20'261'121));
    for (int round = 0; round < 2'000; ++round) {
        std::string query;
        for (uint64_t left = prng.below(20); left > 0; --left) query += R"(ab"*-( ):^ä)"[prng.index_below(12)];
        const std::string expression = search_expression(parse_search(query));
        int64_t quotes = 0;
        for (const char byte : expression) quotes += byte == '"' ? 1 : 0;
        CHECK(quotes % 2 == 0);
    }
}
