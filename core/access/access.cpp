#include "core/access/access.hpp"

#include <algorithm>
#include <tuple>
#include <vector>

#include "core/base/json.hpp"
#include "core/base/limits.hpp"
#include "core/base/utf8.hpp"
#include "core/messaging/mailbox.hpp"

namespace agentcom::access {

namespace {

constexpr std::string_view kHumanPrefix = "human:";

/// Names that people type, that stand in paths and that scripts print: no control characters, no surrounding blanks,
/// and not the word that addresses everybody.
bool is_sane_name(const std::string& name) {
    if (name.empty() || exceeds_code_points(name, kMaxAgentIdCodePoints)) return false;
    if (name.front() == ' ' || name.back() == ' ' || name == "broadcast" || name == "." || name == ".." ||
        name == kHumanPrefix) {
        return false;
    }
    for (const char c : name) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
    }
    return true;
}

Status ensure_principal(Context& ctx, int64_t workspace, const std::string& agent, const std::string& by) {
    if (ctx.tables.contains<PrincipalRow>({workspace, agent})) return {};
    if (!is_sane_name(agent)) {
        return Status(Error{"invalid_agent_id", 422, Blame::client,
                            "an agent id has no control characters, no blanks at its ends, and is not "
                            "\"broadcast\""});
    }
    if (ctx.tables.count<PrincipalRow>() >= ctx.settings.principals_max) {
        return Status(Error{"too_many_agents", 503, Blame::client, "the hub has principals_max agents"});
    }
    PrincipalRow row;
    row.workspace = workspace;
    row.id = agent;
    row.kind = is_human_name(agent) ? PrincipalKind::human : PrincipalKind::agent;
    row.created_at = ctx.now.wall_ms;
    row.joined_seq = ctx.tables.find<WorkspaceRow>({workspace})->message_seq;
    ctx.tables.put(std::move(row));
    mailbox::registered(ctx, workspace, agent);
    ctx.event(workspace, "agent_registered", agent, by, "");
    return {};
}

void put_token(Context& ctx, const NewToken& made) {
    AGENTCOM_ASSERT(made.sha256.size() == 64, "the machine draws a secret for every operation that mints one");
    TokenRow row;
    row.sha256 = made.sha256;
    row.workspace = made.workspace;
    row.principal = made.agent;
    row.prefix = made.prefix;
    row.created_at = ctx.now.wall_ms;
    row.role = made.role;
    row.scopes = made.scopes;
    row.expires_at = made.expires_at;
    row.label = made.label;
    if (row.expires_at != 0) ctx.arm(TimerKind::token_expiry, 0, row.sha256, row.expires_at);
    ctx.tables.put(std::move(row));
}

bool is_named_admin(const Context& ctx, int64_t workspace, const std::string& principal) {
    const std::vector<std::string>& names = ctx.settings.admin_agents;
    return !names.empty() && std::find(names.begin(), names.end(), principal) != names.end() &&
           workspace == find_workspace(ctx, kDefaultWorkspace);
}

/// ADMIN_AGENTS raises agents, not tokens that were made to be of another role.
Role effective_role(const Context& ctx, int64_t workspace, const std::string& principal, Role role) {
    return role == Role::agent && is_named_admin(ctx, workspace, principal) ? Role::admin : role;
}

Permissions effective_permissions(const Context& ctx, int64_t workspace, Role role,
                                  const std::vector<std::string>& scopes) {
    Permissions permissions = permissions_of(role);
    if (ctx.settings.open_admin != 0 && (role == Role::agent || role == Role::operator_)) {
        permissions = permissions | open_admin_permissions();
    }
    // An administrator of another workspace has no say about the hub.
    if (workspace != 0 && workspace != find_workspace(ctx, kDefaultWorkspace)) {
        permissions = permissions & of_one_workspace();
    }
    return permissions & covered_by(scopes);
}

}  // namespace

std::optional<Identity> identity_of(const Context& ctx, const TokenRow& token) {
    if (token.expired(ctx.now.wall_ms)) return std::nullopt;
    const PrincipalRow* principal = ctx.tables.find<PrincipalRow>({token.workspace, token.principal});
    if (principal == nullptr) return std::nullopt;
    Identity identity;
    identity.of_hub = token.workspace == 0;
    identity.workspace = identity.of_hub ? *find_workspace(ctx, kDefaultWorkspace) : token.workspace;
    identity.principal = token.principal;
    identity.kind = principal->kind;
    identity.role = effective_role(ctx, token.workspace, token.principal, token.role);
    identity.permissions = effective_permissions(ctx, token.workspace, identity.role, token.scopes);
    identity.token = token.sha256;
    identity.expires_at = token.expires_at;
    return identity;
}

std::optional<Identity> authenticate(const Context& ctx, const Credential& credential) {
    if (credential.kind != Credential::Kind::present) return std::nullopt;
    // The lookup is by digest: how long it takes tells nothing about the token.
    const TokenRow* token = ctx.tables.find<TokenRow>({credential.sha256_hex});
    return token == nullptr ? std::nullopt : identity_of(ctx, *token);
}

bool is_valid(const Context& ctx, const std::string& token_sha256) {
    const TokenRow* token = ctx.tables.find<TokenRow>({token_sha256});
    return token != nullptr && !token->expired(ctx.now.wall_ms);
}

