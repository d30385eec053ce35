#include <ostream>
#include <utility>

#include "core/base/json.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/identity_store.hpp"
#include "tools/cli/login.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/table.hpp"
#include "tools/cli/text.hpp"
#include "tools/cli/times.hpp"

namespace agentcom::cli {

// -- register ---------------------------------------------------------------------------------------------------------

namespace {

// What the store holds for this name moves out of the way of a new token.
void set_previous_aside(const CommandContext& context, const IdentityStore& store, const std::string& agent) {
    if (!store.find(context.hub(), agent)) return;
    // Perhaps of another workspace, or of a hub that was set up anew: only a person can tell if it is still needed.
    const std::filesystem::path file = store.path(context.hub(), agent);
    const std::filesystem::path previous = file.string() + ".previous";
    std::error_code ignored;
    std::filesystem::rename(file, previous, ignored);
    context.surroundings.notice("the token that was kept for this agent before is now in " + previous.string());
}

Failure no_token(const CommandContext& context, std::string what) {
    return Failure{ExitCode::failed,
                   std::move(what),
                   "the hub gave no token",
                   "Check that an AgentCom hub listens at " + context.hub().text() + ".",
                   {}};
}

Outcome<std::string> registration_token(const CommandContext& context, const RegisterCommand& command) {
    std::string token = context.choices.token.value;
    if (!token.empty() || command.workspace.empty()) return token;
    if (std::optional<std::string> admin_token = local_admin_token(context)) return std::move(*admin_token);
    return Failure{ExitCode::auth,
                   "cannot register '" + command.agent + "' in workspace '" + command.workspace + "'",
                   "that takes an admin's token, and there is none on this machine",
                   "Give one with --token, or the hub's data directory with --data.",
                   {}};
}

// {"agent_id":…,"hub":…,"identity_file":…}: the token itself is in the file only.
std::string kept_identity_json(const CommandContext& context, const std::string& agent,
                               const std::filesystem::path& file) {
    json::Writer data;
    data.begin_object().member("agent_id", agent).member("hub", context.hub().text());
    return data.member("identity_file", file.string()).end_object().take();
}

}  // namespace

Trouble run(const CommandContext& context, const RegisterCommand& command) {
    Outcome<std::string> token = registration_token(context, command);
    if (!token) return token.failure();
    const IdentityStore store(context.directories.config);
    // Before the hub makes a token that could then not be kept.
    const std::filesystem::path file = store.path(context.hub(), command.agent);
    if (Trouble trouble = make_private_directory(file.parent_path())) return trouble;

    json::Writer body;
    body.begin_object().member("agent_id", command.agent);
    if (!command.workspace.empty()) body.member("workspace", command.workspace);
    if (!command.invite.empty()) body.member("invite", command.invite);
    body.end_object();
    HubClient client = client_of(context, Identity{"", *token});
    const std::string what = "cannot register '" + command.agent + "'";
    Outcome<std::string> answer = client.post_once(what, "/api/onboard/register", body.take());
    if (!answer) {
        Failure failure = answer.failure();
        if (failure.code == ExitCode::conflict) {
            failure.next = store.find(context.hub(), command.agent)
                               ? "Its token is kept here already: use it with --as " + command.agent + "."
                               : "Choose another id. Its token is not kept here; an admin can make another: "
                                 "agentcom token rotate " +
                                     command.agent;
        }
        return failure;
    }
    const Identity identity{command.agent, text_of(members_of(*answer), "token")};
    if (identity.token.empty()) return no_token(context, what);
    set_previous_aside(context, store, command.agent);
    if (Trouble trouble = store.save(context.hub(), identity)) return trouble;
    return emit(context, {kept_identity_json(context, command.agent, file), "", [&] {
                              return "registered " + command.agent + " on " + context.hub().text() +
                                     "\nits token is in " + file.string() + "\n";
                          }});
}

// -- whoami -----------------------------------------------------------------------------------------------------------

Trouble run(const CommandContext& context, const WhoamiCommand&) {
    Outcome<HubClient> client = client_for(context, LoginNeed::any);
    if (!client) return client.failure();
    Outcome<std::string> answer = client->get("cannot ask who you are", "/api/whoami");
    if (!answer) return answer.failure();
    return emit(context,
                {*answer, "", [&] {
                     const json::Object who = members_of(*answer);
                     const std::string kind = text_of(who, "kind");
                     const std::string workspace = text_of(who, "workspace");
                     return terminal_safe(text_of(who, "principal")) + " (" + kind + ", role " + text_of(who, "role") +
                            (raw_of(who, "of_hub") == "true" ? ", of the whole hub)"
                                                             : ", workspace " + terminal_safe(workspace) + ")") +
                            " on " + context.hub().text() + "\n";
                 }});
}

// -- token ------------------------------------------------------------------------------------------------------------

namespace {

// Keeps a token under its name, or prints it: this once, since the hub keeps a digest only.
Trouble hand_over(const CommandContext& context, const std::string& answer, bool keep) {
    const json::Object members = members_of(answer);
    const Identity identity{text_of(members, "agent_id"), text_of(members, "token")};
    if (identity.token.empty()) return no_token(context, "cannot make a token");
    if (!keep) return emit(context, {answer, "", [&] { return identity.token + "\n"; }});
    const IdentityStore store(context.directories.config);
    const std::filesystem::path file = store.path(context.hub(), identity.agent_id);
    if (Trouble trouble = store.save(context.hub(), identity)) return trouble;
    return emit(context, {kept_identity_json(context, identity.agent_id, file), "",
                          [&] { return "the token of " + identity.agent_id + " is in " + file.string() + "\n"; }});
}

}  // namespace

Trouble run(const CommandContext& context, const TokenCreateCommand& command) {
    Outcome<HubClient> client = client_for(context, LoginNeed::admin);
    if (!client) return client.failure();
    const std::string prefix = "human:";
    const std::string principal =
        command.human && !command.agent.starts_with(prefix) ? prefix + command.agent : command.agent;
    json::Writer body;
    body.begin_object().member("agent_id", principal);
    if (!command.workspace.empty()) body.member("workspace", command.workspace);
    if (command.human) body.member("kind", "human");
    if (!command.role.empty()) body.member("role", command.role);
    if (!command.scopes.empty()) body.raw_member("scopes", json::encode_strings(command.scopes));
    if (command.ttl_ms) body.member("ttl_ms", *command.ttl_ms);
    if (!command.label.empty()) body.member("label", command.label);
    body.end_object();
    Outcome<std::string> answer =
        client->post_once("cannot make a token for '" + principal + "'", "/admin/tokens", body.take());
    if (!answer) return answer.failure();
    return hand_over(context, *answer, command.save);
}

Trouble run(const CommandContext& context, const TokenListCommand&) {
    Outcome<HubClient> client = client_for(context, LoginNeed::admin);
    if (!client) return client.failure();
    Outcome<std::string> answer = client->get("cannot list the tokens", "/admin/tokens");
    if (!answer) return answer.failure();
    return emit(context,
                {*answer, "tokens", [&]() -> std::string {
                     std::vector<std::vector<std::string>> rows;
                     for (const json::Value& token : elements_of(members_of(*answer), "tokens")) {
                         const json::Object members = members_of(token.raw);
                         const int64_t expires_at = number_of(members, "expires_at");
                         rows.push_back({text_of(members, "agent_id"), text_of(members, "token_prefix"),
                                         text_of(members, "role"), expires_at == 0 ? "never" : instant_text(expires_at),
                                         terminal_safe(text_of(members, "label"))});
                     }
                     return rows.empty() ? "no tokens\n"
                                         : table_text({"AGENT", "TOKEN", "ROLE", "EXPIRES", "LABEL"}, rows, 0, 0);
                 }});
}

Trouble run(const CommandContext& context, const TokenRevokeCommand& command) {
    Outcome<HubClient> client = client_for(context, LoginNeed::admin);
    if (!client) return client.failure();
    const std::string what = "cannot revoke the tokens of '" + command.agent + "'";
    std::string target = "/admin/tokens/" + percent_encode(command.agent);
    if (!command.prefix.empty()) target += "?prefix=" + percent_encode(command.prefix);
    Outcome<std::string> answer = client->remove(what, std::move(target));
    if (!answer) {
        Failure failure = answer.failure();
        if (failure.code == ExitCode::not_found) failure.next = "`agentcom token list` shows who has tokens.";
        return failure;
    }
    return emit(context, {*answer, "", [&] { return "the tokens of " + command.agent + " have ended\n"; }});
}

Trouble run(const CommandContext& context, const TokenRotateCommand& command) {
    Outcome<HubClient> client = client_for(context, LoginNeed::admin);
    if (!client) return client.failure();
    const bool is_kept = IdentityStore(context.directories.config).find(context.hub(), command.agent).has_value();
    Outcome<std::string> answer = client->post_once("cannot rotate the token of '" + command.agent + "'",
                                                    "/admin/tokens/" + percent_encode(command.agent) + "/rotate", "");
    if (!answer) {
        Failure failure = answer.failure();
        if (failure.code == ExitCode::not_found) failure.next = "`agentcom token list` shows who has tokens.";
        return failure;
    }
    return hand_over(context, *answer, is_kept);
}

}  // namespace agentcom::cli
