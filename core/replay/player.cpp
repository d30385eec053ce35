#include "core/replay/player.hpp"

#include <exception>
#include <utility>

namespace agentcom::replay {

namespace {

std::string at_input(int64_t input) { return "input " + std::to_string(input); }

/// The hub that a segment's snapshot holds, or what is wrong with it.
Result<Hub> load_snapshot(const Segment& segment, const Inflate& inflate, bool compare) {
    const auto damaged = [](std::string text) {
        return Result<Hub>(Error{"damaged_recording", 422, Blame::client, std::move(text)});
    };
    std::vector<std::string> pieces;
    for (const Block& block : segment.blocks) {
        if (block.header.kind != BlockKind::rows) continue;
        std::optional<std::string> piece = unpack(block, inflate);
        if (!piece) return damaged("a block of the snapshot does not unpack");
        pieces.push_back(std::move(*piece));
    }
    Result<Hub> hub = Hub::load_snapshot({segment.head.turn, segment.head.last}, pieces, segment.head.settings);
    if (!hub) return damaged("the snapshot does not load: " + hub.error().text);
    if (compare && hub.value().digest() != segment.snapshot->header.digest) {
        return damaged("the snapshot is not the state that was recorded: its digest differs");
    }
    return hub;
}

void note_end(const Segment& segment, SegmentReport& report) {
    if (segment.lost_bytes > 0) {
        const size_t whole = segment.bytes - segment.lost_bytes;
        std::string text = std::to_string(segment.lost_bytes) + " bytes from byte " + std::to_string(whole) +
                           " of the segment on are no whole, undamaged block";
        // A crash tears the last block and leaves nothing behind it.
        report.problems.push_back(std::move(text));
    } else if (!segment.ended) {
        report.notes.emplace_back(
            "it has no end mark: the hub runs, was killed, or the file was cut between two blocks");
    } else if (*segment.ended == EndReason::gap) {
        report.notes.emplace_back("the recorder could not keep up here: what came then is not recorded");
    }
}

}  // namespace

void Player::begin(const Segment& segment, SegmentReport& report) {
    const bool goes_on = hub_ && run_ == segment.head.run && next_input_ == segment.head.first_input;
    if (!goes_on) lose_state();
    run_ = segment.head.run;
    next_input_ = segment.head.first_input;
    compare_ = !segment.head.stripped && segment.head.hub_version == hub_version_;
    if (segment.head.stripped) report.notes.emplace_back("its payloads were stripped: digests are not compared");
    if (segment.head.hub_version != hub_version_) {
        report.notes.push_back("it was recorded by version " + segment.head.hub_version + ": digests are not compared");
    }
    if (!segment.snapshot) {
        // The recorder stops taking it when the hub ends before it is complete.
        if (!goes_on) report.problems.emplace_back("its snapshot is not complete, so it cannot be played by itself");
        return;
    }
    Result<Hub> loaded = load_snapshot(segment, inflate_, compare_);
    if (!loaded) {
        report.problems.push_back(loaded.error().text);
        return;
    }
    if (compare_) ++report.digests;
    if (goes_on && compare_) {
        if (hub_->digest() == segment.snapshot->header.digest) {
            ++report.digests;
            return;
        }
        report.problems.emplace_back("the state that was reached by playing is not the one of its snapshot");
    }
    if (goes_on && !compare_) return;
    hub_ = std::move(loaded).value();
    first_turn_ = segment.head.turn;
}

SegmentReport Player::play(const Segment& segment, int64_t until_ms) {
    SegmentReport report;
    report.run = segment.head.run;
    report.segment = segment.head.segment;
    report.first_ms = segment.first_ms();
    report.last_ms = segment.last_ms();
    try {
        begin(segment, report);
        for (const Block& block : segment.blocks) {
            if (block.header.kind != BlockKind::records) continue;
            if (block.header.inputs > 0 && block.header.first_ms > until_ms) break;
            if (!play_block(block, until_ms, report)) break;
        }
    } catch (const std::exception& broken) {
        // Bytes with the right checksums that no hub has written.
        report.problems.push_back(std::string("it cannot be played: ") + broken.what());
        lose_state();
    }
    note_end(segment, report);
    report.played = hub_.has_value();
    return report;
}

bool Player::play_block(const Block& block, int64_t until_ms, SegmentReport& report) {
    if (block.header.first_input != next_input_) {
        report.problems.push_back("blocks are missing before " + at_input(block.header.first_input));
        lose_state();
    }
    const std::optional<std::string> raw = unpack(block, inflate_);
    if (!raw) {
        report.problems.push_back("the block at " + at_input(block.header.first_input) + " does not unpack");
        lose_state();
        return false;
    }
    RecordReader reader(*raw);
    Record record;
    uint32_t inputs = 0;
    while (reader.next(record)) {
        if (const auto* input = std::get_if<Input>(&record)) {
            if (input->at.wall_ms > until_ms) return false;
            ++inputs;
        }
        if (on_record) on_record(record);
        if (hub_) play_record(record, report);
    }
    next_input_ = block.header.first_input + inputs;
    if (reader.failed() || inputs != block.header.inputs) {
        report.problems.push_back("the block at " + at_input(block.header.first_input) +
                                  " holds something else than it says");
        lose_state();
        return false;
    }
    if (!hub_ || !compare_) return true;
    if (hub_->rows_digest() != block.header.digest) {
        report.problems.push_back("the state after " + at_input(next_input_) + " is not the one that was recorded");
        lose_state();
        return false;
    }
    ++report.digests;
    return true;
}

void Player::play_record(const Record& record, SegmentReport& report) {
    if (std::holds_alternative<TurnEnd>(record)) {
        hub_->end_turn();
        ++report.turns;
        return;
    }
    const auto& input = std::get<Input>(record);
    if (const auto* failed = std::get_if<CommitFailed>(&input.body);
        failed != nullptr && failed->first_turn < first_turn_) {
        // What those turns changed lies before the snapshot. The recorder begins a new segment after this.
        report.notes.push_back("turn " + std::to_string(failed->first_turn) +
                               ", from before the snapshot, was taken back: the state is unknown up to the next one");
        lose_state();
        return;
    }
    if (hub_->apply(input)) ++report.faults;
    ++report.inputs;
}

Result<Hub> state_at(std::span<const Segment> segments, int64_t wall_ms, const Inflate& inflate,
                     const std::string& hub_version) {
    const auto failed = [](std::string text) {
        return Result<Hub>(Error{"damaged_recording", 422, Blame::client, std::move(text)});
    };
    const std::optional<size_t> first = segment_for(segments, wall_ms);
    if (!first) return failed("there is no whole snapshot in it");
    Player player(inflate, hub_version);
    std::string trouble;
    for (size_t i = *first; i < segments.size(); ++i) {
        if (i > *first && segments[i].first_ms() > wall_ms) break;
        const SegmentReport report = player.play(segments[i], wall_ms);
        if (!report.problems.empty()) trouble = report.problems.front();
    }
    std::optional<Hub> hub = player.take_hub();
    if (!hub) return failed(trouble.empty() ? "the state at that time is not in it" : trouble);
    return Result<Hub>(std::move(*hub));
}

}  // namespace agentcom::replay
