#include "tools/cli/command_tree.hpp"

namespace agentcom::cli {

namespace {

void add_tokens(CommandTree& tree) {
    CLI::App& token =
        tree.add_group("token", "Make, list and end tokens; takes an admin's token or this machine's hub");
    const auto [create_app, create] =
        tree.add<TokenCreateCommand>(token, "create", "Make a further token for an agent and print it, this once");
    create_app.add_option("AGENT", create.agent, "The agent's id")->required()->check(name_check());
    create_app.add_option("--workspace", create.workspace, "The workspace it belongs to")->type_name("W");
    create_app.add_flag("--human", create.human, "For a person: human:AGENT");
    create_app.add_flag("--save", create.save, "Keep it here for --as instead of printing it");
    tree.add<TokenListCommand>(token, "list", "List tokens by agent and first characters");
    const auto [revoke_app, revoke] =
        tree.add<TokenRevokeCommand>(token, "revoke", "End all tokens of an agent, at once");
    revoke_app.add_option("AGENT", revoke.agent, "The agent's id")->required()->check(name_check());
    const auto [rotate_app, rotate] =
        tree.add<TokenRotateCommand>(token, "rotate", "A new token for an agent; all others of it end");
    rotate_app.add_option("AGENT", rotate.agent, "The agent's id")->required()->check(name_check());
    rotate_app.footer("One that is kept here for --as is replaced; otherwise the new token is printed, this once.");
}

void add_config(CommandTree& tree) {
    CLI::App& config = tree.add_group("config", "What commands go by when nothing is said");
    tree.add<ConfigShowCommand>(config, "show", "The hub and the identity that would be used, and why");
    tree.add<ConfigPathCommand>(config, "path", "The directory of this user's identities and defaults");
    const auto [app, use] = tree.add<ConfigUseCommand>(config, "use", "Use a hub and an identity from now on");
    app.add_option("AGENT", use.agent, "Who to be; without it only the hub given with --hub is kept");
    app.add_flag("--here", use.here, "In this directory and below it only (writes .agentcom)");
}

}  // namespace

void add_identity_commands(CommandTree& tree) {
    const auto [app, command] =
        tree.add<RegisterCommand>(tree.root(), "register", "Register an agent and keep its token for later commands");
    app.add_option("AGENT", command.agent, "The agent's id")->required()->check(name_check());
    app.add_option("--workspace", command.workspace, "Register it there; needs an admin's token")->type_name("W");
    tree.add<WhoamiCommand>(tree.root(), "whoami", "Who the hub takes you for");
    add_tokens(tree);
    add_config(tree);
}

}  // namespace agentcom::cli
