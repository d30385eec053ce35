#include "core/state/rows.hpp"

#include <catch2/catch.hpp>

#include <set>

#include "tests/core/support/random_rows.hpp"

using namespace agentcom;

namespace {

/// Every value has a name of its own which leads back to it, and no other text does.
template <class E>
void check_names() {
    std::set<std::string_view> names;
    for (uint64_t i = 0; i < test::enum_size<E>(); ++i) {
        const E value = static_cast<E>(i);
        const std::string_view name = to_text(value);
        CAPTURE(name);
        CHECK_FALSE(name.empty());
        CHECK(names.insert(name).second);
        E back{};
        CHECK(from_text(name, back));
        CHECK(back == value);
        CHECK_FALSE(from_text(std::string(name) + " ", back));
    }
    E none{};
    CHECK_FALSE(from_text("", none));
    CHECK_FALSE(from_text("no such name", none));
}

}  // namespace

TEST_CASE("the values of every enum of the rows have names, both ways") {
    check_names<PrincipalKind>();
    check_names<Role>();
    check_names<TaskState>();
    check_names<HoldReason>();
    check_names<Outcome>();
    check_names<TimerKind>();
}

TEST_CASE("timers from deadline on run on the wall clock") {
    CHECK_FALSE(is_wall_timer(TimerKind::identify));
    CHECK_FALSE(is_wall_timer(TimerKind::bucket_sweep));
    CHECK(is_wall_timer(TimerKind::deadline));
    CHECK(is_wall_timer(TimerKind::not_before));
    CHECK(is_wall_timer(TimerKind::mail_expiry));
    CHECK(is_wall_timer(TimerKind::idempotency_expiry));
}

TEST_CASE("each table has a number of its own, and its key is its first columns") {
    std::set<TableId> resident;
    for_each_resident_row([&resident]<class Row>() {
        CHECK(resident.insert(Row::kTable).second);
        CHECK(Row::kClass != RowClass::archive);
        CHECK(std::tuple_size_v<typename Row::Key> == static_cast<size_t>(Row::kKeyColumns));
    });
    std::set<TableId> stored;
    for_each_stored_row([&]<class Row>() {
        CHECK(stored.insert(Row::kTable).second);
        CHECK((Row::kClass == RowClass::durable || Row::kClass == RowClass::archive));
        CHECK(resident.contains(Row::kTable) == (Row::kClass == RowClass::durable));
    });
}

TEST_CASE("a task is leased while it is assigned or worked on") {
    TaskRow task;
    for (const TaskState state :
         {TaskState::held, TaskState::queued, TaskState::completed, TaskState::cancelled, TaskState::dead_letter}) {
        task.state = state;
        CHECK_FALSE(task.leased());
    }
    for (const TaskState state : {TaskState::assigned, TaskState::working}) {
        task.state = state;
        CHECK(task.leased());
    }
}
