// A task with all that belongs to it, as a store gives it back.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/state/rows.hpp"
#include "core/state/store.hpp"

namespace agentcom {

struct TaskRecord {
    TaskRow task;
    TaskInputRow input;
    std::vector<TaskEdgeRow> edges;
    std::vector<AttemptRow> attempts;  ///< oldest first
    std::vector<EventRow> events;      ///< newest first
};

/// Puts the rows of FetchTask or ListTasks back together; nullopt when a row does not fit its table.
std::optional<std::vector<TaskRecord>> collect_task_records(std::vector<QueryRow> rows);

/// Thrown by `find_task` when the answer is not in memory: the operation is undone, the task is fetched, and the
/// operation runs again. Never leaves core/hub.
struct NeedsTask {
    int64_t workspace = 0;
    std::string task_id;
};

/// Tasks that were fetched for the operation at hand; nullopt: there is none.
using FetchedTasks = std::map<std::pair<int64_t, std::string>, std::optional<TaskRecord>>;

}  // namespace agentcom
