#include "core/base/json.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <cmath>
#include <limits>

#include "core/base/limits.hpp"
#include "core/base/prng.hpp"

using namespace agentcom;
using namespace agentcom::json;

namespace {

// Boost.JSON's own opinion, by its tree parser with the same depth.
std::optional<boost::json::value> boost_parse(std::string_view text) {
    boost::json::parse_options options;
    options.max_depth = kMaxJsonDepth;
    boost::json::error_code error;
    auto value = boost::json::parse(boost::json::string_view(text.data(), text.size()), error, {}, options);
    if (error) return std::nullopt;
    return value;
}

std::string_view view(boost::json::string_view text) { return {text.data(), text.size()}; }

// Whether the slices of a valid text say what Boost's tree of it says.
bool agrees(const Value& ours, const boost::json::value& theirs) {
    switch (ours.kind) {
        case Kind::null:
            return theirs.is_null();
        case Kind::boolean:
            return theirs.is_bool() && theirs.get_bool() == to_bool(ours);
        case Kind::integer:
            if (const auto number = to_int64(ours)) {
                return theirs.is_int64() ? theirs.get_int64() == *number : theirs.is_double() && *number == 0;
            }
            return theirs.is_uint64() || theirs.is_double();
        case Kind::real:
            return theirs.is_double();
        case Kind::string:
            return theirs.is_string() && decode_string(ours) == view(theirs.get_string());
        case Kind::array: {
            if (!theirs.is_array()) return false;
            const auto items = elements(ours.raw);
            if (items.size() != theirs.get_array().size()) return false;
            for (size_t i = 0; i < items.size(); ++i) {
                if (!agrees(items[i], theirs.get_array()[i])) return false;
            }
            return true;
        }
        case Kind::object: {
            if (!theirs.is_object()) return false;
            const Object object = members(ours.raw, Duplicates::last_wins);  // as Boost does
            if (object.size() != theirs.get_object().size()) return false;
            for (const Member& member : object) {
                const auto* found = theirs.get_object().if_contains(member.key);
                if (found == nullptr || !agrees(member.value, *found)) return false;
            }
            return true;
        }
    }
    return false;
}

// A text with one of everything.
const std::string kSample =
    " {\"type\" : \"message\",\"n\":[0,-1,1.5,-0.0,1e2,1E-2,12345678901234567890123],\"t\":[true,false,null]\n,"
    "\"s\":\"\\u00e9\\ud83d\\ude00\\n\\\"\\\\\\/"
    "\xc3\xa9\xf0\x9f\x98\x80\",\"o\":{\"a\":{},\"b\":[[],[{}]],\"\":\"]}\"}}\t";

std::string nested(size_t depth, std::string_view open, std::string_view middle, std::string_view close) {
    std::string text;
    for (size_t i = 0; i < depth; ++i) text += open;
    text += middle;
    for (size_t i = 0; i < depth; ++i) text += close;
    return text;
}

std::vector<std::string> keys(const Object& object) {
    std::vector<std::string> found;
    for (const Member& member : object) found.push_back(member.key);
    return found;
}

double seconds(const std::chrono::steady_clock::time_point& start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

TEST_CASE("validate: what is JSON and what is not") {
    for (const char* text : {"{}",
                             "[]",
                             "0",
                             "-0",
                             "1.0",
                             "1e400",
                             "-1e400",
                             "1e-400",
                             "123456789012345678901234567890",
                             "\"\"",
                             "null",
                             "true",
                             " \t\r\n1 \t\r\n",
                             "\"\\u0000\"",
                             "\"\\ud83d\\ude00\"",
                             "\"\\/\"",
                             "\"/\"",
                             "{\"a\":1,\"a\":2}",
                             "\"\x7f\"",
                             "[1 , 2]",
                             "{\"\":0}"}) {
        CAPTURE(text);
        CHECK(validate(text));
    }
    for (const char* text : {"",
                             " ",
                             "\n",
                             "{",
                             "}",
                             "[",
                             "]",
                             "{]",
                             "[}",
                             "[1,]",
                             "[,1]",
                             "[1 2]",
                             "{\"a\"}",
                             "{\"a\":}",
                             "{\"a\":1,}",
                             "{a:1}",
                             "{1:1}",
                             "'a'",
                             "tru",
                             "True",
                             "nul",
                             "nan",
                             "NaN",
                             "Infinity",
                             "-",
                             "+1",
                             "01",
                             "-01",
                             "1.",
                             ".1",
                             "1e",
                             "1e+",
                             "0x1",
                             "1e99999999999",
                             "1 1",
                             "{} {}",
                             "{}x",
                             "\"",
                             "\"\\\"",
                             "\"\\x\"",
                             "\"\\u12\"",
                             "\"\\u12g4\"",
                             "\"\n\"",
                             "\"\t\"",
                             "\"\x01\"",
                             "\"\\ud800\"",
                             "\"\\udc00\"",
                             "\"\\ud800x\"",
                             "\"\\ud800\\n\"",
                             "\"\\ud800\\ud800\"",
                             "\"\\ud800\\u0041\"",
                             "{\"\\ud800\":1}",
                             "\"\xff\"",
                             "\"\xc0\xaf\"",
                             "\"\xed\xa0\x80\"",
                             "\"\xe2\x82\"",
                             "\"\xf4\x90\x80\x80\"",
                             "{\"\xff\":1}",
                             "// c\n1",
                             "/* c */ 1",
                             "\xef\xbb\xbf{}"}) {
        CAPTURE(text);
        CHECK_FALSE(validate(text));
    }
    CHECK_FALSE(validate(std::string("\"\0\"", 3)));
    CHECK_FALSE(validate(std::string("1\0", 2)));
}

TEST_CASE("validate: nesting is allowed to its limit and not beyond") {
    struct Shape {
        const char *open, *middle, *close;
    };
    for (const Shape& shape : {Shape{"[", "", "]"}, Shape{"{\"a\":", "1", "}"}, Shape{"[0,", "1", "]"}}) {
        CHECK(validate(nested(kMaxJsonDepth, shape.open, shape.middle, shape.close)));
        CHECK_FALSE(validate(nested(kMaxJsonDepth + 1, shape.open, shape.middle, shape.close)));
        CHECK_FALSE(validate(nested(1'000'000, shape.open, shape.middle, shape.close)));
    }
    CHECK_FALSE(validate(nested(kMaxJsonDepth, "[{\"a\":", "1", "}]")));
    // Breadth does not count.
    CHECK(validate(nested(1, "[", nested(10'000, "[],", "[]", ""), "]")));
}

TEST_CASE("validate: a text that is cut off is not valid, at any byte") {
    REQUIRE(validate(kSample));
    const size_t last = kSample.rfind('}');
    for (size_t length = 0; length <= kSample.size(); ++length) {
        CAPTURE(length);
        CHECK(validate(kSample.substr(0, length)) == (length > last));
    }
}

TEST_CASE("validate and slices agree with Boost.JSON on damaged texts") {
    const uint64_t seed = 20'240'501;
    CAPTURE(seed);
    Prng prng(seed);
    const std::string_view interesting = "{}[]\",:\\u0123456789abcdefDd8tnr-+.eE \n\x01\x80\xbf\xc3\xe2\xed\xf0\xff";
    int valid = 0;
    for (int round = 0; round < 30'000; ++round) {
        std::string text = kSample;
        for (size_t edits = 1 + prng.index_below(3); edits > 0; --edits) {
            const size_t at = prng.index_below(text.size());
            switch (prng.index_below(4)) {
                case 0:
                    text.erase(at, 1 + prng.index_below(4));
                    break;
                case 1:
                    text.insert(at, 1, interesting[prng.index_below(interesting.size())]);
                    break;
                case 2:
                    text[at] = static_cast<char>(prng.below(256));
                    break;
                default:
                    text.insert(at, text.substr(prng.index_below(text.size()), prng.index_below(8)));
                    break;
            }
            if (text.empty()) text = "0";
        }
        const auto theirs = boost_parse(text);
        if (validate(text) != theirs.has_value()) FAIL("verdicts differ: " << text);
        if (!theirs) continue;
        ++valid;
        if (!agrees(parse_value(text), *theirs)) FAIL("values differ: " << text);
    }
    CHECK(valid > 1000);
}

TEST_CASE("validate agrees with Boost.JSON on random bytes") {
    const uint64_t seed = 77;
    CAPTURE(seed);
    Prng prng(seed);
    const std::string_view alphabet = "{}[]\",:\\/u018Ddetnrfalsu-+. \n\xc3\xa9";
    for (int round = 0; round < 100'000; ++round) {
        std::string text;
        for (size_t length = prng.index_below(12); length > 0; --length)
            text += alphabet[prng.index_below(alphabet.size())];
        const auto theirs = boost_parse(text);
        if (validate(text) != theirs.has_value()) FAIL("verdicts differ: " << text);
        if (theirs && !agrees(parse_value(text), *theirs)) FAIL("values differ: " << text);
    }
}

TEST_CASE("values are the exact bytes, with their kind") {
    struct Row {
        const char* text;
        Kind kind;
        const char* raw;
    };
    for (const Row& row :
         {Row{" 1 ", Kind::integer, "1"}, Row{"1.0", Kind::real, "1.0"}, Row{"1e2", Kind::real, "1e2"},
          Row{"1E2", Kind::real, "1E2"}, Row{"-0", Kind::integer, "-0"}, Row{"-0.0", Kind::real, "-0.0"},
          Row{"1e400", Kind::real, "1e400"}, Row{"\t\"x\"\n", Kind::string, "\"x\""},
          Row{" [ 1 ] ", Kind::array, "[ 1 ]"}, Row{" { } ", Kind::object, "{ }"}, Row{"true", Kind::boolean, "true"},
          Row{"null ", Kind::null, "null"}, Row{"\"]}\\\"[{\"", Kind::string, "\"]}\\\"[{\""}}) {
        CAPTURE(row.text);
        const Value value = parse_value(row.text);
        CHECK(value.kind == row.kind);
        CHECK(value.raw == row.raw);
    }
}

TEST_CASE("strings are decoded") {
    struct Row {
        const char* raw;
        std::string text;
    };
    for (const Row& row :
         {Row{"\"\"", ""}, Row{"\"abc\"", "abc"}, Row{"\"\\b\\f\\n\\r\\t\\\"\\\\\\/\"", "\b\f\n\r\t\"\\/"},
          Row{"\"\\u0041\\u00e9\\u20AC\"", "A\xc3\xa9\xe2\x82\xac"}, Row{"\"\\uD83D\\uDE00\"", "\xf0\x9f\x98\x80"},
          Row{"\"\\udbff\\udfff\"", "\xf4\x8f\xbf\xbf"}, Row{"\"a\\u0000b\"", std::string("a\0b", 3)},
          Row{"\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"", "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"}}) {
        CAPTURE(row.raw);
        CHECK(decode_string(parse_value(row.raw)) == row.text);
    }
    CHECK_THROWS_AS(decode_string(parse_value("1")), CoreFault);
}

TEST_CASE("integers are read, or found not to fit") {
    struct Row {
        const char* text;
        std::optional<int64_t> exact;
        int64_t saturated;
    };
    for (const Row& row :
         {Row{"0", 0, 0}, Row{"-0", 0, 0}, Row{"42", 42, 42}, Row{"-42", -42, -42},
          Row{"9223372036854775807", INT64_MAX, INT64_MAX}, Row{"9223372036854775808", std::nullopt, INT64_MAX},
          Row{"-9223372036854775808", INT64_MIN, INT64_MIN}, Row{"-9223372036854775809", std::nullopt, INT64_MIN},
          Row{"92233720368547758070", std::nullopt, INT64_MAX},
          Row{"123456789012345678901234567890", std::nullopt, INT64_MAX},
          Row{"-123456789012345678901234567890", std::nullopt, INT64_MIN}}) {
        CAPTURE(row.text);
        CHECK(to_int64(parse_value(row.text)) == row.exact);
        CHECK(to_int64_saturated(parse_value(row.text)) == row.saturated);
    }
    for (const char* text : {"1.0", "1e2", "\"1\"", "null"}) CHECK_FALSE(to_int64(parse_value(text)).has_value());
}

TEST_CASE("an object's members come in text order, each key once") {
    const std::string text = R"( { "a" : 1 , "b":[1,{"a":2}], "\u0061" : 3, "" : {} , "b":4 } )";
    const Object first = members(parse_value(text).raw);
    CHECK(keys(first) == std::vector<std::string>{"a", "b", ""});
    CHECK(first.find("a")->raw == "1");
    CHECK(first.find("b")->raw == R"([1,{"a":2}])");
    CHECK(first.find("")->raw == "{}");
    CHECK(first.find("c") == nullptr);
    const Object last = members(parse_value(text).raw, Duplicates::last_wins);
    CHECK(keys(last) == std::vector<std::string>{"a", "", "b"});
    CHECK(last.find("a")->raw == "3");
    CHECK(last.begin()->key_raw == R"("\u0061")");
    CHECK(last.find("b")->raw == "4");
    CHECK(all_members(parse_value(text).raw).size() == 5);
    CHECK(members("{}").empty());
    CHECK(members("{ }").empty());
    CHECK(keys(members(" \n{\t} ")).empty());
    CHECK(keys(members("\r\n {\"a\":1} ")) == std::vector<std::string>{"a"});
    CHECK(elements(" \t[ 1 ] ").size() == 1);
}

TEST_CASE("repeated keys are resolved alike in small and in large objects") {
    for (const size_t distinct : {1U, 5U, 16U, 17U, 40U, 1000U}) {
        std::string text = "{";
        for (size_t i = 0; i < distinct * 3; ++i) {
            if (i != 0) text += ',';
            text += "\"k" + std::to_string(i % distinct) + "\":" + std::to_string(i);
        }
        text += "}";
        const Object first = members(text);
        const Object last = members(text, Duplicates::last_wins);
        REQUIRE(first.size() == distinct);
        REQUIRE(last.size() == distinct);
        for (size_t i = 0; i < distinct; ++i) {
            const std::string key = "k" + std::to_string(i);
            CHECK((first.begin() + static_cast<std::ptrdiff_t>(i))->key == key);
            CHECK(first.find(key)->raw == std::to_string(i));
            CHECK(last.find(key)->raw == std::to_string(i + 2 * distinct));
        }
        CHECK(first.find("k") == nullptr);
        CHECK(first.find("zzz") == nullptr);
        CHECK(first.find("") == nullptr);
    }
}

TEST_CASE("an object of 100 000 members takes no quadratic time") {
    std::string distinct = "{";
    std::string repeated = "{";
    for (int i = 0; i < 100'000; ++i) {
        distinct += "\"key" + std::to_string(i) + "\":0,";
        repeated += "\"key" + std::to_string(i % 3) + "\":0,";
    }
    distinct.back() = '}';
    repeated.back() = '}';
    const auto start = std::chrono::steady_clock::now();
    for (const Duplicates duplicates : {Duplicates::first_wins, Duplicates::last_wins}) {
        const Object object = members(distinct, duplicates);
        CHECK(object.size() == 100'000);
        int found = 0;
        for (int i = 0; i < 100'000; ++i) found += object.contains("key" + std::to_string(i)) ? 1 : 0;
        CHECK(found == 100'000);
        CHECK(members(repeated, duplicates).size() == 3);
    }
    CHECK(seconds(start) < 10);  // a quadratic way takes minutes; this one 0.2 s
}

TEST_CASE("an array's elements come in order") {
    const auto items = elements(R"([ 1 ,"a,]" , [2,[3]],{"x":[4]} ,null ])");
    REQUIRE(items.size() == 5);
    CHECK(items[0].raw == "1");
    CHECK(items[1].raw == "\"a,]\"");
    CHECK(items[2].raw == "[2,[3]]");
    CHECK(items[3].raw == R"({"x":[4]})");
    CHECK(items[4].kind == Kind::null);
    CHECK(elements("[]").empty());
    CHECK(elements("[ \n ]").empty());
}

TEST_CASE("a document keeps its bytes, and its views when it moves") {
    CHECK(Document().text() == "null");
    CHECK(Document().kind() == Kind::null);
    CHECK_FALSE(Document::parse("{", Duplicates::first_wins).has_value());

    const std::string text = " {\"short\":1} ";  // short enough to sit inside a std::string
    auto parsed = Document::parse(text, Duplicates::first_wins);
    REQUIRE(parsed);
    const Value* before = parsed->object().find("short");
    const char* address = before->raw.data();
    Document moved = std::move(*parsed);
    CHECK(moved.text() == text);
    CHECK(moved.object().find("short")->raw.data() == address);
    CHECK(moved.object().find("short")->raw == "1");
    Document assigned;
    assigned = std::move(moved);
    CHECK(assigned.object().find("short")->raw == "1");
    CHECK(assigned.root().raw == "{\"short\":1}");
    CHECK(std::move(assigned).take_text() == text);

    CHECK(Document::parse("[1]", Duplicates::first_wins)->kind() == Kind::array);
    CHECK(Document::parse("[1]", Duplicates::first_wins)->object().empty());
}

TEST_CASE("the writer puts commas where they belong") {
    Writer out;
    out.begin_object().member("a", 1).key("b").begin_array().integer(1).string("x").begin_object().end_object();
    out.begin_array().end_array().null().boolean(true).raw("{\"r\":1}").end_array().raw_member("c", "[1.0]");
    out.key("d").begin_object().member("e", nullptr).end_object().member("f", false).end_object();
    CHECK(out.text() == R"({"a":1,"b":[1,"x",{},[],null,true,{"r":1}],"c":[1.0],"d":{"e":null},"f":false})");
    CHECK(validate(out.text()));
    CHECK(out.take() == R"({"a":1,"b":[1,"x",{},[],null,true,{"r":1}],"c":[1.0],"d":{"e":null},"f":false})");
    CHECK(out.begin_array().end_array().take() == "[]");
}

TEST_CASE("the writer writes each type as its kind") {
    Writer out;
    out.begin_object();
    out.member("literal", "text").member("string", std::string("s")).member("view", std::string_view("v"));
    out.member("bool", true).member("int", -5).member("unsigned", 7U).member("size", size_t{8});
    out.member("min", INT64_MIN).member("max", INT64_MAX).member("umax", UINT64_MAX);
    out.member("none", std::optional<std::string_view>{}).member("some", std::optional<int64_t>{3});
    out.member("text", std::optional<std::string>{"t"}).optional_raw_member("raw", std::optional<std::string>{"[]"});
    out.optional_raw_member("no", std::nullopt).end_object();
    CHECK(out.text() == R"({"literal":"text","string":"s","view":"v","bool":true,"int":-5,"unsigned":7,"size":8,)"
                        R"("min":-9223372036854775808,"max":9223372036854775807,"umax":18446744073709551615,)"
                        R"("none":null,"some":3,"text":"t","raw":[],"no":null})");
}

TEST_CASE("the writer escapes what JSON demands and nothing else") {
    CHECK(encode_string("a/b\"c\\d\xc3\xa9\x7f") == "\"a/b\\\"c\\\\d\xc3\xa9\x7f\"");
    CHECK(encode_string("\n") == "\"\\u000a\"");
    std::string all;
    for (int byte = 0; byte < 128; ++byte) all += static_cast<char>(byte);
    const std::string raw = encode_string(all);
    CHECK(validate(raw));
    CHECK(decode_string(parse_value(raw)) == all);
    CHECK(encode_strings({}) == "[]");
    CHECK(encode_strings({"a", "\""}) == R"(["a","\""])");
}

TEST_CASE("numbers with one decimal are rounded the same everywhere") {
    struct Row {
        double value;
        const char* text;
    };
    for (const Row& row :
         {Row{0, "0.0"}, Row{1, "1.0"}, Row{66.66, "66.7"}, Row{0.25, "0.3"}, Row{-0.25, "-0.3"}, Row{-0.04, "0.0"},
          Row{99.99, "100.0"}, Row{-12.34, "-12.3"}, Row{1e15, "1000000000000000.0"}, Row{std::nan(""), "null"},
          Row{std::numeric_limits<double>::infinity(), "null"}}) {
        CHECK(Writer().real1(row.value).take() == row.text);
    }
    CHECK(Writer().begin_array().real1(1).real1(-2).integer(-3).end_array().take() == "[1.0,-2.0,-3]");
}
