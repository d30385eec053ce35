#include "tools/cli/child_process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "core/base/json.hpp"
#include "tools/cli/output.hpp"

extern char** environ;

namespace agentcom::cli {

namespace {

namespace asio = boost::asio;

// Linux refuses a single string of 128 KiB (MAX_ARG_STRLEN).
constexpr size_t kMaxVariableBytes = 100'000;
constexpr std::chrono::seconds kDrainTime{1};
// The command's end of the control pipe.
constexpr int kControlDescriptor = 3;
constexpr size_t kMaxControlLine = size_t{64} * 1024;
// What people may say to a command that does not read.
constexpr size_t kMaxInputBytes = size_t{4} * 1024 * 1024;

// A pipe whose ends close on exec.
struct PipeEnds {
    int read_end = -1;
    int write_end = -1;

    bool open() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) return false;
        read_end = ends[0];
        write_end = ends[1];
        return true;
    }
    void close_read() { close_one(read_end); }
    void close_write() { close_one(write_end); }
    ~PipeEnds() {
        close_read();
        close_write();
    }

  private:
    static void close_one(int& descriptor) {
        if (descriptor >= 0) ::close(descriptor);
        descriptor = -1;
    }
};

// The strings and the pointers to them that exec wants, made before fork: after it nothing may be allocated.
class StringArray {
  public:
    void add(std::string text) { strings_.push_back(std::move(text)); }
    char* const* pointers() {
        pointers_.clear();
        for (std::string& text : strings_) pointers_.push_back(text.data());
        pointers_.push_back(nullptr);
        return pointers_.data();
    }

  private:
    std::vector<std::string> strings_;
    std::vector<char*> pointers_;
};

StringArray environment_strings(const Environment& added, const Environment& more) {
    StringArray strings;
    const auto is_replaced = [&](std::string_view entry) {
        const std::string_view name = entry.substr(0, entry.find('='));
        // An outer worker's task is not this one.
        if (name.starts_with("AGENTCOM_TASK_")) return true;
        return std::ranges::any_of(added, [&](const auto& variable) { return variable.first == name; });
    };
    for (char** entry = environ; *entry != nullptr; ++entry) {
        if (!is_replaced(*entry)) strings.add(*entry);
    }
    for (const auto& [name, value] : added) strings.add(name + "=" + value);
    for (const auto& [name, value] : more) strings.add(name + "=" + value);
    return strings;
}

struct ChildSetup {
    char* const* argv;
    char* const* environment;
    char* const* short_environment;
    int input;
    int output;
    int errors;
    int control;  // -1 = none
    int failure;  // gets errno when exec fails
    pid_t parent;
    const GroupGuard* guard;
};

// Runs between fork and exec, so it calls nothing but system calls.
[[noreturn]] void become_command(const ChildSetup& setup) {
    ::setpgid(0, 0);
    setup.guard->add(::getpid());
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != setup.parent) ::_exit(127);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    for (const int signal : {SIGINT, SIGTERM, SIGCHLD, SIGPIPE, SIGHUP}) ::signal(signal, SIG_DFL);
    // Out of the way of the numbers that the command is to find.
    const int failure = ::fcntl(setup.failure, F_DUPFD_CLOEXEC, kControlDescriptor + 1);
    ::dup2(setup.input, 0);
    ::dup2(setup.output, 1);
    ::dup2(setup.errors, 2);
    if (setup.control >= 0) ::dup2(setup.control, kControlDescriptor);
    ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    if (setup.control >= 0) ::fcntl(kControlDescriptor, F_SETFD, 0);
    ::execvpe(setup.argv[0], setup.argv, setup.environment);
    if (errno == E2BIG) ::execvpe(setup.argv[0], setup.argv, setup.short_environment);
    const int error = errno;
    [[maybe_unused]] const ssize_t written = ::write(failure, &error, sizeof error);
    ::_exit(127);
}

}  // namespace

// -- Spec -------------------------------------------------------------------------------------------------------------

CommandSpec command_spec(std::vector<std::string> argv, const std::string& task_raw) {
    CommandSpec spec;
    spec.argv = std::move(argv);
    spec.input = task_raw + "\n";
    const json::Object task = members_of(task_raw);
    const auto add = [](Environment& environment, std::string name, std::string value) {
        if (value.size() > kMaxVariableBytes || value.find('\0') != std::string::npos) return;
        environment.emplace_back(std::move(name), std::move(value));
    };
    add(spec.environment, "AGENTCOM_TASK_ID", text_of(task, "task_id"));
    add(spec.environment, "AGENTCOM_TASK_GENERATION", std::string(raw_of(task, "generation")));
    add(spec.optional_environment, "AGENTCOM_TASK_DESCRIPTION", text_of(task, "description"));
    add(spec.optional_environment, "AGENTCOM_TASK_METADATA", std::string(raw_of(task, "metadata")));
    add(spec.optional_environment, "AGENTCOM_TASK_JSON", task_raw);
    return spec;
}

