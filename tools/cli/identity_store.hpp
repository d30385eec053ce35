// Who this user is on which hub: one small file per hub and agent, with the agent's token.
//
//     CONFIG/identities/<hub>/<agent>.json   {"format":1,"hub":"http://localhost:4000","agent_id":"ann","token":"…"}
//
// Files have mode 0600 and directories 0700: whoever reads a token is that agent. A file that is not of this form is
// passed over.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/cli/failure.hpp"
#include "tools/cli/hub_url.hpp"

namespace agentcom::cli {

struct Identity {
    std::string agent_id;
    std::string token;

    bool operator==(const Identity&) const = default;
};

class IdentityStore {
  public:
    explicit IdentityStore(std::filesystem::path config_directory)
        : root_(std::move(config_directory) / "identities") {}

    // Replaces what was kept for this agent.
    Trouble save(const HubUrl& hub, const Identity& identity) const;
    std::optional<Identity> find(const HubUrl& hub, std::string_view agent_id) const;
    // All identities on a hub, ordered by file name.
    std::vector<Identity> list(const HubUrl& hub) const;
    // Where an identity lies, whether or not it exists.
    std::filesystem::path path(const HubUrl& hub, std::string_view agent_id) const;

  private:
    std::filesystem::path root_;
};

}  // namespace agentcom::cli
