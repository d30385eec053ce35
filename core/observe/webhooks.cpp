#include "core/observe/webhooks.hpp"

#include <algorithm>
#include <utility>

#include "core/base/json.hpp"
#include "core/observe/notice.hpp"

namespace agentcom::webhooks {

namespace {

constexpr size_t kMaxIdBytes = 64;
// An event whose data is longer is sent without it; GET /api/events has it.
constexpr size_t kMaxDataBytes = size_t{64} * 1024;

/// The length of "https://" or "http://"; 0: neither.
size_t scheme_length(std::string_view url) {
    constexpr std::string_view kHttps = "https://";
    constexpr std::string_view kHttp = "http://";
    if (url.starts_with(kHttps)) return kHttps.size();
    return url.starts_with(kHttp) ? kHttp.size() : 0;
}

std::string failure_json(const deliveries::Outcome& outcome) {
    json::Writer out;
    out.begin_object().member("status", outcome.status == 0 ? std::nullopt : std::optional(outcome.status));
    out.member("error", outcome.error.empty() ? std::nullopt : std::optional(outcome.error)).end_object();
    return out.take();
}

}  // namespace

std::string receiver_of(const std::string& id) { return std::string(kReceiver) + id; }

bool is_id(std::string_view text) {
    return !text.empty() && text.size() <= kMaxIdBytes && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               c == '.';
    });
}

bool is_url(std::string_view text) {
    const size_t scheme = scheme_length(text);
    if (scheme == 0) return false;
    const std::string_view authority = text.substr(scheme, text.find_first_of("/?", scheme) - scheme);
    return !authority.empty() && authority.front() != ':' && authority.find('@') == std::string_view::npos &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return c > ' ' && c <= '~' && std::string_view("\"<>\\^`{}|#").find(c) == std::string_view::npos;
           });
}

std::string origin_of(const std::string& url) { return url.substr(0, url.find_first_of("/?", scheme_length(url))); }

Status add(Context& ctx, WebhookRow row) {
    if (ctx.tables.contains<WebhookRow>(row.key())) {
        return Status(Error{"webhook_exists", 409, Blame::client, "there is a webhook of this name"});
    }
    if (ctx.tables.count<WebhookRow>() >= ctx.settings.webhooks_max) {
        return Status(Error{"too_many_webhooks", 409, Blame::client,
                            "there are webhooks_max webhooks: delete one of them first"});
    }
    row.created_at = ctx.now.wall_ms;
    ctx.tables.put(std::move(row));
    return {};
}

void change(Context& ctx, WebhookRow row) {
    if (row.enabled) {
        row.gone = false;
    } else {
        row.failing_since = 0;
    }
    const bool ends = !row.enabled;
    const int64_t workspace = row.workspace;
    const std::string id = row.id;
    ctx.tables.put(std::move(row));
    if (ends) deliveries::stop(ctx, workspace, receiver_of(id));
}

void remove(Context& ctx, int64_t workspace, const std::string& id) {
    const WebhookRow* row = ctx.tables.find<WebhookRow>({workspace, id});
    if (row == nullptr) return;
    ctx.emit(ForgetSecret{row->secret_sha256});
    ctx.tables.erase<WebhookRow>({workspace, id});
    deliveries::forget(ctx, workspace, receiver_of(id));
}

bool renew_secret(Context& ctx, const std::string& old_sha256, const std::string& sha256) {
    for (const WebhookRow::Key& key : ctx.tables.sorted_keys<WebhookRow>()) {
        if (ctx.tables.find<WebhookRow>(key)->secret_sha256 != old_sha256) continue;
        ctx.tables.modify<WebhookRow>(key, [&](WebhookRow& row) { row.secret_sha256 = sha256; });
        ctx.emit(ForgetSecret{old_sha256});
        return true;
    }
    return false;
}

std::vector<WebhookRow> list(const Context& ctx, int64_t workspace) {
    std::vector<WebhookRow> rows;
    for (const WebhookRow::Key& key : ctx.tables.sorted_keys<WebhookRow>()) {
        if (std::get<0>(key) == workspace) rows.push_back(*ctx.tables.find<WebhookRow>(key));
    }
    return rows;
}

std::string body(Context& ctx, WebhookRow row, const EventRow& event) {
    const std::string& epoch = ctx.tables.find<HubRow>({0})->epoch;
    EventRow shown = event;
    if (shown.data.size() > kMaxDataBytes) shown.data = R"({"truncated":true})";
    const notices::Notice notice = notices::of(shown);
    json::Writer out;
    out.begin_object().member("webhook_id", row.id);
    out.member("workspace", ctx.tables.find<WorkspaceRow>({event.workspace})->name);
    out.member("text", notice.body).key("event");
    notices::write_event(out, shown, epoch);
    const bool gap = row.gap_since != 0;
    out.member("gap_since", gap ? std::optional(epoch + "." + std::to_string(row.gap_since)) : std::nullopt);
    out.end_object();
    if (gap) {
        row.gap_since = 0;
        ctx.tables.put(std::move(row));
    }
    return out.take();
}

void leave_out(Context& ctx, WebhookRow row, int64_t seq) {
    if (row.gap_since != 0) return;
    ctx.log("webhook_overflow", {{"webhook_id", row.id}, {"since", seq}});
    // A cursor names the last event that somebody has.
    row.gap_since = std::max<int64_t>(1, seq - 1);
    ctx.tables.put(std::move(row));
}

void fails(Context& ctx, int64_t workspace, const std::string& id, const deliveries::Outcome& outcome) {
    const WebhookRow* row = ctx.tables.find<WebhookRow>({workspace, id});
    if (row == nullptr || row->failing_since != 0) return;
    ctx.tables.modify<WebhookRow>({workspace, id},
                                  [&](WebhookRow& changed) { changed.failing_since = ctx.now.wall_ms; });
    ctx.log("webhook_failing",
            {{"webhook_id", id}, {"status", std::to_string(outcome.status)}, {"error", outcome.error}});
    ctx.event(workspace, "webhook_failing", id, "", "", failure_json(outcome));
}

void works(Context& ctx, int64_t workspace, const std::string& id) {
    const WebhookRow* row = ctx.tables.find<WebhookRow>({workspace, id});
    if (row == nullptr || row->failing_since == 0) return;
    ctx.tables.modify<WebhookRow>({workspace, id}, [](WebhookRow& changed) { changed.failing_since = 0; });
    ctx.log("webhook_recovered", {{"webhook_id", id}});
    ctx.event(workspace, "webhook_recovered", id, "", "");
}

void is_gone(Context& ctx, int64_t workspace, const std::string& id) {
    const WebhookRow* found = ctx.tables.find<WebhookRow>({workspace, id});
    if (found == nullptr) return;
    WebhookRow row = *found;
    row.enabled = false;
    row.gone = true;
    change(ctx, std::move(row));
    ctx.log("webhook_gone", {{"webhook_id", id}});
    ctx.event(workspace, "webhook_gone", id, "", "410");
}

}  // namespace agentcom::webhooks
