#include "tools/cli/command_tree.hpp"
#include "tools/cli/times.hpp"

namespace agentcom::cli {

namespace {

void add_ttl(CLI::App& app, std::optional<int64_t>& target, const std::string& help) {
    app.add_option_function<std::string>(
           "--ttl", [&target](const std::string& text) { target = parse_duration_ms(text); }, help)
        ->type_name("SPAN")
        ->check(span_check());
}

void add_tokens(CommandTree& tree) {
    CLI::App& token =
        tree.add_group("token", "Make, list and end tokens; takes an admin's token or this machine's hub");
    const auto [create_app, create] =
        tree.add<TokenCreateCommand>(token, "create", "Make a further token for an agent and print it, this once");
    create_app.add_option("AGENT", create.agent, "The agent's id")->required()->check(name_check());
    create_app.add_option("--workspace", create.workspace, "The workspace it belongs to")->type_name("W");
    create_app.add_option("--role", create.role, "agent, viewer, operator or admin (default agent)")->type_name("ROLE");
    create_app.add_option("--scopes", create.scopes, "Narrow it to these: read, work, operate, administer, metrics")
        ->type_name("A,B")
        ->delimiter(',');
    add_ttl(create_app, create.ttl_ms, "It ends after so long (default: never)");
    create_app.add_option("--label", create.label, "What to call it in lists")->type_name("TEXT");
    create_app.add_flag("--human", create.human, "For a person: human:AGENT");
    create_app.add_flag("--save", create.save, "Keep it here for --as instead of printing it");
    tree.add<TokenListCommand>(token, "list", "List tokens by agent and first characters");
    const auto [revoke_app, revoke] =
        tree.add<TokenRevokeCommand>(token, "revoke", "End all tokens of an agent, at once");
    revoke_app.add_option("AGENT", revoke.agent, "The agent's id")->required()->check(name_check());
    revoke_app.add_option("--prefix", revoke.prefix, "Only the one that begins so; see `token list`")
        ->type_name("PREFIX");
    revoke_app.footer("With the last one the agent's subscriptions to notifications end, too.");
    const auto [rotate_app, rotate] =
        tree.add<TokenRotateCommand>(token, "rotate", "A new token for an agent; all others of it end");
    rotate_app.add_option("AGENT", rotate.agent, "The agent's id")->required()->check(name_check());
    rotate_app.footer(
        "One that is kept here for --as is replaced; otherwise the new token is printed, this once. "
        "Browsers that were subscribed to notifications with an old one subscribe again.");
}

void add_invites(CommandTree& tree) {
    CLI::App& invite = tree.add_group("invite", "Codes that let agents on other machines register; takes an admin");
    const auto [create_app, create] =
        tree.add<InviteCreateCommand>(invite, "create", "Make a code and print it, this once");
    create_app.add_option("--agent", create.agent, "Only for this agent")->type_name("AGENT");
    create_app.add_option("--role", create.role, "agent, viewer, operator or admin (default agent)")->type_name("ROLE");
    create_app.add_option("--workspace", create.workspace, "The workspace that it opens")->type_name("W");
    create_app.add_option("--uses", create.uses, "How many may register with it (default 1)")->type_name("N");
    add_ttl(create_app, create.ttl_ms, "It ends after so long (default 7d)");
    tree.add<InviteListCommand>(invite, "list", "List the codes that stand open");
    const auto [revoke_app, revoke] = tree.add<InviteRevokeCommand>(invite, "revoke", "End a code");
    revoke_app.add_option("ID", revoke.id, "As `invite list` shows it")->required();
    const auto [audit_app, audit] =
        tree.add<AuditCommand>(tree.root(), "audit", "Who changed what: tokens, invites, limits, settings");
    audit_app.add_option("--kind", audit.kind, "Only these, e.g. token_*,invite_created")->type_name("A,B");
    audit_app.add_option("--by", audit.principal, "Only what this one did")->type_name("NAME");
    audit_app.add_option("--since", audit.since, "What came after this number, oldest first")->type_name("SEQ");
    audit_app.add_option("-n,--limit", audit.limit, "At most so many (default 100)")->type_name("N");
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
    app.add_option("--invite", command.invite, "The code that lets it register from another machine")
        ->type_name("CODE");
    tree.add<WhoamiCommand>(tree.root(), "whoami", "Who the hub takes you for");
    add_tokens(tree);
    add_invites(tree);
    add_config(tree);
}

}  // namespace agentcom::cli
