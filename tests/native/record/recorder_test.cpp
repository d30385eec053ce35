#include "native-server/record/recorder.hpp"

#include <catch2/catch.hpp>

#include "tests/native/record/record_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

TEST_CASE("what was recorded is played to the same state, over many segments") {
    const RecordDirectory directory;
    RecorderOptions options;
    options.segment_inputs = 100;
    options.segment_bytes = 10'000;
    options.segment_least_bytes = 10'000;
    options.block_bytes = 2'000;
    RecordWorld world(directory.recording(), options);
    world.run(600);
    world.stop();
    CHECK(world.logged.empty());
    const auto files = segment_files(directory.recording());
    CHECK(files.size() > 2);
    const Played played = play_directory(directory.recording());
    CHECK(played.problems.empty());
    CHECK(played.inputs == 601);
    CHECK(played.digests > 20);
    REQUIRE(played.digest);
    CHECK(*played.digest == world.hub.digest());
}

TEST_CASE("snapshots take no more room than inputs") {
    const RecordDirectory directory;
    RecorderOptions options;
    options.segment_inputs = 1;
    options.segment_bytes = 1;
    options.segment_least_bytes = 1;
    RecordWorld world(directory.recording(), options);
    world.run(2'000);
    world.stop();
    int64_t rows = 0;
    int64_t records = 0;
    for (const SegmentFile& file : segment_files(directory.recording())) {
        const auto summary = summarize(file);
        REQUIRE(summary);
        for (const replay::BlockHeader& block : summary->blocks) {
            (block.kind == replay::BlockKind::rows ? rows : records) += block.raw_bytes;
        }
    }
    CHECK(segment_files(directory.recording()).size() > 3);
    CHECK(rows <= records * 3);
    CHECK(play_directory(directory.recording()).problems.empty());
}

TEST_CASE("a segment ends after so many inputs or bytes, but not before they are worth a snapshot") {
    struct Case {
        int64_t inputs;
        int64_t bytes;
        int64_t least_bytes;
        size_t segments;
    };
    // 1500 requests of about 200 bytes.
    const Case cases[] = {{1'000, 4'000'000, 64 * 1024, 2},
                          {1'000, 4'000'000, 4'000'000, 1},
                          {1'000'000, 250'000, 64 * 1024, 2},
                          {1'000'000, 4'000'000, 64 * 1024, 1}};
    for (const Case& c : cases) {
        CAPTURE(c.inputs, c.bytes, c.least_bytes);
        const RecordDirectory directory;
        RecorderOptions options;
        options.segment_inputs = c.inputs;
        options.segment_bytes = c.bytes;
        options.segment_least_bytes = c.least_bytes;
        RecordWorld world(directory.recording(), options);
        for (int i = 0; i < 1'500; ++i) {
            HttpRequest request;
            request.request = ++world.number;
            request.method = Method::get;
            request.path = "/livez";
            request.query = "x=" + std::string(150, 'x');
            request.peer = "127.0.0.1";
            request.loopback = true;
            world.feed(std::move(request));
            world.recorder->work(world.hub);
        }
        world.stop();
        CHECK(segment_files(directory.recording()).size() == c.segments);
        CHECK(play_directory(directory.recording()).problems.empty());
    }
}

TEST_CASE("a next run goes on with a segment of its own") {
    const RecordDirectory directory;
    for (const char* run : {"one", "two"}) {
        RecorderOptions options;
        options.run = run;
        RecordWorld world(directory.recording(), options);
        world.run(20);
    }
    const auto files = segment_files(directory.recording());
    REQUIRE(files.size() == 2);
    CHECK(files[0].number == 1);
    CHECK(files[1].number == 2);
    CHECK(summarize(files[0])->ended == replay::EndReason::stopped);
    CHECK(summarize(files[1])->head.run == "two");
    const Played played = play_directory(directory.recording());
    CHECK(played.problems.empty());
    CHECK(played.inputs == 42);
}

TEST_CASE("after a failed commit a new segment begins") {
    const RecordDirectory directory;
    RecordWorld world(directory.recording());
    world.run(10);
    world.feed(CommitFailed{5});
    world.feed(StorageRecovered{});
    world.run(10);
    world.stop();
    CHECK(segment_files(directory.recording()).size() == 2);
    const Played played = play_directory(directory.recording());
    CHECK(played.problems.empty());
    CHECK(*played.digest == world.hub.digest());
}

TEST_CASE("a writer that cannot keep up loses a part of the recording, and says so") {
    const RecordDirectory directory;
    RecorderOptions options;
    options.waiting_bytes = 0;
    options.block_bytes = 1;
    RecordWorld world(directory.recording(), options);
    world.run(200);
    world.stop();
    REQUIRE_FALSE(world.logged.empty());
    CHECK(world.logged[0].starts_with("recording_gap"));
    // What is there is right.
    CHECK(play_directory(directory.recording()).problems.size() <= segment_files(directory.recording()).size());
}

TEST_CASE("a directory that cannot be made costs the recording and nothing else") {
    RecordWorld world("/proc/there-is-no-such-directory");
    world.run(50);
    world.stop();
    REQUIRE_FALSE(world.logged.empty());
    CHECK(world.logged[0].starts_with("recording_failed"));
}

TEST_CASE("the ring keeps to its bytes") {
    const RecordDirectory directory;
    RecorderOptions options;
    options.segment_inputs = 50;
    options.segment_bytes = 5'000;
    options.segment_least_bytes = 5'000;
    options.block_bytes = 2'000;
    options.limits.bytes = 400'000;
    RecordWorld world(directory.recording(), options);
    world.run(3'000);
    world.stop();
    const auto files = segment_files(directory.recording());
    REQUIRE_FALSE(files.empty());
    CHECK(files.front().number > 1);
    int64_t bytes = 0;
    for (const SegmentFile& file : files) bytes += file.bytes;
    CHECK(bytes <= options.limits.bytes);
    CHECK(play_directory(directory.recording()).problems.empty());
}
