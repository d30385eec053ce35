// Plays a recording into a hub, and holds it against the digests that the hub noted when it was recorded.
//
//     Player player(gunzip, kVersion);
//     for (const Segment& segment : recording.segments) {
//         const SegmentReport report = player.play(segment);
//         ...report.problems
//     }
//     player.hub()->tables()   // the state at the end of what was played
//
// Segments are to come in their order. One that goes on where the last one ended is played on, and its snapshot is held
// against the state reached; any other begins anew from its snapshot. Recordings of other versions, and those whose
// payloads were stripped, are played without comparing digests: they show what happened, not that it is exact.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/hub/hub.hpp"
#include "core/replay/records.hpp"
#include "core/replay/segment.hpp"

namespace agentcom::replay {

struct SegmentReport {
    std::string run;
    int64_t segment = 0;
    int64_t inputs = 0;  ///< that were played
    int64_t turns = 0;
    int64_t faults = 0;   ///< inputs that broke an invariant, as they did when they were recorded
    int64_t digests = 0;  ///< that were compared and agreed
    int64_t first_ms = 0;
    int64_t last_ms = 0;
    bool played = false;                ///< the state at its end is known
    std::vector<std::string> problems;  ///< damage, or another state than when it was recorded
    std::vector<std::string> notes;     ///< what is as it may be: no end mark after a crash, another version
};

class Player {
  public:
    /// `hub_version` is this program's own.
    Player(Inflate inflate, std::string hub_version)
        : inflate_(std::move(inflate)), hub_version_(std::move(hub_version)) {}

    /// Plays the inputs whose wall time is not behind `until_ms`.
    SegmentReport play(const Segment& segment, int64_t until_ms = INT64_MAX);

    /// The hub after what was played last; nullptr while its state is not known.
    const Hub* hub() const { return hub_ ? &*hub_ : nullptr; }
    /// The same; the player knows no state afterwards.
    std::optional<Hub> take_hub() { return std::exchange(hub_, std::nullopt); }

    /// Sees every record before it is played, also those that cannot be played.
    std::function<void(const Record&)> on_record;

  private:
    void begin(const Segment& segment, SegmentReport& report);
    /// False: nothing more of the segment can be played.
    bool play_block(const Block& block, int64_t until_ms, SegmentReport& report);
    void play_record(const Record& record, SegmentReport& report);
    void lose_state() { hub_.reset(); }

    Inflate inflate_;
    std::string hub_version_;
    std::optional<Hub> hub_;
    std::string run_;
    int64_t next_input_ = 0;
    int64_t first_turn_ = 0;  ///< of the snapshot that was loaded: turns before it cannot be taken back
    bool compare_ = true;
};

/// The state at a moment: loads the snapshot before it and plays on. Error `damaged_recording` when that cannot be
/// done.
Result<Hub> state_at(std::span<const Segment> segments, int64_t wall_ms, const Inflate& inflate,
                     const std::string& hub_version);

}  // namespace agentcom::replay