bool is_runnable(const std::string& program) {
    const auto is_program = [](const std::string& path) {
        std::error_code ignored;
        return ::access(path.c_str(), X_OK) == 0 && !std::filesystem::is_directory(path, ignored);
    };
    if (program.find('/') != std::string::npos) return is_program(program);
    const char* path = std::getenv("PATH");
    std::string_view rest = path == nullptr ? "/bin:/usr/bin" : path;
    for (;;) {
        const size_t colon = rest.find(':');
        const std::string directory(rest.substr(0, colon));
        if (is_program((directory.empty() ? "." : directory) + "/" + program)) return true;
        if (colon == std::string_view::npos) return false;
        rest.remove_prefix(colon + 1);
    }
}

// -- Tail -------------------------------------------------------------------------------------------------------------

void Tail::append(std::string_view bytes) {
    total_ += bytes.size();
    bytes_ += bytes;
    // Cut in large steps: each byte is moved once at most.
    if (bytes_.size() > 2 * limit_) bytes_.erase(0, bytes_.size() - limit_);
}

std::string Tail::take() {
    if (bytes_.size() > limit_) bytes_.erase(0, bytes_.size() - limit_);
    return std::exchange(bytes_, {});
}

// -- Process ----------------------------------------------------------------------------------------------------------

ChildProcess::ChildProcess(asio::io_context& context, const GroupGuard& guard, Handlers handlers)
    : guard_(guard),
      handlers_(std::move(handlers)),
      started_at_(std::chrono::steady_clock::now()),
      input_(context),
      control_(context),
      output_(context, Stream::standard_output, kMaxOutputBytes),
      errors_(context, Stream::standard_error, kMaxErrorBytes),
      kill_timer_(context),
      drain_timer_(context) {}

std::shared_ptr<ChildProcess> ChildProcess::start(asio::io_context& context, const CommandSpec& spec,
                                                  const GroupGuard& guard, Handlers handlers) {
    std::shared_ptr<ChildProcess> child(new ChildProcess(context, guard, std::move(handlers)));
    child->spawn(spec);
    if (!child->running()) asio::post(context, [child] { child->finish(); });
    return child;
}

void ChildProcess::spawn(const CommandSpec& spec) {
    StringArray argv;
    for (const std::string& argument : spec.argv) argv.add(argument);
    Environment variables = spec.environment;
    if (spec.with_control) variables.emplace_back("AGENTCOM_CONTROL_FD", std::to_string(kControlDescriptor));
    StringArray environment = environment_strings(variables, spec.optional_environment);
    StringArray short_environment = environment_strings(variables, {});

    PipeEnds input;
    PipeEnds output;
    PipeEnds errors;
    PipeEnds control;
    PipeEnds failure;
    const bool opened =
        input.open() && output.open() && errors.open() && failure.open() && (!spec.with_control || control.open());
    if (!opened) {
        result_.start_error = std::strerror(errno);
        return;
    }
    const ChildSetup setup{argv.pointers(),
                           environment.pointers(),
                           short_environment.pointers(),
                           input.read_end,
                           output.write_end,
                           errors.write_end,
                           control.write_end,
                           failure.write_end,
                           ::getpid(),
                           &guard_};
    const pid_t child = ::fork();
    if (child == 0) become_command(setup);
    if (child < 0) {
        result_.start_error = std::strerror(errno);
        return;
    }
    // In both processes, since either may need the group first.
    ::setpgid(child, child);
    input.close_read();
    output.close_write();
    errors.close_write();
    control.close_write();
    failure.close_write();

    int error = 0;
    ssize_t count = 0;
    do {
        count = ::read(failure.read_end, &error, sizeof error);
    } while (count < 0 && errno == EINTR);
    if (count == static_cast<ssize_t>(sizeof error)) {
        ::waitpid(child, nullptr, 0);
        guard_.remove(child);
        result_.start_error = spec.argv.front() + ": " + std::strerror(error);
        return;
    }
    pid_ = child;
    input_.assign(std::exchange(input.write_end, -1));
    output_.stream.assign(std::exchange(output.read_end, -1));
    errors_.stream.assign(std::exchange(errors.read_end, -1));
    output_.open = true;
    errors_.open = true;
    write_input(spec.input);
    if (!spec.keep_input_open) close_input();
    read_more(output_);
    read_more(errors_);
    if (spec.with_control) {
        control_.assign(std::exchange(control.read_end, -1));
        control_open_ = true;
        read_control();
    }
}

