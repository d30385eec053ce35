// A segment of a recording, taken apart and checked, without unpacking anything.
//
//     const Recording recording = read_recording(bytes);
//     for (const Segment& segment : recording.segments) player.play(segment);
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/replay/recording_format.hpp"

namespace agentcom::replay {

/// Unpacks one gzip member that is `raw_bytes` long when unpacked; nullopt when it is not. The core has no gzip of its
/// own: natively it is zlib's, in a browser DecompressionStream's.
using Inflate = std::function<std::optional<std::string>(std::string_view gzip, size_t raw_bytes)>;

struct Block {
    BlockHeader header;
    std::string_view gzip;
};

/// Points into the bytes it was read from.
struct Segment {
    SegmentHead head;
    std::string_view head_bytes;     ///< as it stands in the file
    std::vector<Block> blocks;       ///< those before the first that is not whole and undamaged
    std::optional<Block> snapshot;   ///< its end; nullopt: the snapshot is not complete
    std::optional<EndReason> ended;  ///< nullopt: the hub runs, crashed, or the file was cut
    size_t bytes = 0;                ///< all that belongs to it
    size_t lost_bytes = 0;           ///< of them those behind the last whole block

    /// Wall time of the first and last input; 0 without any.
    int64_t first_ms() const;
    int64_t last_ms() const;
    int64_t inputs() const;
};

struct Recording {
    std::vector<Segment> segments;
    std::vector<std::string> problems;  ///< of bytes that are no segment
};

/// The segments in these bytes, which must outlive them. What is damaged is passed over up to the next segment.
Recording read_recording(std::string_view bytes);

/// Unpacks a block; nullopt when it is damaged in spite of its checksum.
std::optional<std::string> unpack(const Block&, const Inflate&);

/// From which segment on to play in order to see the state at a moment: the last with a whole snapshot that begins no
/// later, else the first with a whole snapshot. nullopt: there is none.
std::optional<size_t> segment_for(std::span<const Segment>, int64_t wall_ms);

}  // namespace agentcom::replay
