#include "core/observe/push.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>
#include <utility>

#include "core/base/json.hpp"
#include "core/base/sha256.hpp"
#include "core/observe/deliveries.hpp"
#include "core/observe/notice.hpp"

namespace agentcom::push {

namespace {

// The push services of Chromium (Google), Firefox (Mozilla), Safari (Apple) and Edge (Microsoft).
constexpr std::array<std::string_view, 6> kKnownHosts{
    "fcm.googleapis.com",          "jmt17.google.com", "updates.push.services.mozilla.com",
    "*.push.services.mozilla.com", "*.push.apple.com", "*.notify.windows.com"};

constexpr size_t kIdDigits = 16;
constexpr size_t kMaxSubjectCodePoints = 120;
// base64url of 65 bytes (an uncompressed point of P-256) and of 16, without padding.
constexpr size_t kPublicKeyDigits = 87;
constexpr size_t kSecretDigits = 22;

bool is_base64url(std::string_view text, size_t digits) {
    // Padding fills up the last four digits and no more: it is kept with the rest.
    if (text.size() > (digits + 3) / 4 * 4) return false;
    while (text.ends_with('=')) text.remove_suffix(1);
    return text.size() == digits && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                      c == '_';
           });
}

std::string lower_case(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return out;
}

bool is_at(std::string_view endpoint, std::string_view host, std::string_view allowed) {
    if (allowed.find("://") != std::string_view::npos) {
        return endpoint.size() > allowed.size() && endpoint.starts_with(allowed) && endpoint[allowed.size()] == '/';
    }
    if (!endpoint.starts_with("https://")) return false;
    if (allowed.starts_with("*.")) return host.size() + 1 > allowed.size() && host.ends_with(allowed.substr(1));
    return host == allowed;
}

bool has_token(const Context& ctx, const PushSubscriptionRow& row) {
    const auto& all = ctx.tables.indexes().tokens;
    const auto found = all.find({row.owner_workspace, row.principal});
    return found != all.end() &&
           std::any_of(found->second.begin(), found->second.end(), [&ctx](const std::string& sha256) {
               return !ctx.tables.find<TokenRow>({sha256})->expired(ctx.now.wall_ms);
           });
}

}  // namespace

std::string receiver_of(const std::string& id) { return std::string(kReceiver) + id; }

std::vector<std::string> default_kinds() {
    return {"alert_fired",        "alert_refired",     "alert_cleared", "agent_offline", "task_dead_letter",
            "task_waiting_input", "compaction_failed", "backup_failed", "recovery_*"};
}

bool is_allowed(const Settings& settings, std::string_view endpoint) {
    const size_t scheme = endpoint.find("://");
    if (scheme == std::string_view::npos) return false;
    const size_t from = scheme + 3;
    // The default port of https and no other: a service has no reason to name one.
    std::string host = lower_case(endpoint.substr(from, endpoint.find_first_of("/?#", from) - from));
    if (host.ends_with(":443")) host.resize(host.size() - 4);
    const bool plain = !host.empty() && std::all_of(endpoint.begin(), endpoint.end(), [](char c) {
        return c > ' ' && c <= '~' && c != '\\' && c != '@' && c != '#';
    });
    if (!plain) return false;
    const auto allows = [&](std::string_view allowed) { return is_at(endpoint, host, allowed); };
    if (settings.push_hosts.empty()) return std::any_of(kKnownHosts.begin(), kKnownHosts.end(), allows);
    return std::any_of(settings.push_hosts.begin(), settings.push_hosts.end(), allows);
}

bool is_public_key(std::string_view p256dh) {
    // The first byte is 4, so the first digit is B.
    return is_base64url(p256dh, kPublicKeyDigits) && p256dh.front() == 'B';
}

bool is_secret(std::string_view auth) { return is_base64url(auth, kSecretDigits); }

