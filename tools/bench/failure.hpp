// Errors of the bench: a run that fails says why in one text. Uses core's Result.
#pragma once

#include <string>
#include <utility>

#include "core/base/result.hpp"

namespace agentcom::bench {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailedRun = 1;
inline constexpr int kExitUsage = 2;

// A run that cannot be finished.
inline Error failed_run(std::string text) { return Error{"failed_run", 500, Blame::hub, std::move(text)}; }
// Arguments that mean nothing.
inline Error wrong_usage(std::string text) { return Error{"usage", 400, Blame::client, std::move(text)}; }

}  // namespace agentcom::bench
