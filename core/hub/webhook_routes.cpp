#include "core/hub/webhook_routes.hpp"

#include <utility>

#include "core/base/limits.hpp"
#include "core/hub/access_routes.hpp"
#include "core/hub/audit.hpp"
#include "core/observe/deliveries.hpp"
#include "core/observe/notice.hpp"
#include "core/observe/webhooks.hpp"

namespace agentcom::requests {

namespace {

std::string_view webhook_state(const WebhookRow& row) {
    if (row.gone) return "gone";
    if (!row.enabled) return "disabled";
    return row.failing_since != 0 ? "failing" : "ok";
}

void write_webhook(json::Writer& out, const Context& ctx, const WebhookRow& row) {
    out.member("webhook_id", row.id).member("url", row.url).raw_member("kinds", json::encode_strings(row.kinds));
    out.member("enabled", row.enabled).member("state", webhook_state(row));
    out.member("failing_since", row.failing_since == 0 ? std::nullopt : std::optional(row.failing_since));
    out.member("waiting", deliveries::count_waiting(ctx, row.workspace, webhooks::receiver_of(row.id)));
    out.member("created_by", row.created_by).member("created_at", row.created_at);
}

/// For the record of administrative acts: a path may hold a secret.
std::string audited_webhook(const WebhookRow& row) {
    json::Writer out;
    out.begin_object().member("origin", webhooks::origin_of(row.url));
    out.raw_member("kinds", json::encode_strings(row.kinds)).member("enabled", row.enabled).end_object();
    return out.take();
}

const WebhookRow* find_webhook(const Call& call) {
    return call.ctx.tables.find<WebhookRow>({call.workspace, call.params.at(0)});
}

Answer no_webhook() { return error_answer(404, "webhook_not_found", "there is no webhook of this name"); }

/// Reads url, kinds and enabled; an answer says what is wrong with them.
std::optional<Answer> read_webhook_fields(const Call& call, WebhookRow& row) {
    row.url = call.arguments.text("url");
    if (!webhooks::is_url(row.url)) {
        return field_error("url", "invalid_value", "must be http:// or https:// and a host, without a user");
    }
    row.kinds = call.arguments.string_list("kinds");
    if (row.kinds.empty()) row.kinds = {"*"};
    if (const std::string bad = notices::first_bad_choice(row.kinds); !bad.empty()) {
        return field_error("kinds", "invalid_value", "holds kinds of events, or task_* for all that begin so");
    }
    row.enabled = call.arguments.boolean("enabled").value_or(true);
    return std::nullopt;
}

Answer webhook_answer(const Context& ctx, const WebhookRow& row) {
    json::Writer out;
    out.begin_object();
    write_webhook(out, ctx, row);
    out.end_object();
    return ok(out);
}

}  // namespace

EventRow last_event(const Call& call, std::string kind, std::string subject) {
    EventRow event;
    event.workspace = call.workspace;
    event.seq = call.ctx.tables.find<WorkspaceRow>({call.workspace})->event_seq;
    event.at = call.ctx.now.wall_ms;
    event.kind = std::move(kind);
    event.subject = std::move(subject);
    event.principal = call.principal();
    event.cause = "admin";
    event.data = R"({"message":"this is a test"})";
    return event;
}

Reply on_webhook_list(const Call& call) {
    json::Writer out;
    out.begin_object().key("webhooks").begin_array();
    for (const WebhookRow& row : webhooks::list(call.ctx, call.workspace)) {
        out.begin_object();
        write_webhook(out, call.ctx, row);
        out.end_object();
    }
    out.end_array().end_object();
    return ok(out);
}

Reply on_webhook_create(const Call& call) {
    WebhookRow row;
    row.workspace = call.workspace;
    row.id = call.arguments.text("webhook_id");
    if (!webhooks::is_id(row.id)) {
        return field_error("webhook_id", "invalid_value", "has 1 to 64 letters, digits, '-', '_' and '.'");
    }
    if (auto wrong = read_webhook_fields(call, row)) return wrong;
    row.created_by = call.principal();
    row.secret_sha256 = call.request.secret.sha256;
    if (const Status added = webhooks::add(call.ctx, row); !added) return error_answer(added.error());
    call.ctx.emit(KeepSecret{call.request.request, row.secret_sha256});
    audit(call, "webhook_created", row.id, "null", audited_webhook(row));
    json::Writer out;
    out.begin_object().member("secret", "");
    write_webhook(out, call.ctx, *call.ctx.tables.find<WebhookRow>(row.key()));
    out.end_object();
    return with_secret(out, 201);
}

Reply on_webhook_get(const Call& call) {
    const WebhookRow* row = find_webhook(call);
    return row == nullptr ? no_webhook() : webhook_answer(call.ctx, *row);
}

Reply on_webhook_replace(const Call& call) {
    const WebhookRow* found = find_webhook(call);
    if (found == nullptr) return no_webhook();
    const WebhookRow before = *found;
    WebhookRow row = before;
    if (auto wrong = read_webhook_fields(call, row)) return wrong;
    webhooks::change(call.ctx, row);
    audit(call, "webhook_changed", row.id, audited_webhook(before), audited_webhook(row));
    return webhook_answer(call.ctx, *find_webhook(call));
}

Reply on_webhook_delete(const Call& call) {
    const WebhookRow* found = find_webhook(call);
    if (found == nullptr) return no_webhook();
    const WebhookRow row = *found;
    webhooks::remove(call.ctx, call.workspace, row.id);
    audit(call, "webhook_deleted", row.id, audited_webhook(row), "null");
    json::Writer out;
    out.begin_object().member("status", "deleted").member("webhook_id", row.id).end_object();
    return ok(out);
}

Reply on_webhook_secret(const Call& call) {
    const WebhookRow* found = find_webhook(call);
    if (found == nullptr) return no_webhook();
    const WebhookRow row = *found;
    call.ctx.emit(KeepSecret{call.request.request, call.request.secret.sha256});
    webhooks::renew_secret(call.ctx, row.secret_sha256, call.request.secret.sha256);
    audit(call, "webhook_secret_renewed", row.id, "null", "null");
    json::Writer out;
    out.begin_object().member("secret", "").member("webhook_id", row.id).end_object();
    return with_secret(out, 200);
}

Reply on_webhook_deliveries(const Call& call) {
    const WebhookRow* row = find_webhook(call);
    if (row == nullptr) return no_webhook();
    const std::string& epoch = call.ctx.tables.find<HubRow>({0})->epoch;
    json::Writer out;
    out.begin_object().member("webhook_id", row->id).key("deliveries").begin_array();
    size_t left = static_cast<size_t>(kPageMax);
    for (const DeliveryRow& each : deliveries::list(call.ctx, call.workspace, webhooks::receiver_of(row->id))) {
        if (left-- == 0) break;
        out.begin_object().member("delivery", epoch + "." + std::to_string(each.seq)).member("kind", each.kind);
        out.member("state", to_text(each.state)).member("created_at", each.created_at);
        out.member("attempts", each.attempts);
        out.member("last_at", each.last_at == 0 ? std::nullopt : std::optional(each.last_at));
        out.member("last_status", each.last_status == 0 ? std::nullopt : std::optional(each.last_status));
        out.member("last_error", each.last_error.empty() ? std::nullopt : std::optional(each.last_error)).end_object();
    }
    out.end_array().end_object();
    return ok(out);
}

Reply on_webhook_test(const Call& call) {
    const WebhookRow* found = find_webhook(call);
    if (found == nullptr) return no_webhook();
    const std::string id = found->id;
    if (!found->enabled) return error_answer(409, "webhook_disabled", "enable it first");
    audit(call, "webhook_tested", id, "null", "null");
    const EventRow event = last_event(call, "webhook_tested", id);
    deliveries::queue(call.ctx, webhooks::receiver_of(id), event);
    json::Writer out;
    out.begin_object().member("status", "queued").member("webhook_id", id);
    const std::string& epoch = call.ctx.tables.find<HubRow>({0})->epoch;
    out.member("delivery", epoch + "." + std::to_string(event.seq)).end_object();
    return ok(out);
}

}  // namespace agentcom::requests
