#include "core/sim/memory_store.hpp"

#include <catch2/catch.hpp>

#include "tests/core/support/test_hub.hpp"

using namespace agentcom;
using agentcom::test::TestHub;

namespace {

RowChange put(const TaskInputRow& row) { return {TableId::task_inputs, false, row_values(row), row_hash(row)}; }

TaskInputRow input(const std::string& id, std::string description) {
    TaskInputRow row;
    row.workspace = 1;
    row.task_id = id;
    row.description = Body(std::move(description));
    return row;
}

}  // namespace

TEST_CASE("a batch is applied whole: rows put, changed and erased, bodies kept that were shed") {
    sim::MemoryStore store;
    Batch batch;
    batch.turn = 4;
    batch.changes = {put(input("a", "text of a")), put(input("b", "text of b"))};
    REQUIRE(store.commit(batch));
    CHECK(store.last_turn() == 4);
    CHECK(store.rows(TableId::task_inputs).size() == 2);
    TaskInputRow shed = input("a", "text of a");
    shed.metadata = Body("{}");
    shed.description.shed(0);
    Batch second;
    second.turn = 5;
    second.changes = {put(shed), {TableId::task_inputs, true, {ColumnValue::of(int64_t{1}), ColumnValue::of("b")}, {}}};
    REQUIRE(store.commit(second));
    REQUIRE(store.rows(TableId::task_inputs).size() == 1);
    CHECK(store.rows(TableId::task_inputs)[0][2] == ColumnValue::of("text of a"));
    CHECK(store.rows(TableId::task_inputs)[0][3] == ColumnValue::of("{}"));
}

TEST_CASE("a failing store keeps nothing of a batch") {
    sim::MemoryStore store;
    store.set_failing(true);
    CHECK(store.failing());
    Batch batch;
    batch.turn = 1;
    batch.changes = {put(input("a", "x"))};
    CHECK_FALSE(store.commit(batch));
    CHECK(store.rows(TableId::task_inputs).empty());
    CHECK(store.last_turn() == 0);
    store.set_failing(false);
    CHECK(store.commit(batch));
}

TEST_CASE("prunes remove archives up to a number, but what is kept by name") {
    sim::MemoryStore store;
    Batch batch;
    batch.turn = 1;
    for (int64_t seq = 1; seq <= 5; ++seq) {
        MessageRow message;
        message.workspace = 1;
        message.seq = seq;
        batch.changes.push_back({TableId::messages, false, row_values(message), row_hash(message)});
        EventRow event;
        event.workspace = 1;
        event.seq = seq;
        batch.changes.push_back({TableId::events, false, row_values(event), row_hash(event)});
        TaskRow task;
        task.workspace = 1;
        task.id = "t" + std::to_string(seq);
        task.live = seq == 5;
        task.finished_seq = seq;
        batch.changes.push_back({TableId::tasks, false, row_values(task), row_hash(task)});
        batch.changes.push_back(put(input(task.id, "x")));
    }
    batch.prunes = {{Prune::What::messages, 1, 4, {2}},
                    {Prune::What::events, 1, 3, {}},
                    {Prune::What::finished_tasks, 1, 5, {}},
                    {Prune::What::events, 2, 9, {}}};
    REQUIRE(store.commit(batch));
    CHECK(store.rows(TableId::messages).size() == 2);
    CHECK(store.rows(TableId::events).size() == 2);
    CHECK(store.rows(TableId::tasks).size() == 1);
    CHECK(store.rows(TableId::task_inputs).size() == 1);
}

TEST_CASE("a restart finds what was committed, and sees when something is missing") {
    TestHub hub;
    hub.register_agent("ann");
    hub.submit(R"({"description":"x"})");
    const std::vector<TableSum> sums = hub.tables().sums();
    Hub restored{Settings{}};
    REQUIRE(hub.store().restore_into(restored).ok());
    CHECK(restored.check_sums(sums).ok());

    sim::MemoryStore lossy = hub.store();
    Batch damage;
    damage.turn = 1'000;
    damage.sums = sums;
    SECTION("a lost row") {
        damage.changes = {{TableId::principals, true, {ColumnValue::of(int64_t{1}), ColumnValue::of("ann")}, {}}};
    }
    SECTION("an altered row") {
        PrincipalRow ann = *hub.tables().find<PrincipalRow>({1, "ann"});
        ann.kind = PrincipalKind::system;
        damage.changes = {{TableId::principals, false, row_values(ann), row_hash(ann)}};
    }
    REQUIRE(lossy.commit(damage));
    Hub other{Settings{}};
    const Status refused = lossy.restore_into(other);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == "lost_rows");
    CHECK(refused.error().text.find("principals") != std::string::npos);
}

TEST_CASE("queries for what is not there give no rows") {
    const sim::MemoryStore store;
    const QueryResult result = store.run(7, FetchTask{1, "none", 10});
    CHECK(result.query == 7);
    CHECK(result.ok);
    CHECK(result.rows.empty());
    CHECK(store.run(8, FetchMessages{1, {1, 2}}).rows.empty());
    CHECK(store.run(9, CountTasks{1}).rows.empty());
    CHECK(store.run(10, ListTasks{}).rows.empty());
    CHECK(store.run(11, FetchEvents{1, 0, 100, {}, "", 10}).rows.empty());
}
