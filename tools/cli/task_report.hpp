// What a worker tells the hub about a task's command: the frames task_complete and task_failed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace agentcom::cli {

// Bytes of standard output that a result carries; of a longer one the end.
inline constexpr size_t kMaxOutputBytes = size_t{256} * 1024;
// Bytes of standard error that are kept; enough for the code points of a reason.
inline constexpr size_t kMaxErrorBytes = size_t{16} * 1024;

// What an agent's work has cost.
struct TaskUsage {
    bool is_known = false;
    std::string model;  // "" = not told
    int64_t input_tokens = 0;
    int64_t output_tokens = 0;
    std::optional<int64_t> cost_micros;  // millionths of a US dollar
};

// How a command ended.
struct CommandResult {
    int exit_status = 0;      // of a command that ended by itself
    int signal = 0;           // that ended it, or 0
    std::string start_error;  // why it could not be started, or ""
    std::string output;       // the end of standard output, any bytes
    bool output_cut = false;  // whether standard output was longer
    std::string errors;       // the end of standard error, any bytes
    int64_t duration_ms = 0;
    std::string reported_error;  // that the command told of itself, whatever its exit status
    TaskUsage usage;

    bool succeeded() const { return start_error.empty() && signal == 0 && exit_status == 0 && reported_error.empty(); }
};

// The frame that reports a result. On success
//     {"type":"task_complete",…,"result":{"status":"success","output":…,"exit_status":0,"duration_ms":…}}
// with `output_truncated` when it was cut, and with `data` (and its integer `tokens_used`, if it has one) when standard
// output is one JSON object, and with `tokens_used` and `usage` when they are known. Otherwise task_failed with a
// reason of at most 2000 code points.
std::string report_frame(std::string_view task_id, int64_t generation, const CommandResult& result);

// A task_failed with this reason, cut to 2000 code points.
std::string failed_frame(std::string_view task_id, int64_t generation, std::string_view reason);

// "exit status 3", "killed by signal 9 (Killed)", "cannot start: …"
std::string ending_text(const CommandResult& result);

}  // namespace agentcom::cli
