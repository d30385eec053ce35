// A small run that was recorded: agents, tasks, messages, failures of the store.
#pragma once

#include <string>

#include "core/replay/player.hpp"
#include "tests/core/support/memory_recorder.hpp"
#include "tests/core/support/test_hub.hpp"

namespace agentcom::test {

struct RecordedWorld {
    explicit RecordedWorld(uint64_t segment_inputs = 25) : recorder(3, segment_inputs, 8) {
        recorder.begin(hub.hub(), "run");
        hub.recorder = &recorder;
        hub.register_agent("alice");
        hub.register_agent("bob");
        const int64_t alice = hub.connect("alice");
        const int64_t bob = hub.connect("bob", R"("capabilities":["code"])");
        for (int i = 0; i < rounds; ++i) {
            hub.advance_ms(1'000);
            hub.send(alice, R"({"type":"message","to":"bob","payload":{"text":"a secret plan"}})");
            const std::string id = hub.submit(
                R"({"description":"a secret task","metadata":{"k":"a secret"},"needed_capabilities":["code"]})");
            hub.send(bob, R"({"type":"task_accepted","task_id":")" + id + "\"}");
            if (i % 2 == 0) {
                hub.send(bob, R"({"type":"task_complete","task_id":")" + id + R"(","generation":)" +
                                  std::to_string(hub.row(id)->generation) + R"(,"result":{"text":"a secret result"}})");
            }
        }
        middle_ms = hub.now_ms();
        middle = hub.hub().digest();
        hub.advance_ms(60'000);
        hub.disconnect(bob);
        hub.recorder = nullptr;
        recorder.stop(hub.hub());
    }

    std::string_view bytes() const { return recorder.bytes(); }

    static constexpr int rounds = 12;
    TestHub hub;
    MemoryRecorder recorder;
    int64_t middle_ms = 0;  ///< and what the state was then
    Hash128 middle;
};

/// The problems of a recording when all of it is played, by segment.
inline std::vector<std::string> problems_of(std::string_view bytes, int64_t* digests = nullptr) {
    const replay::Recording recording = replay::read_recording(bytes);
    std::vector<std::string> problems = recording.problems;
    replay::Player player(unpacked, kTestVersion);
    for (const replay::Segment& segment : recording.segments) {
        const replay::SegmentReport report = player.play(segment);
        problems.insert(problems.end(), report.problems.begin(), report.problems.end());
        if (digests != nullptr) *digests += report.digests;
    }
    return problems;
}

}  // namespace agentcom::test
