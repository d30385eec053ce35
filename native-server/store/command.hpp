// Runs a program of the operator's: without a shell, with a time limit, and with nothing of the hub's in its hands.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.hpp"

namespace agentcom {

/// Words with blanks between them.
std::vector<std::string> words_of(const std::string& line);

/// Runs `arguments`, the first of which is the program, looked for in PATH. It gets PATH, HOME and LANG from the
/// environment, no input, and no open file; it and what it started are killed after `timeout_ms`, or when `*stop` is
/// set. Errors, with the end of what it said: `command_failed`.
Status run_command(const std::vector<std::string>& arguments, int64_t timeout_ms, const std::atomic<bool>* stop);

}  // namespace agentcom
