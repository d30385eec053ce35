#include <filesystem>
#include <utility>

#include "core/base/json.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/identity_store.hpp"
#include "tools/cli/login.hpp"
#include "tools/cli/text.hpp"

namespace agentcom::cli {

namespace fs = std::filesystem;

namespace {

void write_choice(json::Writer& out, std::string_view name, const Choice& choice) {
    out.key(name).begin_object().key("value");
    if (choice.value.empty()) {
        out.null();
    } else {
        out.string(choice.value);
    }
    out.member("from", choice.from).end_object();
}

// Who would act, without asking the hub.
Choice acting_agent(const CommandContext& context, const std::vector<Identity>& identities) {
    if (!context.choices.agent.value.empty()) return context.choices.agent;
    if (!context.choices.token.value.empty()) return {"", "the token says"};
    if (local_admin_token(context)) return {human_principal(context), "this machine's hub"};
    if (identities.size() == 1) return {identities.front().agent_id, "the only identity on this hub"};
    return {"", identities.empty() ? "nobody is registered" : "several are registered"};
}

}  // namespace

Trouble run(const CommandContext& context, const ConfigShowCommand&) {
    const IdentityStore store(context.directories.config);
    const std::vector<Identity> identities = store.list(context.hub());
    const Choice agent = acting_agent(context, identities);
    json::Writer data;
    data.begin_object();
    write_choice(data, "hub", context.choices.hub);
    write_choice(data, "agent", agent);
    data.member("token_from", context.choices.token.value.empty() ? "identity" : context.choices.token.from);
    data.key("identities").begin_array();
    for (const Identity& identity : identities) {
        data.begin_object().member("agent_id", identity.agent_id);
        data.member("file", store.path(context.hub(), identity.agent_id).string()).end_object();
    }
    data.end_array();
    data.member("config_directory", context.directories.config.string());
    data.member("state_directory", context.directories.state.string());
    const fs::path hub_data =
        context.options.data_dir.empty() ? context.directories.hub_data : fs::path(context.options.data_dir);
    data.member("hub_data_directory", hub_data.string()).member("local_hub", local_admin_token(context).has_value());
    data.end_object();
    return emit(context, {data.take(), "", [&] {
                              std::string text =
                                  "hub         " + context.hub().text() + "  (" + context.choices.hub.from + ")\n";
                              text += "agent       " + (agent.value.empty() ? "-" : terminal_safe(agent.value)) +
                                      "  (" + agent.from + ")\n";
                              text += "identities  ";
                              for (const Identity& identity : identities) {
                                  text +=
                                      (&identity == &identities.front() ? "" : ", ") + terminal_safe(identity.agent_id);
                              }
                              text += std::string(identities.empty() ? "none" : "") + "\nkept in     " +
                                      context.directories.config.string() + "\n";
                              if (local_admin_token(context)) text += "hub's data  " + hub_data.string() + "\n";
                              return text;
                          }});
}

Trouble run(const CommandContext& context, const ConfigPathCommand&) {
    const std::string path = context.directories.config.string();
    json::Writer data;
    data.begin_object().member("config_directory", path).end_object();
    return emit(context, {data.take(), "", [&] { return path + "\n"; }});
}

Trouble run(const CommandContext& context, const ConfigUseCommand& command) {
    const bool hub_said = context.choices.hub.from == "--hub" || context.choices.hub.from == "AGENTCOM_HUB";
    if (command.agent.empty() && !hub_said) {
        return Failure{ExitCode::usage,
                       "wrong usage",
                       "nothing to use was named",
                       "agentcom config use AGENT, or agentcom --hub URL config use [AGENT]",
                       {}};
    }
    std::error_code ignored;
    const fs::path file = command.here ? fs::current_path(ignored) / ".agentcom" : default_file(context.directories);
    ChoiceFile choice = parse_choice_file(read_file(file).value_or(""));
    if (hub_said) choice.hub = context.hub().text();
    if (!command.agent.empty()) choice.agent = command.agent;
    if (!command.here) {
        if (Trouble trouble = make_private_directory(file.parent_path())) return trouble;
    }
    if (Trouble trouble = write_private_file(file, choice_file_text(choice))) return trouble;
    const IdentityStore store(context.directories.config);
    const bool known =
        command.agent.empty() || store.find(context.hub(), command.agent) || command.agent == human_principal(context);
    if (!known) {
        context.surroundings.notice("no token is kept for '" + terminal_safe(command.agent) + "' on " +
                                    context.hub().text() + " yet; register it: agentcom register " + command.agent);
    }
    json::Writer data;
    data.begin_object().member("file", file.string()).member("hub", choice.hub).member("agent", choice.agent);
    data.end_object();
    return emit(context, {data.take(), "", [&] { return "written to " + file.string() + "\n"; }});
}

}  // namespace agentcom::cli
