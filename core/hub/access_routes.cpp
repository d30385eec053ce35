#include "core/hub/access_routes.hpp"

#include <algorithm>
#include <utility>

#include "core/access/invites.hpp"
#include "core/hub/audit.hpp"
#include "core/hub/token_uses.hpp"
#include "core/observe/push.hpp"
#include "core/observe/webhooks.hpp"
#include "core/state/config.hpp"

namespace agentcom::requests {

namespace {

// -- what answers show ------------------------------------------------------------------------------------------------

/// host:port as the client reached us: always with a port, as v1.1 gave it.
std::string with_port(const std::string& host, bool tls) {
    if (host.empty()) return "127.0.0.1:4000";
    const size_t bracket = host.rfind(']');
    const size_t colon = host.rfind(':');
    const bool has_port = colon != std::string::npos && (bracket == std::string::npos || colon > bracket);
    return has_port ? host : host + (tls ? ":443" : ":80");
}

struct HubUrls {
    std::string websocket;
    std::string api;
};

HubUrls hub_urls(const Call& call) {
    const std::string known = config::public_url(call.ctx).value_or(call.ctx.settings.public_url);
    const std::string api =
        !known.empty() ? known
                       : (call.request.tls ? "https://" : "http://") + with_port(call.request.host, call.request.tls);
    // http becomes ws, https becomes wss.
    return {"ws" + api.substr(4) + "/ws", api};
}

/// What a token is, without what it proves.
void write_token(json::Writer& out, const TokenRow& token) {
    out.member("role", to_text(token.role)).raw_member("scopes", json::encode_strings(token.scopes));
    out.member("created_at", token.created_at).member("expires_at", time_or_null(token.expires_at));
    out.member("last_used_at", time_or_null(token.last_used_at));
    out.member("label", token.label.empty() ? std::nullopt : std::optional(token.label));
}

std::string tokens_json(const std::vector<TokenRow>& tokens) {
    json::Writer out;
    out.begin_array();
    for (const TokenRow& token : tokens) {
        out.begin_object().member("token_prefix", token.prefix + "...");
        write_token(out, token);
        out.end_object();
    }
    return out.end_array().take();
}

Answer cannot_make(const Error& error) {
    if (error.code == "invalid_agent_id") return field_error("agent_id", "invalid_characters", error.text);
    return error_answer(error);
}

// -- who may --------------------------------------------------------------------------------------------------------

/// nullopt: the caller may do this to the tokens of this agent.
std::optional<Answer> refuse_for_others(const Call& call, const std::string& agent, std::string_view what) {
    if (access::may_administer(call.ctx, *call.identity) || agent == call.identity->principal) return std::nullopt;
    return error_answer(403, "admin_only", "only an administrator can " + std::string(what) + " tokens of others");
}

/// nullopt: the token gives no more than its maker has, and no longer.
std::optional<Answer> refuse_more(const Call& call, const access::NewToken& token) {
    const access::Identity& maker = *call.identity;
    if (!access::permissions_of(call.ctx, token).within(maker.permissions)) {
        return error_answer(403, "forbidden", "nobody can give more than they may do themselves");
    }
    const bool lasts_longer = maker.expires_at != 0 && (token.expires_at == 0 || token.expires_at > maker.expires_at);
    if (lasts_longer && !access::may_administer(call.ctx, maker)) {
        return error_answer(403, "forbidden", "a token that expires makes none that lasts longer");
    }
    return std::nullopt;
}

/// The tokens end, and with them what they had opened.
void end_tokens(const Call& call, const std::vector<TokenRow>& tokens) {
    for (const TokenRow& token : tokens) access::remove_token(call.ctx, token.sha256);
    for (const TokenRow& token : tokens) token_uses::end(call.ctx, token, "token revoked");
}

/// Whoever had a token may have subscribed browsers with it, and would go on to be told with the next one.
void end_subscriptions_without_token(const Call& call, const std::string& agent) {
    if (access::tokens_of(call.ctx, call.workspace, agent).empty()) {
        push::remove_all_of(call.ctx, call.workspace, agent);
    }
}

// -- a new token's fields ---------------------------------------------------------------------------------------------

std::optional<Answer> read_kind(const Call& call, const std::string& agent) {
    const std::string kind = call.arguments.text("kind");
    if (!kind.empty() && kind != "agent" && kind != "human") {
        return field_error("kind", "invalid_value", "is neither agent nor human");
    }
    if (!kind.empty() && access::is_human_name(agent) != (kind == "human")) {
        return field_error("kind", "invalid_value", "people, and only they, have ids that begin with human:");
    }
    return std::nullopt;
}

/// Reads role, scopes, time and label; an answer says what is wrong with them.
std::optional<Answer> read_token_fields(const Call& call, access::NewToken& token) {
    const TokenRow* maker = call.ctx.tables.find<TokenRow>({call.identity->token});
    const bool for_self = token.agent == call.identity->principal && token.workspace == maker->workspace;
    const std::string role = call.arguments.text("role");
    if (!role.empty() && !from_text(role, token.role)) {
        return field_error("role", "invalid_value", "is not agent, viewer, operator or admin");
    }
    // A further token of one's own is like the one that asks for it, unless it says otherwise.
    if (role.empty() && for_self) token.role = maker->role;
    token.scopes = call.arguments.string_list("scopes");
    if (!std::all_of(token.scopes.begin(), token.scopes.end(), access::is_scope)) {
        return field_error("scopes", "invalid_value", "may hold read, work, operate, administer and metrics");
    }
    if (!call.arguments.has("scopes") && for_self) token.scopes = maker->scopes;
    const std::optional<int64_t> expires_at = call.arguments.integer("expires_at");
    const std::optional<int64_t> ttl_ms = call.arguments.integer("ttl_ms");
    if (expires_at && ttl_ms) return field_error("ttl_ms", "invalid_value", "and expires_at exclude each other");
    if (expires_at && *expires_at <= call.ctx.now.wall_ms) {
        return field_error("expires_at", "invalid_value", "is over already (milliseconds since 1970)");
    }
    if (expires_at) token.expires_at = *expires_at;
    if (ttl_ms) token.expires_at = saturating_add(call.ctx.now.wall_ms, *ttl_ms);
    if (!expires_at && !ttl_ms && for_self) token.expires_at = maker->expires_at;
    token.label = call.arguments.text("label");
    return std::nullopt;
}

}  // namespace

Result<int64_t> named_workspace(const Call& call) {
    const std::optional<std::string> name = call.arguments.string("workspace");
    if (!name) return Result<int64_t>(call.workspace);
    const std::optional<int64_t> known = access::find_workspace(call.ctx, *name);
    if (known && *known == call.workspace) return Result<int64_t>(call.workspace);
    if (!call.identity || !call.identity->of_hub || !call.identity->may(Permission::administer)) {
        return Result<int64_t>(
            Error{"admin_only", 403, Blame::client, "only the hub's admin token can act in another workspace"});
    }
    return access::ensure_workspace(call.ctx, *name);
}

int64_t place_of_secret(std::string_view body) {
    for (const std::string_view place :
         {std::string_view(R"("token":"")"), std::string_view(R"("code":"")"), std::string_view(R"("secret":"")")}) {
        const size_t at = body.find(place);
        // Between the quotes that it ends with.
        if (at != std::string_view::npos) return static_cast<int64_t>(at + place.size() - 1);
    }
    AGENTCOM_ASSERT(false, "an answer with a secret has a place for it");
    return 0;
}

Answer with_secret(json::Writer& out, int status) {
    Answer answer = ok(out, status);
    answer.secret_at = place_of_secret(answer.body);
    return answer;
}

void renew_secret(Context& ctx, const std::string& old_sha256, const HttpRequest& request) {
    const FreshSecret& secret = request.secret;
    if (const TokenRow* found = ctx.tables.find<TokenRow>({old_sha256})) {
        const TokenRow old = *found;
        access::remove_token(ctx, old_sha256);
        token_uses::end(ctx, old, "token revoked");
        TokenRow token = old;
        token.sha256 = secret.sha256;
        token.prefix = secret.prefix;
        ctx.tables.put(std::move(token));
    }
    if (const InviteRow* found = ctx.tables.find<InviteRow>({old_sha256})) {
        InviteRow invite = *found;
        ctx.tables.erase<InviteRow>({old_sha256});
        invite.sha256 = secret.sha256;
        ctx.tables.put(std::move(invite));
    }
    if (webhooks::renew_secret(ctx, old_sha256, secret.sha256)) ctx.emit(KeepSecret{request.request, secret.sha256});
}

// ---------------------------------------------------------------------------------------------------------------------

namespace {

/// What a registration rests on: this machine's word, an administrator, or an invite code.
struct Admission {
    bool admin = false;
    const InviteRow* invite = nullptr;
};

/// nullopt: the agent may register.
std::optional<Answer> admit(const Call& call, Admission& admission, access::NewToken& token) {
    const Settings& settings = call.ctx.settings;
    admission.admin = call.identity && access::may_administer(call.ctx, *call.identity);
    admission.invite = invites::find(call.ctx, call.request.invite);
    if (call.request.invite.kind != Credential::Kind::absent && admission.invite == nullptr) {
        return error_answer(403, "invalid_invite", "the invite code is unknown, used up or expired");
    }
    if (admission.invite != nullptr) {
        const InviteRow& invite = *admission.invite;
        const std::optional<std::string> workspace = call.arguments.string("workspace");
        const bool elsewhere = workspace && access::find_workspace(call.ctx, *workspace) != invite.workspace;
        if (elsewhere || (!invite.agent.empty() && invite.agent != token.agent)) {
            return error_answer(403, "invalid_invite", "the invite code is for another agent or workspace");
        }
        token.workspace = invite.workspace;
        token.role = invite.role;
    } else if (!call.request.loopback && !admission.admin && settings.open_registration == 0) {
        return error_answer(403, "registration_closed",
                            "agents on other machines register with an invite code (`invite`) or an admin's token");
    } else {
        const Result<int64_t> workspace = named_workspace(call);
        if (!workspace) return error_answer(workspace.error());
        token.workspace = workspace.value();
    }
    const bool invited = admission.invite != nullptr && !admission.invite->agent.empty();
    if (access::is_human_name(token.agent) && !admission.admin && !invited) {
        return error_answer(403, "admin_only", "a person's token is made by an administrator");
    }
    // A name that ADMIN_AGENTS raises is not for whoever comes first.
    access::NewToken plain = token;
    plain.agent.clear();
    const bool raised =
        !access::permissions_of(call.ctx, token).within(access::permissions_of(call.ctx, plain)) && !invited;
    if (raised && !admission.admin && settings.open_registration == 0) {
        return error_answer(403, "admin_only", "this agent is an administrator: its token is made by another one");
    }
    return std::nullopt;
}

}  // namespace

Reply on_register(const Call& call) {
    access::NewToken token;
    token.agent = call.arguments.text("agent_id");
    token.sha256 = call.request.secret.sha256;
    token.prefix = call.request.secret.prefix;
    if (token.agent.empty()) return field_error("agent_id", "required", "agent_id must not be empty");
    Admission admission;
    if (auto refused = admit(call, admission, token)) return refused;
    const Status made = access::register_agent(call.ctx, token, call.principal());
    if (!made) {
        if (made.error().code == "already_registered") return error_answer(409, "agent_id already registered");
        return cannot_make(made.error());
    }
    if (admission.invite != nullptr) {
        json::Writer data;
        data.begin_object().member("agent_id", token.agent).end_object();
        call.ctx.event(token.workspace, "invite_used", admission.invite->id, token.agent, "", data.take());
        invites::use(call.ctx, admission.invite->sha256);
    }
    const HubUrls urls = hub_urls(call);
    json::Writer out;
    out.begin_object().member("agent_id", token.agent).member("token", "");
    out.member("hub_ws_url", urls.websocket).member("hub_api_url", urls.api);
    out.member("default_repo", config::default_repo(call.ctx)).end_object();
    return with_secret(out, 201);
}

Reply on_token_create(const Call& call) {
    access::NewToken token;
    token.agent = call.arguments.text("agent_id");
    if (auto refused = refuse_for_others(call, token.agent, "make")) return refused;
    if (token.agent.empty()) return field_error("agent_id", "required", "agent_id must not be empty");
    if (auto wrong = read_kind(call, token.agent)) return wrong;
    const Result<int64_t> workspace = named_workspace(call);
    if (!workspace) return error_answer(workspace.error());
    token.workspace = workspace.value();
    token.sha256 = call.request.secret.sha256;
    token.prefix = call.request.secret.prefix;
    if (auto wrong = read_token_fields(call, token)) return wrong;
    if (auto refused = refuse_more(call, token)) return refused;
    const Status made = access::add_token(call.ctx, token, call.principal());
    if (!made) return cannot_make(made.error());
    const TokenRow row = *call.ctx.tables.find<TokenRow>({token.sha256});
    audit_in(call, token.workspace, "token_created", token.agent, "null", tokens_json({row}));
    json::Writer out;
    out.begin_object().member("agent_id", token.agent).member("token", "");
    // v1.1 answers with these two alone.
    const bool plain =
        token.role == Role::agent && token.scopes.empty() && token.expires_at == 0 && token.label.empty();
    if (!plain) write_token(out, row);
    out.end_object();
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
        for (const TokenRow& token : access::tokens_of(call.ctx, call.workspace, owner->first.second)) {
            out.begin_object().member("agent_id", token.principal).member("token_prefix", token.prefix + "...");
            write_token(out, token);
            out.end_object();
        }
    }
    out.end_array().end_object();
    return ok(out);
}

