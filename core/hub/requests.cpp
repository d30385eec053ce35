#include "core/hub/requests.hpp"

#include <algorithm>
#include <array>

#include "core/access/limiter.hpp"
#include "core/access/validation_watch.hpp"
#include "core/base/hash128.hpp"
#include "core/base/limits.hpp"
#include "core/hub/access_routes.hpp"
#include "core/hub/admin_routes.hpp"
#include "core/hub/agent_routes.hpp"
#include "core/hub/alert_routes.hpp"
#include "core/hub/analytics_routes.hpp"
#include "core/hub/audit.hpp"
#include "core/hub/channel_routes.hpp"
#include "core/hub/config_routes.hpp"
#include "core/hub/dashboard_state.hpp"
#include "core/hub/feeds.hpp"
#include "core/hub/history_routes.hpp"
#include "core/hub/idempotency.hpp"
#include "core/hub/import_routes.hpp"
#include "core/hub/invite_routes.hpp"
#include "core/hub/limit_routes.hpp"
#include "core/hub/message_routes.hpp"
#include "core/hub/metrics_routes.hpp"
#include "core/hub/push_routes.hpp"
#include "core/hub/recording_routes.hpp"
#include "core/hub/refusals.hpp"
#include "core/hub/schema_routes.hpp"
#include "core/hub/storage_routes.hpp"
#include "core/hub/task_routes.hpp"
#include "core/hub/webhook_routes.hpp"
#include "core/hub/work_routes.hpp"

