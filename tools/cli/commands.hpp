// Runs what a command line asks for. Commands but the worker print their answer to `out` and return; what went wrong
// comes back as a Failure, which main() prints.
#pragma once

#include <iosfwd>

#include "tools/cli/failure.hpp"
#include "tools/cli/files.hpp"
#include "tools/cli/hub_client.hpp"
#include "tools/cli/options.hpp"

namespace agentcom::cli {

// What the commands work with; the transport and the surroundings are replaced in tests.
struct CommandContext {
    const Options& options;
    HubUrl hub;
    Directories directories;
    HttpTransport transport;
    Surroundings surroundings;
    std::ostream& out;
};

Trouble run_register(const CommandContext& context, const RegisterCommand& command);
Trouble run_send(const CommandContext& context, const SendCommand& command);
Trouble run_inbox(const CommandContext& context, const InboxCommand& command);
// With --wait a task that ends as a dead letter or is cancelled is a failure, as is a time-out.
Trouble run_submit(const CommandContext& context, const SubmitCommand& command);
Trouble run_task_show(const CommandContext& context, const TaskShowCommand& command);
Trouble run_task_list(const CommandContext& context, const TaskListCommand& command);
Trouble run_task_cancel(const CommandContext& context, const TaskCancelCommand& command);
Trouble run_task_retry(const CommandContext& context, const TaskRetryCommand& command);
Trouble run_worker(const CommandContext& context, const WorkerCommand& command);

// Parses, runs and prints; returns the exit code. `arguments` are those after the program's name.
int run_command_line(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);

}  // namespace agentcom::cli
