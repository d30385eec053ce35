// JSON bodies of the HTTP API that are more than a line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.hpp"
#include "core/state/context.hpp"
#include "core/state/task_record.hpp"

namespace agentcom::render {

/// A task as `GET /api/tasks/:id` shows it: v1.1's keys, then those that came later. A live task's volatile parts
/// (progress) are taken from memory. Why it waits takes some looking around: it is said of one task, not in lists.
enum class Detail : uint8_t { plain, with_reasons };
void task(json::Writer&, const Context&, const TaskRecord&, Detail);

/// An agent's work state (http.md §6.3); `with_change` adds `last_state_change`.
void agent_state(json::Writer&, const Context&, const SessionRow&, bool with_change);

}  // namespace agentcom::render
