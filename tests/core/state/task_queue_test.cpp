#include "core/state/task_queue.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <tuple>

#include "core/base/prng.hpp"

using namespace agentcom;

namespace {

TaskRow make_task(int64_t seq, int64_t lane = 2, std::vector<std::string> needs = {}, std::string key = "",
                  std::string target = "") {
    TaskRow task;
    task.workspace = 1;
    task.seq = seq;
    task.id = "t" + std::to_string(seq);
    task.lane = lane;
    task.needed_capabilities = std::move(needs);
    task.fairness_key = std::move(key);
    task.target_agent = std::move(target);
    return task;
}

AgentRow make_agent(std::string name, int64_t idle_since_us, std::vector<std::string> capabilities = {}) {
    AgentRow agent;
    agent.workspace = 1;
    agent.agent = std::move(name);
    agent.idle_since_us = idle_since_us;
    agent.capabilities = std::move(capabilities);
    return agent;
}

/// The same decisions, by looking at everything each time.
struct Model {
    std::vector<TaskRow> tasks;
    std::vector<AgentRow> agents;
    std::map<std::pair<int64_t, std::string>, int64_t> served;

    static bool can(const std::vector<std::string>& has, const TaskRow& task) {
        return std::all_of(task.needed_capabilities.begin(), task.needed_capabilities.end(),
                           [&](const auto& need) { return std::find(has.begin(), has.end(), need) != has.end(); });
    }
    std::optional<std::string> next_task(const std::string& agent, const std::vector<std::string>& has) const {
        std::optional<std::tuple<int64_t, int64_t, int64_t>> best;
        std::optional<std::string> id;
        for (const TaskRow& task : tasks) {
            if (!can(has, task) || (!task.target_agent.empty() && task.target_agent != agent)) continue;
            const auto turn = served.find({task.lane, task.fairness_key});
            const std::tuple rank{task.lane, turn == served.end() ? 0 : turn->second, task.seq};
            if (best && *best < rank) continue;
            best = rank;
            id = task.id;
        }
        return id;
    }
    std::optional<std::string> next_agent(const TaskRow& task) const {
        std::optional<std::tuple<bool, int64_t, std::string>> best;
        for (const AgentRow& agent : agents) {
            if (!can(agent.capabilities, task) || (!task.target_agent.empty() && task.target_agent != agent.agent))
                continue;
            const std::tuple rank{agent.agent == task.avoid_agent, agent.idle_since_us, agent.agent};
            if (!best || rank < *best) best = rank;
        }
        if (!best) return std::nullopt;
        return std::get<2>(*best);
    }
};

}  // namespace

TEST_CASE("an empty queue has nothing for anybody") {
    TaskQueue queue;
    CHECK_FALSE(queue.next_task("a", {"x"}));
    CHECK_FALSE(queue.next_agent(make_task(1)));
    CHECK(queue.size() == 0);
}

TEST_CASE("the queue's sizes count its tasks") {
    TaskQueue queue;
    queue.add_task(make_task(1, 0));
    queue.add_task(make_task(2, 3, {"x"}));
    queue.add_task(make_task(3, 3, {}, "", "bob"));
    CHECK(queue.size() == 3);
    CHECK(queue.lane_size(0) == 1);
    CHECK(queue.lane_size(3) == 2);
    queue.remove_task(make_task(2, 3, {"x"}));
    CHECK(queue.size() == 2);
    CHECK(queue.lane_size(3) == 1);
}

TEST_CASE("what nobody can do hides nothing behind it") {
    TaskQueue queue;
    queue.add_task(make_task(1, 0, {"none"}));
    queue.add_task(make_task(2, 0, {}, "", "absent"));
    queue.add_task(make_task(3, 3));
    CHECK(queue.next_task("bob", {}) == "t3");
    CHECK(queue.next_task("absent", {}) == "t2");
    CHECK(queue.next_task("bob", {"none"}) == "t1");
}

TEST_CASE("the order of needs and their repetition do not matter") {
    TaskQueue queue;
    queue.add_task(make_task(1, 2, {"b", "a", "b"}));
    CHECK(queue.next_task("bob", {"a", "c", "b", "a"}) == "t1");
    CHECK_FALSE(queue.next_task("bob", {"b"}));
    queue.remove_task(make_task(1, 2, {"a", "b"}));
    CHECK(queue.size() == 0);
}

