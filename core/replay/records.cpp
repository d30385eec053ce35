#include "core/replay/records.hpp"

#include <algorithm>
#include <utility>

namespace agentcom::replay {

namespace {

constexpr uint8_t kInput = 1;
constexpr uint8_t kTurnEnd = 2;

/// A difference that may overflow comes back right all the same: both ends count modulo 2^64.
int64_t difference(int64_t a, int64_t b) {
    return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
int64_t sum(int64_t a, int64_t b) { return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b)); }

}  // namespace

void RecordWriter::input(const Input& input) {
    out_.u8(kInput);
    out_.i64(difference(input.at.wall_ms, at_.wall_ms));
    out_.i64(difference(input.at.mono_us, at_.mono_us));
    encode_body(out_, input.body);
    at_ = input.at;
    if (inputs_++ == 0) first_ms_ = at_.wall_ms;
}

void RecordWriter::turn_end(const TurnResult& turn) {
    const auto is_event = [](const RowChange& change) { return change.table == TableId::events && !change.erase; };
    const std::vector<RowChange>& changes = turn.batch.changes;
    out_.u8(kTurnEnd);
    out_.u64(static_cast<uint64_t>(std::count_if(changes.begin(), changes.end(), is_event)));
    for (const RowChange& change : changes) {
        if (!is_event(change)) continue;
        for (const ColumnValue& value : change.values) {
            if (value.type == ColumnValue::Type::integer) {
                out_.i64(value.integer);
            } else {
                out_.text(value.text);
            }
        }
    }
}

void RecordWriter::turn_end(const std::vector<EventRow>& events) {
    TurnResult turn;
    for (const EventRow& event : events) {
        turn.batch.changes.push_back(RowChange{TableId::events, false, row_values(event), {}});
    }
    turn_end(turn);
}

std::string RecordWriter::take() {
    inputs_ = 0;
    first_ms_ = 0;
    at_ = {};
    return out_.take();
}

bool RecordReader::next(Record& record) {
    if (failed_ || in_.at_end()) return false;
    const uint8_t kind = in_.u8();
    if (kind == kInput) {
        Input input;
        at_.wall_ms = sum(at_.wall_ms, in_.i64());
        at_.mono_us = sum(at_.mono_us, in_.i64());
        input.at = at_;
        failed_ = in_.failed() || !decode_body(in_, input.body);
        record = std::move(input);
    } else if (kind == kTurnEnd) {
        TurnEnd end;
        failed_ = !read_events(end.events);
        record = std::move(end);
    } else {
        failed_ = true;
    }
    return !failed_;
}

bool RecordReader::read_events(std::vector<EventRow>& events) {
    const uint64_t count = in_.count();
    for (uint64_t i = 0; i < count && !in_.failed(); ++i) {
        EventRow& event = events.emplace_back();
        EventRow::columns(event, [this](std::string_view, auto& field) {
            if constexpr (std::is_same_v<std::decay_t<decltype(field)>, int64_t>) {
                field = in_.i64();
            } else {
                field = in_.text();
            }
        });
    }
    return !in_.failed();
}

}  // namespace agentcom::replay
