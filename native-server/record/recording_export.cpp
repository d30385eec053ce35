#include "native-server/record/recording_export.hpp"

#include <algorithm>
#include <utility>

#include "core/replay/strip.hpp"

namespace agentcom {

namespace {

using replay::BlockHeader;
using replay::BlockKind;

bool is_behind(const BlockHeader& block, int64_t to_ms) {
    return block.kind == BlockKind::records && block.inputs > 0 && block.first_ms > to_ms;
}

/// When a segment begins; one that was just begun has no inputs yet.
int64_t begin_of(const SegmentSummary& segment) {
    return segment.first_ms() != 0 ? segment.first_ms() : segment.file.begun_ms;
}

std::string end_mark(replay::EndReason reason) {
    BlockHeader header;
    header.kind = BlockKind::end;
    header.inputs = static_cast<uint32_t>(reason);
    return replay::encode_block_header(header, {});
}

}  // namespace

std::optional<RecordingExport> RecordingExport::open(const std::string& directory, int64_t from_ms, int64_t to_ms,
                                                     bool strip_payloads) {
    RecordingExport result;
    result.to_ms_ = to_ms;
    result.strip_ = strip_payloads;
    std::vector<SegmentSummary> all;
    for (const SegmentFile& file : segment_files(directory)) {
        if (std::optional<SegmentSummary> summary = summarize(file)) all.push_back(std::move(*summary));
    }
    std::optional<size_t> first;
    for (size_t i = 0; i < all.size(); ++i) {
        if (all[i].has_snapshot && (!first || begin_of(all[i]) <= from_ms)) first = i;
    }
    if (!first || begin_of(all[*first]) > to_ms) return std::nullopt;
    for (size_t i = *first; i < all.size() && (i == *first || begin_of(all[i]) <= to_ms); ++i) {
        result.segments_.push_back(std::move(all[i]));
    }
    return result;
}

std::optional<RecordingExport::Piece> RecordingExport::next(size_t bytes) {
    Piece piece;
    while (piece.bytes.size() < bytes && segment_ < segments_.size()) {
        const SegmentSummary& segment = segments_[segment_];
        if (!std::exchange(head_sent_, true)) {
            replay::SegmentHead head = segment.head;
            head.stripped = head.stripped || strip_;
            piece.bytes += replay::encode_head(head);
        }
        const bool is_cut = block_ < segment.blocks.size() && is_behind(segment.blocks[block_], to_ms_);
        if (block_ < segment.blocks.size() && !is_cut) {
            std::optional<std::string> block = block_bytes(segment, block_++);
            if (!block) return std::nullopt;
            piece.bytes += *block;
            continue;
        }
        const bool is_last = segment_ + 1 == segments_.size();
        if (is_last || is_cut) {
            piece.bytes += end_mark(replay::EndReason::cut);
        } else if (segment.ended) {
            piece.bytes += end_mark(*segment.ended);
        }
        ++segment_;
        block_ = 0;
        head_sent_ = false;
    }
    piece.last = segment_ == segments_.size();
    return piece;
}

std::optional<std::string> RecordingExport::block_bytes(const SegmentSummary& segment, size_t index) {
    const BlockHeader& header = segment.blocks[index];
    std::optional<std::string> bytes =
        read_part(segment.file.path, segment.offsets[index], replay::kBlockHeaderBytes + header.gzip_bytes);
    if (!bytes || !replay::read_block(*bytes)) return std::nullopt;
    if (!strip_ || segment.head.stripped || header.gzip_bytes == 0) return bytes;
    const replay::Block block{header, std::string_view(*bytes).substr(replay::kBlockHeaderBytes)};
    const std::optional<std::string> raw = replay::unpack(block, gunzip);
    if (!raw) return std::nullopt;
    const std::optional<std::string> stripped =
        header.kind == BlockKind::rows ? replay::strip_rows(*raw) : replay::strip_records(*raw);
    if (!stripped) return std::nullopt;
    const std::optional<std::string> packed = packer_->pack(*stripped);
    if (!packed) return std::nullopt;
    BlockHeader changed = header;
    changed.raw_bytes = static_cast<uint32_t>(stripped->size());
    changed.digest = {};
    return replay::encode_block_header(changed, *packed) + *packed;
}

}  // namespace agentcom
