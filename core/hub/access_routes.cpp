#include "core/hub/access_routes.hpp"

#include "core/hub/sessions.hpp"
#include "core/state/config.hpp"

namespace agentcom::requests {

namespace {

/// The workspace that a request names for a new agent; only those who administer the hub may leave their own.
Result<int64_t> named_workspace(const Call& call) {
    const std::optional<std::string> name = call.arguments.string("workspace");
    if (!name) return Result<int64_t>(call.workspace);
    const std::optional<int64_t> known = access::find_workspace(call.ctx, *name);
    if (known && *known == call.workspace) return Result<int64_t>(call.workspace);
    if (!call.identity || !call.identity->of_hub) {
        return Result<int64_t>(
            Error{"admin_only", 403, Blame::client, "only the hub's admin token can act in another workspace"});
    }
    return access::ensure_workspace(call.ctx, *name);
}

/// scheme://host:port as the client reached us: always with a port, as v1.1 gave it.
std::string authority(const std::string& host) {
    if (host.empty()) return "127.0.0.1:4000";
    const size_t bracket = host.rfind(']');
    const size_t colon = host.rfind(':');
    const bool has_port = colon != std::string::npos && (bracket == std::string::npos || colon > bracket);
    return has_port ? host : host + ":80";
}

Answer with_secret(json::Writer& out, int status) {
    // The secret goes between the quotes of the placeholder that was written last.
    Answer answer = ok(out, status);
    const size_t at = answer.body.find(R"("token":"")");
    AGENTCOM_ASSERT(at != std::string::npos, "an answer with a secret has a place for it");
    answer.secret_at = static_cast<int64_t>(at + 9);
    return answer;
}

/// nullopt: the caller may do this to the tokens of this agent.
std::optional<Answer> refuse_for_others(const Call& call, const std::string& agent, std::string_view what) {
    if (access::may_administer(call.ctx, *call.identity) || agent == call.identity->principal) return std::nullopt;
    return error_answer(403, "admin_only", "only an administrator can " + std::string(what) + " tokens of others");
}

/// The agent's socket ends with the token that opened it.
void close_socket(const Call& call, const std::string& agent) {
    const AgentRow* online = call.ctx.tables.find<AgentRow>({call.workspace, agent});
    if (online != nullptr && online->connection != 0) {
        sessions::close(call.ctx, online->connection, 1008, "token revoked");
    }
}

}  // namespace

Reply on_register(const Call& call) {
    const bool admin = call.identity && access::may_administer(call.ctx, *call.identity);
    if (!call.request.loopback && !admin && call.ctx.settings.open_registration == 0) {
        return error_answer(403, "registration_closed", "agents on other machines are registered by an administrator");
    }
    const std::string agent = call.arguments.text("agent_id");
    if (agent.empty()) return field_error("agent_id", "required", "agent_id must not be empty");
    if (access::is_human_name(agent) && !admin) {
        return error_answer(403, "admin_only", "a person's token is made by an administrator");
    }
    const Result<int64_t> workspace = named_workspace(call);
    if (!workspace) return error_answer(workspace.error());
    const Status made = access::register_agent(call.ctx, workspace.value(), agent, call.request.secret.sha256,
                                               call.request.secret.prefix, call.principal());
    if (!made) {
        if (made.error().code == "already_registered") return error_answer(409, "agent_id already registered");
        if (made.error().code == "invalid_agent_id") {
            return field_error("agent_id", "invalid_characters", made.error().text);
        }
        return error_answer(made.error());
    }
    json::Writer out;
    out.begin_object().member("agent_id", agent).member("token", "");
    const std::string url = config::public_url(call.ctx).value_or("http://" + authority(call.request.host));
    out.member("hub_ws_url", "ws" + url.substr(4) + "/ws").member("hub_api_url", url);
    out.member("default_repo", config::default_repo(call.ctx)).end_object();
    return with_secret(out, 201);
}

Reply on_token_create(const Call& call) {
    const std::string agent = call.arguments.text("agent_id");
    if (auto refused = refuse_for_others(call, agent, "make")) return refused;
    if (agent.empty()) return field_error("agent_id", "required", "agent_id must not be empty");
    const std::string kind = call.arguments.text("kind");
    const bool human = access::is_human_name(agent);
    if (!kind.empty() && kind != "agent" && kind != "human") {
        return field_error("kind", "invalid_value", "is neither agent nor human");
    }
    if (!kind.empty() && human != (kind == "human")) {
        return field_error("kind", "invalid_value", "people, and only they, have ids that begin with human:");
    }
    const Result<int64_t> workspace = named_workspace(call);
    if (!workspace) return error_answer(workspace.error());
    const Status made = access::add_token(call.ctx, workspace.value(), agent, call.request.secret.sha256,
                                          call.request.secret.prefix, call.principal());
    if (!made) {
        if (made.error().code == "invalid_agent_id") {
            return field_error("agent_id", "invalid_characters", made.error().text);
        }
        return error_answer(made.error());
    }
    json::Writer out;
    out.begin_object().member("agent_id", agent).member("token", "").end_object();
    return with_secret(out, 201);
}

Reply on_token_list(const Call& call) {
    json::Writer out;
    out.begin_object().key("tokens").begin_array();
    const bool admin = access::may_administer(call.ctx, *call.identity);
    const auto& tokens = call.ctx.tables.indexes().tokens;
    for (auto owner = tokens.lower_bound({call.workspace, ""});
         owner != tokens.end() && owner->first.first == call.workspace; ++owner) {
        if (!admin && owner->first.second != call.identity->principal) continue;
        for (const std::string& digest : owner->second) {
            out.begin_object().member("agent_id", owner->first.second);
            out.member("token_prefix", call.ctx.tables.find<TokenRow>({digest})->prefix + "...").end_object();
        }
    }
    out.end_array().end_object();
    return ok(out);
}

Reply on_token_revoke(const Call& call) {
    const std::string& agent = call.params.at(0);
    if (auto refused = refuse_for_others(call, agent, "revoke")) return refused;
    access::revoke_tokens(call.ctx, call.workspace, agent, call.principal());
    close_socket(call, agent);
    json::Writer out;
    out.begin_object().member("status", "revoked").member("agent_id", agent).end_object();
    return ok(out);
}

Reply on_token_rotate(const Call& call) {
    const std::string& agent = call.params.at(0);
    if (auto refused = refuse_for_others(call, agent, "rotate")) return refused;
    const Status made = access::rotate_token(call.ctx, call.workspace, agent, call.request.secret.sha256,
                                             call.request.secret.prefix, call.principal());
    if (!made) return error_answer(made.error());
    close_socket(call, agent);
    json::Writer out;
    out.begin_object().member("agent_id", agent).member("token", "").end_object();
    return with_secret(out, 201);
}

Reply on_whoami(const Call& call) {
    const access::Identity& who = *call.identity;
    const TokenRow* token = call.ctx.tables.find<TokenRow>({call.request.authorization.sha256_hex});
    json::Writer out;
    out.begin_object().member("principal", who.principal).member("kind", to_text(who.kind));
    out.member("role", to_text(who.role));
    out.member("workspace", call.ctx.tables.find<WorkspaceRow>({call.workspace})->name).member("of_hub", who.of_hub);
    out.member("token_prefix", token->prefix + "...").end_object();
    return ok(out);
}

}  // namespace agentcom::requests
