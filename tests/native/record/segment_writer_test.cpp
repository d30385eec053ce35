#include "native-server/record/segment_writer.hpp"

#include <catch2/catch.hpp>

#include "tests/native/record/record_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

TEST_CASE("blocks are packed and written in order, and segments numbered on") {
    const RecordDirectory directory;
    const auto quiet = [](const std::string&, const std::string&) {};
    for (int64_t number = 1; number <= 2; ++number) {
        SegmentWriter writer(directory.recording(), {}, quiet);
        CHECK(writer.first_segment() == number);
        replay::SegmentHead head;
        head.segment = number;
        writer.begin_segment(head, 5);
        writer.add_block({}, "one");
        writer.add_block({}, std::string(10'000, 'b'));
        writer.end_segment(replay::EndReason::stopped);
    }
    const auto files = segment_files(directory.recording());
    REQUIRE(files.size() == 2);
    const std::string bytes = whole_file(files[1]);
    const replay::Recording recording = replay::read_recording(bytes);
    REQUIRE(recording.segments.size() == 1);
    REQUIRE(recording.segments[0].blocks.size() == 2);
    CHECK(replay::unpack(recording.segments[0].blocks[0], gunzip) == "one");
    CHECK(replay::unpack(recording.segments[0].blocks[1], gunzip) == std::string(10'000, 'b'));
    CHECK(recording.segments[0].ended == replay::EndReason::stopped);
}

TEST_CASE("segments that are too old go when another begins") {
    const RecordDirectory directory;
    const auto quiet = [](const std::string&, const std::string&) {};
    RecordingLimits limits;
    limits.age_ms = -1'000'000;  // everything is older than that
    for (int64_t number = 1; number <= 3; ++number) {
        SegmentWriter writer(directory.recording(), limits, quiet);
        replay::SegmentHead head;
        head.segment = number;
        writer.begin_segment(head, 5);
    }
    const auto files = segment_files(directory.recording());
    REQUIRE(files.size() == 1);
    CHECK(files[0].number == 3);
}

TEST_CASE("attempts on a full disk leave no files, and what is too old goes all the same") {
    const RecordDirectory directory;
    std::vector<std::string> logged;
    const auto log = [&](const std::string& event, const std::string&) { logged.push_back(event); };
    const auto attempt = [&](const RecordingLimits& limits, int64_t number) {
        SegmentWriter writer(directory.recording(), limits, log);
        replay::SegmentHead head;
        head.segment = number;
        writer.begin_segment(head, 5);
        writer.add_block({}, "one");
    };
    attempt({}, 1);
    CHECK(logged.empty());
    RecordingLimits full;
    full.left_free_bytes = INT64_MAX;
    for (int64_t number = 2; number <= 4; ++number) attempt(full, number);
    CHECK(logged.size() == 3);
    REQUIRE(segment_files(directory.recording()).size() == 1);
    CHECK(segment_files(directory.recording())[0].number == 1);
    full.age_ms = -1'000'000;  // everything is older than that
    attempt(full, 5);
    CHECK(segment_files(directory.recording()).empty());
}

TEST_CASE("a segment that takes more than the whole ring is given up") {
    const RecordDirectory directory;
    std::vector<std::string> logged;
    {
        RecordingLimits limits;
        limits.bytes = 8'000;
        SegmentWriter writer(directory.recording(), limits,
                             [&](const std::string& event, const std::string&) { logged.push_back(event); });
        writer.begin_segment({}, 5);
        std::string noise;
        for (uint64_t i = 0; i < 1'000; ++i) noise += Hash128{i * 77'777, i}.to_hex() + hash128(noise).to_hex();
        writer.add_block({}, noise);
        writer.add_block({}, noise);
    }
    CHECK(logged == std::vector<std::string>{"recording_failed"});
    for (const SegmentFile& file : segment_files(directory.recording())) CHECK(file.bytes <= 8'000);
}
