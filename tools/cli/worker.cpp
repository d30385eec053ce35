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
            const auto children = children_;
            for (const auto& [task_id, child] : children) child->check();
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
    // So that the command can use `agentcom` as the same agent.
    spec.environment.emplace_back("AGENTCOM_HUB", setup_.hub.text());
    spec.environment.emplace_back("AGENTCOM_AGENT", setup_.settings.agent_id);
    children_[action.task_id] =
        ChildProcess::start(context_, spec, guard_, [this, task_id = action.task_id](const CommandResult& result) {
            children_.erase(task_id);
            if (leaving_) {
                finish_leaving();
            } else {
                carry_out(protocol_.command_ended(task_id, result));
            }
        });
}

void Worker::act(const StopCommand& action) {
    if (const auto found = children_.find(action.task_id); found != children_.end()) found->second->terminate();
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
    reconnect_timer_.cancel();
    for (const auto& [task_id, child] : children_) child->terminate();
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
        out_ << line.take() << std::endl;
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

Trouble run_worker(const CommandContext& context, const WorkerCommand& command) {
    Outcome<Identity> login = choose_login(context.options, context.hub, context.directories, LoginNeed::agent);
    if (!login) return login.failure();
    if (!is_runnable(command.argv.front())) {
        return Failure{ExitCode::usage,
                       "cannot run '" + repaired_utf8(command.argv.front()) + "'",
                       "there is no such program, or it may not be executed",
                       "Give its path, and check its mode (chmod +x).",
                       {}};
    }
    const std::filesystem::path directory =
        context.directories.state / "worker" / file_name_for(context.hub.key()) / file_name_for(login->agent_id);
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
    WorkerSettings settings{login->agent_id, login->token, command.capabilities, command.slots, command.once};
    Worker worker({context.hub, std::move(settings), command.argv, std::chrono::seconds(command.progress_interval_s),
                   context.options.json},
                  TaskJournal(directory), std::move(*guard), context.out);
    return worker.run();
}

}  // namespace agentcom::cli
