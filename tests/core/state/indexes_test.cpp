#include "core/state/indexes.hpp"

#include <catch2/catch.hpp>

#include "core/base/prng.hpp"
#include "core/state/tables.hpp"

using namespace agentcom;

namespace {

/// Tables in the middle of an input, so that rows can change.
struct OpenTables : Tables {
    OpenTables() { begin_input(); }
};

TaskRow make_task(const std::string& id, TaskState state, const std::string& holder = "") {
    TaskRow task;
    task.workspace = 1;
    task.id = id;
    task.state = state;
    task.live = state != TaskState::completed && state != TaskState::cancelled;
    if (!holder.empty()) task.assigned_to = holder;
    return task;
}

AgentRow make_agent(const std::string& name, int64_t slots = 1) {
    AgentRow agent;
    agent.workspace = 1;
    agent.agent = name;
    agent.connection = 7;
    agent.slots = slots;
    return agent;
}

}  // namespace

TEST_CASE("tasks are counted by state and found by holder") {
    OpenTables tables;
    const Indexes& indexes = tables.indexes();
    tables.put(make_task("a", TaskState::queued));
    tables.put(make_task("b", TaskState::assigned, "bob"));
    tables.put(make_task("c", TaskState::working, "bob"));
    tables.put(make_task("d", TaskState::held));
    tables.put(make_task("e", TaskState::dead_letter, "bob"));
    CHECK(indexes.state_counts.at(1) == std::array<int64_t, 5>{1, 1, 1, 1, 1});
    CHECK(indexes.live_tasks == 5);
    CHECK(indexes.lease_count(1, "bob") == 2);
    CHECK(indexes.lease_count(2, "bob") == 0);
    CHECK(indexes.leases.at({1, "bob"}) == std::set<std::string>{"b", "c"});
    tables.put(make_task("b", TaskState::queued));
    tables.erase<TaskRow>({1, "c"});
    CHECK(indexes.lease_count(1, "bob") == 0);
    CHECK(indexes.queues.at(1).size() == 2);
    CHECK(indexes.state_counts.at(1) == std::array<int64_t, 5>{1, 2, 0, 0, 1});
}

TEST_CASE("an agent is available while it is online, rested, under its limit and has a free slot") {
    struct Case {
        const char* name;
        void (*change)(AgentRow&);
        int leases;
        bool available;
    };
    const Case cases[] = {
        {"idle", [](AgentRow&) {}, 0, true},
        {"one of two slots", [](AgentRow& row) { row.slots = 2; }, 1, true},
        {"full", [](AgentRow&) {}, 1, false},
        {"more than full", [](AgentRow&) {}, 2, false},
        {"offline", [](AgentRow& row) { row.connection = 0; }, 0, false},
        {"limited", [](AgentRow& row) { row.limited = true; }, 0, false},
        {"in back-off", [](AgentRow& row) { row.backoff_until_us = 5; }, 0, false},
        {"unresponsive once, back-off over", [](AgentRow& row) { row.unresponsive = true; }, 0, true},
    };
    for (const Case& each : cases) {
        CAPTURE(each.name);
        OpenTables tables;
        AgentRow agent = make_agent("bob");
        each.change(agent);
        tables.put(agent);
        for (int i = 0; i < each.leases; ++i)
            tables.put(make_task("t" + std::to_string(i), TaskState::assigned, "bob"));
        CHECK(tables.indexes().is_available(*tables.find<AgentRow>({1, "bob"})) == each.available);
        // The queue knows the same.
        CHECK(tables.indexes().queues[1].next_worker(make_task("q", TaskState::queued)).has_value() == each.available);
        // And again when its leases have ended.
        for (int i = 0; i < each.leases; ++i) tables.erase<TaskRow>({1, "t" + std::to_string(i)});
        CHECK(tables.indexes().queues[1].next_worker(make_task("q", TaskState::queued)).has_value() ==
              (each.available || each.leases > 0));
    }
}

TEST_CASE("an agent's queue entry follows its row") {
    OpenTables tables;
    TaskQueue& queue = tables.indexes().queues[1];
    TaskRow needs = make_task("q", TaskState::queued);
    needs.needed_capabilities = {"c"};
    tables.put(make_agent("bob"));
    CHECK_FALSE(queue.next_worker(needs));
    tables.modify<AgentRow>({1, "bob"}, [](AgentRow& row) { row.capabilities = {"c"}; });
    CHECK((queue.next_worker(needs) == TaskQueue::Choice{"bob", 0}));
    tables.modify<AgentRow>({1, "bob"}, [](AgentRow& row) { row.idle_since_us = 9; });
    CHECK((queue.next_worker(needs) == TaskQueue::Choice{"bob", 0}));
    tables.erase<AgentRow>({1, "bob"});
    CHECK_FALSE(queue.next_worker(needs));
    CHECK_FALSE(queue.next_worker(make_task("q", TaskState::queued)));
}

