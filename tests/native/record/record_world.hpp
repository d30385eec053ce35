// A hub that is fed and recorded into a directory of its own.
#pragma once

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/replay/player.hpp"
#include "native-server/record/gzip.hpp"
#include "native-server/record/recorder.hpp"
#include "native-server/record/recording_files.hpp"

namespace agentcom::test {

struct RecordDirectory {
    RecordDirectory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "agentcom-record-XXXXXX").string();
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        root = pattern;
    }
    ~RecordDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(root, ignored);
    }
    std::string recording() const { return root + "/recording"; }

    std::string root;
};

struct RecordWorld {
    explicit RecordWorld(const std::string& directory, RecorderOptions options = {}) {
        options.directory = directory;
        options.hub_version = "v";
        if (options.run.empty()) options.run = "run";
        recorder =
            std::make_unique<Recorder>(std::move(options), [this](const std::string& event, const std::string& text) {
                const std::lock_guard lock(mutex);
                logged.push_back(event + ": " + text);
            });
        recorder->begin(hub, now.wall_ms);
        Started started;
        started.seed = 1;
        started.epoch = std::string(32, 'e');
        started.admin_token_sha256 = std::string(64, 'a');
        started.admin_token_prefix = "aaaaaaaa";
        feed(started);
    }
    ~RecordWorld() { stop(); }

    /// An input that is a turn of its own.
    void feed(InputBody body) {
        now.mono_us += 1'000;
        now.wall_ms += 1;
        const Input input{now, std::move(body)};
        recorder->input(input);
        REQUIRE_FALSE(hub.apply(input));
        recorder->turn_ended(hub, hub.end_turn());
    }
    /// So many registrations, with text that does not pack well.
    void run(int requests) {
        for (int i = 0; i < requests; ++i) {
            HttpRequest request;
            request.request = ++number;
            request.method = Method::post;
            request.path = "/api/onboard/register";
            request.body = R"({"agent_id":"agent-)" + Hash128{number, number * number}.to_hex() + "\"}";
            request.peer = "127.0.0.1";
            request.loopback = true;
            request.secret = {hash128(request.body).to_hex() + hash128("x" + request.body).to_hex(), "aaaaaaaa"};
            feed(std::move(request));
            if (work) recorder->work(hub);
        }
    }
    /// All that was recorded is written when this returns.
    void stop() {
        if (!recorder) return;
        recorder->stop(hub);
        recorder.reset();
    }

    Settings settings = [] {
        Settings open;
        open.limits = 0;
        return open;
    }();
    Hub hub{settings};
    Time now{1'800'000'000'000, 1'000'000};
    uint64_t number = 0;
    bool work = true;
    std::mutex mutex;
    std::vector<std::string> logged;
    std::unique_ptr<Recorder> recorder;
};

inline std::string whole_file(const SegmentFile& file) {
    const auto bytes = read_part(file.path, 0, static_cast<size_t>(file.bytes));
    REQUIRE(bytes);
    return *bytes;
}

struct Played {
    int64_t inputs = 0;
    int64_t digests = 0;
    std::vector<std::string> problems;
    std::optional<Hash128> digest;
};

/// Plays all files of a directory.
inline Played play_directory(const std::string& directory) {
    Played played;
    replay::Player player(gunzip, "v");
    for (const SegmentFile& file : segment_files(directory)) {
        const std::string bytes = whole_file(file);
        const replay::Recording recording = replay::read_recording(bytes);
        played.problems.insert(played.problems.end(), recording.problems.begin(), recording.problems.end());
        for (const replay::Segment& segment : recording.segments) {
            const replay::SegmentReport report = player.play(segment);
            played.problems.insert(played.problems.end(), report.problems.begin(), report.problems.end());
            played.inputs += report.inputs;
            played.digests += report.digests;
        }
    }
    if (player.hub() != nullptr) played.digest = player.hub()->digest();
    return played;
}

}  // namespace agentcom::test