Reply on_token_revoke(const Call& call) {
    const std::string& agent = call.params.at(0);
    if (auto refused = refuse_for_others(call, agent, "revoke")) return refused;
    std::vector<TokenRow> ended = access::tokens_of(call.ctx, call.workspace, agent);
    if (const std::string* wanted = find_parameter(call.query, "prefix")) {
        const std::string_view prefix = std::string_view(*wanted).substr(0, wanted->find('.'));
        std::erase_if(ended, [prefix](const TokenRow& token) { return token.prefix != prefix; });
        if (ended.empty()) return error_answer(404, "token_not_found", "the agent has no token with this prefix");
    }
    end_tokens(call, ended);
    end_subscriptions_without_token(call, agent);
    if (!ended.empty()) audit(call, "token_revoked", agent, tokens_json(ended), "null");
    json::Writer out;
    out.begin_object().member("status", "revoked").member("agent_id", agent).end_object();
    return ok(out);
}

Reply on_token_rotate(const Call& call) {
    const std::string& agent = call.params.at(0);
    if (auto refused = refuse_for_others(call, agent, "rotate")) return refused;
    if (!call.ctx.tables.contains<PrincipalRow>({call.workspace, agent})) {
        return error_answer(404, "agent_not_found", "nobody is registered under this name");
    }
    const std::vector<TokenRow> old = access::tokens_of(call.ctx, call.workspace, agent);
    access::NewToken token;
    token.workspace = call.workspace;
    token.agent = agent;
    token.sha256 = call.request.secret.sha256;
    token.prefix = call.request.secret.prefix;
    // It is like the one that asks, or else like the newest.
    const TokenRow* maker = call.ctx.tables.find<TokenRow>({call.identity->token});
    const bool for_self = maker->workspace == call.workspace && maker->principal == agent;
    if (for_self || !old.empty()) {
        const TokenRow& like = for_self ? *maker : old.back();
        token.role = like.role;
        token.scopes = like.scopes;
        token.label = like.label;
        token.expires_at = like.expires_at;
        // An administrator gives it the whole of its time again.
        if (like.expires_at != 0 && access::may_administer(call.ctx, *call.identity)) {
            token.expires_at = saturating_add(call.ctx.now.wall_ms, like.expires_at - like.created_at);
        }
    }
    if (auto refused = refuse_more(call, token)) return refused;
    end_tokens(call, old);
    end_subscriptions_without_token(call, agent);
    const Status made = access::add_token(call.ctx, token, call.principal());
    if (!made) return cannot_make(made.error());
    audit(call, "token_rotated", agent, tokens_json(old),
          tokens_json({*call.ctx.tables.find<TokenRow>({token.sha256})}));
    json::Writer out;
    out.begin_object().member("agent_id", agent).member("token", "").end_object();
    return with_secret(out, 201);
}

Reply on_whoami(const Call& call) {
    const access::Identity& who = *call.identity;
    const TokenRow* token = call.ctx.tables.find<TokenRow>({who.token});
    json::Writer out;
    out.begin_object().member("principal", who.principal).member("kind", to_text(who.kind));
    out.member("role", to_text(who.role));
    out.member("workspace", call.ctx.tables.find<WorkspaceRow>({call.workspace})->name).member("of_hub", who.of_hub);
    out.member("token_prefix", token->prefix + "...").raw_member("scopes", json::encode_strings(token->scopes));
    out.member("expires_at", time_or_null(token->expires_at)).end_object();
    return ok(out);
}

}  // namespace agentcom::requests