void used(Context& ctx, const Identity& identity) {
    const TokenRow* token = ctx.tables.find<TokenRow>({identity.token});
    if (token == nullptr) return;
    // A commit that failed may have brought a token back without its timer.
    if (token->expires_at != 0 && !ctx.tables.contains<TimerRow>({TimerKind::token_expiry, 0, token->sha256, 0})) {
        ctx.arm(TimerKind::token_expiry, 0, token->sha256, token->expires_at);
    }
    constexpr int64_t kCoarseMs = 3'600'000;
    if (ctx.now.wall_ms - std::max(token->created_at, token->last_used_at) < kCoarseMs || ctx.read_only()) return;
    TokenRow row = *token;
    row.last_used_at = ctx.now.wall_ms;
    ctx.tables.put(std::move(row));
}

void watch_expiry(Context& ctx) {
    for (const TokenRow::Key& key : ctx.tables.sorted_keys<TokenRow>()) {
        const TokenRow& token = *ctx.tables.find<TokenRow>(key);
        if (token.expires_at == 0 || token.expired(ctx.now.wall_ms)) continue;
        ctx.arm(TimerKind::token_expiry, 0, token.sha256, token.expires_at);
    }
}

bool may_administer(const Context&, const Identity& identity) { return identity.may(Permission::administer); }

std::optional<int64_t> find_workspace(const Context& ctx, std::string_view name) {
    const auto& workspaces = ctx.tables.indexes().workspaces;
    const auto found = workspaces.find(std::string(name));
    if (found == workspaces.end()) return std::nullopt;
    return found->second;
}

Result<int64_t> ensure_workspace(Context& ctx, const std::string& name) {
    if (const std::optional<int64_t> known = find_workspace(ctx, name)) return Result<int64_t>(*known);
    if (!is_sane_name(name)) {
        return Result<int64_t>(Error{"invalid_workspace", 422, Blame::client,
                                     "a workspace's name has no control characters and no blanks at its ends"});
    }
    WorkspaceRow row;
    ctx.tables.modify<HubRow>({0}, [&row](HubRow& hub) { row.id = hub.next_workspace++; });
    row.name = name;
    row.created_at = ctx.now.wall_ms;
    const int64_t id = row.id;
    ctx.tables.put(std::move(row));
    return Result<int64_t>(id);
}

bool is_human_name(std::string_view name) { return name.starts_with(kHumanPrefix) && name != kHumanPrefix; }

Permissions permissions_of(const Context& ctx, const NewToken& token) {
    const Role role = effective_role(ctx, token.workspace, token.agent, token.role);
    return effective_permissions(ctx, token.workspace, role, token.scopes);
}

Status register_agent(Context& ctx, const NewToken& token, const std::string& by) {
    if (!tokens_of(ctx, token.workspace, token.agent).empty()) {
        return Status(Error{"already_registered", 409, Blame::client, "agent_id already registered"});
    }
    if (Status made = add_token(ctx, token, by); !made) return made;
    ctx.event(token.workspace, "token_created", token.agent, by, "");
    return {};
}

Status add_token(Context& ctx, const NewToken& token, const std::string& by) {
    if (Status made = ensure_principal(ctx, token.workspace, token.agent, by); !made) return made;
    std::vector<TokenRow> all = tokens_of(ctx, token.workspace, token.agent);
    if (static_cast<int64_t>(all.size()) >= ctx.settings.tokens_per_principal) {
        for (const TokenRow& row : all) {
            if (row.expired(ctx.now.wall_ms)) remove_token(ctx, row.sha256);
        }
        all = tokens_of(ctx, token.workspace, token.agent);
    }
    if (static_cast<int64_t>(all.size()) >= ctx.settings.tokens_per_principal) {
        return Status(Error{"too_many_tokens", 409, Blame::client,
                            "it has tokens_per_principal tokens already: revoke one of them first"});
    }
    put_token(ctx, token);
    return {};
}

std::vector<TokenRow> tokens_of(const Context& ctx, int64_t workspace, const std::string& agent) {
    std::vector<TokenRow> rows;
    const auto& tokens = ctx.tables.indexes().tokens;
    const auto found = tokens.find({workspace, agent});
    if (found == tokens.end()) return rows;
    for (const std::string& digest : found->second) rows.push_back(*ctx.tables.find<TokenRow>({digest}));
    std::sort(rows.begin(), rows.end(), [](const TokenRow& a, const TokenRow& b) {
        return std::tie(a.created_at, a.sha256) < std::tie(b.created_at, b.sha256);
    });
    return rows;
}

void remove_token(Context& ctx, const std::string& token_sha256) {
    ctx.disarm(TimerKind::token_expiry, 0, token_sha256);
    ctx.tables.erase<TokenRow>({token_sha256});
}

void set_admin_token(Context& ctx, const std::string& token_sha256, const std::string& token_prefix) {
    const std::string admin(kHubAdmin);
    if (!ctx.tables.contains<PrincipalRow>({0, admin})) {
        PrincipalRow row;
        row.id = admin;
        row.kind = PrincipalKind::system;
        row.created_at = ctx.now.wall_ms;
        ctx.tables.put(std::move(row));
    }
    for (const TokenRow& token : tokens_of(ctx, 0, admin)) {
        if (token.sha256 != token_sha256) remove_token(ctx, token.sha256);
    }
    if (!token_sha256.empty() && !ctx.tables.contains<TokenRow>({token_sha256})) {
        put_token(ctx, {0, admin, token_sha256, token_prefix, Role::admin});
    }
}

}  // namespace agentcom::access
