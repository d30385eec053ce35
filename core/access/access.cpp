#include "core/access/access.hpp"

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

void put_token(Context& ctx, int64_t workspace, const std::string& agent, const std::string& sha256,
               const std::string& prefix) {
    AGENTCOM_ASSERT(sha256.size() == 64, "the machine draws a secret for every operation that mints one");
    TokenRow row;
    row.sha256 = sha256;
    row.workspace = workspace;
    row.principal = agent;
    row.prefix = prefix;
    row.created_at = ctx.now.wall_ms;
    ctx.tables.put(std::move(row));
}

std::vector<std::string> tokens_of(const Context& ctx, int64_t workspace, const std::string& agent) {
    const auto& tokens = ctx.tables.indexes().tokens;
    const auto found = tokens.find({workspace, agent});
    if (found == tokens.end()) return {};
    return {found->second.begin(), found->second.end()};
}

}  // namespace

std::optional<Identity> authenticate(const Context& ctx, const Credential& credential) {
    if (credential.kind != Credential::Kind::present) return std::nullopt;
    // The lookup is by digest: how long it takes tells nothing about the token.
    const TokenRow* token = ctx.tables.find<TokenRow>({credential.sha256_hex});
    if (token == nullptr) return std::nullopt;
    const PrincipalRow* principal = ctx.tables.find<PrincipalRow>({token->workspace, token->principal});
    if (principal == nullptr) return std::nullopt;
    Identity identity;
    identity.of_hub = token->workspace == 0;
    identity.workspace = identity.of_hub ? *find_workspace(ctx, kDefaultWorkspace) : token->workspace;
    identity.principal = token->principal;
    identity.kind = principal->kind;
    identity.role = principal->role;
    return identity;
}

bool may_administer(const Context& ctx, const Identity& identity) {
    return identity.role == Role::admin || ctx.settings.open_admin != 0;
}

bool may_reset(const Context&, const Identity& identity) { return identity.role == Role::admin; }

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

Status register_agent(Context& ctx, int64_t workspace, const std::string& agent, const std::string& token_sha256,
                      const std::string& token_prefix, const std::string& by) {
    if (!tokens_of(ctx, workspace, agent).empty()) {
        return Status(Error{"already_registered", 409, Blame::client, "agent_id already registered"});
    }
    return add_token(ctx, workspace, agent, token_sha256, token_prefix, by);
}

Status add_token(Context& ctx, int64_t workspace, const std::string& agent, const std::string& token_sha256,
                 const std::string& token_prefix, const std::string& by) {
    if (Status made = ensure_principal(ctx, workspace, agent, by); !made) return made;
    put_token(ctx, workspace, agent, token_sha256, token_prefix);
    ctx.event(workspace, "token_created", agent, by, "");
    return {};
}

Status rotate_token(Context& ctx, int64_t workspace, const std::string& agent, const std::string& token_sha256,
                    const std::string& token_prefix, const std::string& by) {
    if (!ctx.tables.contains<PrincipalRow>({workspace, agent})) {
        return Status(Error{"agent_not_found", 404, Blame::client, "nobody is registered under this name"});
    }
    const std::vector<std::string> old = tokens_of(ctx, workspace, agent);
    for (const std::string& token : old) ctx.tables.erase<TokenRow>({token});
    put_token(ctx, workspace, agent, token_sha256, token_prefix);
    ctx.event(workspace, "token_rotated", agent, by, "", "{\"count\":" + std::to_string(old.size()) + "}");
    return {};
}

int64_t revoke_tokens(Context& ctx, int64_t workspace, const std::string& agent, const std::string& by) {
    const std::vector<std::string> tokens = tokens_of(ctx, workspace, agent);
    for (const std::string& token : tokens) ctx.tables.erase<TokenRow>({token});
    if (!tokens.empty() && workspace != 0) {
        ctx.event(workspace, "token_revoked", agent, by, "", "{\"count\":" + std::to_string(tokens.size()) + "}");
    }
    return static_cast<int64_t>(tokens.size());
}

void set_admin_token(Context& ctx, const std::string& token_sha256, const std::string& token_prefix) {
    const std::string admin(kHubAdmin);
    if (!ctx.tables.contains<PrincipalRow>({0, admin})) {
        PrincipalRow row;
        row.id = admin;
        row.kind = PrincipalKind::system;
        row.role = Role::admin;
        row.created_at = ctx.now.wall_ms;
        ctx.tables.put(std::move(row));
    }
    for (const std::string& token : tokens_of(ctx, 0, admin)) {
        if (token != token_sha256) ctx.tables.erase<TokenRow>({token});
    }
    if (!token_sha256.empty() && !ctx.tables.contains<TokenRow>({token_sha256})) {
        put_token(ctx, 0, admin, token_sha256, token_prefix);
    }
}

}  // namespace agentcom::access
