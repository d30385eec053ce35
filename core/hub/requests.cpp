#include "core/hub/requests.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/access/access.hpp"
#include "core/access/limiter.hpp"
#include "core/base/hash128.hpp"
#include "core/base/limits.hpp"
#include "core/hub/idempotency.hpp"
#include "core/hub/render.hpp"
#include "core/hub/sessions.hpp"
#include "core/messaging/mailbox.hpp"
#include "core/messaging/router.hpp"
#include "core/protocol/encoding.hpp"
#include "core/protocol/validation.hpp"
#include "core/tasks/agents.hpp"
#include "core/tasks/tasks.hpp"

namespace agentcom::requests {

namespace {

constexpr int64_t kPageDefault = 100;
constexpr int64_t kPageMax = 1'000;
constexpr int64_t kTaskEvents = 50;

struct Answer {
    int status = 200;
    std::string body;
    std::optional<int64_t> secret_at;
    std::vector<std::pair<std::string, std::string>> headers;
};

/// One request on its way through its handler.
struct Call {
    Context& ctx;
    const HttpRequest& request;
    const Operation& operation;
    const std::vector<std::string>& params;
    const agentcom::Query& query;
    const Arguments& arguments;
    const std::optional<access::Identity>& identity;
    int64_t workspace = 0;

