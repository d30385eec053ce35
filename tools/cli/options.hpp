// What a command line asks for, after parsing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace agentcom::cli {

// -- Messages ---------------------------------------------------------------------------------------------------------

struct SendCommand {
    std::string to;           // "broadcast" = everybody
    std::string payload_raw;  // a JSON object, as given; {"text": …} made from a plain text
    std::string type;
    std::string reply_to;
    std::string thread_root;
    std::string importance;
    bool ack_required = false;
    std::string ack_by;   // a time as given, "" = none
    std::string expires;  // likewise
    std::vector<std::string> labels;
    // Refuse a name that nobody has.
    bool strict = true;
};

struct SentCommand {
    std::string message_id;  // "" = list the caller's own
    std::optional<int64_t> limit;
    std::string before;
};

struct InboxCommand {
    bool ack = false;
    bool wait = false;
    int64_t since = 0;
};

// -- Tasks ------------------------------------------------------------------------------------------------------------

struct SubmitCommand {
    std::string description;  // "-" = JSON Lines on standard input
    std::string priority;     // "" = the hub's default
    std::vector<std::string> needs;
    std::string metadata_raw;  // a JSON object, as given; "" = none
    std::optional<int64_t> max_retries;
    std::string complete_by;  // a time as given
    std::string not_before;   // a time as given
    std::optional<int64_t> max_run_ms;
    std::string unique_key;
    std::vector<std::string> blocked_by;
    std::string on_blocker_failure;
    std::string kind;
    std::vector<std::string> labels;
    std::string parent_id;
    std::string fairness_key;
    std::string trace;
    bool wait = false;
};

struct TaskShowCommand {
    std::string task_id;
};

struct TaskListCommand {
    std::string status;
    std::string priority;
    std::string assigned_to;
    std::optional<int64_t> limit;
    std::string cursor;
};

struct TaskWaitCommand {
    std::vector<std::string> task_ids;
};

struct TaskLogsCommand {
    std::string task_id;
    bool follow = false;
    std::optional<int64_t> generation;
    int64_t since = 0;
    // Print control characters as they are, also on a terminal.
    bool raw = false;
};

struct TaskSayCommand {
    std::string task_id;
    std::string text;
};

struct TaskAnswerCommand {
    std::string task_id;
    std::string text;
};

struct TaskCancelCommand {
    std::string task_id;
    std::optional<int64_t> grace_ms;
    std::string reason;
};

struct TaskRetryCommand {
    std::string task_id;
};

// -- The fleet --------------------------------------------------------------------------------------------------------

struct StatusCommand {
    bool watch = false;
    int64_t interval_ms = 2'000;
};

struct WatchCommand {
    std::vector<std::string> kinds;
    std::string subject;
    std::string since;
    std::optional<int64_t> count;
};

struct AgentsCommand {
    std::string state;
    std::string capability;
};

// -- Who one is -------------------------------------------------------------------------------------------------------

struct RegisterCommand {
    std::string agent;
    std::string workspace;  // "" = the hub's default
    std::string invite{};   // "" = none
};

struct WhoamiCommand {};

struct TokenCreateCommand {
    std::string agent;
    std::string workspace;
    bool human = false;
    bool save = false;
    std::string role{};  // "" = agent
    std::vector<std::string> scopes{};
    std::optional<int64_t> ttl_ms{};
    std::string label{};
};

struct TokenListCommand {};

struct TokenRevokeCommand {
    std::string agent;
    std::string prefix{};  // "" = all
};

struct TokenRotateCommand {
    std::string agent;
};

struct InviteCreateCommand {
    std::string agent;  // "" = any
    std::string role;   // "" = agent
    std::string workspace;
    std::optional<int64_t> uses;
    std::optional<int64_t> ttl_ms;
};

struct InviteListCommand {};

struct InviteRevokeCommand {
    std::string id;
};

struct AuditCommand {
    std::string kind;
    std::string principal;
    std::optional<int64_t> since;
    std::optional<int64_t> limit;
};

struct ConfigShowCommand {};
struct ConfigPathCommand {};

