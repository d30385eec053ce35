#include "tools/cli/command_tree.hpp"
#include "tools/cli/import_report.hpp"

namespace agentcom::cli {

void add_import_commands(CommandTree& tree) {
    CLI::App& import = tree.add_group("import", "Move in from another hub");
    const auto [app, v11] = tree.add<ImportV11Command>(
        import, "v1.1", "Take over what a hub of AgentCom v1.1 has; can be run again, and takes each thing once");
    app.add_option("--tokens", v11.tokens_file, "The old hub's token file, priv/tokens.json")
        ->required()
        ->type_name("FILE");
    app.add_option("--from", v11.from, "The old hub, while it runs; without it only tokens are taken over")
        ->type_name("URL");
    app.add_option("--token", v11.from_token,
                   "A token of the old hub (default: the first of the file). The new hub's\n"
                   "admin token stands before `import`")
        ->type_name("TOKEN");
    app.add_option(
           "--only", v11.only,
           "Only these parts, separated by commas: tokens, settings, limits, whitelist,\nchannels, messages, tasks")
        ->type_name("PARTS")
        ->delimiter(',')
        ->check(CLI::IsMember(std::vector<std::string>(kImportPartNames.begin(), kImportPartNames.end())));
    app.add_flag("--dry-run", v11.dry_run, "Ask the old hub, say what would be done, and change nothing");
}

}  // namespace agentcom::cli
