#include "core/replay/records.hpp"

#include <catch2/catch.hpp>

#include "core/base/prng.hpp"

using namespace agentcom;
using namespace agentcom::replay;

namespace {

EventRow event(int64_t seq) {
    EventRow row;
    row.workspace = 1;
    row.seq = seq;
    row.at = 1'800'000'000'000 - seq;
    row.kind = "task_submitted";
    row.subject = "task-1";
    row.cause = "";
    row.data = R"({"a":"ä"})";
    return row;
}

TurnResult turn_with(std::vector<EventRow> events) {
    TurnResult turn;
    TokenRow token;
    token.sha256 = "x";
    turn.batch.changes.push_back({TableId::tokens, false, row_values(token), {}});
    for (const EventRow& row : events) turn.batch.changes.push_back({TableId::events, false, row_values(row), {}});
    return turn;
}

}  // namespace

TEST_CASE("records come back as they were written") {
    const std::vector<Input> inputs = {
        {{1'800'000'000'000, 5'000'000}, ConnectionOpened{7, "::1", true}},
        {{1'800'000'000'000, 5'000'000}, FrameReceived{7, false, R"({"type":"ping"})", credential_of_token("t")}},
        {{1'799'999'999'000, 5'000'001}, Committed{INT64_MAX}},
        {{INT64_MIN, INT64_MAX},
         QueryResult{3, true, {{TableId::tasks, {ColumnValue::of(int64_t{-1}), ColumnValue{}}}}}},
        {{INT64_MAX, INT64_MIN}, Tick{}},
    };
    RecordWriter writer;
    CHECK(writer.bytes() == 0);
    for (const Input& input : inputs) writer.input(input);
    writer.turn_end(turn_with({event(1), event(2)}));
    writer.turn_end(turn_with({}));
    CHECK(writer.inputs() == inputs.size());
    CHECK(writer.first_ms() == 1'800'000'000'000);
    CHECK(writer.last_ms() == INT64_MAX);
    const std::string block = writer.take();
    CHECK(writer.bytes() == 0);
    CHECK(writer.inputs() == 0);

    RecordReader reader(block);
    Record record;
    for (const Input& input : inputs) {
        REQUIRE(reader.next(record));
        REQUIRE(std::holds_alternative<Input>(record));
        CHECK(encode_input(std::get<Input>(record)) == encode_input(input));
    }
    REQUIRE(reader.next(record));
    const auto& end = std::get<TurnEnd>(record);
    REQUIRE(end.events.size() == 2);
    CHECK(row_hash(end.events[0]) == row_hash(event(1)));
    CHECK(row_hash(end.events[1]) == row_hash(event(2)));
    REQUIRE(reader.next(record));
    CHECK(std::get<TurnEnd>(record).events.empty());
    CHECK_FALSE(reader.next(record));
    CHECK_FALSE(reader.failed());
}

TEST_CASE("an input in the middle of things costs few bytes besides its text") {
    RecordWriter writer;
    writer.input({{1'800'000'000'000, 5'000'000'000}, FrameReceived{70, false, std::string(100, 'x'), {}}});
    const size_t first = writer.bytes();
    writer.input({{1'800'000'000'000, 5'000'000'000}, FrameReceived{70, false, std::string(100, 'x'), {}}});
    CHECK(writer.bytes() - first < 112);
}

TEST_CASE("bytes that are no records are told from records") {
    RecordWriter writer;
    writer.input({{1, 2}, ConnectionOpened{7, "::1", true}});
    writer.turn_end(turn_with({event(1)}));
    writer.input({{3, 4}, FrameReceived{7, false, R"({"type":"ping"})", credential_of_token("t")}});
    const std::string block = writer.take();
    const auto is_read = [](std::string_view bytes, int& records) {
        RecordReader reader(bytes);
        Record record;
        for (records = 0; reader.next(record);) ++records;
        return !reader.failed();
    };
    int whole = 0;
    REQUIRE(is_read(block, whole));
    REQUIRE(whole == 3);
    for (size_t length = 0; length < block.size(); ++length) {
        int records = 0;
        // Only a cut between records is none that shows here; that is what block headers count inputs for.
        const bool read = is_read(std::string_view(block).substr(0, length), records);
        CAPTURE(length);
        CHECK((!read || records < whole));
    }
    Prng prng(1);
    for (int i = 0; i < 2'000; ++i) {
        std::string broken = block;
        broken[prng.index_below(broken.size())] = static_cast<char>(prng.below(256));
        int records = 0;
        is_read(broken, records);
        CHECK(records <= static_cast<int>(broken.size()));
    }
}
