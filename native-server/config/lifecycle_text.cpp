#include "native-server/config/lifecycle_text.hpp"

#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "core/tasks/lifecycle.hpp"

namespace agentcom {

namespace {

/// Where an action may lead; none for one that leaves the state as it is.
std::vector<TaskState> targets(TaskAction action) {
    switch (action) {
        case TaskAction::nothing:
        case TaskAction::keep:
            return {};
        case TaskAction::begin_lease:
            return {TaskState::assigned};
        case TaskAction::begin_work:
            return {TaskState::working};
        case TaskAction::finish:
            return {TaskState::completed};
        case TaskAction::count_failure:
            return {TaskState::queued, TaskState::held, TaskState::dead_letter};
        case TaskAction::give_back:
        case TaskAction::enqueue:
            return {TaskState::queued};
        case TaskAction::reclaim:
            return {TaskState::queued, TaskState::dead_letter};
        case TaskAction::expire:
            return {TaskState::dead_letter};
        case TaskAction::end:
            return {TaskState::cancelled};
        case TaskAction::revive:
            return {TaskState::queued, TaskState::held};
    }
    return {};
}

std::string diagram() {
    std::map<std::pair<TaskState, TaskState>, std::string> edges;
    for (std::size_t s = 0; s < kTaskStates; ++s) {
        const auto from = static_cast<TaskState>(s);
        for (std::size_t e = 0; e < kTaskEvents; ++e) {
            const auto event = static_cast<TaskEvent>(e);
            for (const TaskState to : targets(lifecycle(from, event).action)) {
                std::string& label = edges[{from, to}];
                if (!label.empty()) label += ", ";
                label += to_text(event);
            }
        }
    }
    std::string out =
        "```mermaid\nstateDiagram-v2\n    [*] --> queued: submit\n    [*] --> held: submit, not to start at once\n";
    for (const auto& [edge, label] : edges) {
        out.append("    ").append(to_text(edge.first)).append(" --> ").append(to_text(edge.second));
        out.append(": ").append(label).append("\n");
    }
    return out + "    completed --> [*]\n    cancelled --> [*]\n```\n";
}

std::string table() {
    std::string out = "| event |";
    std::string rule = "|---|";
    for (std::size_t s = 0; s < kTaskStates; ++s) {
        out.append(" ").append(to_text(static_cast<TaskState>(s))).append(" |");
        rule += "---|";
    }
    out.append("\n").append(rule).append("\n");
    for (std::size_t e = 0; e < kTaskEvents; ++e) {
        const auto event = static_cast<TaskEvent>(e);
        out.append("| ").append(to_text(event)).append(" |");
        for (std::size_t s = 0; s < kTaskStates; ++s) {
            const LifecycleCell& cell = lifecycle(static_cast<TaskState>(s), event);
            if (cell.action == TaskAction::nothing) {
                out.append(" *").append(cell.error).append("* |");
            } else {
                out.append(" ").append(to_text(cell.action)).append(" |");
            }
        }
        out.append("\n");
    }
    return out;
}

}  // namespace

std::string describe_lifecycle() { return diagram() + "\n" + table(); }

}  // namespace agentcom
