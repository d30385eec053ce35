#include "tools/cli/worker.hpp"

#include <csignal>
#include <cstdio>
#include <ostream>
#include <utility>

#include "core/base/json.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/files.hpp"
#include "tools/cli/login.hpp"
#include "tools/cli/text.hpp"

namespace agentcom::cli {

namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds kPingInterval{30};
// Between two lots of what commands print: short enough to look live, long enough to put many writes into one frame.
constexpr milliseconds kOutputInterval{100};
// For the hub to take the last frames and close; a worker that leaves does not wait for a dead one.
constexpr std::chrono::seconds kGoodbyeTime{3};

// Refusals of the upgrade that no repetition changes.
std::optional<Failure> lasting_refusal(const HubUrl& hub, const SocketEnd& end) {
    const unsigned status = end.http_status;
    if (status < 400 || status > 499 || status == 408 || status == 429) return std::nullopt;
    const ExitCode code = status == 401 || status == 403 ? ExitCode::auth : ExitCode::failed;
    return Failure{code,
                   "cannot connect to " + hub.text(),
                   end.why,
                   "Check that an AgentCom hub listens there under this name.",
                   {}};
}

}  // namespace

Worker::Worker(Setup setup, TaskJournal journal, GroupGuard guard, std::ostream& out)
    : setup_(std::move(setup)),
      journal_(std::move(journal)),
      guard_(std::move(guard)),
      out_(out),
      protocol_(setup_.settings, journal_.load()),
      random_(std::random_device{}()),
      signals_(context_, SIGINT, SIGTERM, SIGCHLD),
      ping_timer_(context_),
      progress_timer_(context_),
      report_timer_(context_),
      output_timer_(context_),
      reconnect_timer_(context_),
      goodbye_timer_(context_) {}

Trouble Worker::run() {
    wait_for_signals();
    schedule_ping();
    schedule_progress();
    connect();
    context_.run();
    if (!leaving_ || leaving_->code == ExitCode::ok) return std::nullopt;
    return leaving_->failure.value_or(Failure{leaving_->code, "", "", "", ""});
}

// -- Events -----------------------------------------------------------------------------------------------------------

void Worker::connect() {
    socket_ =
        HubSocket::connect(context_, setup_.hub,
                           {.opened = [this] { carry_out(protocol_.connected()); },
                            .received = [this](const std::string& text) { carry_out(protocol_.frame_received(text)); },
                            .ended = [this](const SocketEnd& end) { on_socket_end(end); }});
}

void Worker::on_socket_end(const SocketEnd& end) {
    socket_.reset();
    if (leaving_) {
        finish_leaving();
        return;
    }
    if (std::optional<Failure> refusal = lasting_refusal(setup_.hub, end)) {
        act(Leave{refusal->code, std::move(refusal)});
        return;
    }
    if (!std::exchange(told_absence_, true)) {
        tell("disconnected", "", "no connection to " + setup_.hub.text() + ": " + end.why + "; trying again");
    }
    carry_out(protocol_.disconnected(end.close_code, end.close_reason));
}

void Worker::wait_for_signals() {
    signals_.async_wait([this](boost::system::error_code error, int signal) {
        if (error) return;
        if (signal == SIGCHLD) {
            // One signal may stand for several children. A check may end with a call that changes the map.
            std::vector<std::shared_ptr<ChildProcess>> processes;
            for (const auto& [task_id, child] : children_) processes.push_back(child.process);
            for (const auto& process : processes) process->check();
        } else if (leaving_) {
            // The third: the guard ends at once what is left.
            context_.stop();
        } else {
            carry_out(protocol_.stop_requested());
        }
        wait_for_signals();
    });
}

void Worker::schedule_ping() {
    ping_timer_.expires_after(kPingInterval);
    ping_timer_.async_wait([this](boost::system::error_code error) {
        if (error) return;
        carry_out(protocol_.ping_due());
        schedule_ping();
    });
}

void Worker::schedule_progress() {
    progress_timer_.expires_after(setup_.progress_interval);
    progress_timer_.async_wait([this](boost::system::error_code error) {
        if (error) return;
        carry_out(protocol_.progress_due());
        schedule_progress();
    });
}

// -- Actions ----------------------------------------------------------------------------------------------------------

