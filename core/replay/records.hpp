// What a block of records holds: inputs, each with its time, and the ends of turns with the events of the turn.
//
// A record is a byte that says which it is, and what docs/formats.md says. Times are differences to the input before;
// a block begins from zero, so that each can be read by itself. Events are there for readers that do not play: a hub of
// another version may come to other results, but what happened was noted by the one that was there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/hub/input.hpp"
#include "core/state/effect.hpp"
#include "core/state/rows.hpp"

namespace agentcom::replay {

class RecordWriter {
  public:
    void input(const Input&);
    /// Takes the events from the turn's batch. When its commit fails later, they did not happen: the input
    /// `CommitFailed` says so.
    void turn_end(const TurnResult&);
    /// What a reader found, as it was.
    void turn_end(const std::vector<EventRow>&);

    size_t bytes() const { return out_.bytes().size(); }
    /// Inputs so far, and the wall time of the first and the last.
    uint32_t inputs() const { return inputs_; }
    int64_t first_ms() const { return first_ms_; }
    int64_t last_ms() const { return at_.wall_ms; }
    /// The contents of a block; the next one begins.
    std::string take();

  private:
    CompactWriter out_;
    Time at_;
    uint32_t inputs_ = 0;
    int64_t first_ms_ = 0;
};

struct TurnEnd {
    std::vector<EventRow> events;
};
using Record = std::variant<Input, TurnEnd>;

class RecordReader {
  public:
    /// The bytes must outlive the reader.
    explicit RecordReader(std::string_view block) : in_(block) {}

    /// False at the end, or when the bytes are no records: then `failed` says so.
    bool next(Record&);
    bool failed() const { return failed_; }

  private:
    bool read_events(std::vector<EventRow>&);

    CompactReader in_;
    Time at_;
    bool failed_ = false;
};

}  // namespace agentcom::replay
