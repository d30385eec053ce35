// Backups and compaction of a running hub, and of the data directory of one that does not run.
#include <utility>
#include <vector>

#include "core/base/json.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/hub_tool.hpp"
#include "tools/cli/login.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/table.hpp"
#include "tools/cli/text.hpp"
#include "tools/cli/times.hpp"

namespace agentcom::cli {

namespace {

Outcome<std::string> ask(const CommandContext& context, const std::string& what, const std::string& target,
                         std::string body = "") {
    Outcome<HubClient> client = client_for(context, LoginNeed::admin);
    if (!client) return client.failure();
    return client->post(what, target, std::move(body));
}

Outcome<std::string> listed(const CommandContext& context) {
    Outcome<HubClient> client = client_for(context, LoginNeed::admin);
    if (!client) return client.failure();
    return client->get("cannot list backups", "/api/admin/backups");
}

// What a job that goes on without us says; "" when it is done.
std::string goes_on(const json::Object& answer) {
    if (text_of(answer, "status") != "running") return "";
    return "it goes on as job " + std::string(raw_of(answer, "job")) +
           "; `agentcom backup list` shows it when it is done\n";
}

std::string path_of(const std::string& name, const char* act) { return "/api/admin/backups/" + name + "/" + act; }

std::vector<std::string> row_of(const json::Value& backup) {
    const json::Object members = json::members(backup.raw);
    return {terminal_safe(text_of(members, "name")),    instant_text(number_of(members, "made_at")),
            std::string(raw_of(members, "bytes")),      std::string(raw_of(members, "rows")),
            terminal_safe(text_of(members, "trigger")), text_of(members, "status")};
}

std::string preview_text(const json::Object& answer) {
    const json::Object result = members_of(raw_of(answer, "result"));
    std::vector<std::vector<std::string>> rows;
    for (const json::Value& each : elements_of(result, "sql_tables")) {
        const json::Object table = json::members(each.raw);
        const std::string now(raw_of(table, "rows_now"));
        const std::string then(raw_of(table, "rows_then"));
        if (now != then) rows.push_back({text_of(table, "table"), now == "null" ? "?" : now, then});
    }
    std::string text = rows.empty() ? "no table has another number of rows\n"
                                    : table_text({"TABLE", "ROWS NOW", "ROWS THEN"}, std::move(rows), 0, 0);
    return text + "tokens revoked since, which stay so: " + std::string(raw_of(result, "tokens_revoked_since")) + "\n";
}

}  // namespace

Trouble run(const CommandContext& context, const BackupListCommand& command) {
    Outcome<std::string> answer =
        command.offline ? run_hub_tool(context, "cannot list backups", {"--list-backups"}) : listed(context);
    if (!answer) return answer.failure();
    return emit(context,
                {*answer, "backups", [&] {
                     std::vector<std::vector<std::string>> rows;
                     for (const json::Value& backup : elements_of(members_of(*answer), "backups")) {
                         rows.push_back(row_of(backup));
                     }
                     return table_text({"NAME", "MADE", "BYTES", "ROWS", "TRIGGER", "STATUS"}, std::move(rows), 0, 0);
                 }});
}

Trouble run(const CommandContext& context, const BackupCreateCommand& command) {
    const std::string what = "cannot make a backup";
    Outcome<std::string> answer =
        command.offline ? run_hub_tool(context, what, {"--make-backup"}) : ask(context, what, "/api/admin/backup");
    if (!answer) return answer.failure();
    return emit(context, {*answer, "", [&] {
                              const json::Object members = members_of(*answer);
                              if (const std::string later = goes_on(members); !later.empty()) return later;
                              return "backup " + terminal_safe(text_of(members, "backup")) + ": " +
                                     std::string(raw_of(members, "bytes")) + " bytes, verified\n";
                          }});
}

Trouble run(const CommandContext& context, const BackupVerifyCommand& command) {
    const std::string what = "cannot verify " + command.name;
    Outcome<std::string> answer = command.offline ? run_hub_tool(context, what, {"--verify-backup", command.name})
                                                  : ask(context, what, path_of(command.name, "verify"));
    if (!answer) return answer.failure();
    return emit(context, {*answer, "", [&] {
                              const std::string later = goes_on(members_of(*answer));
                              return later.empty() ? "backup " + command.name + " is good\n" : later;
                          }});
}

Trouble run(const CommandContext& context, const BackupRestoreCommand& command) {
    const std::string what = "cannot restore " + command.name;
    json::Writer body;
    body.begin_object().member("dry_run", command.dry_run).end_object();
    Outcome<std::string> answer = command.offline ? run_hub_tool(context, what, {"--restore-backup", command.name})
                                                  : ask(context, what, path_of(command.name, "restore"), body.take());
    if (!answer) return answer.failure();
    return emit(context, {*answer, "", [&] {
                              const json::Object members = members_of(*answer);
                              if (const std::string later = goes_on(members); !later.empty()) return later;
                              if (command.dry_run) return preview_text(members);
                              if (command.offline) return "restored " + command.name + "; start the hub\n";
                              return "the hub restarts with " + command.name +
                                     "; what was there becomes the newest backup\n";
                          }});
}

Trouble run(const CommandContext& context, const HubCompactCommand&) {
    Outcome<std::string> answer = ask(context, "cannot compact the database", "/api/admin/compact");
    if (!answer) return answer.failure();
    return emit(context, {*answer, "", [&] {
                              const json::Object members = members_of(*answer);
                              if (const std::string later = goes_on(members); !later.empty()) return later;
                              if (number_of(members, "tables_compacted") == 0) {
                                  return std::string("there was too little to give back\n");
                              }
                              return std::string(raw_of(members, "freed_bytes")) + " bytes are given back\n";
                          }});
}

}  // namespace agentcom::cli
