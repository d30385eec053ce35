#include "core/replay/player.hpp"

#include <catch2/catch.hpp>

#include <set>

#include "core/base/prng.hpp"
#include "tests/core/replay/recorded_world.hpp"

using namespace agentcom;
using namespace agentcom::replay;
using namespace agentcom::test;

TEST_CASE("a recording that is played reaches the same digest at every snapshot and block") {
    RecordedWorld world;
    const Recording recording = read_recording(world.bytes());
    Player player(unpacked, kTestVersion);
    std::set<std::string> events;
    player.on_record = [&events](const Record& record) {
        const auto* end = std::get_if<TurnEnd>(&record);
        if (end == nullptr) return;
        for (const EventRow& event : end->events) events.insert(event.kind);
    };
    for (const Segment& segment : recording.segments) {
        const SegmentReport report = player.play(segment);
        CAPTURE(report.segment);
        CHECK(report.problems.empty());
        CHECK(report.notes.empty());
        CHECK(report.played);
        CHECK(report.inputs == segment.inputs());
        CHECK(report.digests >= 3);
    }
    REQUIRE(player.hub() != nullptr);
    CHECK(player.hub()->digest() == world.hub.hub().digest());
    CHECK(player.hub()->save() == world.hub.hub().save());
    CHECK(events.contains("task_submitted"));
    CAPTURE(events);
    CHECK(events.contains("task_completed"));
}

TEST_CASE("each segment can be played by itself") {
    const RecordedWorld world;
    const Recording recording = read_recording(world.bytes());
    for (const Segment& segment : recording.segments) {
        Player player(unpacked, kTestVersion);
        const SegmentReport report = player.play(segment);
        CHECK(report.problems.empty());
        CHECK(report.played);
    }
}

TEST_CASE("the state at a moment") {
    RecordedWorld world;
    const Recording recording = read_recording(world.bytes());
    Result<Hub> hub = state_at(recording.segments, world.middle_ms, unpacked, kTestVersion);
    REQUIRE(hub.ok());
    CHECK(hub.value().digest() == world.middle);
    CHECK(state_at(recording.segments, INT64_MAX, unpacked, kTestVersion).value().digest() == world.hub.hub().digest());
    CHECK(state_at({}, 5, unpacked, kTestVersion).error().code == "damaged_recording");
}

TEST_CASE("a recording that is cut at any byte is never taken for a whole one") {
    const RecordedWorld world(1'000'000);
    const std::string_view bytes = world.bytes();
    REQUIRE(read_recording(bytes).segments.size() == 1);
    REQUIRE(problems_of(bytes).empty());
    for (size_t length = 0; length < bytes.size(); length += length < 3'000 || length + 300 > bytes.size() ? 1 : 61) {
        const Recording recording = read_recording(bytes.substr(0, length));
        CAPTURE(length);
        if (recording.segments.empty()) {
            REQUIRE_FALSE(recording.problems.empty());
            continue;
        }
        REQUIRE_FALSE(recording.segments[0].ended);
        Player player(unpacked, kTestVersion);
        const SegmentReport report = player.play(recording.segments[0]);
        REQUIRE(report.problems.size() + report.notes.size() > 0);
        // What can be played of it is right.
        if (report.played) REQUIRE(report.digests > 0);
    }
}

TEST_CASE("a flipped bit is found wherever it is") {
    const RecordedWorld world(1'000'000);
    Prng prng(11);
    for (int i = 0; i < 400; ++i) {
        std::string broken(world.bytes());
        const size_t at = prng.index_below(broken.size());
        broken[at] = static_cast<char>(broken[at] ^ (1 << prng.below(8)));
        CAPTURE(at);
        REQUIRE_FALSE(problems_of(broken).empty());
    }
}

TEST_CASE("bytes with the right checksums that no hub has written are refused") {
    const RecordedWorld world(1'000'000);
    const Recording recording = read_recording(world.bytes());
    const Segment& segment = recording.segments[0];
    Prng prng(12);
    for (int i = 0; i < 300; ++i) {
        std::string forged(segment.head_bytes);
        const size_t chosen = prng.index_below(segment.blocks.size());
        bool altered = false;
        for (size_t b = 0; b < segment.blocks.size(); ++b) {
            std::string contents(segment.blocks[b].gzip);
            if (b == chosen && !contents.empty()) {
                const size_t at = prng.index_below(contents.size());
                contents[at] = static_cast<char>(contents[at] ^ (1 << prng.below(8)));
                altered = true;
            }
            forged += encode_block_header(segment.blocks[b].header, contents) + contents;
        }
        // A time within a block may be another without anything else being another.
        if (altered) problems_of(forged);
    }
}

TEST_CASE("missing blocks and segments are noticed") {
    const RecordedWorld world;
    const Recording recording = read_recording(world.bytes());
    const Segment& segment = recording.segments[1];
    std::vector<size_t> records;
    for (size_t b = 0; b < segment.blocks.size(); ++b) {
        if (segment.blocks[b].header.kind == BlockKind::records && segment.blocks[b].header.inputs > 0)
            records.push_back(b);
    }
    REQUIRE(records.size() > 2);
    Segment gap = segment;
    gap.blocks.erase(gap.blocks.begin() + static_cast<std::ptrdiff_t>(records[1]));
    Player player(unpacked, kTestVersion);
    const SegmentReport report = player.play(gap);
    CHECK_FALSE(report.played);
    REQUIRE(report.problems.size() == 1);
    CHECK(report.problems[0].find("missing") != std::string::npos);

    SECTION("the next segment begins anew from its snapshot") {
        CHECK(player.play(recording.segments[2]).played);
        CHECK(player.hub() != nullptr);
    }
    SECTION("one without a whole snapshot cannot") {
        Segment torn = recording.segments[3];
        torn.snapshot.reset();
        const SegmentReport refused = player.play(torn);
        CHECK_FALSE(refused.played);
        CHECK(refused.problems.size() == 1);
    }
}

TEST_CASE("a recording of another version is played without comparing") {
    const RecordedWorld world;
    const Recording recording = read_recording(world.bytes());
    Player player(unpacked, "another");
    for (const Segment& segment : recording.segments) {
        const SegmentReport report = player.play(segment);
        CHECK(report.problems.empty());
        CHECK(report.notes.size() == 1);
        CHECK(report.digests == 0);
        CHECK(report.played);
    }
}

TEST_CASE("turns from before a snapshot that are taken back make the state unknown up to the next one") {
    TestHub hub;
    MemoryRecorder recorder(5, 1'000'000, 5);
    recorder.begin(hub.hub(), "run");
    hub.recorder = &recorder;
    hub.register_agent("alice");
    hub.apply(CommitFailed{1});
    hub.apply(StorageRecovered{});
    for (int i = 0; i < 20; ++i) hub.register_agent("agent-" + std::to_string(i));
    hub.recorder = nullptr;
    recorder.stop(hub.hub());
    const Recording recording = read_recording(recorder.bytes());
    REQUIRE(recording.segments.size() == 2);
    Player player(unpacked, kTestVersion);
    const SegmentReport first = player.play(recording.segments[0]);
    CHECK(first.problems.empty());
    CHECK_FALSE(first.played);
    CHECK(first.notes.size() == 1);
    const SegmentReport second = player.play(recording.segments[1]);
    CHECK(second.problems.empty());
    REQUIRE(second.played);
    CHECK(player.hub()->digest() == hub.hub().digest());
}
