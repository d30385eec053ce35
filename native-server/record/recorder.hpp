// Records what the hub is fed, so that its recent past can be played again (docs/architecture.md, "Recording").
//
//     recorder.input(input);            // before each Hub::apply
//     recorder.turn_ended(hub, turn);   // after each Hub::end_turn
//     while (recorder.work(hub)) ...    // between turns, now and then: a slice of a snapshot
//
// On the network thread an input costs its encoding into a buffer. Packing and writing happen on a thread of
// SegmentWriter. Nothing here waits: when the writer cannot keep up, or the disk fails, the rest of the segment is not
// recorded; a new segment begins when there is room again. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "core/hub/hub.hpp"
#include "core/replay/records.hpp"
#include "native-server/record/segment_writer.hpp"

namespace agentcom {

/// When a segment ends and a new one, with a snapshot, begins: when its inputs are more than `segment_inputs` or take
/// more than `segment_bytes`, so that a moment is found by playing little; but not before they take more bytes than its
/// snapshot and than `segment_least_bytes`, so that no recording is mostly snapshots and files.
struct RecorderOptions {
    std::string directory;
    RecordingLimits limits;
    std::string hub_version;
    std::string run;  ///< 16 hex digits
    int64_t segment_inputs = 20'000;
    int64_t segment_bytes = int64_t{4} * 1024 * 1024;
    int64_t segment_least_bytes = int64_t{64} * 1024;
    /// A segment of a quiet hub ends after so long, so that the ring can let go of what is old.
    int64_t segment_age_ms = int64_t{24} * 3'600'000;
    int64_t block_bytes = int64_t{256} * 1024;
    /// What was recorded is handed to the writer after so long at the latest, if anything happens at all.
    int64_t block_age_ms = 1'000;
    /// More than this does not wait for the writer.
    int64_t waiting_bytes = int64_t{64} * 1024 * 1024;
    /// How long it rests after it could not write.
    int64_t retry_ms = 60'000;
};

class Recorder {
  public:
    /// `log` is called on this thread and on the writer's.
    Recorder(RecorderOptions options, SegmentWriter::LogLine log);
    Recorder(const Recorder&) = delete;
    Recorder& operator=(const Recorder&) = delete;

    /// Begins the first segment, between turns.
    void begin(Hub& hub, int64_t wall_ms);
    void input(const Input& input);
    void turn_ended(Hub& hub, const TurnResult& turn);
    /// Takes a part of the snapshot that is under way, for a millisecond or less. True: there is more to take.
    bool work(Hub& hub);
    /// The hub stops. Between turns.
    void stop(Hub& hub);

  private:
    bool is_due() const;
    void begin_segment(Hub& hub);
    void cut_block(const Hub& hub);
    void add_rows(bool complete, const Hub& hub);
    void give_up(Hub& hub, const std::string& why);

    RecorderOptions options_;
    SegmentWriter::LogLine log_;
    SegmentWriter writer_;
    replay::RecordWriter records_;
    std::string rows_;  // of the snapshot under way

    Time now_;
    int64_t next_segment_;
    int64_t inputs_ = 0;  // of the run, those that were not recorded too
    int64_t block_first_input_ = 0;
    int64_t block_begun_us_ = 0;
    bool recording_ = false;
    bool snapshot_under_way_ = false;
    bool wants_segment_ = false;  // what comes cannot be played from the segment's snapshot
    int64_t resume_us_ = 0;

    // Of the segment.
    int64_t begun_ms_ = 0;
    int64_t segment_inputs_ = 0;
    int64_t segment_bytes_ = 0;
    int64_t snapshot_bytes_ = 0;
};

}  // namespace agentcom
