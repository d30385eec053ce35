#include "native-server/record/recording_export.hpp"

#include <catch2/catch.hpp>

#include "tests/native/record/record_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

RecorderOptions many_segments() {
    RecorderOptions options;
    options.segment_inputs = 100;
    options.segment_bytes = 10'000;
    options.segment_least_bytes = 10'000;
    options.block_bytes = 2'000;
    return options;
}

std::string download(RecordingExport& from, size_t piece_bytes) {
    std::string bytes;
    for (int guard = 0; guard < 100'000; ++guard) {
        const auto piece = from.next(piece_bytes);
        REQUIRE(piece);
        bytes += piece->bytes;
        if (piece->last) return bytes;
    }
    FAIL("it has no end");
    return bytes;
}

}  // namespace

TEST_CASE("a span of a recording, as one file") {
    const RecordDirectory directory;
    CHECK_FALSE(RecordingExport::open(directory.recording(), 0, INT64_MAX, false));
    RecordWorld world(directory.recording(), many_segments());
    world.run(600);
    world.stop();
    const auto files = segment_files(directory.recording());
    REQUIRE(files.size() > 3);

    SECTION("all of it") {
        for (const size_t piece : {size_t{1}, size_t{5'000}, size_t{10'000'000}}) {
            auto from = RecordingExport::open(directory.recording(), 0, INT64_MAX, false);
            REQUIRE(from);
            const std::string bytes = download(*from, piece);
            const replay::Recording recording = replay::read_recording(bytes);
            CHECK(recording.problems.empty());
            CHECK(recording.segments.size() == files.size());
            replay::Player player(gunzip, "v");
            for (const replay::Segment& segment : recording.segments) {
                CHECK(player.play(segment).problems.empty());
                CHECK(segment.ended);
            }
            CHECK(player.hub()->digest() == world.hub.digest());
        }
    }
    SECTION("a part") {
        const int64_t from_ms = summarize(files[2])->first_ms() + 1;
        const int64_t to_ms = from_ms + 3;
        auto from = RecordingExport::open(directory.recording(), from_ms, to_ms, false);
        REQUIRE(from);
        const std::string bytes = download(*from, 100);
        const replay::Recording recording = replay::read_recording(bytes);
        REQUIRE(recording.segments.size() == 1);
        CHECK(recording.segments[0].head.segment == files[2].number);
        CHECK(recording.segments[0].ended == replay::EndReason::cut);
        CHECK(recording.segments[0].inputs() < summarize(files[2])->inputs());
        CHECK(recording.segments[0].last_ms() >= to_ms);
        CHECK(replay::state_at(recording.segments, to_ms, gunzip, "v").ok());
    }
    SECTION("without payloads") {
        auto from = RecordingExport::open(directory.recording(), 0, INT64_MAX, true);
        REQUIRE(from);
        const std::string bytes = download(*from, 5'000);
        const replay::Recording recording = replay::read_recording(bytes);
        replay::Player player(gunzip, "v");
        for (const replay::Segment& segment : recording.segments) {
            CHECK(segment.head.stripped);
            CHECK(player.play(segment).problems.empty());
        }
    }
    SECTION("of a time that is not recorded") {
        CHECK_FALSE(RecordingExport::open(directory.recording(), 0, 1'000, false));
    }
    SECTION("a segment that goes meanwhile breaks it off") {
        auto from = RecordingExport::open(directory.recording(), 0, INT64_MAX, false);
        REQUIRE(from);
        std::filesystem::remove(files[1].path);
        bool broken = false;
        for (int i = 0; i < 100'000 && !broken; ++i) {
            const auto piece = from->next(1);
            broken = !piece;
            if (piece && piece->last) break;
        }
        CHECK(broken);
    }
}
