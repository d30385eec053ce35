#include "native-server/record/recording_files.hpp"

#include <catch2/catch.hpp>

#include <sys/stat.h>

#include <fstream>

#include "tests/native/record/record_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

TEST_CASE("segments are listed by their numbers, other files are not") {
    const RecordDirectory directory;
    CHECK(segment_files(directory.recording()).empty());
    for (const auto& [number, ms] : std::vector<std::pair<int64_t, int64_t>>{{2, 5}, {100'000'000, 7}, {1, 9}}) {
        std::ofstream(segment_path(directory.root, number, ms)) << "x";
    }
    for (const char* name : {"notes.txt", "x-1.segment", "1-x.segment", "1.segment", ".segment"}) {
        std::ofstream(directory.root + "/" + name) << "x";
    }
    const auto files = segment_files(directory.root);
    REQUIRE(files.size() == 3);
    CHECK(files[0].number == 1);
    CHECK(files[0].begun_ms == 9);
    CHECK(files[0].bytes == 1);
    CHECK(files[2].number == 100'000'000);
    CHECK_FALSE(summarize(files[0]));
}

TEST_CASE("a summary says what is in a segment") {
    const RecordDirectory directory;
    {
        RecordWorld world(directory.recording());
        world.run(30);
    }
    const auto files = segment_files(directory.recording());
    REQUIRE(files.size() == 1);
    struct stat status {};
    REQUIRE(::stat(files[0].path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == 0600U);
    const auto summary = summarize(files[0]);
    REQUIRE(summary);
    CHECK(summary->has_snapshot);
    CHECK(summary->inputs() == 31);
    CHECK(summary->first_ms() == 1'800'000'000'001);
    CHECK(summary->last_ms() == 1'800'000'000'031);
    CHECK(summary->ended == replay::EndReason::stopped);
    CHECK_FALSE(read_part(files[0].path, files[0].bytes, 1));
    CHECK_FALSE(read_part(files[0].path + "x", 0, 1));
}
