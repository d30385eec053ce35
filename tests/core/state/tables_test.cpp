#include "core/state/tables.hpp"

#include <catch2/catch.hpp>

#include <map>

#include "core/base/prng.hpp"
#include "core/sim/memory_store.hpp"
#include "tests/core/support/random_rows.hpp"

using namespace agentcom;

namespace {

TokenRow token(const std::string& sha256, int64_t created_at = 0) {
    TokenRow row;
    row.sha256 = sha256;
    row.workspace = 1;
    row.principal = "p";
    row.created_at = created_at;
    return row;
}

TimerRow timer(const std::string& subject, int64_t deadline) {
    TimerRow row;
    row.kind = TimerKind::lease;
    row.subject = subject;
    row.deadline = deadline;
    return row;
}

MailRow mail(int64_t seq, int64_t expires_at) {
    MailRow row;
    row.workspace = 1;
    row.agent = "bob";
    row.seq = seq;
    row.expires_at = expires_at;
    return row;
}

TaskInputRow task_input(const std::string& id, std::string description) {
    TaskInputRow row;
    row.workspace = 1;
    row.task_id = id;
    row.description = Body(std::move(description));
    row.metadata = Body("{}");
    return row;
}

/// Applies an input that stands.
template <class F>
void input(Tables& tables, F&& change) {
    tables.begin_input();
    change();
    tables.end_input();
}

constexpr int64_t kInline = 16;

}  // namespace

TEST_CASE("a row is put, changed and erased, and each turn tells the store once") {
    Tables tables;
    input(tables, [&] {
        tables.put(token("a", 1));
        tables.modify<TokenRow>({"a"}, [](TokenRow& row) { row.created_at = 2; });
    });
    input(tables, [&] { tables.modify<TokenRow>({"a"}, [](TokenRow& row) { row.created_at = 3; }); });
    CHECK(tables.find<TokenRow>({"a"})->created_at == 3);
    Batch batch = tables.end_turn(1, kInline);
    REQUIRE(batch.changes.size() == 1);
    CHECK(batch.turn == 1);
    CHECK(batch.changes[0].table == TableId::tokens);
    CHECK_FALSE(batch.changes[0].erase);
    CHECK(batch.changes[0].values == row_values(token("a", 3)));
    CHECK(batch.changes[0].checksum == row_hash(token("a", 3)));
    CHECK(batch.bytes > 0);
    CHECK_FALSE(batch.sums.empty());
    CHECK(tables.end_turn(2, kInline).empty());

    input(tables, [&] {
        tables.erase<TokenRow>({"a"});
        tables.erase<TokenRow>({"never was"});
    });
    batch = tables.end_turn(3, kInline);
    REQUIRE(batch.changes.size() == 1);
    CHECK(batch.changes[0].erase);
    CHECK(batch.changes[0].values == RowValues{ColumnValue::of("a")});
    CHECK(tables.digest() == Hash128{});
}

TEST_CASE("rows of the run and derived rows are no business of the store") {
    Tables tables;
    input(tables, [&] {
        tables.put(timer("t", 1));
        tables.put(mail(1, 5));
        tables.erase<TimerRow>(timer("t", 1).key());
    });
    CHECK(tables.end_turn(1, kInline).empty());
    CHECK(tables.digest() == row_hash(mail(1, 5)));
}

TEST_CASE("an archived row leaves memory as it last was, and is not erased in the store") {
    Tables tables;
    input(tables, [&] {
        tables.put(token("a", 1));
        tables.modify<TokenRow>({"a"}, [](TokenRow& row) { row.created_at = 2; });
        tables.archive<TokenRow>({"a"});
    });
    CHECK_FALSE(tables.contains<TokenRow>({"a"}));
    const Batch batch = tables.end_turn(1, kInline);
    REQUIRE(batch.changes.size() == 1);
    CHECK_FALSE(batch.changes[0].erase);
    CHECK(batch.changes[0].values == row_values(token("a", 2)));
    for (const TableSum& sum : batch.sums) CHECK(sum.rows == 0);
}

