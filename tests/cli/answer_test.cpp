#include "tools/cli/answer.hpp"

#include <catch2/catch.hpp>

using namespace agentcom::cli;

namespace {

Answer one() {
    return {R"({"id":"t","n":1e400,"hub":{"version":"1"},"a.b":2,"text":"x\ty"})", "",
            [] { return std::string("text\n"); }};
}
Answer list() { return {R"({"tasks":[{"id":"t1","n":1},{"id":"t2"}],"next":null})", "tasks", nullptr}; }

}  // namespace

TEST_CASE("an answer is text, or a document") {
    CHECK(rendered(one(), false, {}) == "text\n");
    CHECK(rendered(list(), true, {}) ==
          "{\"schema_version\":1,\"data\":{\"tasks\":[{\"id\":\"t1\",\"n\":1},{\"id\":\"t2\"}],\"next\":null}}\n");
}

TEST_CASE("chosen members keep their bytes; what is missing is null") {
    CHECK(picked_json(one(), {"n", "hub.version", "a.b", "none", "id.none"}) ==
          R"({"n":1e400,"hub.version":"1","a.b":2,"none":null,"id.none":null})");
    CHECK(picked_json(list(), {"id", "n"}) == R"({"tasks":[{"id":"t1","n":1},{"id":"t2","n":null}],"next":null})");
}

TEST_CASE("chosen members as columns are one line a row") {
    CHECK(picked_lines(one(), {"id", "text", "none", "hub"}) == "t\tx y\t\t{\"version\":\"1\"}\n");
    CHECK(picked_lines(list(), {"id", "n"}) == "t1\t1\nt2\t\n");
}
