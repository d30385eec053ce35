// Why a task waits, in words that a person can act on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/state/context.hpp"

namespace agentcom::tasks {

struct Waiting {
    std::string_view reason;          ///< held, target_offline, no_capable_agent, agents_backing_off, agents_busy
    std::optional<int64_t> position;  ///< queued tasks before it; nullopt: held, or more than are counted
    std::optional<int64_t> until;     ///< wall ms, when a clock decides
    std::vector<std::pair<std::string, std::string>> blockers;  ///< task and state, of those that block it
    std::string detail;                                         ///< a sentence
};

/// nullopt for a task that neither is held nor queued.
std::optional<Waiting> why_waiting(const Context&, const TaskRow&);

}  // namespace agentcom::tasks
