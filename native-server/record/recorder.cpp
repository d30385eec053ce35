#include "native-server/record/recorder.hpp"

#include <algorithm>
#include <ctime>
#include <utility>

namespace agentcom {

namespace {

// Clocks are read between so many rows.
constexpr int64_t kRowsAtATime = 256;
constexpr int64_t kSliceUs = 1'000;
// How long a stop waits for a snapshot: without it the last segment can only be played after the one before it, which
// the ring may have dropped to make room.
constexpr int64_t kStopUs = 500'000;

int64_t mono_now_us() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return int64_t{now.tv_sec} * kUsPerSecond + now.tv_nsec / 1'000;
}

}  // namespace

Recorder::Recorder(RecorderOptions options, SegmentWriter::LogLine log)
    : options_(std::move(options)),
      log_(std::move(log)),
      writer_(options_.directory, options_.limits, log_),
      next_segment_(writer_.first_segment()) {}

void Recorder::begin(Hub& hub, int64_t wall_ms) {
    now_.wall_ms = wall_ms;
    begin_segment(hub);
}

void Recorder::input(const Input& input) {
    now_ = input.at;
    ++inputs_;
    if (!recording_) return;
    if (records_.bytes() == 0) block_begun_us_ = now_.mono_us;
    records_.input(input);
    // Turns from before a snapshot cannot be taken back in what was loaded from it: what comes needs another one.
    if (std::holds_alternative<CommitFailed>(input.body)) wants_segment_ = true;
}

void Recorder::turn_ended(Hub& hub, const TurnResult& turn) {
    if (!recording_) {
        if (now_.mono_us >= resume_us_ && writer_.waiting_bytes() < options_.waiting_bytes / 4) begin_segment(hub);
        return;
    }
    records_.turn_end(turn);
    const auto bytes = static_cast<int64_t>(records_.bytes());
    const bool due = is_due();
    if (due || bytes >= options_.block_bytes || now_.mono_us - block_begun_us_ >= us_from_ms(options_.block_age_ms)) {
        cut_block(hub);
        if (writer_.failed()) {
            resume_us_ = saturating_add(now_.mono_us, us_from_ms(options_.retry_ms));
            return give_up(hub, "");
        }
        if (writer_.waiting_bytes() > options_.waiting_bytes) {
            return give_up(hub, "the recorder cannot keep up: a part of the recording is left out");
        }
    }
    if (!due) return;
    writer_.end_segment(replay::EndReason::next_segment);
    begin_segment(hub);
}

bool Recorder::is_due() const {
    if (snapshot_under_way_) return false;
    if (wants_segment_) return true;
    if (now_.wall_ms - begun_ms_ >= options_.segment_age_ms) return true;
    const int64_t bytes = segment_bytes_ + static_cast<int64_t>(records_.bytes());
    if (bytes <= std::max(snapshot_bytes_, options_.segment_least_bytes)) return false;
    if (segment_inputs_ + records_.inputs() > options_.segment_inputs) return true;
    // No segment takes much of the ring, either.
    return bytes > std::min(options_.segment_bytes, options_.limits.bytes / 8);
}

void Recorder::begin_segment(Hub& hub) {
    const Hub::SnapshotHead snapshot = hub.begin_snapshot();
    replay::SegmentHead head;
    head.hub_version = options_.hub_version;
    head.run = options_.run;
    head.segment = next_segment_++;
    head.first_input = inputs_;
    head.turn = snapshot.turn;
    head.last = snapshot.last;
    head.settings = hub.settings();
    writer_.begin_segment(std::move(head), now_.wall_ms);
    recording_ = true;
    snapshot_under_way_ = true;
    wants_segment_ = false;
    rows_.clear();
    records_.take();
    block_first_input_ = inputs_;
    begun_ms_ = now_.wall_ms;
    segment_inputs_ = 0;
    segment_bytes_ = 0;
    snapshot_bytes_ = 0;
}

void Recorder::cut_block(const Hub& hub) {
    replay::BlockHeader header;
    header.kind = replay::BlockKind::records;
    header.inputs = records_.inputs();
    header.first_input = block_first_input_;
    header.first_ms = records_.first_ms();
    header.last_ms = records_.last_ms();
    header.digest = hub.rows_digest();
    segment_inputs_ += records_.inputs();
    block_first_input_ += records_.inputs();
    std::string raw = records_.take();
    segment_bytes_ += static_cast<int64_t>(raw.size());
    writer_.add_block(header, std::move(raw));
}

bool Recorder::work(Hub& hub) {
    if (!snapshot_under_way_) return false;
    const int64_t until_us = mono_now_us() + kSliceUs;
    bool complete = false;
    while (!complete && mono_now_us() < until_us) complete = hub.take_snapshot(rows_, kRowsAtATime);
    if (complete || static_cast<int64_t>(rows_.size()) >= options_.block_bytes) add_rows(complete, hub);
    if (complete) snapshot_under_way_ = false;
    if (!complete && writer_.waiting_bytes() > options_.waiting_bytes) {
        give_up(hub, "the recorder cannot keep up with a snapshot: a part of the recording is left out");
    }
    return snapshot_under_way_;
}

void Recorder::add_rows(bool complete, const Hub& hub) {
    replay::BlockHeader header;
    header.kind = replay::BlockKind::rows;
    header.first_input = block_first_input_;
    snapshot_bytes_ += static_cast<int64_t>(rows_.size());
    if (!rows_.empty()) writer_.add_block(header, std::exchange(rows_, {}));
    if (!complete) return;
    header.kind = replay::BlockKind::snapshot_end;
    header.digest = hub.snapshot_digest();
    writer_.add_block(header, {});
}

void Recorder::give_up(Hub& hub, const std::string& why) {
    if (!why.empty()) log_("recording_gap", why);
    hub.cancel_snapshot();
    writer_.end_segment(replay::EndReason::gap);
    records_.take();
    rows_.clear();
    recording_ = false;
    snapshot_under_way_ = false;
}

void Recorder::stop(Hub& hub) {
    if (!recording_) return;
    const int64_t until_us = mono_now_us() + kStopUs;
    while (work(hub) && mono_now_us() < until_us) {
    }
    if (!recording_) return;  // the writer could not keep up
    if (snapshot_under_way_) hub.cancel_snapshot();
    cut_block(hub);
    writer_.end_segment(replay::EndReason::stopped);
    recording_ = false;
    snapshot_under_way_ = false;
}

}  // namespace agentcom
