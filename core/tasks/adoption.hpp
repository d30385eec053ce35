// Tasks that another hub had queued or given up: they go on here as they stood there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "core/state/context.hpp"

namespace agentcom::tasks {

/// A task as the other hub shows it.
struct ForeignTask {
    std::string id;
    std::string description;
    std::string metadata = "{}";  ///< JSON object
    std::string history = "[]";   ///< JSON: what happened to it there, kept in the event of its adoption
    int64_t priority = 2;
    std::vector<std::string> needed_capabilities;
    std::string submitted_by;
    int64_t created_at = 0;
    int64_t updated_at = 0;
    std::optional<int64_t> complete_by;
    int64_t max_retries = 3;
    int64_t retry_count = 0;
    int64_t generation = 0;
    std::optional<std::string> last_error;
    bool dead_letter = false;
    std::optional<std::string> assigned_to;  ///< who holds it there, or held it last
    std::optional<int64_t> assigned_at;
};

/// Takes a task over, under its own id where this hub can be sure that it has not given that to another one, else under
/// a new one. Unless it is a dead letter it is queued; who holds it there has no lease here, and its next report is
/// refused as stale, since the generation goes on counting. Error `queue_full` (503).
Result<TaskRow> adopt(Context&, int64_t workspace, const ForeignTask&, const std::string& principal);

}  // namespace agentcom::tasks