TEST_CASE("long bodies leave memory when their turn ends, and are handed over once") {
    Tables tables;
    const std::string text(kInline + 1, 'x');
    input(tables, [&] { tables.put(task_input("t", text)); });
    const Hash128 digest = tables.digest();
    Batch batch = tables.end_turn(1, kInline);
    REQUIRE(batch.changes.size() == 1);
    CHECK(batch.changes[0].values[2] == ColumnValue::of(text));
    CHECK_FALSE(tables.find<TaskInputRow>({1, "t"})->description.resident);
    CHECK(tables.find<TaskInputRow>({1, "t"})->metadata.resident);
    CHECK(tables.digest() == digest);
    input(tables, [&] { tables.archive<TaskInputRow>({1, "t"}); });
    batch = tables.end_turn(2, kInline);
    REQUIRE(batch.changes.size() == 1);
    CHECK(batch.changes[0].values[2] == ColumnValue::unchanged());
    CHECK(batch.changes[0].values[3] == ColumnValue::of("{}"));
}

TEST_CASE("an input that is undone has never been") {
    Tables tables;
    input(tables, [&] { tables.put(token("kept", 1)); });
    const Hash128 digest = tables.digest();
    tables.begin_input();
    tables.put(token("new", 1));
    tables.modify<TokenRow>({"kept"}, [](TokenRow& row) { row.created_at = 9; });
    tables.erase<TokenRow>({"kept"});
    tables.put(timer("t", 1));
    EventRow event;
    event.seq = 1;
    tables.append(event);
    tables.prune(Prune{Prune::What::events, 1, 1, {}});
    tables.undo_input();
    CHECK(tables.digest() == digest);
    CHECK(tables.indexes().mono_timers.empty());
    const Batch batch = tables.end_turn(1, kInline);
    REQUIRE(batch.changes.size() == 1);
    CHECK(batch.changes[0].values == row_values(token("kept", 1)));
    CHECK(batch.prunes.empty());
}

TEST_CASE("turns that failed are undone, newest first; rows of the run stay") {
    Tables tables;
    input(tables, [&] { tables.put(token("a", 1)); });
    tables.end_turn(1, kInline);
    const Hash128 committed = tables.digest();
    tables.committed(1);
    input(tables, [&] {
        tables.modify<TokenRow>({"a"}, [](TokenRow& row) { row.created_at = 2; });
        tables.put(mail(1, 7));
    });
    tables.end_turn(2, kInline);
    input(tables, [&] {
        tables.erase<TokenRow>({"a"});
        tables.put(timer("t", 4));
        TaskRow task;
        task.workspace = 1;
        task.id = "task";
        tables.put(task);
    });
    tables.end_turn(3, kInline);
    const std::vector<TaskRow::Key> touched = tables.undo_turns(2);
    CHECK(touched == std::vector<TaskRow::Key>{{1, "task"}});
    Hash128 expected = committed;
    expected += row_hash(timer("t", 4));
    CHECK(tables.digest() == expected);
    CHECK(tables.find<TokenRow>({"a"})->created_at == 1);
    CHECK(tables.indexes().mail.empty());
    CHECK(tables.undo_turns(1).empty());
    CHECK(tables.digest() == expected);
}

TEST_CASE("what was undone in an unfinished turn is handed over when it changes again") {
    // A failure can be told in the middle of a turn, after an input that touched the same row.
    Tables tables;
    input(tables, [&] { tables.put(token("a", 1)); });
    tables.end_turn(1, kInline);
    tables.committed(1);
    input(tables, [&] { tables.modify<TokenRow>({"a"}, [](TokenRow& row) { row.created_at = 2; }); });
    tables.undo_turns(2);
    CHECK(tables.find<TokenRow>({"a"})->created_at == 1);
    CHECK(tables.end_turn(2, kInline).empty());
    input(tables, [&] { tables.modify<TokenRow>({"a"}, [](TokenRow& row) { row.created_at = 3; }); });
    const Batch batch = tables.end_turn(3, kInline);
    REQUIRE(batch.changes.size() == 1);
    CHECK(batch.changes[0].values == row_values(token("a", 3)));
}