void Worker::carry_out(const WorkerActions& actions) {
    for (const WorkerAction& action : actions) {
        std::visit([this](const auto& one) { act(one); }, action);
    }
}

void Worker::act(const SendFrame& action) {
    if (socket_) socket_->send(action.text);
}

void Worker::act(const StartCommand& action) {
    CommandSpec spec = command_spec(setup_.argv, action.task_raw);
    spec.input = preset_input(setup_.preset, action.task_raw);
    spec.keep_input_open = setup_.settings.takes_input;
    spec.with_control = true;
    // So that the command can use `agentcom` as the same agent.
    spec.environment.emplace_back("AGENTCOM_HUB", setup_.hub.text());
    spec.environment.emplace_back("AGENTCOM_AGENT", setup_.settings.agent_id);
    const std::string& task_id = action.task_id;
    children_.erase(task_id);
    Running& running = children_.emplace(task_id, Running{nullptr, OutputReader(setup_.preset), {}}).first->second;
    running.process =
        ChildProcess::start(context_, spec, guard_,
                            {.ended = [this, task_id](const CommandResult& result) { on_command_end(task_id, result); },
                             .printed = [this, task_id](ChildProcess::Stream stream,
                                                        std::string_view bytes) { on_printed(task_id, stream, bytes); },
                             .controlled =
                                 [this, task_id](const std::string& line) {
                                     if (!leaving_)
                                         carry_out(protocol_.command_controlled(task_id, repaired_utf8(line)));
                                 }});
}

void Worker::on_printed(const std::string& task_id, ChildProcess::Stream stream, std::string_view bytes) {
    const auto found = children_.find(task_id);
    if (leaving_ || found == children_.end()) return;
    Running& running = found->second;
    const bool standard_output = stream == ChildProcess::Stream::standard_output;
    const std::string text = standard_output ? running.reader.feed(bytes) : running.errors.feed(bytes);
    if (running.reader.wants_input_closed()) running.process->close_input();
    if (text.empty()) return;
    carry_out(protocol_.command_printed(
        task_id, standard_output ? TaskOutput::Stream::standard_output : TaskOutput::Stream::standard_error, text));
}

void Worker::on_command_end(const std::string& task_id, CommandResult result) {
    const auto found = children_.find(task_id);
    if (found != children_.end()) {
        Running running = std::move(found->second);
        children_.erase(found);
        const std::string last = running.reader.finish();
        const std::string last_error = running.errors.finish();
        if (!leaving_ && !last.empty()) {
            carry_out(protocol_.command_printed(task_id, TaskOutput::Stream::standard_output, last));
        }
        if (!leaving_ && !last_error.empty()) {
            carry_out(protocol_.command_printed(task_id, TaskOutput::Stream::standard_error, last_error));
        }
        running.reader.complete(result);
    }
    if (leaving_) {
        finish_leaving();
    } else {
        carry_out(protocol_.command_ended(task_id, result));
    }
}

void Worker::act(const StopCommand& action) {
    const auto found = children_.find(action.task_id);
    if (found != children_.end()) found->second.process->terminate(action.grace.value_or(ChildProcess::kKillDelay));
}

void Worker::act(const WriteInput& action) {
    const auto found = children_.find(action.task_id);
    const bool taken = found != children_.end() &&
                       found->second.process->write_input(preset_say(setup_.preset, action.from, action.text));
    if (!taken) carry_out(protocol_.input_refused(action.task_id));
}

void Worker::act(const WakeForOutput&) {
    output_timer_.expires_after(kOutputInterval);
    output_timer_.async_wait([this](boost::system::error_code error) {
        if (!error && !leaving_) carry_out(protocol_.output_due());
    });
}

void Worker::act(const KeepEntry& action) {
    if (const Trouble trouble = journal_.keep(action.entry)) {
        tell("journal_failed", action.entry.task_id,
             trouble->what + ": " + trouble->why + "; this task will not survive the worker's end");
    }
}

void Worker::act(const ForgetEntry& action) { journal_.forget(action.task_id); }

void Worker::act(const WakeForReport& action) {
    report_timer_.expires_after(action.delay);
    report_timer_.async_wait([this](boost::system::error_code error) {
        if (!error) carry_out(protocol_.report_due());
    });
}

