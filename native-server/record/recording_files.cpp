#include "native-server/record/recording_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>

namespace agentcom {

namespace {

constexpr std::string_view kExtension = ".segment";

/// A file that is closed when it goes.
class OpenFile {
  public:
    explicit OpenFile(const std::string& path) : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
    ~OpenFile() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;

    /// As many bytes as there are, up to `bytes`.
    std::string read(int64_t offset, size_t bytes) const {
        std::string out(descriptor_ >= 0 ? bytes : 0, '\0');
        size_t done = 0;
        while (done < out.size()) {
            const ssize_t got =
                ::pread(descriptor_, out.data() + done, out.size() - done, offset + static_cast<int64_t>(done));
            if (got <= 0) break;
            done += static_cast<size_t>(got);
        }
        out.resize(done);
        return out;
    }

  private:
    int descriptor_;
};

std::optional<SegmentFile> parse_name(const std::string& name) {
    if (!name.ends_with(kExtension)) return std::nullopt;
    SegmentFile file;
    const char* const end = name.data() + name.size() - kExtension.size();
    const auto number = std::from_chars(name.data(), end, file.number);
    if (number.ec != std::errc{} || number.ptr == end || *number.ptr != '-') return std::nullopt;
    const auto begun = std::from_chars(number.ptr + 1, end, file.begun_ms);
    if (begun.ec != std::errc{} || begun.ptr != end) return std::nullopt;
    return file;
}

}  // namespace

std::string segment_path(const std::string& directory, int64_t number, int64_t begun_ms) {
    std::string digits = std::to_string(number);
    if (digits.size() < 8) digits.insert(0, 8 - digits.size(), '0');
    return directory + "/" + digits + "-" + std::to_string(begun_ms) + std::string(kExtension);
}

std::vector<SegmentFile> segment_files(const std::string& directory) {
    std::vector<SegmentFile> files;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
         entry.increment(error)) {
        std::optional<SegmentFile> file = parse_name(entry->path().filename().string());
        if (!file) continue;
        file->path = entry->path().string();
        struct stat status {};
        if (::stat(file->path.c_str(), &status) != 0) continue;
        file->bytes = status.st_size;
        file->modified_ms = int64_t{status.st_mtim.tv_sec} * 1'000 + status.st_mtim.tv_nsec / 1'000'000;
        files.push_back(std::move(*file));
    }
    std::sort(files.begin(), files.end(),
              [](const SegmentFile& a, const SegmentFile& b) { return a.number < b.number; });
    return files;
}

int64_t SegmentSummary::first_ms() const {
    for (const replay::BlockHeader& block : blocks) {
        if (block.kind == replay::BlockKind::records && block.inputs > 0) return block.first_ms;
    }
    return 0;
}

int64_t SegmentSummary::last_ms() const {
    int64_t last = 0;
    for (const replay::BlockHeader& block : blocks) {
        if (block.kind == replay::BlockKind::records && block.inputs > 0) last = block.last_ms;
    }
    return last;
}

int64_t SegmentSummary::inputs() const {
    int64_t count = 0;
    for (const replay::BlockHeader& block : blocks) {
        if (block.kind == replay::BlockKind::records) count += block.inputs;
    }
    return count;
}

std::optional<SegmentSummary> summarize(const SegmentFile& file) {
    const OpenFile open(file.path);
    // Most heads are a few kilobytes.
    std::string begin = open.read(0, size_t{16} * 1024);
    Result<replay::ReadHead> head = replay::read_head(begin);
    if (!head && begin.size() == size_t{16} * 1024) {
        begin = open.read(0, replay::kMaxHeadBytes);
        head = replay::read_head(begin);
    }
    if (!head) return std::nullopt;
    SegmentSummary summary;
    summary.file = file;
    summary.head_bytes = static_cast<int64_t>(head.value().bytes);
    summary.head = std::move(head).value().head;
    int64_t at = summary.head_bytes;
    while (at + static_cast<int64_t>(replay::kBlockHeaderBytes) <= file.bytes) {
        const std::optional<replay::BlockHeader> block = replay::peek_block(open.read(at, replay::kBlockHeaderBytes));
        if (!block || at + static_cast<int64_t>(replay::kBlockHeaderBytes + block->gzip_bytes) > file.bytes) break;
        if (block->kind == replay::BlockKind::snapshot_end) summary.has_snapshot = true;
        if (block->kind == replay::BlockKind::end) {
            summary.ended = static_cast<replay::EndReason>(block->inputs);
            break;
        }
        summary.blocks.push_back(*block);
        summary.offsets.push_back(at);
        at += static_cast<int64_t>(replay::kBlockHeaderBytes + block->gzip_bytes);
    }
    return summary;
}

std::optional<std::string> read_part(const std::string& path, int64_t offset, size_t bytes) {
    std::string part = OpenFile(path).read(offset, bytes);
    if (part.size() != bytes) return std::nullopt;
    return part;
}

}  // namespace agentcom
