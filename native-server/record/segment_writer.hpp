// The thread that packs and writes a recording, and keeps the ring within its bytes and its age.
//
// Whoever records hands over whole blocks and never waits. The writer says how much waits in it; when that is too much,
// or writing fails, the rest of the segment is given up (`failed`), which the recorder answers with a new one later.
// Files are not synced: a recording explains what happened, and nothing rests on it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/replay/recording_format.hpp"
#include "core/state/effect.hpp"

namespace agentcom {

struct RecordingLimits {
    int64_t bytes = int64_t{256} * 1024 * 1024;  ///< of all segments
    int64_t age_ms = int64_t{7} * 24 * 3'600'000;
    /// What is left on the disk belongs to the store: with less than this nothing is written.
    int64_t left_free_bytes = int64_t{128} * 1024 * 1024;
};

class SegmentWriter {
  public:
    using LogLine = std::function<void(const std::string& event, const std::string& text)>;

    /// `log` is called on the writer's thread.
    SegmentWriter(std::string directory, RecordingLimits limits, LogLine log);
    /// Writes what waits.
    ~SegmentWriter();
    SegmentWriter(const SegmentWriter&) = delete;
    SegmentWriter& operator=(const SegmentWriter&) = delete;

    /// The number of the first segment of this run.
    int64_t first_segment() const { return first_segment_; }
    /// Ends the segment before, if it has not ended yet, and begins a file. One that takes nothing leaves none.
    void begin_segment(replay::SegmentHead head, int64_t wall_ms);
    void add_block(replay::BlockHeader header, std::string raw);
    void end_segment(replay::EndReason reason);

    /// Bytes that wait to be packed.
    int64_t waiting_bytes() const;
    /// The segment that was begun last could not be written, or takes more than the whole ring.
    bool failed() const;

  private:
    class Impl;
    int64_t first_segment_ = 1;
    std::unique_ptr<Impl> impl_;
};

}  // namespace agentcom