TEST_CASE("rows change only within an input, and keep their key") {
    Tables tables;
    CHECK_THROWS_AS(tables.put(token("a")), CoreFault);
    tables.begin_input();
    CHECK_THROWS_AS(tables.begin_input(), CoreFault);
    CHECK_THROWS_AS(tables.modify<TokenRow>({"a"}, [](TokenRow&) {}), CoreFault);
    tables.put(token("a"));
    CHECK_THROWS_AS(tables.modify<TokenRow>({"a"}, [](TokenRow& row) { row.sha256 = "b"; }), CoreFault);
    CHECK_THROWS_AS(tables.end_turn(1, kInline), CoreFault);
    tables.end_input();
}

TEST_CASE("the current row of a key, or its erasure, can be asked for") {
    Tables tables;
    input(tables, [&] {
        tables.put(token("a", 4));
        tables.put(task_input("t", "x"));
    });
    RowChange change = tables.current(TableId::tokens, {ColumnValue::of("a")});
    CHECK_FALSE(change.erase);
    CHECK(change.values == row_values(token("a", 4)));
    CHECK(change.checksum == row_hash(token("a", 4)));
    change = tables.current(TableId::task_inputs, {ColumnValue::of(int64_t{1}), ColumnValue::of("t")});
    CHECK_FALSE(change.erase);
    change = tables.current(TableId::tokens, {ColumnValue::of("b")});
    CHECK(change.erase);
    CHECK(change.values == RowValues{ColumnValue::of("b")});
}

namespace {

/// Everything the tables should hold, done naively: maps, and a copy of the lot per turn.
struct Model {
    struct Rows {
        std::map<TokenRow::Key, TokenRow> tokens;
        std::map<MailRow::Key, MailRow> mails;
        std::map<TaskInputRow::Key, TaskInputRow> inputs;
        std::map<TokenRow::Key, TokenRow> stored_tokens;  ///< archived ones too
        std::map<TaskInputRow::Key, TaskInputRow> stored_inputs;
    };
    Rows rows;
    std::map<TimerRow::Key, TimerRow> timers;

