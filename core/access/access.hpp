// Who is asking, and what may they do.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/access/roles.hpp"
#include "core/base/result.hpp"
#include "core/protocol/credentials.hpp"
#include "core/state/context.hpp"

namespace agentcom::access {

inline constexpr std::string_view kDefaultWorkspace = "default";
inline constexpr std::string_view kHubAdmin = "admin";

/// A principal that proved itself, and the workspace in which it acts.
struct Identity {
    int64_t workspace = 0;
    std::string principal;
    PrincipalKind kind = PrincipalKind::agent;
    Role role = Role::agent;
    Permissions permissions;
    bool of_hub = false;     ///< may act in every workspace
    std::string token;       ///< digest of the token that proved it
    int64_t expires_at = 0;  ///< of that token; 0 = never

    bool may(Permission permission) const { return permissions.has(permission); }
};

/// nullopt when the credential is none that the hub knows, or its time is over. The hub's own principals act in the
/// default workspace.
std::optional<Identity> authenticate(const Context&, const Credential&);
/// What the bearer of a token is and may do; nullopt as above.
std::optional<Identity> identity_of(const Context&, const TokenRow&);
/// Whether a token still proves somebody.
bool is_valid(const Context&, const std::string& token_sha256);
/// What an identity is about to do counts as a use of its token, and what that begins ends when the token expires.
void used(Context&, const Identity&);
/// Sets the timers of all tokens that will expire; once, when the hub starts.
void watch_expiry(Context&);

/// Role admin, agents whom ADMIN_AGENTS names, and every agent under the setting `open_admin`; as far as their tokens
/// are not narrowed.
bool may_administer(const Context&, const Identity&);

/// The id of a workspace; nullopt if there is none of that name.
std::optional<int64_t> find_workspace(const Context&, std::string_view name);
/// The same, made if it is new. Error `invalid_workspace` (422) for a name that is no name.
Result<int64_t> ensure_workspace(Context&, const std::string& name);

/// Whether a name is that of a person: "human:" and more. Only administrators make people.
bool is_human_name(std::string_view name);

/// A token to be made. Only its digest comes here; `sha256` and `prefix` are of the secret that the machine drew.
struct NewToken {
    int64_t workspace = 0;
    std::string agent;
    std::string sha256;
    std::string prefix;
    Role role = Role::agent;
    std::vector<std::string> scopes{};
    int64_t expires_at = 0;
    std::string label{};
};

/// What the bearer of such a token could do.
Permissions permissions_of(const Context&, const NewToken&);

/// Registers an agent with its first token. Errors: `already_registered` (409: it has a token),
/// `invalid_agent_id` (422), `too_many_agents` (503).
Status register_agent(Context&, const NewToken&, const std::string& by);
/// Adds a token, and the principal if it is new. Errors as above but `already_registered`, and `too_many_tokens` (409).
Status add_token(Context&, const NewToken&, const std::string& by);
/// The tokens of a principal, oldest first.
std::vector<TokenRow> tokens_of(const Context&, int64_t workspace, const std::string& agent);
/// Ends a token. What it had opened is ended by core/hub/token_uses.hpp.
void remove_token(Context&, const std::string& token_sha256);

/// Makes sure that the hub's admin has exactly this token.
void set_admin_token(Context&, const std::string& token_sha256, const std::string& token_prefix);

}  // namespace agentcom::access
