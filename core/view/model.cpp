#include "core/view/model.hpp"

#include <algorithm>
#include <tuple>

namespace agentcom::view {

namespace {

template <class Keep>
std::vector<const Task*> tasks_that(const Model& model, Keep&& keep) {
    std::vector<const Task*> found;
    for (const auto& [unused, task] : model.tasks) {
        if (keep(task)) found.push_back(&task);
    }
    return found;
}

bool is_critical_alert(const Model& model, const Need& need) {
    const auto alert = model.alerts.find(need.subject);
    return need.kind == "alert" && alert != model.alerts.end() && alert->second.severity == "critical";
}

int rank_of(const Model& model, const Need& need) {
    if (is_critical_alert(model, need)) return 0;
    static constexpr std::string_view kOrder[] = {"waiting_input", "stuck",       "alert",
                                                  "unresponsive",  "dead_letter", "undeliverable"};
    const auto* const found = std::find(std::begin(kOrder), std::end(kOrder), need.kind);
    return 1 + static_cast<int>(found - std::begin(kOrder));
}

}  // namespace

bool same_view(const Model& a, const Model& b) {
    return std::tie(a.agents, a.tasks, a.completions, a.alerts, a.needs, a.samples, a.hub, a.counts, a.rates,
                    a.storage) == std::tie(b.agents, b.tasks, b.completions, b.alerts, b.needs, b.samples, b.hub,
                                           b.counts, b.rates, b.storage);
}

std::vector<const Task*> queue_of(const Model& model, int64_t lane) {
    auto tasks = tasks_that(model, [lane](const Task& t) { return t.state == "queued" && t.priority == lane; });
    std::sort(tasks.begin(), tasks.end(), [](const Task* a, const Task* b) { return a->seq < b->seq; });
    return tasks;
}

std::vector<const Task*> running(const Model& model) {
    auto tasks = tasks_that(model, [](const Task& t) {
        return t.state == "assigned" || t.state == "working" || t.state == "waiting_input";
    });
    const auto place = [](const Task* t) { return std::tuple(t->state != "waiting_input", t->since, t->seq); };
    std::sort(tasks.begin(), tasks.end(), [&](const Task* a, const Task* b) { return place(a) < place(b); });
    return tasks;
}

std::vector<const Task*> held(const Model& model) {
    auto tasks = tasks_that(model, [](const Task& t) { return t.state == "held"; });
    std::sort(tasks.begin(), tasks.end(), [](const Task* a, const Task* b) { return a->seq < b->seq; });
    return tasks;
}

std::vector<const Task*> dead_letters(const Model& model) {
    auto tasks = tasks_that(model, [](const Task& t) { return t.state == "dead_letter"; });
    const auto place = [](const Task* t) { return std::pair(t->updated_at, t->seq); };
    std::sort(tasks.begin(), tasks.end(), [&](const Task* a, const Task* b) { return place(a) > place(b); });
    return tasks;
}

std::vector<const Completion*> completions(const Model& model) {
    std::vector<const Completion*> all;
    for (const auto& [unused, completion] : model.completions) all.push_back(&completion);
    std::sort(all.begin(), all.end(), [](const Completion* a, const Completion* b) { return a->number > b->number; });
    return all;
}

std::vector<const Need*> needs(const Model& model) {
    std::vector<const Need*> all;
    for (const auto& [unused, need] : model.needs) all.push_back(&need);
    const auto place = [&model](const Need* n) { return std::tuple(rank_of(model, *n), n->since, n->key()); };
    std::sort(all.begin(), all.end(), [&](const Need* a, const Need* b) { return place(a) < place(b); });
    return all;
}

}  // namespace agentcom::view
