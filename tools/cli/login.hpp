// Who a command acts as: the token it uses and the agent that the token belongs to.
//
// On the hub's own machine a person needs no registration: the admin token that the hub keeps in its data directory
// makes a token for `human:<login name>` at first use, which is kept like any other identity.
#pragma once

#include <optional>
#include <string>

#include "tools/cli/commands.hpp"
#include "tools/cli/failure.hpp"
#include "tools/cli/identity_store.hpp"

namespace agentcom::cli {

// The principal that admin.token belongs to.
inline constexpr std::string_view kAdminPrincipal = "admin";

enum class LoginNeed {
    any,      // most commands
    mailbox,  // the command must know whose
    worker,   // an agent, never a person
    admin,    // what only admins may do: this machine's admin token, if nobody was named
};

// In this order: a token that was given; the identity that was named (--as and the rest of choices.hpp); for a person
// on the hub's own machine their human identity, made if need be; the only identity on this hub.
Outcome<Identity> choose_login(const CommandContext& context, LoginNeed need);

// A client with the token of that login. A human identity that the hub no longer knows (it was set up anew) is made
// again by the first request that meets this.
Outcome<HubClient> client_for(const CommandContext& context, LoginNeed need);
HubClient client_of(const CommandContext& context, const Identity& identity);

// "human:ann".
std::string human_principal(const CommandContext& context);

// The admin token of a hub on this machine, or nothing when its file may not be read. A token is sent to a hub
// elsewhere only if --data was given.
std::optional<std::string> local_admin_token(const CommandContext& context);

}  // namespace agentcom::cli
