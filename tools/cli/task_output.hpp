// The last of what a task's command has printed, numbered as the hub numbers it: a position counts bytes of UTF-8 over
// both streams of an attempt.
//
// It is kept after it was sent, since the hub may lose the newest of it in a crash: after a reconnect all of it is sent
// again, and the hub passes over what it has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace agentcom::cli {

class TaskOutput {
  public:
    enum class Stream : uint8_t { standard_output, standard_error };

    // As much as the hub keeps of an attempt.
    static constexpr size_t kMaxKeptBytes = size_t{256} * 1024;
    // Half of what a frame may carry.
    static constexpr size_t kMaxPieceBytes = size_t{32} * 1024;

    struct Piece {
        Stream stream = Stream::standard_output;
        int64_t position = 0;
        std::string text;

        bool operator==(const Piece&) const = default;
    };

    // `text` must be valid UTF-8 by itself.
    void append(Stream stream, std::string_view text);

    // What has not been sent yet, in order; it counts as sent then.
    std::vector<Piece> take_unsent();
    bool has_unsent() const { return sent_ < end_; }

    // All that is kept is to be sent again.
    void resend() { sent_ = pieces_.empty() ? end_ : pieces_.front().position; }
    // The same as the output of a new attempt, whose positions begin at 0.
    void restart();

  private:
    int64_t piece_end(const Piece& piece) const { return piece.position + static_cast<int64_t>(piece.text.size()); }

    std::deque<Piece> pieces_;
    size_t kept_bytes_ = 0;
    int64_t end_ = 0;
    int64_t sent_ = 0;
};

}  // namespace agentcom::cli
