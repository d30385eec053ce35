#include "core/view/health.hpp"

#include <algorithm>

namespace agentcom::view {

namespace {

std::string comma_list(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
}

}  // namespace

Signs signs_of(const Model& model) {
    Signs signs;
    for (const auto& [name, agent] : model.agents) {
        if (agent.state == "offline") signs.offline_agents.push_back(name);
    }
    for (const auto& [unused, alert] : model.alerts) signs.alerts.push_back(alert);
    signs.free_percent = model.storage.free_percent;
    signs.invalid_1h = model.rates.invalid_1h;
    return signs;
}

Health judge(const Signs& signs) {
    Health health;
    bool is_critical = false;
    if (!signs.offline_agents.empty()) {
        health.conditions.push_back("Agent offline: " + comma_list(signs.offline_agents));
    }
    for (const Alert& alert : signs.alerts) {
        if (alert.severity == "notice") continue;
        health.conditions.push_back(alert.message);
        is_critical = is_critical || alert.severity == "critical";
    }
    if (signs.free_percent > kFragmentedPercent) {
        health.conditions.push_back("High fragmentation: " + std::to_string(signs.free_percent) +
                                    " % of the database is free pages");
    }
    if (signs.invalid_1h > kManyInvalid) {
        health.conditions.push_back("High validation failures: " + std::to_string(signs.invalid_1h) + " this hour");
    }
    health.status = is_critical ? "critical" : health.conditions.empty() ? "ok" : "warning";
    return health;
}

}  // namespace agentcom::view
