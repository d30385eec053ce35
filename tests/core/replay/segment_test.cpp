#include "core/replay/segment.hpp"

#include <catch2/catch.hpp>

#include "tests/core/replay/recorded_world.hpp"

using namespace agentcom;
using namespace agentcom::replay;
using namespace agentcom::test;

TEST_CASE("segments are found one behind the other") {
    const RecordedWorld world;
    const Recording recording = read_recording(world.bytes());
    CHECK(recording.problems.empty());
    REQUIRE(recording.segments.size() > 3);
    size_t bytes = 0;
    int64_t inputs = 0;
    for (const Segment& segment : recording.segments) {
        CHECK(segment.head.first_input == inputs);
        CHECK(segment.snapshot);
        CHECK(segment.lost_bytes == 0);
        REQUIRE(segment.ended);
        CHECK(*segment.ended ==
              (&segment == &recording.segments.back() ? EndReason::stopped : EndReason::next_segment));
        CHECK(segment.first_ms() <= segment.last_ms());
        inputs += segment.inputs();
        bytes += segment.bytes;
    }
    CHECK(bytes == world.bytes().size());
}

TEST_CASE("what is damaged is passed over up to the next segment") {
    const RecordedWorld world;
    const Recording whole = read_recording(world.bytes());
    std::string broken(world.bytes());
    const size_t in_second = whole.segments[0].bytes + whole.segments[1].head_bytes.size() + 100;
    broken[in_second] = static_cast<char>(broken[in_second] ^ 4);
    const Recording recording = read_recording(broken);
    CHECK(recording.problems.empty());
    REQUIRE(recording.segments.size() == whole.segments.size());
    CHECK(recording.segments[0].ended);
    CHECK_FALSE(recording.segments[1].ended);
    CHECK(recording.segments[1].lost_bytes > 0);
    CHECK(recording.segments[2].ended);

    broken = std::string(world.bytes());
    broken[whole.segments[0].bytes + 30] = '~';
    const Recording without_head = read_recording(broken);
    CHECK(without_head.problems.size() == 1);
    CHECK(without_head.segments.size() == whole.segments.size() - 1);
}

TEST_CASE("the segment to begin with is the last whole one before a moment") {
    std::vector<Segment> segments(4);
    for (size_t i = 0; i < segments.size(); ++i) {
        BlockHeader header;
        header.inputs = 1;
        header.first_ms = static_cast<int64_t>(1'000 * (i + 1));
        segments[i].blocks.push_back({header, {}});
        if (i != 0 && i != 2) segments[i].snapshot = segments[i].blocks[0];
    }
    CHECK(segment_for(segments, 0) == 1);
    CHECK(segment_for(segments, 2'500) == 1);
    CHECK(segment_for(segments, 3'500) == 1);
    CHECK(segment_for(segments, 4'000) == 3);
    CHECK_FALSE(segment_for({}, 4'000));
}

TEST_CASE("a block that promises more than gzip can hold is not unpacked") {
    Block block;
    block.header.gzip_bytes = 10;
    block.header.raw_bytes = 1U << 29U;
    block.gzip = "0123456789";
    CHECK_FALSE(unpack(block, [](std::string_view, size_t) -> std::optional<std::string> { return "never"; }));
}
