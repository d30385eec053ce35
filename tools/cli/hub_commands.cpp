// What administrators ask of a running hub: its configuration, its log level, a reset.
#include <array>
#include <utility>

#include "core/base/json.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/login.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/table.hpp"
#include "tools/cli/text.hpp"
#include "tools/cli/times.hpp"

namespace agentcom::cli {

namespace {

enum class ValueKind : uint8_t { span, address, object };

struct Configurable {
    std::string_view name;
    ValueKind kind;
    std::string_view member;  // of the request's body
};

constexpr std::array kConfigurables{
    Configurable{"heartbeat-interval", ValueKind::span, "heartbeat_interval_ms"},
    Configurable{"mailbox-retention", ValueKind::span, "mailbox_ttl_ms"},
    Configurable{"default-repo", ValueKind::address, "url"},
    Configurable{"public-url", ValueKind::address, "url"},
    Configurable{"alert-thresholds", ValueKind::object, ""},
};

Failure unknown_name(const std::string& name) {
    std::string all;
    for (const Configurable& one : kConfigurables) all.append(all.empty() ? "" : ", ").append(one.name);
    return Failure{
        ExitCode::usage, "wrong usage", "there is nothing to configure called '" + name + "'", "Known: " + all, {}};
}

const Configurable* find_configurable(const std::string& name) {
    for (const Configurable& one : kConfigurables) {
        if (one.name == name) return &one;
    }
    return nullptr;
}

// The body of the PUT that sets it.
Outcome<std::string> body_of(const Configurable& what, const std::string& value) {
    json::Writer out;
    switch (what.kind) {
        case ValueKind::span: {
            const std::optional<int64_t> span_ms = parse_duration_ms(value);
            if (!span_ms) {
                return Failure{ExitCode::usage,
                               "wrong usage",
                               "'" + value + "' is not a time span",
                               "Give one such as 90, 90s, 15m, 2h or 1d.",
                               {}};
            }
            return out.begin_object().member(what.member, *span_ms).end_object().take();
        }
        case ValueKind::address:
            return out.begin_object().member(what.member, value).end_object().take();
        case ValueKind::object:
            break;
    }
    if (!json::validate(value) || json::parse_value(value).kind != json::Kind::object) {
        return Failure{ExitCode::usage,
                       "wrong usage",
                       "'" + value + "' is not a JSON object",
                       "Give the thresholds to change, such as '{\"failure_rate_pct\": 20}'.",
                       {}};
    }
    return value;
}

std::vector<std::string> row_of(const json::Value& entry) {
    const json::Object members = members_of(entry.raw);
    return {text_of(members, "name"), terminal_safe(text_of(members, "value")), text_of(members, "source")};
}

}  // namespace

Trouble run(const CommandContext& context, const HubConfigGetCommand& command) {
    if (!command.name.empty() && find_configurable(command.name) == nullptr) return unknown_name(command.name);
    Outcome<HubClient> client = client_for(context, LoginNeed::admin);
    if (!client) return client.failure();
    Outcome<std::string> answer = client->get("cannot read the configuration", "/api/config");
    if (!answer) return answer.failure();
    std::vector<std::vector<std::string>> rows;
    json::Writer data;
    data.begin_object().key("config").begin_array();
    for (const json::Value& entry : elements_of(members_of(*answer), "config")) {
        if (!command.name.empty() && text_of(members_of(entry.raw), "name") != command.name) continue;
        data.raw(entry.raw);
        rows.push_back(row_of(entry));
    }
    data.end_array().end_object();
    return emit(context, {data.take(), "config", [&] { return table_text({"NAME", "VALUE", "FROM"}, rows, 0, 0); }});
}

Trouble run(const CommandContext& context, const HubConfigSetCommand& command) {
    const Configurable* what = find_configurable(command.name);
    if (what == nullptr) return unknown_name(command.name);
    Outcome<std::string> body = body_of(*what, command.value);
    if (!body) return body.failure();
    Outcome<HubClient> client = client_for(context, LoginNeed::admin);
    if (!client) return client.failure();
    Outcome<std::string> answer =
        client->put("cannot set " + command.name, "/api/config/" + command.name, std::move(*body));
    if (!answer) return answer.failure();
    return emit(context, {*answer, "", [&] { return command.name + " is set\n"; }});
}

Trouble run(const CommandContext& context, const HubConfigUnsetCommand& command) {
    if (find_configurable(command.name) == nullptr) return unknown_name(command.name);
    Outcome<HubClient> client = client_for(context, LoginNeed::admin);
    if (!client) return client.failure();
    json::Writer body;
    body.begin_object().member("name", command.name).end_object();
    Outcome<std::string> answer = client->post("cannot unset " + command.name, "/api/config/unset", body.take());
    if (!answer) return answer.failure();
    return emit(context, {*answer, "", [&] {
                              return command.name + " is " + terminal_safe(text_of(members_of(*answer), "value")) +
                                     " again\n";
                          }});
}

Trouble run(const CommandContext& context, const HubResetCommand&) {
    Outcome<HubClient> client = client_for(context, LoginNeed::admin);
    if (!client) return client.failure();
    Outcome<std::string> answer = client->post("cannot reset the hub", "/api/admin/reset", "");
    if (!answer) return answer.failure();
    return emit(context, {*answer, "", [] {
                              return std::string(
                                  "the hub drops what is not stored; agents connect again, and running "
                                  "tasks are queued again\n");
                          }});
}

Trouble run(const CommandContext& context, const HubLogLevelCommand& command) {
    Outcome<HubClient> client = client_for(context, LoginNeed::admin);
    if (!client) return client.failure();
    json::Writer body;
    body.begin_object().member("level", command.level);
    if (!command.component.empty()) body.member("component", command.component);
    body.end_object();
    const std::string target = "/api/admin/log-level";
    Outcome<std::string> answer = command.level.empty() ? client->get("cannot ask for the log level", target)
                                                        : client->put("cannot set the log level", target, body.take());
    if (!answer) return answer.failure();
    return emit(context, {*answer, "", [&] { return text_of(members_of(*answer), "level") + "\n"; }});
}

}  // namespace agentcom::cli