    Hash128 digest() const {
        Hash128 sum;
        for (const auto& [key, row] : rows.tokens) sum += row_hash(row);
        for (const auto& [key, row] : rows.mails) sum += row_hash(row);
        for (const auto& [key, row] : rows.inputs) sum += row_hash(row);
        for (const auto& [key, row] : timers) sum += row_hash(row);
        return sum;
    }
};

template <class Row>
std::vector<RowValues> values_of(const std::map<typename Row::Key, Row>& rows) {
    std::vector<RowValues> all;
    for (const auto& [key, row] : rows) all.push_back(row_values(row));
    return all;
}

/// One random change, to the tables and to the model alike.
void random_change(Prng& prng, Tables& tables, Model& model) {
    const std::string name(1, static_cast<char>('a' + prng.below(5)));
    switch (prng.below(9)) {
        case 0:
        case 1: {
            const TokenRow row = token(name, static_cast<int64_t>(prng.below(1'000)));
            tables.put(row);
            model.rows.tokens[row.key()] = model.rows.stored_tokens[row.key()] = row;
            return;
        }
        case 2:
            tables.erase<TokenRow>({name});
            if (model.rows.tokens.erase({name}) > 0) model.rows.stored_tokens.erase({name});
            return;
        case 3:
            tables.archive<TokenRow>({name});
            model.rows.tokens.erase({name});
            return;
        case 4: {
            const MailRow row = mail(static_cast<int64_t>(prng.below(5)), static_cast<int64_t>(prng.below(100)));
            tables.put(row);
            model.rows.mails[row.key()] = row;
            return;
        }
        case 5: {
            const MailRow::Key key = mail(static_cast<int64_t>(prng.below(5)), 0).key();
            tables.erase<MailRow>(key);
            model.rows.mails.erase(key);
            return;
        }
        case 6: {
            const TaskInputRow row = task_input(name, std::string(prng.index_below(2 * kInline), 'x'));
            if (model.rows.inputs.contains(row.key())) return;  // never changed once it is there
            tables.put(row);
            model.rows.inputs[row.key()] = model.rows.stored_inputs[row.key()] = row;
            return;
        }
        case 7:
            tables.archive<TaskInputRow>({1, name});
            model.rows.inputs.erase({1, name});
            return;
        default: {
            const TimerRow row = timer(name, static_cast<int64_t>(prng.below(1'000)));
            if (prng.below(3) == 0) {
                tables.erase<TimerRow>(row.key());
                model.timers.erase(row.key());
            } else {
                tables.put(row);
                model.timers[row.key()] = row;
            }
        }
    }
}

}  // namespace

TEST_CASE("tables and store hold what a naive model holds, over random inputs, undone inputs and failed turns") {
    const uint64_t seed = GENERATE(range<uint64_t>(1, 21));
    CAPTURE(seed);
    Prng prng(seed);
    Tables tables;
    sim::MemoryStore store;
    Model model;
    int64_t turn = 1;
    std::map<int64_t, Model::Rows> before_turn{{1, {}}};  // what a failure of the turn goes back to
    std::vector<Batch> in_flight;
    for (int step = 0; step < 600; ++step) {
        CAPTURE(step);
        const uint64_t what = prng.below(20);
        if (what < 12) {
            tables.begin_input();
            const Model before = model;
            for (uint64_t changes = prng.below(5); changes > 0; --changes) random_change(prng, tables, model);
            if (prng.below(4) == 0) {
                tables.undo_input();
                model = before;
            } else {
                tables.end_input();
            }
        } else if (what < 16) {
            in_flight.push_back(tables.end_turn(turn, kInline));
            if (!in_flight.back().empty()) {
                for (const TableSum& sum : in_flight.back().sums) {
                    if (sum.table == TableId::tokens)
                        REQUIRE(sum.rows == static_cast<int64_t>(model.rows.tokens.size()));
                }
            }
            before_turn[++turn] = model.rows;
        } else if (what < 19) {
            if (in_flight.empty()) continue;
            const int64_t committed = in_flight.front().turn;
            REQUIRE(store.commit(in_flight.front()));
            in_flight.erase(in_flight.begin());
            tables.committed(committed);
            before_turn.erase(committed);
            const Model::Rows& stored = before_turn.at(committed + 1);
            REQUIRE(store.rows(TableId::tokens) == values_of(stored.stored_tokens));
            REQUIRE(store.rows(TableId::task_inputs) == values_of(stored.stored_inputs));
        } else {
            const int64_t first = in_flight.empty() ? turn : in_flight.front().turn;
            tables.undo_turns(first);
            model.rows = before_turn.at(first);
            before_turn.clear();
            before_turn[turn] = model.rows;
            in_flight.clear();
        }
        REQUIRE(tables.digest() == model.digest());
        REQUIRE(tables.count<TokenRow>() == static_cast<int64_t>(model.rows.tokens.size()));
        REQUIRE(tables.indexes().mono_timers.size() == model.timers.size());
    }
    Tables loaded;
    REQUIRE(loaded.load(tables.save()));
    CHECK(loaded.digest() == tables.digest());
}

TEST_CASE("a saved state with rows of every type comes back whole") {
    Prng prng(7);
    Tables tables;
    for_each_resident_row([&]<class Row>() {
        for (int i = 0; i < 5; ++i) {
            Row row = test::random_row<Row>(prng);
            // Indexes count on what validation has seen to.
            if constexpr (std::is_same_v<Row, TaskRow>) row.lane = row.priority = static_cast<int64_t>(prng.below(4));
            tables.restore(std::move(row));
        }
    });
    const std::string bytes = tables.save();
    Tables loaded;
    REQUIRE(loaded.load(bytes));
    CHECK(loaded.digest() == tables.digest());
    CHECK(loaded.save() == bytes);
    for (size_t i = 0; i < tables.sums().size(); ++i) {
        CHECK(loaded.sums()[i].rows == tables.sums()[i].rows);
        CHECK(loaded.sums()[i].sum == tables.sums()[i].sum);
    }
    // Loading stops at the cut, so all cuts together would take quadratic time.
    for (size_t length = 0; length < bytes.size(); length += 1 + static_cast<size_t>(prng.below(16))) {
        Tables broken;
        REQUIRE_FALSE(broken.load(std::string_view(bytes).substr(0, length)));
    }
    Tables longer;
    CHECK_FALSE(longer.load(bytes + "x"));
}
