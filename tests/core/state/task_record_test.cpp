#include "core/state/task_record.hpp"

#include <catch2/catch.hpp>

using namespace agentcom;

namespace {

QueryRow task(const std::string& id) {
    TaskRow row;
    row.id = id;
    return {TableId::tasks, row_values(row)};
}
QueryRow edge(const std::string& blocked_by) {
    TaskEdgeRow row;
    row.blocked_by = blocked_by;
    return {TableId::task_edges, row_values(row)};
}
QueryRow attempt(int64_t generation) {
    AttemptRow row;
    row.generation = generation;
    return {TableId::attempts, row_values(row)};
}

}  // namespace

TEST_CASE("rows of a query become tasks, each with what follows it") {
    TaskInputRow input;
    input.description = Body("text");
    EventRow event;
    event.kind = "task_submitted";
    const auto records = collect_task_records({task("a"),
                                               {TableId::task_inputs, row_values(input)},
                                               edge("x"),
                                               edge("y"),
                                               attempt(1),
                                               attempt(2),
                                               {TableId::events, row_values(event)},
                                               task("b")});
    REQUIRE(records);
    REQUIRE(records->size() == 2);
    const TaskRecord& first = records->front();
    CHECK(first.task.id == "a");
    CHECK(first.input.description.bytes == "text");
    REQUIRE(first.edges.size() == 2);
    CHECK(first.edges[1].blocked_by == "y");
    REQUIRE(first.attempts.size() == 2);
    CHECK(first.attempts[1].generation == 2);
    REQUIRE(first.events.size() == 1);
    CHECK(first.events[0].kind == "task_submitted");
    CHECK(records->back().task.id == "b");
    CHECK(records->back().edges.empty());
}

TEST_CASE("rows that make no tasks are refused") {
    CHECK(collect_task_records({})->empty());
    CHECK_FALSE(collect_task_records({edge("x")}));
    CHECK_FALSE(collect_task_records({task("a"), {TableId::messages, row_values(MessageRow{})}}));
    CHECK_FALSE(collect_task_records({task("a"), {static_cast<TableId>(250), {}}}));
    CHECK_FALSE(collect_task_records({{TableId::tasks, {}}}));
    QueryRow damaged = attempt(1);
    damaged.values.pop_back();
    CHECK_FALSE(collect_task_records({task("a"), damaged}));
}
