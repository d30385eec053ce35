// The files of a recording: one segment each, DIR/recording/<number>-<wall ms>.segment, 0600.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/replay/segment.hpp"

namespace agentcom {

struct SegmentFile {
    std::string path;
    int64_t number = 0;
    int64_t begun_ms = 0;  ///< wall time
    int64_t bytes = 0;
    int64_t modified_ms = 0;  ///< wall time of its last write
};

/// Oldest first. None when there is no such directory.
std::vector<SegmentFile> segment_files(const std::string& directory);

std::string segment_path(const std::string& directory, int64_t number, int64_t begun_ms);

/// What a segment's headers say; its contents are not looked at.
struct SegmentSummary {
    SegmentFile file;
    replay::SegmentHead head;
    std::vector<replay::BlockHeader> blocks;
    std::vector<int64_t> offsets;  ///< of the blocks' headers in the file
    int64_t head_bytes = 0;
    bool has_snapshot = false;
    std::optional<replay::EndReason> ended;

    int64_t first_ms() const;
    int64_t last_ms() const;
    int64_t inputs() const;
};

/// Reads the headers of a file, which may be growing; nullopt when it is no segment (any more). Checksums are checked
/// by whoever reads the contents.
std::optional<SegmentSummary> summarize(const SegmentFile& file);

/// So many bytes of a file from an offset on; nullopt when there are not so many.
std::optional<std::string> read_part(const std::string& path, int64_t offset, size_t bytes);

}  // namespace agentcom
