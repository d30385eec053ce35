#include "tools/cli/command_tree.hpp"

namespace agentcom::cli {

void add_hub_commands(CommandTree& tree) {
    CLI::App& hub = tree.add_group("hub", "Administer a running hub; takes an admin's token or this machine's hub");
    CLI::App& config = *hub.add_subcommand("config", "What can be changed while the hub runs");
    config.require_subcommand(1);
    const auto [get_app, get] = tree.add<HubConfigGetCommand>(config, "get", "Show values and where they come from");
    get_app.add_option("NAME", get.name, "Only this one");
    const auto [set_app, set] = tree.add<HubConfigSetCommand>(config, "set", "Store a value: it beats the settings");
    set_app
        .add_option("NAME", set.name,
                    "heartbeat-interval, mailbox-retention (time spans), default-repo, public-url (addresses),\n"
                    "alert-thresholds (a JSON object with those to change)")
        ->required();
    set_app.add_option("VALUE", set.value, "What it shall be")->required();
    const auto [unset_app, unset] =
        tree.add<HubConfigUnsetCommand>(config, "unset", "Forget a stored value: the settings count again");
    unset_app.add_option("NAME", unset.name, "Which one")->required();
    tree.add<HubResetCommand>(hub, "reset",
                              "Drop what is not stored: agents' sockets are closed, running tasks queued again");
    tree.add<HubCompactCommand>(hub, "compact", "Give free pages of the database back to the file system");
    const auto [level_app, level] = tree.add<HubLogLevelCommand>(hub, "log-level", "Show or set what the hub logs");
    CLI::Option* wanted =
        level_app.add_option("LEVEL", level.level, "debug, info, notice, warning or error; until the hub ends")
            ->check(CLI::IsMember({"debug", "info", "notice", "warning", "error", "inherited"}));
    level_app
        .add_option("--component", level.component, "Only for this part of the hub; inherited: no level of its own")
        ->needs(wanted);
}

}  // namespace agentcom::cli
