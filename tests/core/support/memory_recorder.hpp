// Records a hub of a test into bytes, with blocks that are not packed (`unpacked` is their Inflate), small ones, and
// many segments: what a run of the real recorder meets in days.
//
//     MemoryRecorder recorder(seed);
//     recorder.begin(hub, "a run");
//     recorder.input(input); hub.apply(input); ... recorder.turn_ended(hub, hub.end_turn());
//     recorder.stop(hub);
//     read_recording(recorder.bytes())
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "core/base/prng.hpp"
#include "core/hub/hub.hpp"
#include "core/replay/recording_format.hpp"
#include "core/replay/records.hpp"
#include "core/replay/segment.hpp"

namespace agentcom::test {

inline constexpr const char* kTestVersion = "test";

inline std::optional<std::string> unpacked(std::string_view bytes, size_t raw_bytes) {
    if (bytes.size() != raw_bytes) return std::nullopt;
    return std::string(bytes);
}

class MemoryRecorder {
  public:
    explicit MemoryRecorder(uint64_t seed, uint64_t segment_inputs = 300, uint64_t block_inputs = 40)
        : prng_(seed), segment_inputs_(segment_inputs), block_inputs_(block_inputs) {}

    void begin(Hub& hub, std::string run) {
        run_ = std::move(run);
        inputs_ = 0;
        begin_segment(hub);
    }

    void input(const Input& input) {
        records_.input(input);
        ++inputs_;
        ++segment_inputs_seen_;
        if (std::holds_alternative<CommitFailed>(input.body)) wants_segment_ = true;
    }

    void turn_ended(Hub& hub, const TurnResult& turn) {
        records_.turn_end(turn);
        if (records_.inputs() > 0 && prng_.below(block_inputs_) < records_.inputs()) cut(hub);
        slice(hub);
        if (snapshot_ || (!wants_segment_ && segment_inputs_seen_ < segment_inputs_)) return;
        cut(hub);
        end(replay::EndReason::next_segment);
        begin_segment(hub);
    }

    /// Between inputs: the snapshot goes on.
    void slice(Hub& hub) {
        if (!snapshot_) return;
        std::string rows;
        snapshot_ = !hub.take_snapshot(rows, static_cast<int64_t>(prng_.below(30)));
        replay::BlockHeader header;
        header.kind = replay::BlockKind::rows;
        if (!rows.empty()) add(header, rows);
        if (snapshot_) return;
        header.kind = replay::BlockKind::snapshot_end;
        header.digest = hub.snapshot_digest();
        add(header, {});
    }

    void stop(Hub& hub) {
        while (snapshot_) slice(hub);
        cut(hub);
        end(replay::EndReason::stopped);
    }
    /// The hub is gone from one moment to the next.
    void crash() {
        snapshot_ = false;
        records_.take();
    }

    const std::string& bytes() const { return bytes_; }

  private:
    void begin_segment(Hub& hub) {
        const Hub::SnapshotHead snapshot = hub.begin_snapshot();
        replay::SegmentHead head;
        head.hub_version = kTestVersion;
        head.run = run_;
        head.segment = ++segment_;
        head.first_input = inputs_;
        head.turn = snapshot.turn;
        head.last = snapshot.last;
        head.settings = hub.settings();
        bytes_ += replay::encode_head(head);
        snapshot_ = true;
        wants_segment_ = false;
        segment_inputs_seen_ = 0;
        block_first_ = inputs_;
    }

    void cut(const Hub& hub) {
        replay::BlockHeader header;
        header.kind = replay::BlockKind::records;
        header.inputs = records_.inputs();
        header.first_input = block_first_;
        header.first_ms = records_.first_ms();
        header.last_ms = records_.last_ms();
        header.digest = hub.rows_digest();
        block_first_ += records_.inputs();
        add(header, records_.take());
    }

    void end(replay::EndReason reason) {
        replay::BlockHeader header;
        header.kind = replay::BlockKind::end;
        header.inputs = static_cast<uint32_t>(reason);
        add(header, {});
    }

    void add(replay::BlockHeader header, const std::string& raw) {
        header.raw_bytes = static_cast<uint32_t>(raw.size());
        bytes_ += replay::encode_block_header(header, raw) + raw;
    }

    Prng prng_;
    uint64_t segment_inputs_;
    uint64_t block_inputs_;
    std::string run_;
    std::string bytes_;
    replay::RecordWriter records_;
    int64_t segment_ = 0;
    int64_t inputs_ = 0;
    int64_t block_first_ = 0;
    uint64_t segment_inputs_seen_ = 0;
    bool snapshot_ = false;
    bool wants_segment_ = false;
};

}  // namespace agentcom::test
