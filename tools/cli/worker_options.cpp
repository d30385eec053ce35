#include "core/base/limits.hpp"
#include "tools/cli/command_tree.hpp"

namespace agentcom::cli {

void add_worker_command(CommandTree& tree, const std::vector<std::string>& worker_argv) {
    const auto [app, worker] = tree.add<WorkerCommand>(
        tree.root(), "worker", "Take tasks and run a command for each of them",
        [&worker_argv](WorkerCommand& command) -> Trouble {
            command.argv = worker_argv;
            if (command.argv.empty() && command.preset == "shell") {
                return wrong_usage("worker needs a command to run for each task",
                                   "Put it behind --, as in: agentcom worker -- ./solve.sh --fast");
            }
            return std::nullopt;
        });
    app.footer(
        "agentcom worker [OPTIONS] -- COMMAND ARGS...\n"
        "agentcom worker --preset claude [OPTIONS] [-- MORE ARGS FOR claude...]\n\n"
        "The command gets the task as one line of JSON on its standard input and in\n"
        "AGENTCOM_TASK_ID, AGENTCOM_TASK_DESCRIPTION, AGENTCOM_TASK_METADATA,\n"
        "AGENTCOM_TASK_GENERATION and AGENTCOM_TASK_JSON (values over 100 KB on standard input\n"
        "only). It runs without a shell. Exit status 0 completes the task with what it wrote to\n"
        "standard output; any other fails it with the end of standard error. What it prints is\n"
        "shown live by `agentcom task logs -f`.\n\n"
        "On the file descriptor named by AGENTCOM_CONTROL_FD it may write JSON lines:\n"
        "  {\"progress\": 40, \"note\": \"half of the tests pass\"}\n"
        "  {\"question\": \"Deploy?\", \"options\": [\"yes\", \"no\"]}\n"
        "With --interactive, what people say to the task comes as lines on its standard input.\n\n"
        "The first SIGINT or SIGTERM lets running tasks finish, the second ends them.");
    app.add_option("-c,--capability", worker.capabilities, "Something this worker can do; repeatable")
        ->type_name("C")
        ->expected(1)
        ->take_all()
        ->check(name_check());
    app.add_option("--slots", worker.slots, "Tasks at a time (default 1)")
        ->type_name("N")
        ->check(CLI::Range(int64_t{1}, kMaxSlots));
    app.add_flag("--once", worker.once, "Take one task, then exit: 0 when it completed, else 1");
    app.add_flag("-i,--interactive", worker.interactive, "Pass on what people say, on the command's standard input");
    app.add_option("--preset", worker.preset, "What runs: shell (default), claude, codex, or a file's path")
        ->type_name("P")
        ->check(name_check());
    app.add_option("--progress-interval", worker.progress_interval_s,
                   "Seconds between signs of life of a running task (default 60)")
        ->type_name("S")
        ->check(CLI::Range(int64_t{1}, int64_t{86'400}));
}

}  // namespace agentcom::cli
