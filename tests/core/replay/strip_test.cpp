#include "core/replay/strip.hpp"

#include <catch2/catch.hpp>

#include "tests/core/replay/recorded_world.hpp"

using namespace agentcom;
using namespace agentcom::replay;
using namespace agentcom::test;

TEST_CASE("what people wrote is replaced by something of its kind, names stay") {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {R"({"type":"message","to":"bob","payload":{"text":"s"}})", R"({"type":"message","to":"bob","payload":{}})"},
        {R"({"description":"s","priority":"high","metadata":{"a":[1]},"labels":["x"]})",
         R"({"description":"x","priority":"high","metadata":{},"labels":["x"]})"},
        {R"({"tasks":[{"description":"s","kind":"k"},{"description":""}]})",
         R"({"tasks":[{"description":"x","kind":"k"},{"description":""}]})"},
        {R"({"result":[1,2],"tokens_used":5,"generation":1e2,"ok":true,"none":null})",
         R"({"result":[],"tokens_used":5,"generation":1e2,"ok":true,"none":null})"},
        {R"("s")", R"("s")"},
        {"[]", "[]"},
    };
    for (const auto& [text, wanted] : cases) CHECK(strip_json(text) == wanted);
}

TEST_CASE("a stripped recording holds no payload and can still be played") {
    const RecordedWorld world;
    const Recording recording = read_recording(world.bytes());
    REQUIRE(std::string(world.bytes()).find("a secret") != std::string::npos);
    std::string stripped;
    for (const Segment& segment : recording.segments) {
        SegmentHead head = segment.head;
        head.stripped = true;
        stripped += encode_head(head);
        for (const Block& block : segment.blocks) {
            std::string contents;
            if (!block.gzip.empty()) {
                const auto out =
                    block.header.kind == BlockKind::rows ? strip_rows(block.gzip) : strip_records(block.gzip);
                REQUIRE(out);
                contents = *out;
            }
            BlockHeader header = block.header;
            header.raw_bytes = static_cast<uint32_t>(contents.size());
            header.digest = {};
            stripped += encode_block_header(header, contents) + contents;
        }
    }
    CHECK(stripped.find("a secret") == std::string::npos);
    CHECK(stripped.find("alice") != std::string::npos);
    const Recording again = read_recording(stripped);
    REQUIRE(again.segments.size() == recording.segments.size());
    Player player(unpacked, kTestVersion);
    for (const Segment& segment : again.segments) {
        const SegmentReport report = player.play(segment);
        CAPTURE(report.problems);
        CHECK(report.problems.empty());
        CHECK(report.played);
        CHECK(report.digests == 0);
    }
}

TEST_CASE("bytes that are no block are not stripped") {
    CHECK_FALSE(strip_rows("\xff\xff"));
    CHECK_FALSE(strip_records("\xff\xff"));
    CHECK(strip_rows("") == "");
    CHECK(strip_records("") == "");
}
