#include "tools/cli/login.hpp"

#include <vector>

#include "tools/cli/text.hpp"

namespace agentcom::cli {

namespace {

std::string joined_ids(const std::vector<Identity>& identities) {
    std::string text;
    for (const Identity& identity : identities) {
        if (!text.empty()) text += ", ";
        text += identity.agent_id;
    }
    return text;
}

}  // namespace

std::optional<std::string> local_admin_token(const Options& options, const HubUrl& hub,
                                             const Directories& directories) {
    if (!hub.is_loopback() && options.data_dir.empty()) return std::nullopt;
    const std::filesystem::path data =
        options.data_dir.empty() ? directories.hub_data : std::filesystem::path(options.data_dir);
    const std::optional<std::string> text = read_file(data / "admin.token");
    if (!text || trimmed(*text).empty()) return std::nullopt;
    return std::string(trimmed(*text));
}

Outcome<Identity> choose_login(const Options& options, const HubUrl& hub, const Directories& directories,
                               LoginNeed need) {
    if (!options.token.empty()) {
        if (options.as.empty() && need == LoginNeed::agent) {
            return Failure{ExitCode::usage,
                           "wrong usage",
                           "a token does not say which agent it belongs to",
                           "Add --as AGENT, or set AGENTCOM_AGENT.",
                           {}};
        }
        return Identity{options.as, options.token};
    }

    const IdentityStore store(directories.config);
    if (!options.as.empty()) {
        if (std::optional<Identity> identity = store.find(hub, options.as)) return std::move(*identity);
        if (options.as == kAdminPrincipal) {
            if (std::optional<std::string> token = local_admin_token(options, hub, directories)) {
                return Identity{options.as, std::move(*token)};
            }
        }
        return Failure{ExitCode::auth,
                       "cannot act as '" + options.as + "'",
                       "no token is kept for it on " + hub.text(),
                       "Register it (agentcom register " + options.as + "), or give its token with --token.",
                       {}};
    }

    std::vector<Identity> identities = store.list(hub);
    if (identities.size() == 1) return std::move(identities.front());
    if (need == LoginNeed::any) {
        if (std::optional<std::string> token = local_admin_token(options, hub, directories)) {
            return Identity{std::string(kAdminPrincipal), std::move(*token)};
        }
    }
    if (identities.empty()) {
        return Failure{ExitCode::auth,
                       "no identity for " + hub.text(),
                       "nobody is registered there from this account",
                       "Register first: agentcom register AGENT",
                       {}};
    }
    return Failure{ExitCode::usage,
                   "it is not clear who you are",
                   "there are several on " + hub.text() + ": " + joined_ids(identities),
                   "Choose one with --as AGENT, or set AGENTCOM_AGENT.",
                   {}};
}

}  // namespace agentcom::cli
