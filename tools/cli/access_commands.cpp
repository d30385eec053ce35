// Invite codes and the record of administrative acts.
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

std::string instant_of(const json::Object& object, std::string_view name) {
    return instant_text(number_of(object, name));
}

}  // namespace

Trouble run(const CommandContext& context, const InviteCreateCommand& command) {
    Outcome<HubClient> client = client_for(context, LoginNeed::admin);
    if (!client) return client.failure();
    json::Writer body;
    body.begin_object();
    if (!command.agent.empty()) body.member("agent_id", command.agent);
    if (!command.role.empty()) body.member("role", command.role);
    if (command.uses) body.member("uses", *command.uses);
    if (command.ttl_ms) body.member("ttl_ms", *command.ttl_ms);
    if (!command.workspace.empty()) body.member("workspace", command.workspace);
    body.end_object();
    Outcome<std::string> answer = client->post_once("cannot make an invite code", "/api/admin/invites", body.take());
    if (!answer) return answer.failure();
    return emit(context, {*answer, "", [&] { return text_of(members_of(*answer), "code") + "\n"; }});
}

Trouble run(const CommandContext& context, const InviteListCommand&) {
    Outcome<HubClient> client = client_for(context, LoginNeed::admin);
    if (!client) return client.failure();
    Outcome<std::string> answer = client->get("cannot list the invite codes", "/api/admin/invites");
    if (!answer) return answer.failure();
    return emit(
        context,
        {*answer, "invites", [&]() -> std::string {
             std::vector<std::vector<std::string>> rows;
             for (const json::Value& invite : elements_of(members_of(*answer), "invites")) {
                 const json::Object members = members_of(invite.raw);
                 rows.push_back({text_of(members, "id"), text_of(members, "agent_id"), text_of(members, "role"),
                                 std::to_string(number_of(members, "uses_left")), instant_of(members, "expires_at")});
             }
             return rows.empty() ? "no invite codes\n"
                                 : table_text({"ID", "AGENT", "ROLE", "USES", "EXPIRES"}, rows, 0, 0);
         }});
}

Trouble run(const CommandContext& context, const InviteRevokeCommand& command) {
    Outcome<HubClient> client = client_for(context, LoginNeed::admin);
    if (!client) return client.failure();
    Outcome<std::string> answer =
        client->remove("cannot end '" + command.id + "'", "/api/admin/invites/" + percent_encode(command.id));
    if (!answer) {
        Failure failure = answer.failure();
        if (failure.code == ExitCode::not_found) failure.next = "`agentcom invite list` shows what stands open.";
        return failure;
    }
    return emit(context, {*answer, "", [&] { return command.id + " has ended\n"; }});
}

Trouble run(const CommandContext& context, const AuditCommand& command) {
    Outcome<HubClient> client = client_for(context, LoginNeed::admin);
    if (!client) return client.failure();
    QueryTarget target("/api/admin/audit");
    target.add("kind", command.kind);
    target.add("principal", command.principal);
    if (command.limit) target.add("limit", std::to_string(*command.limit));
    if (command.since) target.add("since", std::to_string(*command.since));
    Outcome<std::string> answer = client->get("cannot read the audit", target.text());
    if (!answer) return answer.failure();
    return emit(context,
                {*answer, "entries", [&]() -> std::string {
                     std::vector<std::vector<std::string>> rows;
                     for (const json::Value& entry : elements_of(members_of(*answer), "entries")) {
                         const json::Object members = members_of(entry.raw);
                         rows.push_back(
                             {std::to_string(number_of(members, "seq")), instant_of(members, "at"),
                              text_of(members, "principal"), text_of(members, "kind"), text_of(members, "subject"),
                              std::string(raw_of(members, "before")) + " -> " + std::string(raw_of(members, "after"))});
                     }
                     return rows.empty() ? "nothing\n"
                                         : table_text({"SEQ", "AT", "WHO", "WHAT", "SUBJECT", "CHANGE"}, rows, 0, 0);
                 }});
}

}  // namespace agentcom::cli