bool ChildProcess::write_input(std::string_view text) {
    if (!input_.is_open() || closing_input_ || (!input_texts_.empty() && input_bytes_ + text.size() > kMaxInputBytes)) {
        return false;
    }
    input_bytes_ += text.size();
    input_texts_.emplace_back(text);
    if (input_texts_.size() == 1) write_next();
    return true;
}

void ChildProcess::close_input() {
    closing_input_ = true;
    boost::system::error_code ignored;
    if (input_texts_.empty()) input_.close(ignored);
}

void ChildProcess::write_next() {
    asio::async_write(input_, asio::buffer(input_texts_.front()),
                      [self = shared_from_this()](boost::system::error_code error, size_t) {
                          self->input_bytes_ -= self->input_texts_.front().size();
                          self->input_texts_.pop_front();
                          // A command that does not read its input is welcome not to.
                          if (error) self->input_texts_.clear();
                          if (!self->input_texts_.empty()) return self->write_next();
                          boost::system::error_code ignored;
                          if (error || self->closing_input_) self->input_.close(ignored);
                      });
}

void ChildProcess::read_control() {
    control_.async_read_some(asio::buffer(control_buffer_),
                             [self = shared_from_this()](boost::system::error_code error, size_t count) {
                                 if (error) {
                                     self->control_open_ = false;
                                     self->finish_when_drained();
                                     return;
                                 }
                                 self->control_text_.append(self->control_buffer_.data(), count);
                                 for (size_t end = 0; (end = self->control_text_.find('\n')) != std::string::npos;) {
                                     const std::string line = self->control_text_.substr(0, end);
                                     self->control_text_.erase(0, end + 1);
                                     if (self->handlers_.controlled) self->handlers_.controlled(line);
                                 }
                                 if (self->control_text_.size() > kMaxControlLine) self->control_text_.clear();
                                 self->read_control();
                             });
}

void ChildProcess::read_more(Pipe& pipe) {
    pipe.stream.async_read_some(asio::buffer(pipe.buffer),
                                [self = shared_from_this(), &pipe](boost::system::error_code error, size_t count) {
                                    if (error) {
                                        pipe.open = false;
                                        self->finish_when_drained();
                                        return;
                                    }
                                    const std::string_view bytes(pipe.buffer.data(), count);
                                    pipe.tail.append(bytes);
                                    if (self->handlers_.printed) self->handlers_.printed(pipe.which, bytes);
                                    self->read_more(pipe);
                                });
}

void ChildProcess::terminate(std::chrono::milliseconds grace) {
    if (!running()) return;
    ::kill(-pid_, SIGTERM);
    kill_timer_.expires_after(grace);
    kill_timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
        if (!error && self->running()) ::kill(-self->pid_, SIGKILL);
    });
}

void ChildProcess::check() {
    if (!running()) return;
    siginfo_t info{};
    // Not reaped yet, so the number is still taken and nobody else can be hit by the signal below.
    if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != pid_)
        return;
    ::kill(-pid_, SIGKILL);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    guard_.remove(pid_);
    pid_ = 0;
    exited_ = true;
    kill_timer_.cancel();
    if (WIFEXITED(status)) result_.exit_status = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) result_.signal = WTERMSIG(status);
    drain_timer_.expires_after(kDrainTime);
    drain_timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
        if (!error) self->finish();
    });
    finish_when_drained();
}

void ChildProcess::finish_when_drained() {
    if (exited_ && !output_.open && !errors_.open && !control_open_) finish();
}

void ChildProcess::finish() {
    if (!handlers_.ended) return;
    boost::system::error_code ignored;
    input_.close(ignored);
    control_.close(ignored);
    output_.stream.close(ignored);
    errors_.stream.close(ignored);
    drain_timer_.cancel();
    result_.output_cut = output_.tail.cut();
    result_.output = output_.tail.take();
    result_.errors = errors_.tail.take();
    result_.duration_ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - started_at_).count();
    const Handlers handlers = std::exchange(handlers_, {});
    handlers.ended(result_);
}

}  // namespace agentcom::cli
