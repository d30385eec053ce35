// The worker: carries out what WorkerProtocol decides, with a socket, processes, a journal and timers, all in one
// thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <iosfwd>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tools/cli/backoff.hpp"
#include "tools/cli/child_process.hpp"
#include "tools/cli/failure.hpp"
#include "tools/cli/group_guard.hpp"
#include "tools/cli/hub_socket.hpp"
#include "tools/cli/hub_url.hpp"
#include "tools/cli/output_reader.hpp"
#include "tools/cli/preset.hpp"
#include "tools/cli/task_journal.hpp"
#include "tools/cli/utf8_stream.hpp"
#include "tools/cli/worker_protocol.hpp"

namespace agentcom::cli {

class Worker {
  public:
    struct Setup {
        HubUrl hub;
        WorkerSettings settings;
        Preset preset;
        // The preset's, with what the user added.
        std::vector<std::string> argv;
        std::chrono::seconds progress_interval{60};
        // Lines of JSON on standard output instead of text on standard error.
        bool json = false;
    };

    // The guard must have been started before.
    Worker(Setup setup, TaskJournal journal, GroupGuard guard, std::ostream& out);

    // Works until it is told to stop or cannot go on. Nothing when all went well.
    Trouble run();

  private:
    void carry_out(const WorkerActions& actions);
    void act(const SendFrame& action);
    void act(const StartCommand& action);
    void act(const StopCommand& action);
    void act(const WriteInput& action);
    void act(const WakeForOutput& action);
    void act(const KeepEntry& action);
    void act(const ForgetEntry& action);
    void act(const WakeForReport& action);
    void act(const Reconnect& action);
    void act(const Welcomed& action);
    void act(const Tell& action);
    void act(const Leave& action);

    void on_printed(const std::string& task_id, ChildProcess::Stream stream, std::string_view bytes);
    void on_command_end(const std::string& task_id, CommandResult result);
    void connect();
    void on_socket_end(const SocketEnd& end);
    void wait_for_signals();
    void schedule_ping();
    void schedule_progress();
    void tell(std::string_view event, std::string_view task_id, std::string_view text);
    // Closes the socket and ends once no command is left.
    void finish_leaving();

    Setup setup_;
    TaskJournal journal_;
    GroupGuard guard_;
    std::ostream& out_;
    WorkerProtocol protocol_;
    Backoff backoff_;
    std::minstd_rand random_;

    boost::asio::io_context context_{1};
    boost::asio::signal_set signals_;
    boost::asio::steady_timer ping_timer_;
    boost::asio::steady_timer progress_timer_;
    boost::asio::steady_timer report_timer_;
    boost::asio::steady_timer output_timer_;
    boost::asio::steady_timer reconnect_timer_;
    boost::asio::steady_timer goodbye_timer_;
    std::shared_ptr<HubSocket> socket_;
    // A running command and what is read of it.
    struct Running {
        std::shared_ptr<ChildProcess> process;
        OutputReader reader;
        Utf8Stream errors;
    };
    std::map<std::string, Running> children_;
    std::optional<Leave> leaving_;
    bool told_absence_ = false;
};

}  // namespace agentcom::cli