namespace agentcom::requests {

namespace {

using Handler = Reply (*)(const Call&);
struct Route {
    OperationId id;
    Handler handler;
};

// Every route of the catalogue.
constexpr Route kRoutes[] = {
    {OperationId::http_health, on_health},
    {OperationId::http_livez, on_livez},
    {OperationId::http_readyz, on_readyz},
    {OperationId::http_schemas, on_schemas},
    {OperationId::http_websocket_schemas, on_websocket_schemas},
    {OperationId::http_openapi, on_openapi},
    {OperationId::http_register, on_register},
    {OperationId::http_token_create, on_token_create},
    {OperationId::http_token_list, on_token_list},
    {OperationId::http_token_revoke, on_token_revoke},
    {OperationId::http_token_rotate, on_token_rotate},
    {OperationId::http_whoami, on_whoami},
    {OperationId::http_message_send, on_message_send},
    {OperationId::http_message_sent, on_message_sent},
    {OperationId::http_message_deliveries, on_message_deliveries},
    {OperationId::http_mailbox_read, on_mailbox_read},
    {OperationId::http_mailbox_ack, on_mailbox_ack},
    {OperationId::http_message_find, on_message_find},
    {OperationId::http_thread, on_thread},
    {OperationId::http_thread_replies, on_thread_replies},
    {OperationId::http_thread_root, on_thread_root},
    {OperationId::http_channel_list, on_channel_list},
    {OperationId::http_channel_create, on_channel_create},
    {OperationId::http_channel_get, on_channel_get},
    {OperationId::http_channel_subscribe, on_channel_subscribe},
    {OperationId::http_channel_unsubscribe, on_channel_unsubscribe},
    {OperationId::http_channel_publish, on_channel_publish},
    {OperationId::http_channel_history, on_channel_history},
    {OperationId::http_agent_subscriptions, on_agent_subscriptions},
    {OperationId::http_analytics_summary, on_analytics_summary},
    {OperationId::http_analytics_agents, on_analytics_agents},
    {OperationId::http_analytics_hourly, on_analytics_hourly},
    {OperationId::http_agents, on_agents},
    {OperationId::http_agent_states, on_agent_states},
    {OperationId::http_agent_state, on_agent_state},
    {OperationId::http_task_submit, on_task_submit},
    {OperationId::http_task_list, on_task_list},
    {OperationId::http_task_dead_letters, on_task_dead_letters},
    {OperationId::http_task_stats, on_task_stats},
    {OperationId::http_task_get, on_task_get},
    {OperationId::http_task_retry, on_task_retry},
    {OperationId::http_task_cancel, on_task_cancel},
    {OperationId::http_task_cancel_gently, on_task_cancel_gently},
    {OperationId::http_task_say, on_task_say},
    {OperationId::http_task_batch, on_task_batch},
    {OperationId::http_task_output, on_task_output},
    {OperationId::http_task_claim, on_task_claim},
    {OperationId::http_task_accept, on_task_accept},
    {OperationId::http_task_progress, on_task_progress},
    {OperationId::http_task_complete, on_task_complete},
    {OperationId::http_task_fail, on_task_fail},
    {OperationId::http_task_release, on_task_release},
    {OperationId::http_events, on_events},
    {OperationId::http_overview, on_overview},
    {OperationId::http_invite_create, on_invite_create},
    {OperationId::http_invite_list, on_invite_list},
    {OperationId::http_invite_revoke, on_invite_revoke},
    {OperationId::http_audit, on_audit},
    // limits and violations
    {OperationId::http_limits, on_limits},
    {OperationId::http_limit_exempt_list, on_limit_exempt_list},
    {OperationId::http_limit_exempt_replace, on_limit_exempt_replace},
    {OperationId::http_limit_exempt_add, on_limit_exempt_add},
    {OperationId::http_limit_exempt_remove, on_limit_exempt_remove},
    {OperationId::http_limit_status, on_limit_status},
    {OperationId::http_limit_override, on_limit_override},
    {OperationId::http_limit_override_remove, on_limit_override_remove},
    {OperationId::http_validation, on_validation},
    // configuration and administration
    {OperationId::http_config_list, on_config_list},
    {OperationId::http_config_unset, on_config_unset},
    {OperationId::http_heartbeat_get, on_heartbeat_get},
    {OperationId::http_heartbeat_set, on_heartbeat_set},
    {OperationId::http_mail_retention_get, on_mail_retention_get},
    {OperationId::http_mail_retention_set, on_mail_retention_set},
    {OperationId::http_default_repo_get, on_default_repo_get},
    {OperationId::http_default_repo_set, on_default_repo_set},
    {OperationId::http_public_url_get, on_public_url_get},
    {OperationId::http_public_url_set, on_public_url_set},
    {OperationId::http_thresholds_get, on_thresholds_get},
    {OperationId::http_thresholds_set, on_thresholds_set},
    {OperationId::http_mailbox_evict, on_mailbox_evict},
    {OperationId::http_reset, on_reset},
    {OperationId::http_log_level_get, on_log_level_get},
    {OperationId::http_log_level_set, on_log_level_set},
    {OperationId::http_push_task, on_push_task},
    // recordings
    {OperationId::http_recording, on_recording},
    {OperationId::http_recording_segments, on_recording_segments},
    // outputs: Web Push and webhooks
    {OperationId::http_vapid_key, on_vapid_key},
    {OperationId::http_push_subscribe, on_push_subscribe},
    {OperationId::http_push_unsubscribe, on_push_unsubscribe},
    {OperationId::http_push_list, on_push_list},
    {OperationId::http_push_delete, on_push_delete},
    {OperationId::http_push_test, on_push_test},
    {OperationId::http_webhook_list, on_webhook_list},
    {OperationId::http_webhook_create, on_webhook_create},
    {OperationId::http_webhook_get, on_webhook_get},
    {OperationId::http_webhook_replace, on_webhook_replace},
    {OperationId::http_webhook_delete, on_webhook_delete},
    {OperationId::http_webhook_secret, on_webhook_secret},
    {OperationId::http_webhook_deliveries, on_webhook_deliveries},
    {OperationId::http_webhook_test, on_webhook_test},
    // moving in from another hub
    {OperationId::http_import, on_import},
    // metrics and alerts
    {OperationId::http_metrics, on_metrics},
    {OperationId::http_metrics_history, on_metrics_history},
    {OperationId::http_metrics_text, on_metrics_text},
    {OperationId::http_alerts, on_alerts},
    {OperationId::http_alert_history, on_alert_history},
    {OperationId::http_alert_acknowledge, on_alert_acknowledge},
    {OperationId::http_alert_rules, on_alert_rules},
    {OperationId::http_alert_rule_get, on_alert_rule_get},
    {OperationId::http_alert_rule_set, on_alert_rule_set},
    {OperationId::http_alert_rule_remove, on_alert_rule_remove},
    // dashboards
    {OperationId::http_dashboard_state, on_dashboard_state},
    // storage care
    {OperationId::http_backup, on_backup},
    {OperationId::http_storage_health, on_storage_health},
    {OperationId::http_compact, on_compact},
    {OperationId::http_compact_table, on_compact_table},
    {OperationId::http_restore_table, on_restore_table},
    {OperationId::http_storage, on_storage},
    {OperationId::http_backup_list, on_backup_list},
    {OperationId::http_backup_verify, on_backup_verify},
    {OperationId::http_backup_restore, on_backup_restore},
};

constexpr std::array<Handler, kOperationCount> handlers_by_id() {
    std::array<Handler, kOperationCount> handlers{};
    for (const Route& route : kRoutes) handlers.at(static_cast<size_t>(route.id)) = route.handler;
    return handlers;
}
constexpr std::array<Handler, kOperationCount> kHandlers = handlers_by_id();

Reply dispatch(const Call& call) {
    const Handler handler = kHandlers.at(static_cast<size_t>(call.operation.id));
    AGENTCOM_ASSERT(handler != nullptr, "every route of the catalogue has a handler");
    return handler(call);
}

Answer rate_limited(const limiter::Verdict& verdict) {
    Answer answer{429, rate_limited_body(verdict.tier, verdict.retry_after_ms), std::nullopt, {}};
    answer.headers.emplace_back("retry-after", std::to_string(std::max<int64_t>(1, verdict.retry_after_ms / 1'000)));
    return answer;
}

/// An answer to somebody who may be anybody: beyond a limit it is 429.
Answer unless_limited(const limiter::Verdict& verdict, Answer answer) {
    return verdict.allowed ? std::move(answer) : rate_limited(verdict);
}

/// nullopt: the request is within its limit.
std::optional<Answer> over_limit(const Call& call) {
    Context& ctx = call.ctx;
    // v1.1 did not look who asks where it asked for no token.
    const bool by_agent =
        call.identity && (ctx.settings.limits_by_operation != 0 || call.operation.rate_identity == RateIdentity::agent);
    // The hub's own principals are not those of the same name in the workspace they act in.
    const limits::Party party =
        by_agent ? limits::agent_party(call.identity->of_hub ? 0 : call.workspace, call.identity->principal)
                 : limits::address_party(call.request.peer);
    const limiter::Verdict verdict = limiter::take(ctx, party, limits::Channel::http, call.operation);
    if (verdict.allowed) return std::nullopt;
    refusals::note(ctx, party, call.operation, verdict);
    return rate_limited(verdict);
}

/// nullopt: the fields are good, or are only observed to be bad and can be done without.
std::optional<Answer> invalid(const Call& call, const json::Object& body, bool enforced) {
    std::vector<FieldError> errors = validate(call.operation, body);
    const bool can_do_without = are_all_optional(call.operation, errors);
    bool is_readable = true;
    for (FieldError& error : validate_query(call.operation, call.query)) {
        is_readable = is_readable && error.error == "wrong_type";
        errors.push_back(std::move(error));
    }
    if (errors.empty()) return std::nullopt;
    const bool refused = enforced || !can_do_without || !is_readable;
    validation_watch::failed(call.ctx, {call.workspace, call.principal(), call.operation.name, true}, errors, refused);
    if (!refused) return std::nullopt;
    return Answer{422, http_validation_error(errors), std::nullopt, {}};
}

/// A path that is none, or not for this method. There is no cross-origin access, so OPTIONS tells of methods only.
Answer no_operation(const Context& ctx, Method method, const RouteMatch& match) {
    if (!match.path_known || ctx.settings.method_not_allowed == 0) return error_answer(404, "not_found");
    json::Writer out;
    out.begin_object().member("error", "method_not_allowed").key("allow").begin_array();
    std::string allow;
    for (const Method allowed : match.allowed) {
        out.string(method_name(allowed));
        allow.append(allow.empty() ? "" : ", ").append(method_name(allowed));
    }
    out.end_array().end_object();
    Answer answer = method == Method::options ? Answer{204, "", std::nullopt, {}} : ok(out, 405);
    answer.headers.emplace_back("allow", std::move(allow));
    return answer;
}

/// Who asks, as far as the route wants to know.
std::optional<access::Identity> who(const Context& ctx, const HttpRequest& request, Auth auth) {
    const bool flex = auth == Auth::flex || auth == Auth::flex_owner;
    return access::authenticate(
        ctx, choose_credential(flex ? auth : Auth::strict, flex ? request.flex_authorization : request.authorization,
                               request.body_token, request.query_token));
}

Answer unauthorized(Auth auth) { return {401, unauthorized_body(auth), std::nullopt, {}}; }

/// What a valid token is told that may not do this.
Answer forbidden(Permission permission) {
    if (permission == Permission::reset) return error_answer(403, "admin_only", "Only admin agents can reset the hub");
    if (permission == Permission::administer || permission == Permission::administer_hub) {
        return error_answer(403, "admin_only", "only an administrator can do this");
    }
    return error_answer(403, "forbidden", "the role or the scopes of this token do not allow this");
}

/// nullopt: the request may go on. An answer: it may not.
std::optional<Answer> refuse(const Call& call) {
    const Auth auth = call.operation.auth;
    const Permission permission = call.operation.permission;
    // What shows no data of a workspace is open to everybody, whatever token comes with it.
    if (auth == Auth::none && permission == Permission::none) return std::nullopt;
    if (!call.identity) {
        // Reads that v1.1 left open are so on the hub's own machine.
        const bool open = auth == Auth::none && (call.request.loopback || call.ctx.settings.open_reads != 0);
        if (open) return std::nullopt;
        return unauthorized(auth == Auth::none ? Auth::strict : auth);
    }
    if (auth == Auth::flex_owner && call.identity->principal != call.params.at(0) &&
        call.identity->role != Role::admin) {
        return unauthorized(auth);
    }
    if (!call.identity->may(permission)) return forbidden(permission);
    return std::nullopt;
}

idempotency::Key idempotency_key(const Call& call) {
    idempotency::Key key;
    key.workspace = call.workspace;
    key.principal = call.principal();
    key.operation = std::string(call.operation.name);
    key.key = call.request.idempotency_key;
    if (!key.key.empty()) {
        Hasher hasher;
        hasher.bytes(call.request.path);
        hasher.bytes(call.request.body);
        key.body_hash = hasher.finish().to_hex();
    }
    return key;
}

/// The first answer again. A secret cannot be shown twice: it is drawn anew, and the first one is revoked.
Answer repeated(const Call& call, const IdempotencyRow& record) {
    Answer answer;
    answer.status = static_cast<int>(record.status);
    if (!call.operation.mints_secret) {
        answer.body = record.answer;
        return answer;
    }
    const size_t line = record.answer.find('\n');
    const std::string old_digest = record.answer.substr(0, line);
    answer.body = record.answer.substr(line + 1);
    answer.secret_at = place_of_secret(answer.body);
    IdempotencyRow renewed = record;
    renewed.answer = call.request.secret.sha256 + "\n" + answer.body;
    renew_secret(call.ctx, old_digest, call.request);
    call.ctx.tables.put(std::move(renewed));
    return answer;
}

}  // namespace

void respond(Context& ctx, RequestId request, Answer answer) {
    HttpRespond response;
    response.request = request;
    response.status = answer.status;
    response.headers = std::move(answer.headers);
    response.body = std::move(answer.body);
    response.secret_at = answer.secret_at;
    ctx.emit(std::move(response));
}

void handle(Context& ctx, const HttpRequest& request, std::optional<Resumption> resumption) {
    ctx.request_name = request.name;
    const auto say = [&](Answer answer) { respond(ctx, request.request, std::move(answer)); };
    const auto say_bad = [&](Answer answer) {
        say(unless_limited(limiter::take_bad_request(ctx, request.peer), std::move(answer)));
    };
    if (request.malformed_body) return say_bad(error_answer(400, "bad_request", "the body is no valid JSON"));
    const std::string& planted = ctx.settings.planted_fault;
    AGENTCOM_ASSERT(planted.empty() || request.body.find(planted) == std::string::npos, "planted fault");
    const std::optional<agentcom::Query> query = parse_query(request.query);
    if (!query) return say_bad(error_answer(400, "bad_request", "the query string has a bad escape or is not UTF-8"));
    const RouteMatch match = match_route(request.method, request.path);
    if (match.operation == nullptr) return say_bad(no_operation(ctx, request.method, match));
    const Operation& operation = *match.operation;

    const std::optional<json::Document> body =
        json::Document::parse(request.body.empty() ? "{}" : request.body, json::Duplicates::last_wins);
    if (!body) return say_bad(error_answer(400, "bad_request", "the body is no valid JSON"));
    const bool enforced = validation_watch::is_enforced(ctx.settings, operation.since);
    const Arguments arguments(operation, body->object(),
                              enforced ? Arguments::BadOptional::none : Arguments::BadOptional::absent);
    std::optional<access::Identity> identity = who(ctx, request, operation.auth);
    Call call{ctx, request, operation, match.params, *query, arguments, identity, 0, resumption};
    if (identity && !resumption) ctx.emit(CallerKnown{request.request, identity->principal});
    call.workspace = identity ? identity->workspace : *access::find_workspace(ctx, access::kDefaultWorkspace);
    if (identity && identity->of_hub) {
        if (const std::string* name = find_parameter(*query, "workspace")) {
            const std::optional<int64_t> named = access::find_workspace(ctx, *name);
            if (!named) return say(error_answer(404, "workspace_not_found"));
            call.workspace = *named;
        }
    }
    if (std::optional<Answer> refused = refuse(call)) {
        if (refused->status != 401 || identity) return say(std::move(*refused));
        return say(unless_limited(limiter::take_failed_login(ctx, request.peer), std::move(*refused)));
    }
    if (identity) access::used(ctx, *identity);
    if (!resumption) {
        if (std::optional<Answer> limited = over_limit(call)) return say(std::move(*limited));
    }
    if (std::optional<Answer> refused = invalid(call, body->object(), enforced)) return say(std::move(*refused));
    if (operation.mutates && ctx.read_only()) {
        ctx.emit(storage_unavailable_response(request.request));
        return;
    }
    idempotency::Key key;
    if (operation.mutates && !operation.own_record) key = idempotency_key(call);
    if (operation.mutates && request.idempotency_key.size() > kMaxKeyCodePoints * 4) {
        return say(field_error("Idempotency-Key", "too_long", "exceeds maximum length of 256 characters"));
    }
    if (const IdempotencyRow* record = idempotency::find(ctx, key)) {
        if (idempotency::conflicts(*record, key)) {
            return say(error_answer(422, "idempotency_conflict", "this key was used for another request"));
        }
        return say(repeated(call, IdempotencyRow(*record)));
    }
    std::optional<Answer> answer = dispatch(call);
    if (!answer) return;
    if (operation.mutates && !operation.own_record && answer->status < 300) {
        idempotency::record(ctx, key, answer->status,
                            operation.mints_secret ? request.secret.sha256 + "\n" + answer->body : answer->body);
    }
    say(std::move(*answer));
}

Answer perform(Context& ctx, const Actor& actor, OperationId id, const std::vector<std::string>& params) {
    const Operation& operation = agentcom::operation(id);
    HttpRequest request;
    request.method = operation.method;
    request.peer = actor.peer;
    const json::Object nothing;
    const Arguments arguments(operation, nothing);
    const Call call{ctx, request, operation, params, {}, arguments, actor.identity, actor.workspace, std::nullopt};
    if (std::optional<Answer> refused = refuse(call)) return std::move(*refused);
    if (std::optional<Answer> limited = over_limit(call)) return std::move(*limited);
    if (operation.mutates && ctx.read_only()) return error_answer(503, "storage_unavailable");
    std::optional<Answer> answer = dispatch(call);
    AGENTCOM_ASSERT(answer.has_value(), "what is performed for others answers at once");
    return std::move(*answer);
}

void answer(Context& ctx, const PendingRow& pending, QueryResult result) {
    std::string rest = pending.input;
    const RequestId request = next_number(rest);
    if (!result.ok) {
        respond(ctx, request, error_answer(503, "storage_unavailable", "the store could not answer; try again later"));
        return;
    }
    if (pending.purpose == "tasks") {
        const int64_t limit = next_number(rest);
        respond(ctx, request, tasks_answer(ctx, std::move(result), limit));
    } else if (pending.purpose == "task") {
        respond(ctx, request, task_answer(ctx, std::move(result), rest));
    } else if (pending.purpose == "stats") {
        respond(ctx, request, stats_answer(ctx, pending, result));
    } else if (pending.purpose == "mailbox") {
        respond(ctx, request, mailbox_answer(ctx, pending, std::move(result), std::move(rest)));
    } else if (pending.purpose == "sent") {
        respond(ctx, request, sent_answer(ctx, std::move(result), next_number(rest)));
    } else if (pending.purpose == "deliveries") {
        respond(ctx, request, deliveries_answer(ctx, std::move(result), std::move(rest)));
    } else if (pending.purpose == "messages") {
        respond(ctx, request, messages_answer(ctx, pending, std::move(result), std::move(rest)));
    } else if (pending.purpose == "thread") {
        respond(ctx, request, thread_answer(std::move(result), std::move(rest)));
    } else if (pending.purpose == "channel") {
        respond(ctx, request, channel_history_answer(std::move(result), rest));
    } else if (pending.purpose == "output") {
        respond(ctx, request, output_answer(ctx, pending, std::move(result), rest));
    } else if (pending.purpose == "audit") {
        respond(ctx, request, audit_answer(std::move(result), next_number(rest)));
    } else if (pending.purpose == "storage_health") {
        respond(ctx, request, storage_health_answer(ctx, result));
    } else if (pending.purpose == "claimed") {
        const int64_t generation = next_number(rest);
        respond(ctx, request, claimed_answer(std::move(result), generation));
    } else {
        AGENTCOM_ASSERT(false, "a pending request has a known purpose");
    }
}

}  // namespace agentcom::requests
