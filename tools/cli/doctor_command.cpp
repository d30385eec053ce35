// A check-up: of the hub, as far as it tells, and of its data directory where that is on this machine.
#include <filesystem>
#include <optional>
#include <utility>

#include "core/base/json.hpp"
#include "tools/cli/answer.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/hub_tool.hpp"
#include "tools/cli/login.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/text.hpp"

namespace agentcom::cli {

namespace {

class Findings {
  public:
    Findings() { list_.begin_array(); }

    void add(std::string_view of, std::string_view level, const std::string& what, const std::string& advice) {
        const std::string_view mark = level == "ok" ? "ok       " : level == "note" ? "note     " : "PROBLEM  ";
        text_ += std::string(mark) + terminal_safe(what) + "\n";
        if (!advice.empty()) text_ += "         " + terminal_safe(advice) + "\n";
        list_.begin_object().member("of", of).member("level", level).member("what", what);
        list_.member("advice", advice.empty() ? std::nullopt : std::optional(advice)).end_object();
        good_ = good_ && level != "problem";
    }
    bool good() const { return good_; }
    std::string data() {
        json::Writer out;
        out.begin_object().member("good", good_).raw_member("findings", list_.end_array().take()).end_object();
        return out.take();
    }
    const std::string& text() const { return text_; }

  private:
    std::string text_;
    json::Writer list_;
    bool good_ = true;
};

void look_at_storage(HubClient& client, Findings& findings) {
    Outcome<std::string> answer = client.get("cannot ask for storage", "/api/admin/storage");
    if (!answer) {
        return findings.add("hub", "note", "what it says of its storage is for administrators",
                            "Run this with an administrator's token.");
    }
    const json::Object storage = members_of(*answer);
    if (const std::string damage = text_of(storage, "damage"); !damage.empty()) {
        findings.add("hub", "problem", "stored data are damaged: " + damage,
                     "docs/operations.md, \"A damaged database\", says what can be done.");
    }
    for (const json::Value& each : elements_of(storage, "runs")) {
        const json::Object run = json::members(each.raw);
        if (text_of(run, "kind") != "backup") continue;
        if (text_of(run, "status") == "failed") {
            findings.add("hub", "problem", "the last backup failed: " + text_of(run, "message"),
                         "Mend that, then: agentcom backup create");
        }
        break;
    }
    if (raw_of(storage, "backup_overdue") == "true") {
        findings.add("hub", "problem", "a backup is overdue", "agentcom backup create makes one, or says why not.");
    }
}

void look_at_alerts(HubClient& client, Findings& findings) {
    Outcome<std::string> answer = client.get("cannot ask for alerts", "/api/alerts");
    if (!answer) return;
    const std::vector<json::Value> alerts = elements_of(members_of(*answer), "alerts");
    for (const json::Value& each : alerts) {
        const json::Object alert = json::members(each.raw);
        const bool known = raw_of(alert, "acknowledged") == "true" || text_of(alert, "severity") == "notice";
        findings.add("hub", known ? "note" : "problem",
                     "alert " + text_of(alert, "rule_id") + ": " + text_of(alert, "message"),
                     "docs/operations.md, \"Alerts\", says why and what to do.");
    }
    if (alerts.empty()) findings.add("hub", "ok", "no alert stands", "");
}

void look_at_work(HubClient& client, Findings& findings) {
    Outcome<std::string> answer = client.get("cannot ask for an overview", "/api/overview");
    if (!answer) return;
    const json::Object overview = members_of(*answer);
    const std::vector<json::Value> needs = elements_of(overview, "needs_you");
    if (needs.empty()) return findings.add("hub", "ok", "nothing waits for a person", "");
    findings.add("hub", "note", std::to_string(needs.size()) + " things wait for a person",
                 "agentcom status shows them.");
}

/// False: there is none to be asked.
bool look_at_hub(const CommandContext& context, Findings& findings) {
    Outcome<HubClient> client = client_for(context, LoginNeed::any);
    if (!client) {
        findings.add("hub", "problem", client.failure().what + ": " + client.failure().why, client.failure().next);
        return false;
    }
    Outcome<std::string> ready = client->get("the hub is not ready", "/readyz");
    if (!ready) {
        findings.add("hub", "problem", ready.failure().what + ": " + ready.failure().why, ready.failure().next);
        return false;
    }
    findings.add("hub", "ok", "it answers and can store", "");
    look_at_storage(*client, findings);
    look_at_alerts(*client, findings);
    look_at_work(*client, findings);
    return true;
}

Trouble look_at_data(const CommandContext& context, Findings& findings) {
    Outcome<std::string> answer = run_hub_tool(context, "cannot look at the data directory", {"--doctor"});
    if (!answer) return answer.failure();
    for (const json::Value& each : elements_of(members_of(*answer), "findings")) {
        const json::Object finding = json::members(each.raw);
        findings.add("data", text_of(finding, "level"), text_of(finding, "what"), text_of(finding, "advice"));
    }
    return std::nullopt;
}

}  // namespace

Trouble run(const CommandContext& context, const DoctorCommand& command) {
    Findings findings;
    if (!command.offline) look_at_hub(context, findings);
    std::error_code ignored;
    const bool has_data = std::filesystem::exists(hub_data_of(context) + "/hub.db", ignored);
    if (command.offline || has_data) {
        if (Trouble trouble = look_at_data(context, findings)) return trouble;
    }
    const std::string end = findings.good() ? "all is well\n" : "";
    if (Trouble trouble = emit(context, {findings.data(), "findings", [&] { return findings.text() + end; }})) {
        return trouble;
    }
    // All is said.
    if (!findings.good()) return Failure{ExitCode::failed, "", "", "", ""};
    return std::nullopt;
}

}  // namespace agentcom::cli
