// Who is asking, and what may they do.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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
    bool of_hub = false;  ///< may act in every workspace
};

/// nullopt when the credential is none that the hub knows. The hub's own principals act in the default workspace.
std::optional<Identity> authenticate(const Context&, const Credential&);

/// Roles admin, and everybody under the setting `open_admin`.
bool may_administer(const Context&, const Identity&);

/// Whether it may reset the hub: role admin, also under `open_admin`.
bool may_reset(const Context&, const Identity&);

/// The id of a workspace; nullopt if there is none of that name.
std::optional<int64_t> find_workspace(const Context&, std::string_view name);
/// The same, made if it is new. Error `invalid_workspace` (422) for a name that is no name.
Result<int64_t> ensure_workspace(Context&, const std::string& name);

/// Whether a name is that of a person: "human:" and more. Only administrators make people.
bool is_human_name(std::string_view name);

/// Registers an agent with its first token. Errors: `already_registered` (409: it has a token),
/// `invalid_agent_id` (422), `too_many_agents` (503).
Status register_agent(Context&, int64_t workspace, const std::string& agent, const std::string& token_sha256,
                      const std::string& token_prefix, const std::string& by);
/// Adds a token, and the principal if it is new. Errors as above but `already_registered`.
Status add_token(Context&, int64_t workspace, const std::string& agent, const std::string& token_sha256,
                 const std::string& token_prefix, const std::string& by);
/// A new token in the place of all others. Error `agent_not_found` (404).
Status rotate_token(Context&, int64_t workspace, const std::string& agent, const std::string& token_sha256,
                    const std::string& token_prefix, const std::string& by);
/// Removes all tokens of a principal; gives their number.
int64_t revoke_tokens(Context&, int64_t workspace, const std::string& agent, const std::string& by);

/// Makes sure that the hub's admin has exactly this token.
void set_admin_token(Context&, const std::string& token_sha256, const std::string& token_prefix);

}  // namespace agentcom::access
