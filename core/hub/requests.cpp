#include "core/hub/requests.hpp"

#include <algorithm>

#include "core/access/limiter.hpp"
#include "core/base/hash128.hpp"
#include "core/base/limits.hpp"
#include "core/hub/access_routes.hpp"
#include "core/hub/agent_routes.hpp"
#include "core/hub/analytics_routes.hpp"
#include "core/hub/channel_routes.hpp"
#include "core/hub/feeds.hpp"
#include "core/hub/history_routes.hpp"
#include "core/hub/idempotency.hpp"
#include "core/hub/import_routes.hpp"
#include "core/hub/message_routes.hpp"
#include "core/hub/task_routes.hpp"
#include "core/hub/work_routes.hpp"
#include "core/tasks/agents.hpp"

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
    // moving in from another hub
    {OperationId::http_import, on_import},
};

Reply dispatch(const Call& call) {
    for (const Route& route : kRoutes) {
        if (route.id == call.operation.id) return route.handler(call);
    }
    AGENTCOM_ASSERT(false, "a route of the catalogue has no handler");
    return std::nullopt;
}

Answer rate_limited(const Operation& operation, int64_t retry_after_ms) {
    Answer answer{429, rate_limited_body(operation.tier, retry_after_ms), std::nullopt, {}};
    answer.headers.emplace_back("retry-after", std::to_string(std::max<int64_t>(1, retry_after_ms / 1'000)));
    return answer;
}

/// Who asks, as far as the route wants to know.
std::optional<access::Identity> who(const Context& ctx, const HttpRequest& request, Auth auth) {
    const bool flex = auth == Auth::flex || auth == Auth::flex_owner;
    return access::authenticate(
        ctx, choose_credential(flex ? auth : Auth::strict, flex ? request.flex_authorization : request.authorization,
                               request.body_token, request.query_token));
}

/// Routes without authentication that show no data of a workspace.
bool is_public(OperationId id) {
    return id == OperationId::http_health || id == OperationId::http_livez || id == OperationId::http_readyz ||
           id == OperationId::http_register;
}

/// nullopt: the request may go on. An answer: it may not.
std::optional<Answer> refuse(const Call& call) {
    const Context& ctx = call.ctx;
    const bool allowed_open = is_public(call.operation.id) || call.request.loopback || ctx.settings.open_reads != 0;
    if (!call.identity) {
        if (call.operation.auth != Auth::none) return Answer{401, unauthorized_body(call.operation.auth), {}, {}};
        if (!allowed_open) return Answer{401, unauthorized_body(Auth::strict), {}, {}};
    }
    if (call.operation.auth == Auth::flex_owner && call.identity->principal != call.params.at(0) &&
        call.identity->role != Role::admin) {
        return Answer{401, unauthorized_body(call.operation.auth), {}, {}};
    }
    if (call.operation.permission == Permission::administer && !access::may_administer(ctx, *call.identity)) {
        return error_answer(403, "admin_only", "only an administrator can do this");
    }
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
    answer.secret_at = static_cast<int64_t>(answer.body.find(R"("token":"")") + 9);
    IdempotencyRow renewed = record;
    renewed.answer = call.request.secret.sha256 + "\n" + answer.body;
    if (const TokenRow* old = call.ctx.tables.find<TokenRow>({old_digest})) {
        TokenRow token = *old;
        token.sha256 = call.request.secret.sha256;
        token.prefix = call.request.secret.prefix;
        call.ctx.tables.erase<TokenRow>({old_digest});
        call.ctx.tables.put(std::move(token));
    }
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
    const auto say = [&](Answer answer) { respond(ctx, request.request, std::move(answer)); };
    if (request.malformed_body) return say(error_answer(400, "bad_request", "the body is no valid JSON"));
    const std::string& planted = ctx.settings.planted_fault;
    AGENTCOM_ASSERT(planted.empty() || request.body.find(planted) == std::string::npos, "planted fault");
    const std::optional<agentcom::Query> query = parse_query(request.query);
    if (!query) return say(error_answer(400, "bad_request", "the query string has a bad escape or is not UTF-8"));
    const RouteMatch match = match_route(request.method, request.path);
    if (match.operation == nullptr) return say(error_answer(404, "not_found"));
    const Operation& operation = *match.operation;

    const std::optional<json::Document> body =
        json::Document::parse(request.body.empty() ? "{}" : request.body, json::Duplicates::last_wins);
    if (!body) return say(error_answer(400, "bad_request", "the body is no valid JSON"));
    const Arguments arguments(operation, body->object());
    std::optional<access::Identity> identity = who(ctx, request, operation.auth);
    Call call{ctx, request, operation, match.params, *query, arguments, identity, 0, resumption};
    call.workspace = identity ? identity->workspace : *access::find_workspace(ctx, access::kDefaultWorkspace);
    if (identity && identity->of_hub) {
        if (const std::string* name = find_parameter(*query, "workspace")) {
            const std::optional<int64_t> named = access::find_workspace(ctx, *name);
            if (!named) return say(error_answer(404, "workspace_not_found"));
            call.workspace = *named;
        }
    }
    if (std::optional<Answer> refused = refuse(call)) return say(std::move(*refused));

    if (operation.rate_identity != RateIdentity::none && !resumption) {
        const bool by_agent = operation.rate_identity == RateIdentity::agent && identity;
        const std::string bucket =
            by_agent ? "http:" + std::to_string(call.workspace) + ":" + identity->principal : "ip:" + request.peer;
        const limiter::Verdict verdict = limiter::take(ctx, bucket, operation.tier);
        if (!verdict.allowed) {
            if (by_agent && ctx.tables.contains<AgentRow>({call.workspace, identity->principal})) {
                agents::set_limited(ctx, call.workspace, identity->principal, true);
                ctx.arm(TimerKind::limit_end, call.workspace, identity->principal,
                        ctx.in_ms(ctx.settings.limit_skip_ms));
            }
            return say(rate_limited(operation, verdict.retry_after_ms));
        }
    }
    std::vector<FieldError> errors = validate(operation, body->object());
    for (FieldError& error : validate_query(operation, *query)) errors.push_back(std::move(error));
    if (!errors.empty()) return say({422, http_validation_error(errors), std::nullopt, {}});
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
    } else if (pending.purpose == "claimed") {
        const int64_t generation = next_number(rest);
        respond(ctx, request, claimed_answer(std::move(result), generation));
    } else {
        AGENTCOM_ASSERT(false, "a pending request has a known purpose");
    }
}

}  // namespace agentcom::requests
