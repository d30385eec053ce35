#include "core/hub/push_routes.hpp"

#include <utility>

#include "core/hub/webhook_routes.hpp"
#include "core/observe/deliveries.hpp"
#include "core/observe/notice.hpp"
#include "core/observe/push.hpp"
#include "core/observe/webhooks.hpp"

namespace agentcom::requests {

namespace {

/// The workspace that the caller's principal belongs to; 0: the hub itself.
int64_t owner_workspace(const Call& call) { return call.ctx.tables.find<TokenRow>({call.identity->token})->workspace; }

std::vector<PushSubscriptionRow> own_subscriptions(const Call& call) {
    return push::list(call.ctx, call.workspace, owner_workspace(call), call.principal());
}

std::optional<std::string> key_member(const json::Object& object, std::string_view name) {
    const json::Value* value = object.find(name);
    if (value == nullptr || value->kind != json::Kind::string) return std::nullopt;
    return json::decode_string(*value);
}

/// Reads the browser's keys; an answer says what is wrong with them.
std::optional<Answer> read_push_keys(const Call& call, PushSubscriptionRow& row) {
    const std::optional<std::string_view> raw = call.arguments.raw("keys");
    if (!raw) return field_error("keys", "required", "a notification is encrypted with the keys of the browser");
    const json::Object keys = json::members(*raw, json::Duplicates::last_wins);
    row.p256dh = key_member(keys, "p256dh").value_or("");
    row.auth = key_member(keys, "auth").value_or("");
    if (!push::is_public_key(row.p256dh)) {
        return field_error("keys", "invalid_value", "p256dh is not a point of P-256 in base64url");
    }
    if (!push::is_secret(row.auth)) return field_error("keys", "invalid_value", "auth is not 16 bytes in base64url");
    return std::nullopt;
}

std::optional<Answer> read_push_choice(const Call& call, PushSubscriptionRow& row) {
    row.kinds = call.arguments.string_list("kinds");
    if (row.kinds.empty()) row.kinds = push::default_kinds();
    if (const std::string bad = notices::first_bad_choice(row.kinds); !bad.empty()) {
        return field_error("kinds", "invalid_value", "holds kinds of events, or task_* for all that begin so");
    }
    row.min_severity = call.arguments.string("min_severity").value_or("warning");
    if (row.min_severity != "notice" && row.min_severity != "warning" && row.min_severity != "critical") {
        return field_error("min_severity", "invalid_value", "is not notice, warning or critical");
    }
    return std::nullopt;
}

void write_subscription(json::Writer& out, const PushSubscriptionRow& row) {
    out.begin_object().member("id", row.id).member("agent_id", row.principal);
    // Whoever knows the endpoint could speak for the hub, had he its key.
    out.member("service", webhooks::origin_of(row.endpoint)).raw_member("kinds", json::encode_strings(row.kinds));
    out.member("min_severity", row.min_severity).member("created_at", row.created_at);
    out.member("delivered_at", row.delivered_at == 0 ? std::nullopt : std::optional(row.delivered_at));
    out.member("last_error", row.last_error.empty() ? std::nullopt : std::optional(row.last_error)).end_object();
}

}  // namespace

Reply on_vapid_key(const Call& call) {
    const std::string& key = call.ctx.runtime().vapid_public_key;
    if (key.empty()) return error_answer(503, "push_unavailable", "this hub has no key pair for Web Push");
    json::Writer out;
    out.begin_object().member("vapid_public_key", key).end_object();
    return ok(out);
}

Reply on_push_subscribe(const Call& call) {
    PushSubscriptionRow row;
    row.workspace = call.workspace;
    row.owner_workspace = owner_workspace(call);
    row.principal = call.principal();
    row.endpoint = call.arguments.text("endpoint");
    if (auto wrong = read_push_keys(call, row)) return wrong;
    if (auto wrong = read_push_choice(call, row)) return wrong;
    const Result<PushSubscriptionRow> made = push::subscribe(call.ctx, std::move(row));
    if (!made) return error_answer(made.error());
    json::Writer out;
    out.begin_object().member("status", "subscribed").member("id", made.value().id).end_object();
    return ok(out);
}

Reply on_push_unsubscribe(const Call& call) {
    const std::string endpoint = call.arguments.text("endpoint");
    bool found = false;
    for (const PushSubscriptionRow& row : own_subscriptions(call)) {
        if (row.endpoint != endpoint) continue;
        push::remove(call.ctx, row.workspace, row.id);
        found = true;
    }
    json::Writer out;
    out.begin_object().member("status", found ? "unsubscribed" : "not_subscribed").end_object();
    return ok(out);
}

Reply on_push_list(const Call& call) {
    const bool admin = access::may_administer(call.ctx, *call.identity);
    json::Writer out;
    out.begin_object().key("subscriptions").begin_array();
    const std::vector<PushSubscriptionRow> rows =
        admin ? push::list(call.ctx, call.workspace, 0, "") : own_subscriptions(call);
    for (const PushSubscriptionRow& row : rows) write_subscription(out, row);
    out.end_array().end_object();
    return ok(out);
}

Reply on_push_delete(const Call& call) {
    const std::string& id = call.params.at(0);
    const PushSubscriptionRow* row = call.ctx.tables.find<PushSubscriptionRow>({call.workspace, id});
    const bool is_own =
        row != nullptr && row->owner_workspace == owner_workspace(call) && row->principal == call.principal();
    // To others it is as if it were not there.
    if (row == nullptr || (!is_own && !access::may_administer(call.ctx, *call.identity))) {
        return error_answer(404, "subscription_not_found", "there is no subscription of this id");
    }
    push::remove(call.ctx, call.workspace, id);
    json::Writer out;
    out.begin_object().member("status", "unsubscribed").member("id", id).end_object();
    return ok(out);
}

Reply on_push_test(const Call& call) {
    const std::vector<PushSubscriptionRow> rows = own_subscriptions(call);
    if (rows.empty()) return error_answer(404, "subscription_not_found", "no browser of yours is subscribed");
    call.ctx.event(call.workspace, "push_tested", call.principal(), call.principal(), "",
                   R"({"message":"this is a test"})");
    const EventRow event = last_event(call, "push_tested", call.principal());
    for (const PushSubscriptionRow& row : rows) deliveries::queue(call.ctx, push::receiver_of(row.id), event);
    json::Writer out;
    out.begin_object().member("status", "queued").member("count", static_cast<int64_t>(rows.size())).end_object();
    return ok(out);
}

}  // namespace agentcom::requests
