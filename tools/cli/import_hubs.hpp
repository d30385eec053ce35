// The two hubs of an import: the old one, which is only read, and the new one, which is given what was read.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/hub_client.hpp"
#include "tools/cli/import_report.hpp"
#include "tools/cli/import_tokens.hpp"

namespace agentcom::cli {

// A hub of AgentCom v1.1, over its own HTTP API. It limits the rate (429); what it asks for is waited, and told.
class OldHub {
  public:
    // `token` for everything but mailboxes, which are read with the tokens of their owners.
    OldHub(HubUrl url, std::string token, HttpTransport transport, Surroundings surroundings,
           std::optional<std::chrono::milliseconds> deadline);

    Outcome<std::string> get(std::string target) { return get_as(token_, std::move(target)); }
    Outcome<std::string> get_as(const std::string& token, std::string target);
    std::string address() const { return url_.text(); }

  private:
    HubUrl url_;
    std::string token_;
    HttpTransport transport_;
    Surroundings surroundings_;
    std::optional<std::chrono::milliseconds> deadline_;
};

// Gives items to the new hub, many at a time, and counts what became of them.
class ItemSender {
  public:
    ItemSender(HubClient& hub, const Surroundings& surroundings, ImportReport& report, bool dry_run)
        : hub_(hub), surroundings_(surroundings), report_(report), dry_run_(dry_run) {}

    // `item_raw` is an item of POST /api/admin/import; `key` its own. It may leave later, with `flush` at the latest.
    Trouble add(ImportPart part, std::string_view key, std::string_view item_raw);
    Trouble flush();
    // An item that is no part of what people count.
    Trouble send_uncounted(std::string_view item_raw);

  private:
    Outcome<std::string> post(const std::string& items_raw);

    HubClient& hub_;
    const Surroundings& surroundings_;
    ImportReport& report_;
    bool dry_run_;
    std::string items_raw_;
    std::vector<ImportPart> parts_;
    int64_t sent_ = 0;
    int64_t told_ = 0;
};

// What all parts of an import work with.
struct Import {
    OldHub* old_hub = nullptr;
    HubClient& new_hub;
    ItemSender& sender;
    ImportReport& report;
    const Surroundings& surroundings;
    bool dry_run = false;
    const std::vector<OldToken>& tokens;
    std::set<ImportPart> parts;

    bool wants(ImportPart part) const { return parts.contains(part); }
};

// Each takes one part over; what is left out is in the report, what makes going on useless is given back.
Trouble import_tokens(Import& import);
Trouble import_settings(Import& import);
Trouble import_limits(Import& import);
Trouble import_whitelist(Import& import);
Trouble import_channels(Import& import);
Trouble import_messages(Import& import);
Trouble import_tasks(Import& import);

}  // namespace agentcom::cli