Result<PushSubscriptionRow> subscribe(Context& ctx, PushSubscriptionRow row) {
    if (!is_allowed(ctx.settings, row.endpoint)) {
        return Result<PushSubscriptionRow>(Error{"endpoint_not_allowed", 422, Blame::client,
                                                 "the endpoint is at no push service that this hub knows "
                                                 "(--push-hosts)"});
    }
    const std::string owner = std::to_string(row.owner_workspace) + " " + row.principal + " ";
    row.id = sha256_hex(owner + row.endpoint).substr(0, kIdDigits);
    row.created_at = ctx.now.wall_ms;
    if (const PushSubscriptionRow* known = ctx.tables.find<PushSubscriptionRow>(row.key())) {
        row.created_at = known->created_at;
        row.delivered_at = known->delivered_at;
    } else {
        const auto own = static_cast<int64_t>(list(ctx, row.workspace, row.owner_workspace, row.principal).size());
        if (own >= ctx.settings.push_per_principal ||
            ctx.tables.count<PushSubscriptionRow>() >= ctx.settings.push_subscriptions_max) {
            return Result<PushSubscriptionRow>(
                Error{"too_many_subscriptions", 409, Blame::client,
                      "push_per_principal or push_subscriptions_max browsers are notified: remove one of them first"});
        }
    }
    ctx.tables.put(row);
    return Result<PushSubscriptionRow>(std::move(row));
}

void remove(Context& ctx, int64_t workspace, const std::string& id) {
    ctx.tables.erase<PushSubscriptionRow>({workspace, id});
    deliveries::forget(ctx, workspace, receiver_of(id));
}

void remove_all_of(Context& ctx, int64_t owner_workspace, const std::string& principal) {
    for (const PushSubscriptionRow::Key& key : ctx.tables.sorted_keys<PushSubscriptionRow>()) {
        const PushSubscriptionRow& row = *ctx.tables.find<PushSubscriptionRow>(key);
        if (row.owner_workspace == owner_workspace && row.principal == principal) {
            remove(ctx, std::get<0>(key), std::get<1>(key));
        }
    }
}

std::vector<PushSubscriptionRow> list(const Context& ctx, int64_t workspace, int64_t owner_workspace,
                                      const std::string& principal) {
    std::vector<PushSubscriptionRow> rows;
    for (const PushSubscriptionRow::Key& key : ctx.tables.sorted_keys<PushSubscriptionRow>()) {
        const PushSubscriptionRow& row = *ctx.tables.find<PushSubscriptionRow>(key);
        const bool is_own = row.owner_workspace == owner_workspace && row.principal == principal;
        if (row.workspace == workspace && (principal.empty() || is_own)) rows.push_back(row);
    }
    std::sort(rows.begin(), rows.end(), [](const PushSubscriptionRow& a, const PushSubscriptionRow& b) {
        return std::tie(a.created_at, a.id) < std::tie(b.created_at, b.id);
    });
    return rows;
}

bool wants(const Context& ctx, const EventRow& event, const std::string& id) {
    const PushSubscriptionRow* row = ctx.tables.find<PushSubscriptionRow>({event.workspace, id});
    if (row == nullptr || !has_token(ctx, *row)) return false;
    // An agent that says goodbye goes as it was meant to.
    if (event.kind == "agent_offline") return event.cause == "lost";
    if (!event.kind.starts_with("alert_")) return true;
    const notices::Notice notice = notices::of(event);
    if (notice.quiet) return false;
    return notice.severity.empty() ||
           notices::severity_rank(notice.severity) >= notices::severity_rank(row->min_severity);
}

std::string body(const Context& ctx, const EventRow& event, bool& urgent) {
    const notices::Notice notice = notices::of(event);
    urgent = notice.urgent;
    json::Writer out;
    out.begin_object().member("title", notice.title).member("body", notice.body);
    out.member("icon", "/favicon.ico").member("tag", notice.tag);
    out.key("data").begin_object().member("kind", event.kind);
    out.member("subject", notices::short_text(event.subject, kMaxSubjectCodePoints));
    if (event.kind.starts_with("alert_")) {
        out.member("rule_id", notices::short_text(event.subject, kMaxSubjectCodePoints));
        out.member("severity", notice.severity);
    }
    out.member("workspace", ctx.tables.find<WorkspaceRow>({event.workspace})->name);
    out.member("cursor", ctx.tables.find<HubRow>({0})->epoch + "." + std::to_string(event.seq));
    out.end_object().end_object();
    return out.take();
}

void told(Context& ctx, const DeliveryRow& delivery, bool delivered) {
    const std::string id = delivery.receiver.substr(kReceiver.size());
    if (!ctx.tables.contains<PushSubscriptionRow>({delivery.workspace, id})) return;
    ctx.tables.modify<PushSubscriptionRow>({delivery.workspace, id}, [&](PushSubscriptionRow& row) {
        if (delivered) row.delivered_at = ctx.now.wall_ms;
        row.last_error = delivered                     ? ""
                         : delivery.last_error.empty() ? "status " + std::to_string(delivery.last_status)
                                                       : delivery.last_error;
    });
}

}  // namespace agentcom::push