void Worker::act(const Reconnect& action) {
    reconnect_timer_.expires_after(backoff_.next(static_cast<uint32_t>(random_()), action.at_least));
    reconnect_timer_.async_wait([this](boost::system::error_code error) {
        if (!error && !leaving_) connect();
    });
}

void Worker::act(const Welcomed&) {
    backoff_.reset();
    told_absence_ = false;
}

void Worker::act(const Tell& action) { tell(action.event, action.task_id, action.text); }

void Worker::act(const Leave& action) {
    if (leaving_) return;
    leaving_ = action;
    ping_timer_.cancel();
    progress_timer_.cancel();
    report_timer_.cancel();
    output_timer_.cancel();
    reconnect_timer_.cancel();
    for (const auto& [task_id, child] : children_) child.process->terminate();
    finish_leaving();
}

void Worker::finish_leaving() {
    if (!children_.empty()) return;
    if (!socket_) {
        context_.stop();
        return;
    }
    socket_->close_when_sent();
    goodbye_timer_.expires_after(kGoodbyeTime);
    goodbye_timer_.async_wait([this](boost::system::error_code error) {
        if (!error) context_.stop();
    });
}

void Worker::tell(std::string_view event, std::string_view task_id, std::string_view text) {
    if (setup_.json) {
        json::Writer line;
        line.begin_object().member("event", event);
        if (!task_id.empty()) line.member("task_id", task_id);
        line.member("text", repaired_utf8(text)).end_object();
        out_ << data_document(line.take()) << std::flush;
        return;
    }
    const std::string shown = terminal_safe(repaired_utf8(text));
    if (task_id.empty()) {
        std::fprintf(stderr, "agentcom worker: %s\n", shown.c_str());
    } else {
        std::fprintf(stderr, "agentcom worker: %s %s\n", terminal_safe(task_id).c_str(), shown.c_str());
    }
}

// -- Command ----------------------------------------------------------------------------------------------------------

Trouble run(const CommandContext& context, const WorkerCommand& command) {
    Outcome<Identity> login = choose_login(context, LoginNeed::worker);
    if (!login) return login.failure();
    Outcome<Preset> preset = find_preset(command.preset, context.directories.config);
    if (!preset) return preset.failure();
    if (command.interactive && preset->interactive == Preset::Interactive::never) {
        return Failure{ExitCode::usage,
                       "wrong usage",
                       "the preset '" + command.preset + "' takes no input",
                       "Leave --interactive out.",
                       {}};
    }
    const std::vector<std::string> argv = preset_argv(*preset, command.argv);
    if (argv.empty() || !is_runnable(argv.front())) {
        return Failure{ExitCode::usage,
                       "cannot run '" + (argv.empty() ? "" : repaired_utf8(argv.front())) + "'",
                       "there is no such program, or it may not be executed",
                       "Give its path, and check its mode (chmod +x).",
                       {}};
    }
    const std::filesystem::path directory =
        context.directories.state / "worker" / file_name_for(context.hub().key()) / file_name_for(login->agent_id);
    if (Trouble trouble = make_private_directory(directory)) return trouble;
    const std::optional<LockFile> lock = LockFile::acquire(directory / "lock");
    if (!lock) {
        return Failure{ExitCode::conflict,
                       "cannot start a worker for '" + login->agent_id + "'",
                       "one is running already on this machine (or " + directory.string() + " cannot be written)",
                       "Use --slots for several tasks at a time, or another identity with --as.",
                       {}};
    }
    std::optional<GroupGuard> guard = GroupGuard::start();
    if (!guard) {
        return Failure{ExitCode::failed,
                       "cannot start the worker",
                       "the system has no process or pipe to spare",
                       "Check the limits (ulimit -a).",
                       {}};
    }
    const bool takes_input = preset->interactive == Preset::Interactive::always || command.interactive;
    WorkerSettings settings{login->agent_id, login->token, command.capabilities,
                            command.slots,   command.once, takes_input};
    Worker worker({context.hub(), std::move(settings), std::move(*preset), argv,
                   std::chrono::seconds(command.progress_interval_s), context.options.json},
                  TaskJournal(directory), std::move(*guard), context.out);
    return worker.run();
}

}  // namespace agentcom::cli
