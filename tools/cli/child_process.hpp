// A task's command as a process: started without a shell in a process group of its own, fed on standard input, its
// output collected, ended when wanted. It never outlives the worker, nor does what it leaves running in its group.
#pragma once

#include <sys/types.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/cli/group_guard.hpp"
#include "tools/cli/task_report.hpp"

namespace agentcom::cli {

using Environment = std::vector<std::pair<std::string, std::string>>;

struct CommandSpec {
    std::vector<std::string> argv;
    // Added to the worker's own environment.
    Environment environment;
    // Added too, and left out when the system finds everything together too long.
    Environment optional_environment;
    // What standard input begins with.
    std::string input;
    // Whether more may come: write_input() and close_input(). Otherwise standard input ends there.
    bool keep_input_open = false;
    // Gives the command a file descriptor for JSON lines to its worker, named by AGENTCOM_CONTROL_FD.
    bool with_control = false;
};

// The spec for a task: the task on standard input, and in AGENTCOM_TASK_ID, _GENERATION, _DESCRIPTION, _METADATA and
// _JSON. A value over 100 KB, or with a zero byte, is on standard input only.
CommandSpec command_spec(std::vector<std::string> argv, const std::string& task_raw);

// Whether execvp would find the program.
bool is_runnable(const std::string& program);

// Keeps the last bytes of a stream.
class Tail {
  public:
    explicit Tail(size_t limit) : limit_(limit) {}

    void append(std::string_view bytes);
    // Whether the stream was longer than what is kept.
    bool cut() const { return total_ > limit_; }
    std::string take();

  private:
    size_t limit_;
    size_t total_ = 0;
    std::string bytes_;
};

class ChildProcess : public std::enable_shared_from_this<ChildProcess> {
  public:
    static constexpr std::chrono::seconds kKillDelay{10};

    enum class Stream : uint8_t { standard_output, standard_error };

    // All are called from the context.
    struct Handlers {
        // Once, at last; also when the command could not be started.
        std::function<void(const CommandResult&)> ended;
        // Bytes as they come. What is read is counted for the result too.
        std::function<void(Stream, std::string_view)> printed = nullptr;
        // A line that the command has written to AGENTCOM_CONTROL_FD.
        std::function<void(const std::string&)> controlled = nullptr;
    };

    static std::shared_ptr<ChildProcess> start(boost::asio::io_context& context, const CommandSpec& spec,
                                               const GroupGuard& guard, Handlers handlers);

    // Asks the whole group to end (SIGTERM); after `grace` it has to (SIGKILL).
    void terminate(std::chrono::milliseconds grace = kKillDelay);

    // Nothing happens when standard input is closed; false then.
    bool write_input(std::string_view text);
    // Once everything is written.
    void close_input();

    // To be called on SIGCHLD.
    void check();

    bool running() const { return pid_ > 0; }

  private:
    struct Pipe {
        Pipe(boost::asio::io_context& context, Stream which_stream, size_t limit)
            : which(which_stream), stream(context), tail(limit) {}
        Stream which;
        boost::asio::posix::stream_descriptor stream;
        Tail tail;
        std::array<char, 16384> buffer{};
        bool open = false;
    };

    ChildProcess(boost::asio::io_context& context, const GroupGuard& guard, Handlers handlers);

    void spawn(const CommandSpec& spec);
    void write_next();
    void read_more(Pipe& pipe);
    void read_control();
    void finish_when_drained();
    void finish();

    const GroupGuard& guard_;
    Handlers handlers_;
    std::chrono::steady_clock::time_point started_at_;
    boost::asio::posix::stream_descriptor input_;
    // What is still to be written; the first is on its way.
    std::deque<std::string> input_texts_;
    size_t input_bytes_ = 0;
    bool closing_input_ = false;
    boost::asio::posix::stream_descriptor control_;
    bool control_open_ = false;
    std::string control_text_;
    std::array<char, 4096> control_buffer_{};
    Pipe output_;
    Pipe errors_;
    boost::asio::steady_timer kill_timer_;
    // Somebody outside the group may hold the pipes open.
    boost::asio::steady_timer drain_timer_;
    pid_t pid_ = 0;
    bool exited_ = false;
    CommandResult result_;
};

}  // namespace agentcom::cli
