#include <algorithm>
#include <array>
#include <utility>

#include "tools/cli/import_hubs.hpp"
#include "tools/cli/login.hpp"

namespace agentcom::cli {

namespace {

struct Step {
    ImportPart part;
    Trouble (*run)(Import&);
    bool needs_old_hub = true;
};

constexpr std::array kSteps = {
    Step{ImportPart::tokens, import_tokens, false}, Step{ImportPart::settings, import_settings},
    Step{ImportPart::limits, import_limits},        Step{ImportPart::whitelist, import_whitelist},
    Step{ImportPart::channels, import_channels},    Step{ImportPart::messages, import_messages},
    Step{ImportPart::tasks, import_tasks},
};
static_assert(kSteps.size() == kImportPartNames.size());

std::set<ImportPart> parts_of(const ImportV11Command& command) {
    std::set<ImportPart> parts;
    for (const Step& step : kSteps) {
        const bool wanted = command.only.empty() || std::ranges::count(command.only, name_of(step.part)) > 0;
        if (wanted && (!step.needs_old_hub || !command.from.empty())) parts.insert(step.part);
    }
    return parts;
}

Trouble check(const ImportV11Command& command, const std::vector<OldToken>& tokens) {
    const bool only_tokens = command.only == std::vector<std::string>{std::string(name_of(ImportPart::tokens))};
    if (command.from.empty() && !command.only.empty() && !only_tokens) {
        return Failure{ExitCode::usage,
                       "wrong usage",
                       "all but tokens comes from the old hub",
                       "Add --from http://HOST:PORT.",
                       {}};
    }
    if (!command.from.empty() && command.from_token.empty() && tokens.empty()) {
        return Failure{ExitCode::usage,
                       "wrong usage",
                       "there is no token to ask the old hub with",
                       "Add --token; any token of the old hub will do.",
                       {}};
    }
    return std::nullopt;
}

void tell_what_stays(ImportReport& report) {
    report.leave_behind(
        "threads, analytics, metrics, alerts, push subscriptions and backups: v1.1 gives nobody their data");
    report.leave_behind("alert thresholds of v1.1 never took effect there; those that were changed do here");
}

}  // namespace

Trouble run(const CommandContext& context, const ImportV11Command& command) {
    Outcome<std::vector<OldToken>> tokens = read_token_file(command.tokens_file);
    if (!tokens) return tokens.failure();
    if (is_readable_by_others(command.tokens_file)) {
        context.surroundings.notice("others on this machine can read " + command.tokens_file +
                                    ", which holds every agent's token: chmod 600");
    }
    if (Trouble trouble = check(command, *tokens)) return trouble;
    Outcome<HubClient> hub = client_for(context, LoginNeed::admin);
    if (!hub) return hub.failure();
    std::optional<OldHub> old_hub;
    if (!command.from.empty()) {
        Outcome<HubUrl> url = HubUrl::parse(command.from);
        if (!url) return url.failure();
        if (url->key() == context.hub().key()) {
            return Failure{ExitCode::usage,
                           "wrong usage",
                           "--from names the hub that is to take everything over",
                           "Name the old hub with --from and the new one with --hub.",
                           {}};
        }
        const std::string token = command.from_token.empty() ? tokens->front().token : command.from_token;
        old_hub.emplace(*url, token, tcp_transport(*url), context.surroundings, context.deadline);
    }
    ImportReport report(old_hub ? old_hub->address() : "", command.dry_run);
    ItemSender sender(*hub, context.surroundings, report, command.dry_run);
    Import import{old_hub ? &*old_hub : nullptr,
                  *hub,
                  sender,
                  report,
                  context.surroundings,
                  command.dry_run,
                  *tokens,
                  parts_of(command)};
    for (const Step& step : kSteps) {
        if (!import.wants(step.part)) continue;
        report.begin(step.part);
        if (Trouble trouble = step.run(import)) return trouble;
        context.surroundings.notice(std::string(name_of(step.part)) + ": " + std::to_string(report.total(step.part)));
    }
    if (old_hub) tell_what_stays(report);
    return emit(context, {report.json(), "parts", [&] { return report.text(); }});
}

}  // namespace agentcom::cli
