#include "core/protocol/shape.hpp"

#include <catch2/catch.hpp>

#include "tests/core/support/shape_check.hpp"

using namespace agentcom;

namespace {

std::string_view no_notes(std::string_view, std::string_view) { return {}; }
std::string_view note(std::string_view owner, std::string_view) { return owner; }

std::string schema(std::string_view text, SchemaWriter::Notes notes = no_notes) {
    const NamedShape known[] = {{"Pair", parse_shape("{a: integer, b?: string}", {})}};
    json::Writer out;
    SchemaWriter(out, "#/x/", notes).write(parse_shape(text, known), "me");
    return out.take();
}

}  // namespace

TEST_CASE("shapes are written as JSON Schema", "[schemas]") {
    struct Row {
        const char* shape;
        const char* schema;
    };
    const Row rows[] = {
        {"any", "{}"},
        {"string", R"({"type":"string"})"},
        {"object", R"({"type":"object"})"},
        {"'a b'", R"({"type":"string","const":"a b"})"},
        {"Other", R"({"$ref":"#/x/Other"})"},
        {"[integer]", R"({"type":"array","items":{"type":"integer"}})"},
        {"{*: boolean}", R"({"type":"object","additionalProperties":{"type":"boolean"}})"},
        {"string | null", R"({"type":["string","null"]})"},
        {"'x' | 'y'", R"({"type":"string","enum":["x","y"]})"},
        {"'x' | null", R"({"type":["string","null"],"enum":["x",null]})"},
        {"Other | null", R"({"anyOf":[{"$ref":"#/x/Other"},{"type":"null"}]})"},
        {"{}", R"({"type":"object"})"},
        {"{a: number, b?: null}",
         R"({"type":"object","properties":{"a":{"type":"number"},"b":{"type":"null"}},"required":["a"]})"},
        {"{a?: any}", R"({"type":"object","properties":{"a":{}}})"},
        {"{...Pair, c: any}",
         R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"},"c":{}},"required":["a","c"]})"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.shape);
        CHECK(schema(row.shape) == row.schema);
    }
    CHECK(schema("{a?: [{b?: any}]}", note) ==
          R"({"type":"object","properties":{"a":{"type":"array","items":{"type":"object","properties":)"
          R"({"b":{"description":"me"}}},"description":"me"}}})");
    CHECK(schema("{...Pair}", note) == R"({"type":"object","properties":{"a":{"type":"integer","description":"Pair"},)"
                                       R"("b":{"type":"string","description":"Pair"}},"required":["a"]})");
}

TEST_CASE("a member can be put in front of all records of a shape", "[schemas]") {
    const Shape shape = with_first_member(parse_shape("{a: any} | {b: any}", {}), {"t", false, parse_shape("'x'", {})});
    REQUIRE(shape.parts.size() == 2);
    for (const Shape& part : shape.parts) {
        REQUIRE(part.members.size() == 2);
        CHECK(part.members.front().name == "t");
        CHECK(part.members.front().shape.text == "x");
    }
}

TEST_CASE("what does not fit a shape is named with its place", "[schemas]") {
    struct Row {
        const char* shape;
        const char* json;
        const char* why;
    };
    const Row rows[] = {
        {"{a: integer}", R"({"a":1})", ""},
        {"{a: integer}", R"({"a":1.5})", "$.a: 1.5 is no integer"},
        {"{a: integer}", "{}", "$.a is missing"},
        {"{a?: integer}", "{}", ""},
        {"{a?: integer}", R"({"b":1})", "$.b is not listed"},
        {"[string | null]", R"(["x",null])", ""},
        {"[string]", R"(["x",2])", "$[1]: 2 is no string"},
        {"{*: integer}", R"({"x":true})", "$.x: true is no integer"},
        {"'x'", R"("y")", "$: \"y\" is no 'x'"},
        {"object", "[]", "$: [] is no object"},
        {"number", "1.5", ""},
        {"any", "[[]]", ""},
        {"Said", R"({"seq":1,"from":"a","text":"b","at":2})", ""},
        {"Said", R"({"seq":1,"from":"a","text":"b"})", "$.at is missing"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.shape, row.json);
        CHECK(test::mismatch(parse_shape(row.shape, {}), json::parse_value(row.json)) == row.why);
    }
}
