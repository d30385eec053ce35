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

Worker make_worker(std::string name, int64_t idle_since_us, std::vector<std::string> capabilities = {}) {
    Worker worker;
    worker.agent = std::move(name);
    worker.idle_since_us = idle_since_us;
    worker.capabilities = std::move(capabilities);
    return worker;
}

/// A worker that only asks.
Worker asker(std::string name, std::vector<std::string> capabilities) {
    return make_worker(std::move(name), 0, std::move(capabilities));
}

using Choice = TaskQueue::Choice;

/// The same decisions, by looking at everything each time.
struct Model {
    std::vector<TaskRow> tasks;
    std::vector<Worker> workers;
    std::map<std::pair<int64_t, std::string>, int64_t> served;

    static bool can(const std::vector<std::string>& has, const TaskRow& task) {
        return std::all_of(task.needed_capabilities.begin(), task.needed_capabilities.end(),
                           [&](const auto& need) { return std::find(has.begin(), has.end(), need) != has.end(); });
    }
    std::optional<std::string> next_task(const Worker& worker) const {
        std::optional<std::tuple<int64_t, int64_t, int64_t>> best;
        std::optional<std::string> id;
        for (const TaskRow& task : tasks) {
            if (!can(worker.capabilities, task) || ((worker.lanes >> task.lane) & 1) == 0) continue;
            if (!task.target_agent.empty() && task.target_agent != worker.agent) continue;
            const auto turn = served.find({task.lane, task.fairness_key});
            const std::tuple rank{task.lane, turn == served.end() ? 0 : turn->second, task.seq};
            if (best && *best < rank) continue;
            best = rank;
            id = task.id;
        }
        return id;
    }
    std::optional<Choice> next_worker(const TaskRow& task) const {
        using Rank = std::tuple<bool, int64_t, std::string, int64_t>;
        std::optional<Rank> best;
        for (const Worker& worker : workers) {
            if (!can(worker.capabilities, task) || ((worker.lanes >> task.lane) & 1) == 0) continue;
            if (!task.target_agent.empty() && task.target_agent != worker.agent) continue;
            // The target's own workers are not weighed against each other.
            Rank rank{worker.agent == task.avoid_agent, worker.idle_since_us, worker.agent, worker.request};
            if (!task.target_agent.empty()) rank = {false, 0, worker.agent, worker.request};
            if (!best || rank < *best) best = rank;
        }
        if (!best) return std::nullopt;
        return Choice{std::get<2>(*best), std::get<3>(*best)};
    }
};

}  // namespace

TEST_CASE("an empty queue has nothing for anybody") {
    TaskQueue queue;
    CHECK_FALSE(queue.next_task(asker("a", {"x"})));
    CHECK_FALSE(queue.next_worker(make_task(1)));
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
    CHECK(queue.next_task(asker("bob", {})) == "t3");
    CHECK(queue.next_task(asker("absent", {})) == "t2");
    CHECK(queue.next_task(asker("bob", {"none"})) == "t1");
}

TEST_CASE("the order of needs and their repetition do not matter") {
    TaskQueue queue;
    queue.add_task(make_task(1, 2, {"b", "a", "b"}));
    CHECK(queue.next_task(asker("bob", {"a", "c", "b", "a"})) == "t1");
    CHECK_FALSE(queue.next_task(asker("bob", {"b"})));
    queue.remove_task(make_task(1, 2, {"a", "b"}));
    CHECK(queue.size() == 0);
}

TEST_CASE("agents wait by the time they have been idle, then by name") {
    TaskQueue queue;
    queue.add_worker(make_worker("late", 30));
    queue.add_worker(make_worker("zoe", 10));
    queue.add_worker(make_worker("amy", 10));
    CHECK((queue.next_worker(make_task(1)) == Choice{"amy", 0}));
    queue.remove_worker(make_worker("amy", 10));
    CHECK((queue.next_worker(make_task(1)) == Choice{"zoe", 0}));
    TaskRow avoiding = make_task(1);
    avoiding.avoid_agent = "zoe";
    CHECK((queue.next_worker(avoiding) == Choice{"late", 0}));
    queue.remove_worker(make_worker("late", 30));
    CHECK((queue.next_worker(avoiding) == Choice{"zoe", 0}));
}

TEST_CASE("a turn that is taken back is a turn again") {
    TaskQueue queue;
    queue.add_task(make_task(1, 2, {}, "a"));
    queue.add_task(make_task(2, 2, {}, "b"));
    queue.set_served(2, "a", 0, 5);
    CHECK(queue.next_task(asker("x", {})) == "t2");
    queue.set_served(2, "a", 5, 0);
    CHECK(queue.next_task(asker("x", {})) == "t1");
    queue.set_served(1, "a", 0, 7);  // another lane's turn
    CHECK(queue.next_task(asker("x", {})) == "t1");
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
                const auto request = static_cast<int64_t>(random.below(3));
                const auto known = std::find_if(model.workers.begin(), model.workers.end(), [&](const Worker& each) {
                    return each.agent == name && each.request == request;
                });
                if (known != model.workers.end()) {
                    queue.remove_worker(*known);
                    model.workers.erase(known);
                } else {
                    Worker worker = make_worker(name, static_cast<int64_t>(random.below(3)), some());
                    worker.request = request;
                    if (request > 0) worker.lanes = static_cast<int64_t>(random.below(16));
                    queue.add_worker(worker);
                    model.workers.push_back(std::move(worker));
                }
            } else if (what == 5) {
                const std::pair<int64_t, std::string> turn{random.below(4), names[random.index_below(4)]};
                const int64_t before = model.served[turn];
                const int64_t after = random.below(5) == 0 ? 0 : ++turns;
                model.served[turn] = after;
                queue.set_served(turn.first, turn.second, before, after);
            } else {
                Worker worker = asker(names[random.index_below(4)], some());
                if (random.below(2) == 0) worker.lanes = static_cast<int64_t>(random.below(16));
                REQUIRE(queue.next_task(worker) == model.next_task(worker));
                if (!model.tasks.empty()) {
                    const TaskRow& task = model.tasks[random.index_below(model.tasks.size())];
                    REQUIRE((queue.next_worker(task) == model.next_worker(task)));
                    const auto before =
                        std::count_if(model.tasks.begin(), model.tasks.end(), [&](const TaskRow& other) {
                            return std::pair(other.lane, other.seq) < std::pair(task.lane, task.seq);
                        });
                    REQUIRE(queue.position(task, 1'000) == static_cast<int64_t>(before));
                }
            }
            REQUIRE(queue.size() == static_cast<int64_t>(model.tasks.size()));
        }
    }
}
