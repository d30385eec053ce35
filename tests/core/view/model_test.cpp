#include "core/view/model.hpp"

#include <catch2/catch.hpp>

using namespace agentcom;
using view::Model;

namespace {

void add_task(Model& model, const std::string& id, const std::string& state, int64_t seq, int64_t at = 0) {
    view::Task task;
    task.task_id = id;
    task.state = state;
    task.seq = seq;
    task.since = at;
    task.updated_at = at;
    model.tasks[id] = task;
}

template <class List>
std::string ids(const List& tasks) {
    std::string all;
    for (const auto* task : tasks) all += (all.empty() ? "" : " ") + task->key();
    return all;
}

}  // namespace

TEST_CASE("screens list tasks in their order", "[view]") {
    Model model;
    add_task(model, "a", "queued", 9);
    add_task(model, "b", "queued", 3);
    add_task(model, "c", "working", 1, 20);
    add_task(model, "d", "assigned", 2, 10);
    add_task(model, "e", "waiting_input", 4, 30);
    add_task(model, "f", "dead_letter", 5, 1);
    add_task(model, "g", "dead_letter", 6, 2);
    add_task(model, "h", "held", 7);
    CHECK(ids(view::queue_of(model, 2)) == "b a");
    CHECK(ids(view::queue_of(model, 0)).empty());
    CHECK(ids(view::running(model)) == "e d c");
    CHECK(ids(view::dead_letters(model)) == "g f");
    CHECK(ids(view::held(model)) == "h");
    for (const int64_t number : {1, 3, 2}) {
        view::Completion completion;
        completion.task_id = std::to_string(number);
        completion.number = number;
        model.completions[completion.key()] = completion;
    }
    CHECK(ids(view::completions(model)) == "3 2 1");
}

TEST_CASE("what presses most comes first", "[view]") {
    Model model;
    view::Alert alert;
    alert.rule_id = "no_agents_online";
    alert.severity = "critical";
    model.alerts[alert.key()] = alert;
    for (const auto& [kind, subject] : {std::pair{"dead_letter", "t1"}, std::pair{"waiting_input", "t2"},
                                        std::pair{"alert", "no_agents_online"}, std::pair{"undeliverable", "zoe"}}) {
        view::Need need;
        need.kind = kind;
        need.subject = subject;
        model.needs[need.key()] = need;
    }
    CHECK(ids(view::needs(model)) == "alert/no_agents_online waiting_input/t2 dead_letter/t1 undeliverable/zoe");
}
