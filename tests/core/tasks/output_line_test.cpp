#include "core/tasks/output_line.hpp"

#include <catch2/catch.hpp>
#include <vector>

using agentcom::tasks::OutputLine;

namespace {

struct Case {
    std::vector<const char*> pieces;
    const char* line;
};

}  // namespace

TEST_CASE("the last line of an output that holds something", "[tasks]") {
    const Case cases[] = {
        {{"one\n"}, "one"},
        {{"one\ntwo\n"}, "two"},
        {{"one\n\n \n"}, "one"},
        {{"com", "piling"}, "compiling"},
        {{"com\n", "piling"}, "piling"},
        {{"make all", " -j2\n"}, "make all -j2"},
        {{"10 %\r20 %\r30 %"}, "30 %"},
        {{"  indented  \n"}, "indented"},
        {{"one", "\n", "two"}, "two"},
        {{"one", "\n", "  "}, "one"},
        {{"", "\n", " "}, ""},
    };
    for (const Case& each : cases) {
        OutputLine line;
        for (const char* piece : each.pieces) line.take(piece);
        CAPTURE(each.pieces);
        CHECK(line.text == each.line);
    }
}

TEST_CASE("a long line is cut off, whole characters only", "[tasks]") {
    OutputLine line;
    for (int i = 0; i < 300; ++i) line.take("ä");
    CHECK(line.text.size() == 400);
}
