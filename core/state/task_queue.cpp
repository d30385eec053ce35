#include "core/state/task_queue.hpp"

#include <algorithm>

#include "core/base/assert.hpp"

namespace agentcom {

namespace {

std::vector<std::string> sorted_unique(std::vector<std::string> names) {
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

bool takes_lane(int64_t lanes, int64_t lane) { return ((lanes >> lane) & 1) != 0; }

bool includes_all(const std::vector<std::string>& has, const std::vector<std::string>& needs) {
    return std::includes(has.begin(), has.end(), needs.begin(), needs.end());
}

}  // namespace

TaskQueue::ClassKey TaskQueue::class_of(const TaskRow& task) {
    return {sorted_unique(task.needed_capabilities), task.target_agent};
}

int64_t TaskQueue::served(int64_t lane, const std::string& fairness_key) const {
    const auto found = served_.find({lane, fairness_key});
    return found == served_.end() ? 0 : found->second;
}

void TaskQueue::set_turn(Lane& lane, int64_t lane_number, const std::string& fairness_key) {
    if (const auto old = lane.turn_of.find(fairness_key); old != lane.turn_of.end()) {
        lane.turns.erase(old->second);
        lane.turn_of.erase(old);
    }
    const auto tasks = lane.by_key.find(fairness_key);
    if (tasks == lane.by_key.end()) return;
    const Turn turn{served(lane_number, fairness_key), tasks->second.begin()->first, fairness_key};
    lane.turns.insert(turn);
    lane.turn_of.emplace(fairness_key, turn);
}

const TaskQueue::Turn* TaskQueue::first_turn(Lane& lane, int64_t lane_number) {
    // A key that was served through another class has a turn here that is too early; it is mended only when it comes
    // to the front. Turns only ever move back, so the front is right once it needs no mending.
    while (!lane.turns.empty()) {
        const Turn first = *lane.turns.begin();
        const std::string& fairness_key = std::get<2>(first);
        if (std::get<0>(first) == served(lane_number, fairness_key)) return &*lane.turns.begin();
        set_turn(lane, lane_number, fairness_key);
    }
    return nullptr;
}

void TaskQueue::add_task(const TaskRow& task) {
    const ClassKey key = class_of(task);
    auto [place, is_new] = classes_.try_emplace(key);
    Class& tasks = place->second;
    if (is_new) {
        if (!key.second.empty()) {
            by_target_[key.second].insert(key);
        } else {
            // Under the need that the fewest other classes are registered under: a rare one, as a rule.
            size_t fewest = SIZE_MAX;
            for (const std::string& need : key.first) {
                const auto others = by_capability_.find(need);
                const size_t count = others == by_capability_.end() ? 0 : others->second.size();
                if (count < fewest) {
                    fewest = count;
                    tasks.registered_under = need;
                }
            }
            by_capability_[tasks.registered_under].insert(key);
        }
    }
    Lane& lane = tasks.lanes[static_cast<size_t>(task.lane)];
    lane.by_key[task.fairness_key].emplace(task.seq, task.id);
    set_turn(lane, task.lane, task.fairness_key);
    ++tasks.tasks;
    ++size_;
    ++lane_sizes_[static_cast<size_t>(task.lane)];
}

void TaskQueue::remove_task(const TaskRow& task) {
    const auto place = classes_.find(class_of(task));
    AGENTCOM_ASSERT(place != classes_.end(), "a queued task is in a class");
    Lane& lane = place->second.lanes[static_cast<size_t>(task.lane)];
    const auto tasks = lane.by_key.find(task.fairness_key);
    AGENTCOM_ASSERT(tasks != lane.by_key.end(), "a queued task is in its lane");
    tasks->second.erase(task.seq);
    if (tasks->second.empty()) lane.by_key.erase(tasks);
    set_turn(lane, task.lane, task.fairness_key);
    --size_;
    --lane_sizes_[static_cast<size_t>(task.lane)];
    if (--place->second.tasks > 0) return;
    const ClassKey& key = place->first;
    auto& registry = key.second.empty() ? by_capability_ : by_target_;
    const std::string& under = key.second.empty() ? place->second.registered_under : key.second;
    if (const auto set = registry.find(under); set != registry.end()) {
        set->second.erase(key);
        if (set->second.empty()) registry.erase(set);
    }
    classes_.erase(place);
}

void TaskQueue::add_worker(const Worker& worker) {
    const WorkerName name{worker.agent, worker.request};
    const std::pair<int64_t, WorkerName> idle{worker.idle_since_us, name};
    idle_.insert(idle);
    std::vector<std::string> capabilities = sorted_unique(worker.capabilities);
    for (const std::string& capability : capabilities) idle_with_[capability].insert(idle);
    available_[name] = Able{std::move(capabilities), worker.lanes};
}

void TaskQueue::remove_worker(const Worker& worker) {
    const WorkerName name{worker.agent, worker.request};
    const std::pair<int64_t, WorkerName> idle{worker.idle_since_us, name};
    idle_.erase(idle);
    const auto found = available_.find(name);
    if (found == available_.end()) return;
    for (const std::string& capability : found->second.capabilities) {
        const auto set = idle_with_.find(capability);
        if (set == idle_with_.end()) continue;
        set->second.erase(idle);
        if (set->second.empty()) idle_with_.erase(set);
    }
    available_.erase(found);
}

void TaskQueue::set_served(int64_t lane, const std::string& fairness_key, int64_t before, int64_t after) {
    if (after == 0) {
        served_.erase({lane, fairness_key});
    } else {
        served_[{lane, fairness_key}] = after;
    }
    // Only an undone dispatch or a forgotten key moves a turn forward; mending at the front cannot see that.
    if (after < before) {
        for (auto& [key, tasks] : classes_) {
            Lane& place = tasks.lanes[static_cast<size_t>(lane)];
            if (place.by_key.contains(fairness_key)) set_turn(place, lane, fairness_key);
        }
    }
}

std::optional<std::string> TaskQueue::next_task(const Worker& worker) {
    const std::vector<std::string> has = sorted_unique(worker.capabilities);
    std::optional<std::tuple<int64_t, int64_t, int64_t>> best;
    std::optional<std::string> task_id;
    const auto consider = [&](const std::set<ClassKey>& keys) {
        for (const ClassKey& key : keys) {
            if (!includes_all(has, key.first)) continue;
            Class& tasks = classes_.find(key)->second;
            for (int64_t number = 0; number < kLanes; ++number) {
                if (!takes_lane(worker.lanes, number)) continue;
                Lane& lane = tasks.lanes[static_cast<size_t>(number)];
                const Turn* turn = first_turn(lane, number);
                if (turn == nullptr) continue;
                const std::tuple<int64_t, int64_t, int64_t> rank{number, std::get<0>(*turn), std::get<1>(*turn)};
                if (!best || rank < *best) {
                    best = rank;
                    task_id = lane.by_key.find(std::get<2>(*turn))->second.begin()->second;
                }
                break;
            }
        }
    };
    if (const auto keys = by_target_.find(worker.agent); keys != by_target_.end()) consider(keys->second);
    if (const auto keys = by_capability_.find(std::string{}); keys != by_capability_.end()) consider(keys->second);
    for (const std::string& capability : has) {
        if (capability.empty()) continue;
        if (const auto keys = by_capability_.find(capability); keys != by_capability_.end()) consider(keys->second);
    }
    return task_id;
}

std::optional<TaskQueue::Choice> TaskQueue::next_worker(const TaskRow& task) const {
    const std::vector<std::string> needs = sorted_unique(task.needed_capabilities);
    const auto can = [&](const Able& able) {
        return takes_lane(able.lanes, task.lane) && includes_all(able.capabilities, needs);
    };
    if (!task.target_agent.empty()) {
        for (auto own = available_.lower_bound({task.target_agent, 0});
             own != available_.end() && own->first.first == task.target_agent; ++own) {
            if (can(own->second)) return Choice{own->first.first, own->first.second};
        }
        return std::nullopt;
    }
    const IdleSet* smallest = &idle_;
    for (const std::string& need : needs) {
        const auto found = idle_with_.find(need);
        if (found == idle_with_.end()) return std::nullopt;
        if (found->second.size() < smallest->size()) smallest = &found->second;
    }
    std::optional<Choice> avoided;
    for (const auto& [idle_since, name] : *smallest) {
        if (!can(available_.find(name)->second)) continue;
        if (name.first != task.avoid_agent) return Choice{name.first, name.second};
        if (!avoided) avoided = Choice{name.first, name.second};
    }
    return avoided;
}

std::optional<int64_t> TaskQueue::position(const TaskRow& task, int64_t limit) const {
    int64_t before = 0;
    for (int64_t lane = 0; lane < task.lane; ++lane) before += lane_size(lane);
    int64_t looked_at = 0;
    for (const auto& [unused, tasks] : classes_) {
        for (const auto& [key, by_seq] : tasks.lanes[static_cast<size_t>(task.lane)].by_key) {
            for (const auto& [seq, id] : by_seq) {
                if (seq >= task.seq) break;
                ++before;
                if (++looked_at > limit) return std::nullopt;
            }
        }
    }
    return before;
}

}  // namespace agentcom
