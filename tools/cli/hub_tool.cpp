#include "tools/cli/hub_tool.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "core/base/json.hpp"
#include "tools/cli/output.hpp"

extern char** environ;  // NOLINT(readability-redundant-declaration)

namespace agentcom::cli {

namespace fs = std::filesystem;

namespace {

struct Ended {
    int error = 0;  ///< errno; 0: it ran
    std::string output;
};

Ended run_program(const fs::path& program, std::vector<std::string> arguments) {
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return {errno, ""};
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, pipe[1], STDOUT_FILENO);
    pid_t child = 0;
    const int failed = ::posix_spawn(&child, program.c_str(), &files, nullptr, pointers.data(), environ);
    posix_spawn_file_actions_destroy(&files);
    ::close(pipe[1]);
    Ended ended{failed, ""};
    std::array<char, 65'536> bytes{};
    while (failed == 0) {
        const ssize_t count = ::read(pipe[0], bytes.data(), bytes.size());
        if (count == 0 || (count < 0 && errno != EINTR)) break;
        if (count > 0) ended.output.append(bytes.data(), static_cast<size_t>(count));
    }
    ::close(pipe[0]);
    int status = 0;
    while (failed == 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return ended;
}

}  // namespace

std::string hub_data_of(const CommandContext& context) {
    const bool given = !context.options.data_dir.empty();
    return (given ? fs::path(context.options.data_dir) : context.directories.hub_data).string();
}

Outcome<std::string> run_hub_tool(const CommandContext& context, const std::string& what,
                                  std::vector<std::string> arguments) {
    std::error_code ignored;
    const fs::path program = fs::read_symlink("/proc/self/exe", ignored).parent_path() / "agentcom-hub";
    arguments.insert(arguments.begin(), {program.string(), "--data", hub_data_of(context), "--json"});
    const Ended ended = run_program(program, std::move(arguments));
    if (ended.error != 0) {
        return Failure{ExitCode::failed, what, program.string() + " cannot be started: " + std::strerror(ended.error),
                       "agentcom-hub belongs beside agentcom.", ""};
    }
    std::string object(ended.output.substr(0, ended.output.find('\n')));
    if (!json::validate(object)) {
        return Failure{ExitCode::failed, what, "agentcom-hub ended without an answer", "It has said why above.", ""};
    }
    const json::Object members = members_of(object);
    if (members.find("error") != nullptr) {
        const json::Object error = members_of(raw_of(members, "error"));
        const bool missing = text_of(error, "code") == "not_found";
        return Failure{missing ? ExitCode::not_found : ExitCode::failed, what, text_of(error, "message"),
                       missing ? "" : "agentcom doctor looks at all of it, and says what to do.", ""};
    }
    return object;
}

}  // namespace agentcom::cli
