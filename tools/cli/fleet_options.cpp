#include "tools/cli/command_tree.hpp"
#include "tools/cli/times.hpp"

namespace agentcom::cli {

void add_fleet_commands(CommandTree& tree) {
    const auto [status_app, status] = tree.add<StatusCommand>(
        tree.root(), "status", "One screen: who is there and does what, the queue, what needs you");
    status_app.add_flag("-w,--watch", status.watch, "Keep it on the screen and up to date; end with Ctrl-C");
    status_app
        .add_option_function<std::string>(
            "--interval",
            [&target = status.interval_ms](const std::string& text) {
                target = parse_duration_ms(text).value_or(target);
            },
            "With --watch: look again at least so often (default 2s)")
        ->type_name("SPAN")
        ->check(span_check());

    const auto [watch_app, watch] =
        tree.add<WatchCommand>(tree.root(), "watch", "Follow what happens, an event a line; end with Ctrl-C");
    watch_app.footer(
        "Goes on where it was when the hub restarts or the connection breaks: no event is lost\n"
        "or shown twice. `--since start` begins with the oldest event that the hub keeps.");
    watch_app
        .add_option("--kind", watch.kinds, "Only events of this kind, such as task_completed or 'task_*'; repeatable")
        ->type_name("KIND")
        ->expected(1)
        ->take_all()
        ->check(name_check());
    watch_app.add_option("--subject", watch.subject, "Only events about this task or agent")->type_name("ID");
    watch_app.add_option("--since", watch.since, "A cursor of an earlier event, or 'start' (default: from now on)")
        ->type_name("CURSOR");
    watch_app.add_option("--count", watch.count, "End after so many events")
        ->type_name("N")
        ->check(CLI::PositiveNumber);

    const auto [agents_app, agents] =
        tree.add<AgentsCommand>(tree.root(), "agents", "List who is connected or holds work");
    agents_app.add_option("--state", agents.state, "Only these: idle, assigned, working, waiting_input or offline")
        ->type_name("S")
        ->check(CLI::IsMember({"idle", "assigned", "working", "waiting_input", "offline"}));
    agents_app.add_option("--capability", agents.capability, "Only those who can do this")->type_name("CAP");
}

}  // namespace agentcom::cli
