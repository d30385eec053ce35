// What agents report about the tasks they hold.
//
// Each report is checked against the fence (task, agent, generation) and the lifecycle table before anything changes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/state/context.hpp"
#include "core/tasks/transitions.hpp"

namespace agentcom::tasks {

/// `complete` and `fail` may throw NeedsTask.
/// Errors of the fence and the table: `stale_generation`, `invalid_state`, `not_found` (409, 409, 404).
Status accept(Context&, const Report&);
Status progress(Context&, const Report&, std::optional<int64_t> progress);
/// The same report again, by the agent and generation that ended the lease, succeeds again.
Status complete(Context&, const Report&, std::string result_json, std::optional<std::string> tokens_used_json,
                std::optional<std::string> usage_json);
/// Gives the outcome: retried or dead_letter; cancelled if its end had been asked for.
Result<Outcome> fail(Context&, const Report&, const std::string& error);
Status reject(Context&, const Report&, const std::string& reason);
Status release(Context&, const Report&, const std::string& reason);
/// The generation to go on with; nullopt: the task is no longer this agent's.
std::optional<int64_t> recover(Context&, const Report&);

/// A remark for the task's history.
Status note(Context&, const Report&, const std::string& text);
/// The holder cannot go on without an answer; `options` is a JSON array. An empty question takes the last one back.
Status ask(Context&, const Report&, const std::string& question, const std::optional<std::string>& options);
/// A piece of output that begins at byte `offset` of the attempt's output, both streams counted together.
Status output(Context&, const Report&, const std::string& stream, int64_t offset, std::string_view text);

/// What a holder without a session is told when it reports.
struct Heard {
    int64_t lease_ms = 0;
    std::vector<std::string> says;  ///< JSON objects, those it was not given before
    std::optional<std::string> cancel_reason;
    int64_t cancel_until = 0;  ///< wall ms
};
Result<Heard> hear(Context&, const Report&);

}  // namespace agentcom::tasks
