// A worker's side of the hub's WebSocket protocol, without sockets, processes, files or clocks: events go in, and what
// is to be done comes out.
//
//     WorkerProtocol protocol(settings, journal.load());
//     carry_out(protocol.connected());
//     carry_out(protocol.frame_received(text));
//
// Actions must be carried out in their order: a task is in the journal before it is accepted, a report before it is
// sent.
//
// It speaks version 2, in which the hub tells of cancelled tasks, takes what commands print, passes on what people say,
// and keeps the agent's mail for `agentcom inbox`. A hub that knows only version 1 is understood as well; what it does
// not name among its features is not sent to it.
//
// What a command prints is sent in frames that nobody answers. After a reconnect all that is kept of it goes out again,
// in front of the report, and the hub passes over what it has.
//
// A task here is *recovering* (taken by an earlier process of this worker, the hub is asked whether it is still ours),
// *running*, *dropped* (its command is being ended, nobody waits for it) or *reported* (its report is not
// acknowledged). A refused report is answered with an error that does not name the task, so reports go out one at a
// time, the next when the last is settled. A report that the hub may have seen already is sent again without harm: it
// gets the same answer.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/json.hpp"
#include "tools/cli/failure.hpp"
#include "tools/cli/task_journal.hpp"
#include "tools/cli/task_output.hpp"
#include "tools/cli/task_report.hpp"

namespace agentcom::cli {

struct WorkerSettings {
    std::string agent_id;
    std::string token;
    std::vector<std::string> capabilities;
    int64_t slots = 1;
    // Take one task, then leave.
    bool once = false;
    // Whether a running command can be told something.
    bool takes_input = false;
};

// -- Actions ----------------------------------------------------------------------------------------------------------

struct SendFrame {
    std::string text;
};
// Run the command for a task, then call command_ended().
struct StartCommand {
    std::string task_id;
    int64_t generation = 0;
    std::string task_raw;
};
// End the command, within this time; command_ended() is called all the same.
struct StopCommand {
    std::string task_id;
    std::optional<std::chrono::milliseconds> grace;
};
// Tell the command what somebody has said; call input_refused() if it cannot be told any more.
struct WriteInput {
    std::string task_id;
    std::string from;
    std::string text;
};
// Call output_due() soon.
struct WakeForOutput {};
struct KeepEntry {
    JournalEntry entry;
};
struct ForgetEntry {
    std::string task_id;
};
// Call report_due() after this time.
struct WakeForReport {
    std::chrono::milliseconds delay{};
};
// Connect again, no sooner than after this time.
struct Reconnect {
    std::chrono::milliseconds at_least{};
};
// The hub has let this worker in.
struct Welcomed {};
// A line for people and logs.
struct Tell {
    std::string event;  // a stable name: "task_started", ...
    std::string task_id;
    std::string text;
};
// Send what is left, end all commands, close, exit.
struct Leave {
    ExitCode code = ExitCode::ok;
    // Nothing when `code` alone says it.
    std::optional<Failure> failure;
};

using WorkerAction = std::variant<SendFrame, StartCommand, StopCommand, WriteInput, KeepEntry, ForgetEntry,
                                  WakeForReport, WakeForOutput, Reconnect, Welcomed, Tell, Leave>;
using WorkerActions = std::vector<WorkerAction>;

// -- The protocol -----------------------------------------------------------------------------------------------------

class WorkerProtocol {
  public:
    // `kept` is what the journal holds from before.
    WorkerProtocol(WorkerSettings settings, std::vector<JournalEntry> kept);

    // The WebSocket is open.
    WorkerActions connected();
    WorkerActions frame_received(const std::string& text);
    // The WebSocket is gone, or could not be opened. `close_code` 0 = without a close frame.
    WorkerActions disconnected(unsigned close_code, std::string_view close_reason);

    WorkerActions command_ended(const std::string& task_id, const CommandResult& result);
    // What a command prints, as valid UTF-8.
    WorkerActions command_printed(const std::string& task_id, TaskOutput::Stream stream, std::string_view text);
    // A line of JSON from a command: {"progress":40,"note":…} or {"question":…,"options":[…]}.
    WorkerActions command_controlled(const std::string& task_id, const std::string& line);
    WorkerActions input_refused(const std::string& task_id);
    WorkerActions output_due();

    WorkerActions ping_due();
    WorkerActions progress_due();
    WorkerActions report_due();

    // A signal to stop. The first lets running tasks finish, the second leaves them.
    WorkerActions stop_requested();

  private:
    enum class State : uint8_t { recovering, running, dropped, reported };

    struct Task {
        State state = State::running;
        int64_t generation = 0;
        std::string task_raw;
        bool succeeded = false;
        std::string report;
        // The hub has called a report invalid; a simpler one took its place.
        bool simplified = false;
        TaskOutput output;
        // The last that was said to it; what the hub repeats after a reconnect is not said again.
        int64_t last_said = 0;
        // The frame of the question that it waits with, or "".
        std::string question;
        std::optional<int64_t> progress;
    };
    using Tasks = std::map<std::string, Task>;

    void on_identified(WorkerActions& out);
    void on_assign(WorkerActions& out, const json::Object& frame);
    void on_ack(WorkerActions& out, const json::Object& frame);
    void on_continue(WorkerActions& out, const json::Object& frame);
    void on_cancelled(WorkerActions& out, const json::Object& frame);
    void on_say(WorkerActions& out, const json::Object& frame);
    void on_taken_away(WorkerActions& out, const std::string& task_id, std::string_view why);
    void on_error(WorkerActions& out, const json::Object& frame);
    void on_report_refused(WorkerActions& out, std::string_view why);
    void on_report_invalid(WorkerActions& out, std::string_view why);

    void start(WorkerActions& out, const std::string& task_id, Task& task);
    void take_new_generation(WorkerActions& out, const std::string& task_id, Task& task, int64_t generation);
    void send_output(WorkerActions& out, const std::string& task_id, Task& task);
    void send_note(WorkerActions& out, const std::string& task_id, const Task& task, std::string_view text);
    void send_progress(WorkerActions& out, const std::string& task_id, const Task& task);
    bool hub_knows(std::string_view feature) const { return features_.contains(feature); }
    void reject(WorkerActions& out, const std::string& task_id, int64_t generation, std::string_view reason);
    void settle(WorkerActions& out, const std::string& task_id);
    void send_next_report(WorkerActions& out);
    void pause_reports(WorkerActions& out, std::chrono::milliseconds delay);
    // Says goodbye when there is nothing left to do for a worker that is to stop.
    void leave_if_done(WorkerActions& out);
    void leave(WorkerActions& out, ExitCode code, std::optional<Failure> failure);

    bool stopping() const { return stop_requests_ > 0 || (settings_.once && took_one_); }
    int64_t slots_in_use() const;

    WorkerSettings settings_;
    // Of the hub, as it named them.
    std::set<std::string, std::less<>> features_;
    bool output_awaited_ = false;
    Tasks tasks_;
    // Reported tasks in the order in which they ended.
    std::deque<std::string> reports_;
    // The reported task whose answer is awaited, or "".
    std::string report_in_flight_;
    bool reports_paused_ = false;

    bool connected_ = false;
    bool identified_ = false;
    bool took_one_ = false;
    bool failed_one_ = false;
    // A last ping is out: what the hub pushed before its pong is still refused properly.
    bool saying_goodbye_ = false;
    bool left_ = false;
    int stop_requests_ = 0;
};

// The seconds of "cooldown active: retry in 30s", or nothing.
std::optional<std::chrono::milliseconds> cooldown_of(std::string_view close_reason);

}  // namespace agentcom::cli
