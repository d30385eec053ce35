#include "tools/cli/login.hpp"

#include <algorithm>
#include <vector>

#include "core/base/json.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/text.hpp"

namespace agentcom::cli {

namespace {

constexpr std::string_view kHumanPrefix = "human:";

std::string joined_ids(const std::vector<Identity>& identities) {
    std::string text;
    for (const Identity& identity : identities) {
        if (!text.empty()) text += ", ";
        text += identity.agent_id;
    }
    return text;
}

// Asks the hub for a token of this person and keeps it.
Outcome<Identity> make_human(const CommandContext& context, const std::string& admin_token) {
    const std::string principal = human_principal(context);
    const IdentityStore store(context.directories.config);
    if (Trouble trouble = make_private_directory(store.path(context.hub(), principal).parent_path())) return *trouble;
    json::Writer body;
    body.begin_object().member("agent_id", principal).member("kind", "human").end_object();
    HubClient client(context.hub(), admin_token, context.transport, context.surroundings);
    client.set_deadline(context.deadline);
    Outcome<std::string> answer = client.post_once("cannot act as '" + principal + "'", "/admin/tokens", body.take());
    if (!answer) return answer.failure();
    const Identity identity{principal, text_of(members_of(*answer), "token")};
    if (Trouble trouble = store.save(context.hub(), identity)) return *trouble;
    return identity;
}

Outcome<Identity> named_login(const CommandContext& context) {
    const std::string& name = context.choices.agent.value;
    const IdentityStore store(context.directories.config);
    if (std::optional<Identity> identity = store.find(context.hub(), name)) return std::move(*identity);
    const std::optional<std::string> admin_token = local_admin_token(context);
    if (admin_token && name == kAdminPrincipal) return Identity{name, *admin_token};
    if (admin_token && name == human_principal(context)) return make_human(context, *admin_token);
    const std::string from = context.choices.agent.from == "--as" ? "" : " (from " + context.choices.agent.from + ")";
    return Failure{ExitCode::auth,
                   "cannot act as '" + name + "'" + from,
                   "no token is kept for it on " + context.hub().text(),
                   "Register it (agentcom register " + name + "), or give its token with --token.",
                   {}};
}

}  // namespace

std::string human_principal(const CommandContext& context) {
    return std::string(kHumanPrefix) + context.surroundings.login_name();
}

std::optional<std::string> local_admin_token(const CommandContext& context) {
    const std::string& data_dir = context.options.data_dir;
    if (!context.hub().is_loopback() && data_dir.empty()) return std::nullopt;
    const std::filesystem::path data =
        data_dir.empty() ? context.directories.hub_data : std::filesystem::path(data_dir);
    const std::optional<std::string> text = read_file(data / "admin.token");
    if (!text || trimmed(*text).empty()) return std::nullopt;
    return std::string(trimmed(*text));
}

Outcome<Identity> choose_login(const CommandContext& context, LoginNeed need) {
    const std::string& name = context.choices.agent.value;
    if (!context.choices.token.value.empty()) {
        if (name.empty() && (need == LoginNeed::mailbox || need == LoginNeed::worker)) {
            return Failure{ExitCode::usage,
                           "wrong usage",
                           "a token does not say which agent it belongs to",
                           "Add --as AGENT, or set AGENTCOM_AGENT.",
                           {}};
        }
        return Identity{name, context.choices.token.value};
    }
    const std::optional<std::string> admin_token = local_admin_token(context);
    // Who was named for everyday work is not meant to manage tokens; who was named right here is.
    const bool named_here = context.choices.agent.from == "--as";
    if (need == LoginNeed::admin && admin_token && !named_here) {
        return Identity{std::string(kAdminPrincipal), *admin_token};
    }
    if (!name.empty()) return named_login(context);

    const IdentityStore store(context.directories.config);
    if (admin_token && need != LoginNeed::worker) {
        if (std::optional<Identity> human = store.find(context.hub(), human_principal(context))) {
            return std::move(*human);
        }
        return make_human(context, *admin_token);
    }
    std::vector<Identity> identities = store.list(context.hub());
    if (need == LoginNeed::worker) {
        std::erase_if(identities, [](const Identity& one) { return one.agent_id.starts_with(kHumanPrefix); });
    }
    if (identities.size() == 1) return std::move(identities.front());
    if (identities.empty()) {
        return Failure{ExitCode::auth,
                       "no identity for " + context.hub().text(),
                       "nobody is registered there from this account",
                       "Register first: agentcom register AGENT",
                       {}};
    }
    return Failure{ExitCode::usage,
                   "it is not clear who you are",
                   "there are several on " + context.hub().text() + ": " + joined_ids(identities),
                   "Choose one with --as AGENT, or for good with `agentcom config use AGENT`.",
                   {}};
}

HubClient client_of(const CommandContext& context, const Identity& identity) {
    HubClient client(context.hub(), identity.token, context.transport, context.surroundings);
    client.set_deadline(context.deadline);
    const bool may_renew = context.choices.token.value.empty() && identity.agent_id == human_principal(context);
    if (may_renew) {
        client.set_renewal([&context]() -> std::optional<std::string> {
            const std::optional<std::string> admin_token = local_admin_token(context);
            if (!admin_token) return std::nullopt;
            Outcome<Identity> human = make_human(context, *admin_token);
            if (!human) return std::nullopt;
            return human->token;
        });
    }
    return client;
}

Outcome<HubClient> client_for(const CommandContext& context, LoginNeed need) {
    Outcome<Identity> identity = choose_login(context, need);
    if (!identity) return identity.failure();
    return client_of(context, *identity);
}

}  // namespace agentcom::cli
