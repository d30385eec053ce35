// Who a command acts as: the token it uses and the agent that the token belongs to.
#pragma once

#include <optional>
#include <string>

#include "tools/cli/failure.hpp"
#include "tools/cli/files.hpp"
#include "tools/cli/hub_url.hpp"
#include "tools/cli/identity_store.hpp"
#include "tools/cli/options.hpp"

namespace agentcom::cli {

// The principal that admin.token belongs to.
inline constexpr std::string_view kAdminPrincipal = "admin";

enum class LoginNeed {
    any,    // a task command: the admin token of this machine will do
    agent,  // a mailbox or a worker: the command must know whose
};

// In this order: --token; --as; the only identity on this hub; the hub's admin token, when the hub is on this machine
// and the command may use it. With --token and LoginNeed::agent, --as must say whose token it is.
Outcome<Identity> choose_login(const Options& options, const HubUrl& hub, const Directories& directories,
                               LoginNeed need);

// The admin token of a hub on this machine, or nothing when its file may not be read. A token is sent to a hub
// elsewhere only if --data was given.
std::optional<std::string> local_admin_token(const Options& options, const HubUrl& hub, const Directories& directories);

}  // namespace agentcom::cli
