// The format of a recording: docs/formats.md, "Recordings". Here are the frames around its contents; what a block holds
// is in core/replay/records.hpp, and reading a whole segment in core/replay/segment.hpp.
//
// A recording is one or more segments, one behind the other. A segment is a head (a line with a magic word and a
// CRC-32, and a line of JSON) and blocks: 64 bytes of header and one gzip member each. Everything is checked before it
// is believed: a block's CRC covers header and contents.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/hash128.hpp"
#include "core/base/result.hpp"
#include "core/base/time.hpp"
#include "core/state/settings.hpp"

namespace agentcom::replay {

inline constexpr std::string_view kSegmentMagic = "agentcom recording 1 ";
inline constexpr std::string_view kBlockMagic = "ACB1";
inline constexpr size_t kBlockHeaderBytes = 64;
inline constexpr size_t kMaxHeadBytes = size_t{1} << 20U;
/// A block that says it holds more is damaged. A turn is never split, so blocks can be larger than what is aimed at.
inline constexpr uint32_t kMaxBlockBytes = uint32_t{1} << 30U;

/// What a segment says of itself.
struct SegmentHead {
    std::string hub_version;
    std::string run;          ///< names the run of the hub: 16 hex digits
    int64_t segment = 0;      ///< counts on over runs
    int64_t first_input = 0;  ///< how many inputs of the run came before
    int64_t turn = 0;         ///< the turn about to be collected
    Time last;                ///< of the last input before
    bool stripped = false;    ///< payloads were replaced: digests are not those of what is here
    Settings settings;        ///< what the hub was started with
};

std::string encode_head(const SegmentHead&);
/// The head at the begin of `bytes`, and how long it is. Error `no_recording`, or `damaged_recording`.
struct ReadHead {
    SegmentHead head;
    size_t bytes = 0;
};
Result<ReadHead> read_head(std::string_view bytes);

enum class BlockKind : uint8_t {
    rows = 1,          ///< a piece of the snapshot with which the segment begins
    snapshot_end = 2,  ///< no contents: the snapshot is complete; `digest` is the hub's when it began
    records = 3,       ///< inputs and ends of turns; `digest` is of all rows after the last one
    end = 4,           ///< no contents: the segment ends here as meant; `inputs` is an EndReason
};

enum class EndReason : uint32_t {
    next_segment = 0,  ///< recording goes on without a gap in the next segment
    stopped = 1,       ///< the hub stopped
    gap = 2,           ///< the recorder could not keep up, or could not write
    cut = 3,           ///< an export ends here
};

struct BlockHeader {
    BlockKind kind = BlockKind::records;
    uint32_t gzip_bytes = 0;  ///< what follows the header
    uint32_t raw_bytes = 0;   ///< the same unpacked
    uint32_t inputs = 0;      ///< how many are in it
    int64_t first_input = 0;  ///< how many inputs of the run came before it
    int64_t first_ms = 0;     ///< wall time of its first and last input
    int64_t last_ms = 0;
    Hash128 digest;
};

/// The header of a block with these contents; sets `gzip_bytes`.
std::string encode_block_header(BlockHeader header, std::string_view gzip);
/// The header at the begin of `bytes` as it stands, unchecked: for lists. nullopt: it is none.
std::optional<BlockHeader> peek_block(std::string_view bytes);
/// The block at the begin of `bytes`, checked. nullopt: there is no whole, undamaged one.
std::optional<BlockHeader> read_block(std::string_view bytes);

}  // namespace agentcom::replay
