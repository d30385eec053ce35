// What a command line asks for, after parsing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace agentcom::cli {

// -- Commands ---------------------------------------------------------------------------------------------------------

struct RegisterCommand {
    std::string agent;
    std::string workspace;  // "" = the hub's default
};

struct SendCommand {
    std::string to;           // "broadcast" = everybody
    std::string payload_raw;  // a JSON object, as given; {"text": …} made from a plain text
    std::string type;
    std::string reply_to;
};

struct InboxCommand {
    bool ack = false;
    int64_t since = 0;
};

struct SubmitCommand {
    std::string description;
    std::string priority = "normal";
    std::vector<std::string> needs;
    std::string metadata_raw;  // a JSON object, as given; "" = none
    std::optional<int64_t> max_retries;
    std::optional<int64_t> complete_by_ms;  // Unix time, or with complete_in a time from now
    bool complete_in = false;
    std::optional<int64_t> max_run_ms;
    std::string unique_key;
    std::vector<std::string> blocked_by;
    bool wait = false;
    std::optional<int64_t> timeout_ms;
};

struct TaskShowCommand {
    std::string task_id;
};

struct TaskListCommand {
    std::string status;
    std::string priority;
    std::string assigned_to;
    std::optional<int64_t> limit;
};

struct TaskCancelCommand {
    std::string task_id;
};

struct TaskRetryCommand {
    std::string task_id;
};

struct WorkerCommand {
    std::vector<std::string> capabilities;
    int64_t slots = 1;
    bool once = false;
    int64_t progress_interval_s = 60;
    std::vector<std::string> argv;
};

using Command = std::variant<RegisterCommand, SendCommand, InboxCommand, SubmitCommand, TaskShowCommand,
                             TaskListCommand, TaskCancelCommand, TaskRetryCommand, WorkerCommand>;

// -- Everything else --------------------------------------------------------------------------------------------------

struct Options {
    std::string hub = "http://127.0.0.1:4000";
    std::string as;        // "" = not said
    std::string token;     // "" = not said
    std::string data_dir;  // "" = the hub's default
    bool json = false;
    Command command;
};

}  // namespace agentcom::cli