    std::string principal() const { return identity ? identity->principal : std::string{}; }
};

Answer ok(json::Writer& out, int status = 200) { return {status, out.take(), std::nullopt, {}}; }

Answer error_answer(int status, std::string_view code, std::string_view message = {}) {
    json::Writer out;
    out.begin_object().member("error", code);
    if (!message.empty()) out.member("message", message);
    out.end_object();
    return ok(out, status);
}

Answer error_answer(const Error& error) { return error_answer(error.http_status, error.code, error.text); }

Answer field_error(std::string field, std::string code, std::string detail) {
    FieldError error;
    error.field = std::move(field);
    error.error = std::move(code);
    error.detail = std::move(detail);
    return {422, http_validation_error({error}), std::nullopt, {}};
}

Answer task_not_found(const std::string& task_id) {
    json::Writer out;
    out.begin_object().member("error", "task_not_found").member("task_id", task_id).end_object();
    return ok(out, 404);
}

// -- health -------------------------------------------------------------------------------------------------------

Answer on_health(const Call& call) {
    int64_t online = 0;
    for (const auto& [workspace, sessions] : call.ctx.tables.indexes().sessions) {
        online += static_cast<int64_t>(sessions.size());
    }
    json::Writer out;
    out.begin_object().member("status", "ok").member("service", "agent_com").member("agents_connected", online);
    out.end_object();
    return ok(out);
}

Answer on_readyz(const Call& call) {
    const RuntimeRow& runtime = call.ctx.runtime();
    json::Writer out;
    out.begin_object();
    out.member("status", runtime.stopping ? "stopping" : runtime.read_only ? "storage_unavailable" : "ready");
    out.end_object();
    return ok(out, runtime.stopping || runtime.read_only ? 503 : 200);
}

// -- access -------------------------------------------------------------------------------------------------------

/// The workspace that a request names for a new agent; only those who administer the hub may leave their own.
Result<int64_t> named_workspace(const Call& call) {
    const std::optional<std::string> name = call.arguments.string("workspace");
    if (!name) return Result<int64_t>(call.workspace);
    const std::optional<int64_t> known = access::find_workspace(call.ctx, *name);
    if (known && *known == call.workspace) return Result<int64_t>(call.workspace);
    if (!call.identity || !call.identity->of_hub) {
        return Result<int64_t>(
            Error{"admin_only", 403, Blame::client, "only the hub's admin token can act in another workspace"});
    }
    return access::ensure_workspace(call.ctx, *name);
}

/// scheme://host:port as the client reached us: always with a port, as v1.1 gave it.
std::string authority(const std::string& host) {
    if (host.empty()) return "127.0.0.1:4000";
    const size_t bracket = host.rfind(']');
    const size_t colon = host.rfind(':');
    const bool has_port = colon != std::string::npos && (bracket == std::string::npos || colon > bracket);
    return has_port ? host : host + ":80";
}

Answer with_secret(json::Writer& out, int status) {
    // The secret goes between the quotes of the placeholder that was written last.
    Answer answer = ok(out, status);
    const size_t at = answer.body.find(R"("token":"")");
    AGENTCOM_ASSERT(at != std::string::npos, "an answer with a secret has a place for it");
    answer.secret_at = static_cast<int64_t>(at + 9);
    return answer;
}

Answer on_register(const Call& call) {
    const bool admin = call.identity && access::may_administer(call.ctx, *call.identity);
    if (!call.request.loopback && !admin && call.ctx.settings.open_registration == 0) {
        return error_answer(403, "registration_closed", "agents on other machines are registered by an administrator");
    }
    const std::string agent = call.arguments.text("agent_id");
    if (agent.empty()) return field_error("agent_id", "required", "agent_id must not be empty");
    const Result<int64_t> workspace = named_workspace(call);
    if (!workspace) return error_answer(workspace.error());
    const Status made = access::register_agent(call.ctx, workspace.value(), agent, call.request.secret.sha256,
                                               call.request.secret.prefix, call.principal());
    if (!made) {
        if (made.error().code == "already_registered") return error_answer(409, "agent_id already registered");
        if (made.error().code == "invalid_agent_id") {
            return field_error("agent_id", "invalid_characters", made.error().text);
        }
        return error_answer(made.error());
    }
    json::Writer out;
    out.begin_object().member("agent_id", agent).member("token", "");
    out.member("hub_ws_url", "ws://" + authority(call.request.host) + "/ws");
    out.member("hub_api_url", "http://" + authority(call.request.host)).member("default_repo", nullptr).end_object();
    return with_secret(out, 201);
}

Answer on_token_create(const Call& call) {
    const std::string agent = call.arguments.text("agent_id");
    if (!access::may_administer(call.ctx, *call.identity) && agent != call.identity->principal) {
        return error_answer(403, "admin_only", "only an administrator can make tokens for others");
    }
    if (agent.empty()) return field_error("agent_id", "required", "agent_id must not be empty");
    const Result<int64_t> workspace = named_workspace(call);
    if (!workspace) return error_answer(workspace.error());
    const Status made = access::add_token(call.ctx, workspace.value(), agent, call.request.secret.sha256,
                                          call.request.secret.prefix, call.principal());
    if (!made) {
        if (made.error().code == "invalid_agent_id") {
            return field_error("agent_id", "invalid_characters", made.error().text);
        }
        return error_answer(made.error());
    }
    json::Writer out;
    out.begin_object().member("agent_id", agent).member("token", "").end_object();
    return with_secret(out, 201);
}

Answer on_token_list(const Call& call) {
    json::Writer out;
    out.begin_object().key("tokens").begin_array();
    const bool admin = access::may_administer(call.ctx, *call.identity);
    const auto& tokens = call.ctx.tables.indexes().tokens;
    for (auto owner = tokens.lower_bound({call.workspace, ""});
         owner != tokens.end() && owner->first.first == call.workspace; ++owner) {
        if (!admin && owner->first.second != call.identity->principal) continue;
        for (const std::string& digest : owner->second) {
            out.begin_object().member("agent_id", owner->first.second);
            out.member("token_prefix", call.ctx.tables.find<TokenRow>({digest})->prefix + "...").end_object();
        }
    }
    out.end_array().end_object();
    return ok(out);
}

Answer on_token_revoke(const Call& call) {
    const std::string& agent = call.params.at(0);
    if (!access::may_administer(call.ctx, *call.identity) && agent != call.identity->principal) {
        return error_answer(403, "admin_only", "only an administrator can revoke the tokens of others");
    }
    access::revoke_tokens(call.ctx, call.workspace, agent, call.principal());
    if (const AgentRow* online = call.ctx.tables.find<AgentRow>({call.workspace, agent});
        online != nullptr && online->connection != 0) {
        sessions::close(call.ctx, online->connection, 1008, "token revoked");
    }
    json::Writer out;
    out.begin_object().member("status", "revoked").member("agent_id", agent).end_object();
    return ok(out);
}

// -- messages -----------------------------------------------------------------------------------------------------

Answer on_message_send(const Call& call) {
    router::NewMessage message;
    message.workspace = call.workspace;
    message.from = call.principal();
    message.to = call.arguments.string("to");
    if (message.to == "broadcast") message.to.reset();
    message.type = call.arguments.string("type").value_or("chat");
    message.payload = std::string(call.arguments.raw("payload").value_or("{}"));
    message.reply_to = call.arguments.string("reply_to");
    const std::string id = router::route(call.ctx, std::move(message));
    json::Writer out;
    out.begin_object().member("status", "sent").member("id", id).end_object();
    return ok(out);
}

std::string mailbox_body(const std::string& agent, int64_t since, const std::vector<MessageRow>& messages) {
    json::Writer out;
    out.begin_object().member("agent_id", agent).key("messages").begin_array();
    for (const MessageRow& row : messages) {
        MessageEntry entry;
        entry.id = row.id;
        entry.from = row.sender;
        if (row.recipient) entry.to = *row.recipient;
        entry.message_type = row.type;
        entry.payload_raw = row.payload.bytes;
        if (row.reply_to) entry.reply_to = *row.reply_to;
        entry.timestamp_ms = row.sent_at;
        write_message(out, entry, row.seq);
    }
    out.end_array();
    out.member("last_seq", messages.empty() ? since : messages.back().seq);
    out.member("count", static_cast<int64_t>(messages.size())).end_object();
    return out.take();
}

/// What a request waits with: its id, its operation, and what its answer needs beside the rows.
PendingRow pending_request(const Call& call, std::string purpose, std::string detail) {
    PendingRow pending;
    pending.workspace = call.workspace;
    pending.purpose = std::move(purpose);
    pending.input = std::to_string(call.request.request) + " " + std::move(detail);
    return pending;
}

std::optional<Answer> on_mailbox_read(const Call& call) {
    const std::string& agent = call.params.at(0);
    const int64_t since = query_integer(call.query, "since").value_or(0);
    const int64_t limit = std::clamp<int64_t>(query_integer(call.query, "limit").value_or(kPageDefault), 0, kPageMax);
    std::vector<int64_t> seqs = mailbox::unread(call.ctx, call.workspace, agent, since, limit);
    if (seqs.empty()) return Answer{200, mailbox_body(agent, since, {}), std::nullopt, {}};
    call.ctx.query(FetchMessages{call.workspace, std::move(seqs)},
                   pending_request(call, "mailbox", std::to_string(since) + " " + agent));
    return std::nullopt;
}

Answer on_mailbox_ack(const Call& call) {
    const int64_t up_to = call.arguments.integer("seq").value_or(0);
    mailbox::acknowledge(call.ctx, call.workspace, call.params.at(0), up_to);
    json::Writer out;
    out.begin_object().member("status", "acked").raw_member("up_to", *call.arguments.raw("seq")).end_object();
    return ok(out);
}

// -- agents -------------------------------------------------------------------------------------------------------

Answer on_agents(const Call& call) {
    json::Writer out;
    out.begin_object().key("agents").begin_array();
    for (const SessionRow* row : sessions::online(call.ctx, call.workspace)) {
        const std::string capabilities = sessions::capabilities_json(*row);
        out.begin_object();
        write_agent_members(out, sessions::presence(*row, capabilities));
        out.member("fsm_state", agents::work_state(call.ctx, row->workspace, row->agent)).end_object();
    }
    out.end_array().end_object();
    return ok(out);
}

Answer on_agent_states(const Call& call) {
    json::Writer out;
    out.begin_object().key("agents").begin_array();
    for (const SessionRow* row : sessions::online(call.ctx, call.workspace)) {
        render::agent_state(out, call.ctx, *row, false);
    }
    out.end_array().end_object();
    return ok(out);
}

Answer on_agent_state(const Call& call) {
    const AgentRow* agent = call.ctx.tables.find<AgentRow>({call.workspace, call.params.at(0)});
    if (agent == nullptr || agent->connection == 0) return error_answer(404, "agent_not_found");
    json::Writer out;
    render::agent_state(out, call.ctx, *call.ctx.tables.find<SessionRow>({agent->connection}), true);
    return ok(out);
}

// -- tasks --------------------------------------------------------------------------------------------------------

/// Unknown words are `normal`, as ever: the stock submitter sends them and expects 201.
int64_t priority_of(const std::string& word) {
    if (word == "urgent" || word == "critical") return 0;
    if (word == "high") return 1;
    if (word == "low") return 3;
    return 2;
}

Answer on_task_submit(const Call& call) {
    const Arguments& arguments = call.arguments;
    tasks::NewTask task;
    task.description = arguments.text("description");
    task.metadata = std::string(arguments.raw("metadata").value_or("{}"));
    task.priority = priority_of(arguments.text("priority"));
    task.max_retries = arguments.integer("max_retries");
    task.needed_capabilities = arguments.string_list("needed_capabilities");
    task.kind = arguments.text("kind");
    task.labels = arguments.string_list("labels");
    task.fairness_key = arguments.text("fairness_key");
    task.unique_key = arguments.text("unique_key");
    task.parent_id = arguments.string("parent_id");
    task.blocked_by = arguments.string_list("blocked_by");
    task.complete_by = arguments.integer("complete_by");
    task.not_before = arguments.integer("not_before");
    task.max_run_ms = arguments.integer("max_run_ms").value_or(0);
    task.origin = arguments.text("origin");
    task.requested_by = call.principal();
    task.trace = arguments.text("trace");
    const Result<tasks::Submitted> submitted = tasks::submit(call.ctx, call.workspace, std::move(task));
    if (!submitted) {
        const Error& error = submitted.error();
        if (error.code == "unknown_task")
            return field_error(error.text, "not_found", "names a task that does not exist");
        return error_answer(error);
    }
    const TaskRow& row = submitted.value().task;
    json::Writer out;
    out.begin_object().member("status", submitted.value().duplicate ? v11_status(row.state) : "queued");
    out.member("task_id", row.id).member("priority", row.priority).member("created_at", row.created_at);
    if (submitted.value().duplicate) out.member("duplicate", true);
    out.end_object();
    return ok(out, submitted.value().duplicate ? 200 : 201);
}

/// The states that a word of the `status` filter stands for: v1.1's words and our own.
std::optional<std::vector<TaskState>> states_of(const std::string& word) {
    if (word == "queued") return std::vector{TaskState::queued, TaskState::held};
    if (word == "assigned") return std::vector{TaskState::assigned, TaskState::working};
    TaskState state{};
    if (from_text(word, state)) return std::vector{state};
    return std::nullopt;
}

std::optional<int64_t> priority_filter(const std::string& word) {
    static constexpr std::array<std::string_view, 4> kNames{"urgent", "high", "normal", "low"};
    for (size_t i = 0; i < kNames.size(); ++i) {
        if (word == kNames.at(i) || word == std::to_string(i)) return static_cast<int64_t>(i);
    }
    return std::nullopt;
}

/// A cursor is "<priority>.<seq>" of the last task seen.
bool read_cursor(const std::string& text, ListTasks& list) {
    const size_t dot = text.find('.');
    if (dot == std::string::npos) return false;
    const char* const begin = text.data();
    const char* const end = begin + text.size();
    const auto priority = std::from_chars(begin, begin + dot, list.after_priority);
    const auto seq = std::from_chars(begin + dot + 1, end, list.after_seq);
    return priority.ec == std::errc{} && priority.ptr == begin + dot && seq.ec == std::errc{} && seq.ptr == end;
}

std::optional<Answer> list_tasks(const Call& call, ListTasks list) {
    list.workspace = call.workspace;
    list.events = kTaskEvents;
    const int64_t limit = std::clamp<int64_t>(query_integer(call.query, "limit").value_or(kPageDefault), 1, kPageMax);
    list.limit = limit + 1;  // one more tells whether there is a next page
    if (const std::string* cursor = find_parameter(call.query, "cursor"); cursor != nullptr && !cursor->empty()) {
        if (!read_cursor(*cursor, list)) return field_error("cursor", "invalid_value", "is no cursor of this listing");
    }
    call.ctx.query(std::move(list), pending_request(call, "tasks", std::to_string(limit)));
    return std::nullopt;
}

std::optional<Answer> on_task_list(const Call& call) {
    ListTasks list;
    list.states = {TaskState::held, TaskState::queued, TaskState::assigned, TaskState::working, TaskState::completed};
    if (const std::string* status = find_parameter(call.query, "status")) {
        std::optional<std::vector<TaskState>> states = states_of(*status);
        if (!states) return field_error("status", "invalid_value", "is no status of a task");
        list.states = std::move(*states);
    }
    if (const std::string* priority = find_parameter(call.query, "priority")) {
        list.priority = priority_filter(*priority);
        if (!list.priority)
            return field_error("priority", "invalid_value", "is no priority: urgent, high, normal, low");
    }
    if (const std::string* agent = find_parameter(call.query, "assigned_to")) list.assigned_to = *agent;
    return list_tasks(call, std::move(list));
}

std::optional<Answer> on_task_dead_letters(const Call& call) {
    ListTasks list;
    list.states = {TaskState::dead_letter};
    return list_tasks(call, std::move(list));
}

std::optional<Answer> on_task_get(const Call& call) {
    call.ctx.query(FetchTask{call.workspace, call.params.at(0), kTaskEvents},
                   pending_request(call, "task", call.params.at(0)));
    return std::nullopt;
}

std::optional<Answer> on_task_stats(const Call& call) {
    call.ctx.query(CountTasks{call.workspace}, pending_request(call, "stats", ""));
    return std::nullopt;
}

Answer on_task_retry(const Call& call) {
    const Result<TaskRow> task = tasks::retry(call.ctx, call.workspace, call.params.at(0), call.principal());
    if (!task) {
        return task.error().http_status == 404 ? task_not_found(call.params.at(0)) : error_answer(task.error());
    }
    json::Writer out;
    out.begin_object().member("status", "requeued").member("task_id", call.params.at(0));
    out.member("priority", task.value().priority).end_object();
    return ok(out);
}

Answer on_task_cancel(const Call& call) {
    const Result<TaskRow> task = tasks::cancel(call.ctx, call.workspace, call.params.at(0), call.principal(),
                                               "cancelled by " + call.principal());
    if (!task) {
        return task.error().http_status == 404 ? task_not_found(call.params.at(0)) : error_answer(task.error());
    }
    json::Writer out;
    out.begin_object().member("status", "cancelled").member("task_id", call.params.at(0));
    out.member("priority", task.value().priority).end_object();
    return ok(out);
}

std::optional<Answer> dispatch(const Call& call) {
    switch (call.operation.id) {
        case OperationId::http_health:
            return on_health(call);
        case OperationId::http_livez: {
            json::Writer out;
            out.begin_object().member("status", "ok").end_object();
            return ok(out);
        }
        case OperationId::http_readyz:
            return on_readyz(call);
        case OperationId::http_register:
            return on_register(call);
        case OperationId::http_token_create:
            return on_token_create(call);
        case OperationId::http_token_list:
            return on_token_list(call);
        case OperationId::http_token_revoke:
            return on_token_revoke(call);
        case OperationId::http_message_send:
            return on_message_send(call);
        case OperationId::http_mailbox_read:
            return on_mailbox_read(call);
        case OperationId::http_mailbox_ack:
            return on_mailbox_ack(call);
        case OperationId::http_agents:
            return on_agents(call);
        case OperationId::http_agent_states:
            return on_agent_states(call);
        case OperationId::http_agent_state:
            return on_agent_state(call);
        case OperationId::http_task_submit:
            return on_task_submit(call);
        case OperationId::http_task_list:
            return on_task_list(call);
        case OperationId::http_task_dead_letters:
            return on_task_dead_letters(call);
        case OperationId::http_task_stats:
            return on_task_stats(call);
        case OperationId::http_task_get:
            return on_task_get(call);
        case OperationId::http_task_retry:
            return on_task_retry(call);
        case OperationId::http_task_cancel:
            return on_task_cancel(call);
        default:
            AGENTCOM_ASSERT(false, "a route of the catalogue has no handler");
            return std::nullopt;
    }
}

void respond(Context& ctx, RequestId request, Answer answer) {
    HttpRespond response;
    response.request = request;
    response.status = answer.status;
    response.headers = std::move(answer.headers);
    response.body = std::move(answer.body);
    response.secret_at = answer.secret_at;
    ctx.emit(std::move(response));
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

void handle(Context& ctx, const HttpRequest& request) {
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
    Call call{ctx, request, operation, match.params, *query, arguments, identity, 0};
    call.workspace = identity ? identity->workspace : *access::find_workspace(ctx, access::kDefaultWorkspace);
    if (identity && identity->of_hub) {
        if (const std::string* name = find_parameter(*query, "workspace")) {
            const std::optional<int64_t> named = access::find_workspace(ctx, *name);
            if (!named) return say(error_answer(404, "workspace_not_found"));
            call.workspace = *named;
        }
    }
    if (std::optional<Answer> refused = refuse(call)) return say(std::move(*refused));

    if (operation.rate_identity != RateIdentity::none) {
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
    if (operation.mutates) key = idempotency_key(call);
    if (key.key.size() > kMaxKeyCodePoints * 4) {
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
    if (operation.mutates && answer->status < 300) {
        idempotency::record(ctx, key, answer->status,
                            operation.mints_secret ? request.secret.sha256 + "\n" + answer->body : answer->body);
    }
    say(std::move(*answer));
}

namespace {

/// The next word of "<request> <detail...>".
std::string next_word(std::string& text) {
    const size_t space = text.find(' ');
    std::string word = text.substr(0, space);
    text = space == std::string::npos ? std::string{} : text.substr(space + 1);
    return word;
}

int64_t next_number(std::string& text) {
    const std::string word = next_word(text);
    int64_t number = 0;
    std::from_chars(word.data(), word.data() + word.size(), number);
    return number;
}

Answer tasks_answer(Context& ctx, QueryResult result, int64_t limit) {
    std::optional<std::vector<TaskRecord>> records = collect_task_records(std::move(result.rows));
    if (!records) return error_answer(500, "storage_error", "a stored row is damaged");
    const bool more = static_cast<int64_t>(records->size()) > limit;
    if (more) records->resize(static_cast<size_t>(limit));
    json::Writer out;
    out.begin_object().key("tasks").begin_array();
    for (const TaskRecord& record : *records) render::task(out, ctx, record);
    out.end_array().member("count", static_cast<int64_t>(records->size()));
    if (more) {
        const TaskRow& last = records->back().task;
        out.member("next_cursor", std::to_string(last.priority) + "." + std::to_string(last.seq));
    } else {
        out.member("next_cursor", nullptr);
    }
    out.end_object();
    return ok(out);
}

Answer task_answer(Context& ctx, QueryResult result, const std::string& task_id) {
    const std::optional<std::vector<TaskRecord>> records = collect_task_records(std::move(result.rows));
    if (!records) return error_answer(500, "storage_error", "a stored row is damaged");
    if (records->empty()) return task_not_found(task_id);
    json::Writer out;
    render::task(out, ctx, records->front());
    return ok(out);
}

Answer stats_answer(const Context& ctx, const PendingRow& pending, const QueryResult& result) {
    std::map<std::string, int64_t> by_status;
    std::map<int64_t, int64_t> by_priority;
    int64_t dead = 0;
    for (const QueryRow& row : result.rows) {
        if (row.values.size() != 3) return error_answer(500, "storage_error", "a stored row is damaged");
        const auto state = static_cast<TaskState>(row.values[0].integer);
        const int64_t count = row.values[2].integer;
        if (state == TaskState::dead_letter) dead += count;
        // v1.1 kept what has died elsewhere; a cancelled task is neither here nor there.
        if (state == TaskState::dead_letter || state == TaskState::cancelled) continue;
        by_status[std::string(v11_status(state))] += count;
        by_priority[row.values[1].integer] += count;
    }
    const auto& counts = ctx.tables.indexes().state_counts;
    const auto live = counts.find(pending.workspace);
    json::Writer out;
    out.begin_object().key("by_status").begin_object();
    for (const auto& [status, count] : by_status) out.member(status, count);
    out.end_object().key("by_priority").begin_object();
    for (const auto& [priority, count] : by_priority) out.member(std::to_string(priority), count);
    out.end_object().member("dead_letter", dead);
    out.member("queued_index_size", live == counts.end() ? 0 : live->second[1]).end_object();
    return ok(out);
}

Answer mailbox_answer(QueryResult result, int64_t since, const std::string& agent) {
    std::vector<MessageRow> messages;
    for (QueryRow& row : result.rows) {
        std::optional<MessageRow> message = row_from_values<MessageRow>(std::move(row.values));
        if (!message) return error_answer(500, "storage_error", "a stored row is damaged");
        messages.push_back(std::move(*message));
    }
    return {200, mailbox_body(agent, since, messages), std::nullopt, {}};
}

}  // namespace

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
        const int64_t since = next_number(rest);
        respond(ctx, request, mailbox_answer(std::move(result), since, rest));
    } else {
        AGENTCOM_ASSERT(false, "a pending request has a known purpose");
    }
}

}  // namespace agentcom::requests
