#include "tools/cli/import_hubs.hpp"

#include <utility>

#include "tools/cli/output.hpp"

namespace agentcom::cli {

namespace {

// A request is small enough to be one short turn of the hub, and its body lies below the hub's limit of 8 MB.
constexpr size_t kMaxItems = 250;
constexpr size_t kMaxBytes = size_t{4} * 1024 * 1024;
constexpr size_t kMaxItemBytes = size_t{7} * 1024 * 1024;
// Between two words about how far it is.
constexpr int64_t kItemsPerNotice = 5'000;

ImportStatus status_of(const std::string& word) {
    if (word == "created") return ImportStatus::created;
    return word == "known" ? ImportStatus::known : ImportStatus::skipped;
}

}  // namespace

OldHub::OldHub(HubUrl url, std::string token, HttpTransport transport, Surroundings surroundings,
               std::optional<std::chrono::milliseconds> deadline)
    : url_(std::move(url)),
      token_(std::move(token)),
      transport_(std::move(transport)),
      surroundings_(std::move(surroundings)),
      deadline_(deadline) {
    surroundings_.notice = [tell = surroundings_.notice](std::string_view line) {
        tell("the old hub: " + std::string(line));
    };
}

Outcome<std::string> OldHub::get_as(const std::string& token, std::string target) {
    HubClient client(url_, token, transport_, surroundings_);
    client.set_deadline(deadline_);
    Outcome<std::string> answer = client.get("cannot read " + target + " of the old hub", target);
    if (answer) return answer;
    Failure failure = answer.failure();
    if (failure.code == ExitCode::unavailable) {
        failure.next = "Run the import again when it is there: what was taken over is not taken over twice.";
    }
    return failure;
}

Outcome<std::string> ItemSender::post(const std::string& items_raw) {
    json::Writer body;
    body.begin_object().member("source", "v1.1").member("dry_run", dry_run_);
    body.raw_member("items", "[" + items_raw + "]").end_object();
    return hub_.post("cannot give the new hub what was read", "/api/admin/import", body.take());
}

Trouble ItemSender::add(ImportPart part, std::string_view key, std::string_view item_raw) {
    if (item_raw.size() > kMaxItemBytes) {
        report_.skip(part, std::string(key), "is larger than a request may be");
        return std::nullopt;
    }
    if (parts_.size() >= kMaxItems || items_raw_.size() + item_raw.size() > kMaxBytes) {
        if (Trouble trouble = flush()) return trouble;
    }
    if (!items_raw_.empty()) items_raw_ += ',';
    items_raw_ += item_raw;
    parts_.push_back(part);
    return std::nullopt;
}

Trouble ItemSender::flush() {
    if (parts_.empty()) return std::nullopt;
    const std::vector<ImportPart> parts = std::exchange(parts_, {});
    Outcome<std::string> answer = post(std::exchange(items_raw_, {}));
    if (!answer) return answer.failure();
    const json::Object members = members_of(*answer);
    const std::vector<json::Value> items = elements_of(members, "items");
    if (items.size() != parts.size()) {
        return Failure{ExitCode::failed, "cannot tell what the new hub took over",
                       "its answer does not have an entry for each item", "Run the import again.", *answer};
    }
    for (size_t i = 0; i < items.size(); ++i) {
        const json::Object item = members_of(items[i].raw);
        const ImportStatus status = status_of(text_of(item, "status"));
        if (status == ImportStatus::skipped) {
            report_.skip(parts[i], text_of(item, "key"), text_of(item, "reason"));
        } else {
            report_.add(parts[i], status);
        }
    }
    sent_ += static_cast<int64_t>(parts.size());
    if (sent_ - told_ >= kItemsPerNotice) {
        told_ = sent_;
        surroundings_.notice(std::to_string(sent_) + " items so far, now " + std::string(name_of(parts.back())));
    }
    return std::nullopt;
}

Trouble ItemSender::send_uncounted(std::string_view item_raw) {
    if (Trouble trouble = flush()) return trouble;
    Outcome<std::string> answer = post(std::string(item_raw));
    if (!answer) return answer.failure();
    return std::nullopt;
}

Trouble import_tokens(Import& import) {
    for (const OldToken& token : import.tokens) {
        const std::string sha256 = token.sha256();
        json::Writer item;
        item.begin_object().member("kind", "token").member("key", sha256).member("agent_id", token.agent);
        item.member("prefix", token.prefix()).end_object();
        if (Trouble trouble = import.sender.add(ImportPart::tokens, token.agent, item.text())) return trouble;
    }
    return import.sender.flush();
}

}  // namespace agentcom::cli