struct ConfigUseCommand {
    std::string agent;  // "" = only the hub
    // Into .agentcom of this directory rather than the user's default.
    bool here = false;
};

// -- Moving in --------------------------------------------------------------------------------------------------------

// A part of what a hub has. In the order in which parts are taken over: agents come before what is theirs, and tasks
// last, since they begin at once.
enum class ImportPart : uint8_t { tokens, settings, limits, whitelist, channels, messages, tasks };

struct ImportV11Command {
    std::string tokens_file;
    std::string from;               // the old hub's address, "" = its tokens only
    std::string from_token;         // "" = the first of the file
    std::vector<std::string> only;  // names of parts, empty = all
    bool dry_run = false;
};

// -- The hub ----------------------------------------------------------------------------------------------------------

struct HubConfigGetCommand {
    std::string name;  // "" = all
};

struct HubConfigSetCommand {
    std::string name;
    std::string value;  // as given
};

struct HubConfigUnsetCommand {
    std::string name;
};

struct HubResetCommand {};

struct HubLogLevelCommand {
    std::string level;      // "" = show it
    std::string component;  // "" = for all that have no level of their own
};

struct RecordingListCommand {};

struct RecordingExportCommand {
    std::string file;
    std::string from;  // a time as given, "" = all there is
    std::string to;    // likewise
    std::string strip;
};

struct RecordingVerifyCommand {
    std::string path;  // a file, or a directory of segments
};

// -- Storage care -----------------------------------------------------------------------------------------------------

// The commands of backups speak to the hub, or with `offline` to its data directory, while no hub runs.
struct BackupListCommand {
    bool offline = false;
};

struct BackupCreateCommand {
    bool offline = false;
};

struct BackupVerifyCommand {
    std::string name;
    bool offline = false;
};

struct BackupRestoreCommand {
    std::string name;
    bool dry_run = false;
    bool offline = false;
};

struct HubCompactCommand {};

// A check-up of the hub, and of its data directory if that is on this machine; `offline`: of that alone.
struct DoctorCommand {
    bool offline = false;
};

// -- Work -------------------------------------------------------------------------------------------------------------

struct WorkerCommand {
    std::vector<std::string> capabilities;
    int64_t slots = 1;
    bool once = false;
    // Keep the command's standard input open for what people say; shell preset only.
    bool interactive = false;
    std::string preset = "shell";
    int64_t progress_interval_s = 60;
    std::vector<std::string> argv;
};

using Command =
    std::variant<RegisterCommand, SendCommand, SentCommand, InboxCommand, SubmitCommand, TaskShowCommand,
                 TaskListCommand, TaskWaitCommand, TaskLogsCommand, TaskSayCommand, TaskAnswerCommand,
                 TaskCancelCommand, TaskRetryCommand, StatusCommand, WatchCommand, AgentsCommand, WhoamiCommand,
                 TokenCreateCommand, TokenListCommand, TokenRevokeCommand, TokenRotateCommand, InviteCreateCommand,
                 InviteListCommand, InviteRevokeCommand, AuditCommand, ConfigShowCommand, ConfigPathCommand,
                 ConfigUseCommand, ImportV11Command, WorkerCommand, HubConfigGetCommand, HubConfigSetCommand,
                 HubConfigUnsetCommand, HubResetCommand, HubLogLevelCommand, RecordingListCommand,
                 RecordingExportCommand, RecordingVerifyCommand, BackupListCommand, BackupCreateCommand,
                 BackupVerifyCommand, BackupRestoreCommand, HubCompactCommand, DoctorCommand>;

// -- Everything else --------------------------------------------------------------------------------------------------

struct Options {
    std::string hub;       // "" = not said
    std::string as;        // "" = not said
    std::string token;     // "" = not said
    std::string data_dir;  // "" = the hub's default
    std::string ca_file;   // "" = not said
    bool json = false;
    // Members to print, "" = all that the command prints by itself.
    std::vector<std::string> fields;
    // The whole command may take so long.
    std::optional<int64_t> timeout_ms;
    Command command;
};

}  // namespace agentcom::cli
