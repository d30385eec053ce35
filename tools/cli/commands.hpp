// Runs what a command line asks for. Commands print their answer to `out` and return; what went wrong comes back as a
// Failure, which run_command_line() prints.
#pragma once

#include <chrono>
#include <functional>
#include <iosfwd>
#include <optional>

#include "tools/cli/answer.hpp"
#include "tools/cli/choices.hpp"
#include "tools/cli/failure.hpp"
#include "tools/cli/files.hpp"
#include "tools/cli/hub_client.hpp"
#include "tools/cli/options.hpp"
#include "tools/cli/terminal.hpp"

namespace agentcom::cli {

// What the commands work with; the transport and the surroundings are replaced in tests.
struct CommandContext {
    const Options& options;
    Choices choices;
    Directories directories;
    HttpTransport transport;
    Surroundings surroundings;
    // Monotonic, as Surroundings::now; of --timeout.
    std::optional<std::chrono::milliseconds> deadline;
    std::istream& in;
    std::ostream& out;
    Terminal terminal;

    const HubUrl& hub() const { return choices.hub_url; }
    // Until the deadline; the longest time there is without one.
    std::chrono::milliseconds time_left() const;
    // What `wait_ms` to ask the hub for: as long as it allows and the deadline leaves.
    std::chrono::milliseconds long_poll() const;
};

// Prints an answer; what cannot be written is a failure.
Trouble emit(const CommandContext& context, const Answer& answer);
// One document of a command that goes on: a line of JSON, or text.
Trouble emit_line(const CommandContext& context, std::string_view data_raw, const std::function<std::string()>& text);

// The time given with --timeout is over: `what` has not happened; `next` says how things stand.
Failure time_is_over(std::string what, std::string next);

Trouble run(const CommandContext& context, const RegisterCommand& command);
Trouble run(const CommandContext& context, const SendCommand& command);
Trouble run(const CommandContext& context, const SentCommand& command);
Trouble run(const CommandContext& context, const InboxCommand& command);
// With --wait a task that ends as a dead letter or is cancelled is a failure, as is a time-out.
Trouble run(const CommandContext& context, const SubmitCommand& command);
Trouble run(const CommandContext& context, const TaskShowCommand& command);
Trouble run(const CommandContext& context, const TaskListCommand& command);
Trouble run(const CommandContext& context, const TaskWaitCommand& command);
Trouble run(const CommandContext& context, const TaskLogsCommand& command);
Trouble run(const CommandContext& context, const TaskSayCommand& command);
Trouble run(const CommandContext& context, const TaskAnswerCommand& command);
Trouble run(const CommandContext& context, const TaskCancelCommand& command);
Trouble run(const CommandContext& context, const TaskRetryCommand& command);
Trouble run(const CommandContext& context, const StatusCommand& command);
Trouble run(const CommandContext& context, const WatchCommand& command);
Trouble run(const CommandContext& context, const AgentsCommand& command);
Trouble run(const CommandContext& context, const WhoamiCommand& command);
Trouble run(const CommandContext& context, const TokenCreateCommand& command);
Trouble run(const CommandContext& context, const TokenListCommand& command);
Trouble run(const CommandContext& context, const TokenRevokeCommand& command);
Trouble run(const CommandContext& context, const TokenRotateCommand& command);
Trouble run(const CommandContext& context, const InviteCreateCommand& command);
Trouble run(const CommandContext& context, const InviteListCommand& command);
Trouble run(const CommandContext& context, const InviteRevokeCommand& command);
Trouble run(const CommandContext& context, const AuditCommand& command);
Trouble run(const CommandContext& context, const ConfigShowCommand& command);
Trouble run(const CommandContext& context, const ConfigPathCommand& command);
Trouble run(const CommandContext& context, const ConfigUseCommand& command);
Trouble run(const CommandContext& context, const ImportV11Command& command);
Trouble run(const CommandContext& context, const HubConfigGetCommand& command);
Trouble run(const CommandContext& context, const HubConfigSetCommand& command);
Trouble run(const CommandContext& context, const HubConfigUnsetCommand& command);
Trouble run(const CommandContext& context, const HubResetCommand& command);
Trouble run(const CommandContext& context, const HubLogLevelCommand& command);
Trouble run(const CommandContext& context, const RecordingListCommand& command);
Trouble run(const CommandContext& context, const RecordingExportCommand& command);
// A recording with problems is a failure.
Trouble run(const CommandContext& context, const RecordingVerifyCommand& command);
Trouble run(const CommandContext& context, const BackupListCommand& command);
Trouble run(const CommandContext& context, const BackupCreateCommand& command);
Trouble run(const CommandContext& context, const BackupVerifyCommand& command);
Trouble run(const CommandContext& context, const BackupRestoreCommand& command);
Trouble run(const CommandContext& context, const HubCompactCommand& command);
Trouble run(const CommandContext& context, const DoctorCommand& command);
Trouble run(const CommandContext& context, const WorkerCommand& command);

// Parses, runs and prints; returns the exit code. `arguments` are those after the program's name.
int run_command_line(const std::vector<std::string>& arguments, std::istream& in, std::ostream& out, std::ostream& err);

}  // namespace agentcom::cli
