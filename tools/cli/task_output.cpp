#include "tools/cli/task_output.hpp"

#include <algorithm>

namespace agentcom::cli {

namespace {

// The longest beginning of at most so many bytes that ends between two characters.
std::string_view whole_characters(std::string_view text, size_t most) {
    if (text.size() <= most) return text;
    size_t end = most;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    return text.substr(0, end);
}

}  // namespace

void TaskOutput::append(Stream stream, std::string_view text) {
    while (!text.empty()) {
        const bool joins =
            !pieces_.empty() && pieces_.back().stream == stream && pieces_.back().text.size() + 4 < kMaxPieceBytes;
        if (!joins) pieces_.push_back({stream, end_, {}});
        Piece& piece = pieces_.back();
        const std::string_view part = whole_characters(text, kMaxPieceBytes - piece.text.size());
        piece.text += part;
        kept_bytes_ += part.size();
        end_ += static_cast<int64_t>(part.size());
        text.remove_prefix(part.size());
    }
    while (kept_bytes_ > kMaxKeptBytes) {
        kept_bytes_ -= pieces_.front().text.size();
        pieces_.pop_front();
    }
    // What was never sent and is gone is passed over, as the hub would have done.
    if (!pieces_.empty()) sent_ = std::max(sent_, pieces_.front().position);
}

std::vector<TaskOutput::Piece> TaskOutput::take_unsent() {
    std::vector<Piece> unsent;
    for (const Piece& piece : pieces_) {
        if (piece_end(piece) <= sent_) continue;
        const auto skip = static_cast<size_t>(std::max<int64_t>(sent_ - piece.position, 0));
        unsent.push_back({piece.stream, piece.position + static_cast<int64_t>(skip), piece.text.substr(skip)});
    }
    sent_ = end_;
    return unsent;
}

void TaskOutput::restart() {
    end_ = 0;
    for (Piece& piece : pieces_) {
        piece.position = end_;
        end_ += static_cast<int64_t>(piece.text.size());
    }
    sent_ = 0;
}

}  // namespace agentcom::cli
