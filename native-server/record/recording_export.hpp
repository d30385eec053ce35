// One download of a recording: the segments of a span of time as one file, piece by piece.
//
// It begins with the last segment that begins before the span and has a whole snapshot, and leaves out blocks of
// records that begin behind the span. What is left out is marked by an end mark of its own, so that a reader can tell
// it from a file that was cut.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "native-server/record/gzip.hpp"
#include "native-server/record/recording_files.hpp"

namespace agentcom {

class RecordingExport {
  public:
    /// nullopt: nothing of that time is recorded.
    static std::optional<RecordingExport> open(const std::string& directory, int64_t from_ms, int64_t to_ms,
                                               bool strip_payloads);

    struct Piece {
        std::string bytes;
        bool last = false;
    };
    /// About so many bytes. nullopt: a segment has gone meanwhile, or is damaged.
    std::optional<Piece> next(size_t bytes);

  private:
    /// The block as it goes out.
    std::optional<std::string> block_bytes(const SegmentSummary& segment, size_t block);

    std::vector<SegmentSummary> segments_;
    int64_t to_ms_ = INT64_MAX;
    bool strip_ = false;
    size_t segment_ = 0;
    size_t block_ = 0;
    bool head_sent_ = false;
    std::unique_ptr<GzipPacker> packer_ = std::make_unique<GzipPacker>();
};

}  // namespace agentcom