TEST_CASE("agents wait by the time they have been idle, then by name") {
    TaskQueue queue;
    queue.add_agent(make_agent("late", 30));
    queue.add_agent(make_agent("zoe", 10));
    queue.add_agent(make_agent("amy", 10));
    CHECK(queue.next_agent(make_task(1)) == "amy");
    queue.remove_agent(make_agent("amy", 10));
    CHECK(queue.next_agent(make_task(1)) == "zoe");
    TaskRow avoiding = make_task(1);
    avoiding.avoid_agent = "zoe";
    CHECK(queue.next_agent(avoiding) == "late");
    queue.remove_agent(make_agent("late", 30));
    CHECK(queue.next_agent(avoiding) == "zoe");
}

TEST_CASE("a turn that is taken back is a turn again") {
    TaskQueue queue;
    queue.add_task(make_task(1, 2, {}, "a"));
    queue.add_task(make_task(2, 2, {}, "b"));
    queue.set_served(2, "a", 0, 5);
    CHECK(queue.next_task("x", {}) == "t2");
    queue.set_served(2, "a", 5, 0);
    CHECK(queue.next_task("x", {}) == "t1");
    queue.set_served(1, "a", 0, 7);  // another lane's turn
    CHECK(queue.next_task("x", {}) == "t1");
}

TEST_CASE("the queue decides as one who looks at everything") {
    const std::vector<std::string> names{"a", "b", "c", "d"};
    for (uint64_t seed = 1; seed <= 30; ++seed) {
        CAPTURE(seed);
        Prng random(seed);
        TaskQueue queue;
        Model model;
        int64_t seq = 0;
        int64_t turns = 0;
        const auto some = [&] {
            std::vector<std::string> list;
            for (const std::string& name : names) {
                if (random.below(3) == 0) list.push_back(name);
            }
            return list;
        };
        for (int step = 0; step < 400; ++step) {
            const uint64_t what = random.below(8);
            if (what < 3) {
                TaskRow task = make_task(++seq, static_cast<int64_t>(random.below(4)), some(),
                                         random.below(2) == 0 ? "" : names[random.index_below(4)],
                                         random.below(6) == 0 ? names[random.index_below(4)] : "");
                if (random.below(4) == 0) task.avoid_agent = names[random.index_below(4)];
                queue.add_task(task);
                model.tasks.push_back(std::move(task));
            } else if (what == 3 && !model.tasks.empty()) {
                const size_t at = random.index_below(model.tasks.size());
                queue.remove_task(model.tasks[at]);
                model.tasks.erase(model.tasks.begin() + static_cast<std::ptrdiff_t>(at));
            } else if (what == 4) {
                const std::string& name = names[random.index_below(4)];
                const auto known = std::find_if(model.agents.begin(), model.agents.end(),
                                                [&](const AgentRow& each) { return each.agent == name; });
                if (known != model.agents.end()) {
                    queue.remove_agent(*known);
                    model.agents.erase(known);
                } else {
                    model.agents.push_back(make_agent(name, static_cast<int64_t>(random.below(3)), some()));
                    queue.add_agent(model.agents.back());
                }
            } else if (what == 5) {
                const std::pair<int64_t, std::string> turn{random.below(4), names[random.index_below(4)]};
                const int64_t before = model.served[turn];
                const int64_t after = random.below(5) == 0 ? 0 : ++turns;
                model.served[turn] = after;
                queue.set_served(turn.first, turn.second, before, after);
            } else {
                const std::string& agent = names[random.index_below(4)];
                const std::vector<std::string> has = some();
                const auto chosen = queue.next_task(agent, has);
                REQUIRE(chosen == model.next_task(agent, has));
                if (!model.tasks.empty()) {
                    const TaskRow& task = model.tasks[random.index_below(model.tasks.size())];
                    REQUIRE(queue.next_agent(task) == model.next_agent(task));
                }
            }
            REQUIRE(queue.size() == static_cast<int64_t>(model.tasks.size()));
        }
    }
}