TEST_CASE("a unique_key is taken while its task lives") {
    OpenTables tables;
    const auto put = [&](TaskState state) {
        TaskRow task = make_task("a", state);
        task.unique_key = "k";
        tables.put(task);
        return tables.indexes().unique_keys.contains({1, "k"});
    };
    CHECK(put(TaskState::held));
    CHECK(put(TaskState::queued));
    CHECK(put(TaskState::working));
    CHECK_FALSE(put(TaskState::dead_letter));
    CHECK(put(TaskState::queued));
    CHECK_FALSE(put(TaskState::cancelled));
}

TEST_CASE("edges are found from both ends") {
    OpenTables tables;
    const Indexes& indexes = tables.indexes();
    const auto edge = [](const std::string& task, const std::string& blocker) {
        TaskEdgeRow row;
        row.workspace = 1;
        row.task_id = task;
        row.blocked_by = blocker;
        return row;
    };
    tables.put(edge("a", "x"));
    tables.put(edge("b", "x"));
    tables.put(edge("a", "y"));
    CHECK(indexes.blocks.at({1, "x"}) == std::set<std::string>{"a", "b"});
    CHECK(indexes.blockers.at({1, "a"}) == std::set<std::string>{"x", "y"});
    tables.erase<TaskEdgeRow>({1, "a", "x"});
    CHECK(indexes.blocks.at({1, "x"}) == std::set<std::string>{"b"});
    tables.erase<TaskEdgeRow>({1, "a", "y"});
    CHECK_FALSE(indexes.blockers.contains({1, "a"}));
}

TEST_CASE("timers are ordered by their moment, each on its own clock") {
    OpenTables tables;
    const auto timer = [](TimerKind kind, const std::string& subject, int64_t deadline) {
        TimerRow row;
        row.kind = kind;
        row.subject = subject;
        row.deadline = deadline;
        return row;
    };
    tables.put(timer(TimerKind::lease, "a", 30));
    tables.put(timer(TimerKind::grace, "b", 10));
    tables.put(timer(TimerKind::deadline, "c", 5));
    CHECK(tables.indexes().mono_timers.begin()->deadline == 10);
    CHECK(tables.indexes().wall_timers.size() == 1);
    tables.put(timer(TimerKind::lease, "a", 3));  // the same one, moved
    CHECK(tables.indexes().mono_timers.size() == 2);
    CHECK(tables.indexes().mono_timers.begin()->deadline == 3);
    tables.erase<TimerRow>({TimerKind::lease, 0, "a", 0});
    CHECK(tables.indexes().mono_timers.begin()->deadline == 10);
}

TEST_CASE("undoing an input undoes the indexes") {
    for (uint64_t seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed);
        Prng random(seed);
        Tables tables;
        const std::vector<std::string> agents{"amy", "bob"};
        const auto change = [&] {
            const std::string id = "t" + std::to_string(random.below(6));
            const auto state = static_cast<TaskState>(random.below(4));
            const bool leased = state == TaskState::assigned || state == TaskState::working;
            TaskRow task = make_task(id, state, leased ? agents[random.index_below(2)] : "");
            task.seq = static_cast<int64_t>(random.below(2)) * 10 + id.back();
            task.lane = static_cast<int64_t>(random.below(4));
            task.unique_key = "key of " + id;
            switch (random.below(5)) {
                case 0:
                    return tables.erase<TaskRow>(task.key());
                case 1:
                    return tables.put(make_agent(agents[random.index_below(2)], static_cast<int64_t>(random.below(3))));
                case 2:
                    return tables.erase<AgentRow>({1, agents[random.index_below(2)]});
                default:
                    return tables.put(task);
            }
        };
        const auto seen = [&] {
            Indexes& indexes = tables.indexes();
            return std::tuple{indexes.state_counts[1],
                              indexes.leases,
                              indexes.unique_keys,
                              indexes.live_tasks,
                              indexes.queues[1].size(),
                              indexes.queues[1].next_task(Worker{"amy", 0, 0, {}, kAllLanes}),
                              indexes.queues[1].next_worker(make_task("q", TaskState::queued)).has_value(),
                              tables.digest()};
        };
        for (int step = 0; step < 60; ++step) {
            const auto before = seen();
            tables.begin_input();
            for (int i = 0; i < 5; ++i) change();
            if (random.below(2) == 0) {
                tables.end_input();
            } else {
                tables.undo_input();
                REQUIRE(seen() == before);
            }
        }
    }
}
