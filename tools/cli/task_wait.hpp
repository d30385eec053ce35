// Waiting for the end of tasks, also over a restart of the hub.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/cli/commands.hpp"

namespace agentcom::cli {

// "/api/tasks/<id>".
std::string task_target(std::string_view task_id);

enum class EndShown {
    results,  // of each completed task what it gave
    states,   // a line per task
};

// Waits until all have ended. Nothing when all completed; else the failure of the first that did not. With --json the
// answer is {"tasks":[…]}, each as GET /api/tasks/:id gives it; for EndShown::results of one task, that task.
Trouble wait_for_tasks(const CommandContext& context, HubClient& client, const std::vector<std::string>& task_ids,
                       EndShown shown);

}  // namespace agentcom::cli
