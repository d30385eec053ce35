#include "core/replay/segment.hpp"

#include <algorithm>

namespace agentcom::replay {

namespace {

/// Where the next segment begins whose head is whole; the end of the bytes if there is none.
size_t next_segment(std::string_view bytes, size_t from) {
    for (size_t at = bytes.find(kSegmentMagic, from); at != std::string_view::npos;
         at = bytes.find(kSegmentMagic, at + 1)) {
        if (read_head(bytes.substr(at))) return at;
    }
    return bytes.size();
}

Segment read_segment(std::string_view bytes, ReadHead read) {
    Segment segment;
    segment.head = std::move(read.head);
    segment.head_bytes = bytes.substr(0, read.bytes);
    size_t at = read.bytes;
    while (const std::optional<BlockHeader> header = read_block(bytes.substr(at))) {
        const Block block{*header, bytes.substr(at + kBlockHeaderBytes, header->gzip_bytes)};
        at += kBlockHeaderBytes + header->gzip_bytes;
        if (header->kind == BlockKind::snapshot_end) segment.snapshot = block;
        if (header->kind == BlockKind::end) {
            segment.ended = static_cast<EndReason>(header->inputs);
            break;
        }
        segment.blocks.push_back(block);
    }
    // Without the mark of its end it goes on to wherever the next one begins.
    segment.bytes = bytes.substr(at).starts_with(kSegmentMagic) ? at : next_segment(bytes, at);
    segment.lost_bytes = segment.bytes - at;
    return segment;
}

bool has_inputs(const Block& block) { return block.header.kind == BlockKind::records && block.header.inputs > 0; }

}  // namespace

int64_t Segment::first_ms() const {
    const auto found = std::find_if(blocks.begin(), blocks.end(), has_inputs);
    return found == blocks.end() ? 0 : found->header.first_ms;
}

int64_t Segment::last_ms() const {
    const auto found = std::find_if(blocks.rbegin(), blocks.rend(), has_inputs);
    return found == blocks.rend() ? 0 : found->header.last_ms;
}

int64_t Segment::inputs() const {
    int64_t count = 0;
    for (const Block& block : blocks) {
        if (has_inputs(block)) count += block.header.inputs;
    }
    return count;
}

Recording read_recording(std::string_view bytes) {
    Recording recording;
    size_t at = 0;
    while (at < bytes.size()) {
        Result<ReadHead> head = read_head(bytes.substr(at));
        if (!head) {
            recording.problems.push_back("at byte " + std::to_string(at) + ": " + head.error().text);
            at = next_segment(bytes, at + 1);
            continue;
        }
        Segment segment = read_segment(bytes.substr(at), std::move(head).value());
        at += segment.bytes;
        recording.segments.push_back(std::move(segment));
    }
    if (bytes.empty()) recording.problems.emplace_back("there is nothing in it");
    return recording;
}

std::optional<std::string> unpack(const Block& block, const Inflate& inflate) {
    // No gzip member makes more than 1032 bytes of one: what says so is not even tried.
    constexpr uint64_t kMostOfAByte = 1'032;
    if (block.header.raw_bytes > (uint64_t{block.header.gzip_bytes} + 1) * kMostOfAByte) return std::nullopt;
    if (block.header.gzip_bytes == 0) return std::string{};
    return inflate(block.gzip, block.header.raw_bytes);
}

std::optional<size_t> segment_for(std::span<const Segment> segments, int64_t wall_ms) {
    std::optional<size_t> chosen;
    for (size_t i = 0; i < segments.size(); ++i) {
        if (!segments[i].snapshot) continue;
        if (!chosen || segments[i].first_ms() <= wall_ms) chosen = i;
    }
    return chosen;
}

}  // namespace agentcom::replay
