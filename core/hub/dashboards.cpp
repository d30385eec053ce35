#include "core/hub/dashboards.hpp"

#include <algorithm>

#include "core/access/access.hpp"
#include "core/access/limiter.hpp"
#include "core/base/json.hpp"
#include "core/base/limits.hpp"
#include "core/hub/requests.hpp"
#include "core/protocol/encoding.hpp"
#include "core/view/model.hpp"

namespace agentcom::dashboards {

namespace {

/// Entries of a model that may be made, and sent to all dashboards together, in one interval; more make the pauses
/// longer.
constexpr int64_t kEntriesMade = 3'000;
constexpr int64_t kEntriesSent = 40'000;
/// Of each state of tasks about so many are shown at most.
constexpr int64_t kShownOfState = 2'000;

int64_t size_of(const auto& map, int64_t workspace) {
    const auto found = map.find(workspace);
    return found == map.end() ? 0 : static_cast<int64_t>(found->second.size());
}

/// The pause after a round, in proportion to what the next one may cost. It depends on rows alone: timers are state.
int64_t pause_ms(const Context& ctx, int64_t workspace) {
    const Indexes& indexes = ctx.tables.indexes();
    int64_t entries = std::min<int64_t>(size_of(indexes.sessions, workspace), view::kAgentsMax);
    if (const auto counts = indexes.state_counts.find(workspace); counts != indexes.state_counts.end()) {
        for (const int64_t count : counts->second) entries += std::min<int64_t>(count, kShownOfState);
    }
    const int64_t readers = size_of(indexes.dashboards, workspace);
    const int64_t parts = 1'000 + 1'000 * entries / kEntriesMade + 1'000 * entries * readers / kEntriesSent;
    return ctx.settings.dashboard_interval_ms * parts / 1'000;
}

/// Sees to it that there are rounds; the first one comes at once.
void want_rounds(Context& ctx, int64_t workspace) {
    if (ctx.settings.dashboard_interval_ms == 0) return;
    if (ctx.tables.contains<TimerRow>({TimerKind::dashboard_round, workspace, "", 0})) return;
    ctx.arm(TimerKind::dashboard_round, workspace, "", ctx.now.mono_us);
}

void run_round(Context& ctx, int64_t workspace) {
    if (!ctx.tables.indexes().dashboards.contains(workspace)) return;
    ctx.dashboard_rounds.insert(workspace);
    ctx.arm(TimerKind::dashboard_round, workspace, "", ctx.in_ms(pause_ms(ctx, workspace)));
}

void forget_timers(Context& ctx, ConnectionId connection) {
    for (const TimerKind kind : {TimerKind::identify, TimerKind::idle, TimerKind::ping}) {
        ctx.disarm(kind, connection, "");
    }
    limiter::forget_connection(ctx, connection);
}

void close(Context& ctx, ConnectionId connection, int code, const std::string& reason) {
    const DashboardRow* row = ctx.tables.find<DashboardRow>({connection});
    if (row == nullptr || row->closing) return;
    forget_timers(ctx, connection);
    ctx.tables.modify<DashboardRow>({connection}, [](DashboardRow& each) { each.closing = true; });
    ctx.close(connection, code, reason);
}

/// Where there is no more room, the oldest that is not admitted has to go: who shows no token keeps nobody out. False:
/// the newest is one too many.
bool make_room(Context& ctx, ConnectionId newest) {
    const int64_t most = ctx.settings.dashboards_max;
    if (ctx.tables.count<DashboardRow>() <= most) return true;
    int64_t open = 0;
    ConnectionId oldest = 0;
    for (const auto& [connection] : ctx.tables.sorted_keys<DashboardRow>()) {
        const DashboardRow& row = *ctx.tables.find<DashboardRow>({connection});
        if (row.closing) continue;
        ++open;
        if (oldest == 0 && !row.admitted && connection != newest) oldest = connection;
    }
    if (open <= most) return true;
    if (oldest == 0) return false;
    close(ctx, oldest, 1013, "too many dashboards");
    return true;
}

// -- admission --------------------------------------------------------------------------------------------------------

/// It wants a snapshot, or to go on from a cursor.
void ask(Context& ctx, DashboardRow row, std::string since) {
    ++row.asked;
    row.since = std::move(since);
    const int64_t workspace = row.workspace;
    ctx.tables.put(std::move(row));
    want_rounds(ctx, workspace);
}

void admit(Context& ctx, DashboardRow row, const std::optional<access::Identity>& identity, int64_t workspace) {
    row.admitted = true;
    row.workspace = workspace;
    row.token = identity ? identity->token : std::string{};
    ctx.disarm(TimerKind::identify, row.connection, "");
    limiter::forget_connection(ctx, row.connection);
    if (identity) access::used(ctx, *identity);
    // Who follows by deltas says where from first.
    if (row.mode == DashboardMode::deltas) {
        ctx.tables.put(std::move(row));
        want_rounds(ctx, workspace);
    } else {
        ask(ctx, std::move(row), "");
    }
}

std::string error_text(std::string_view code) { return error_frame(code); }

/// Which workspace an identity means; nullopt: there is none of that name.
std::optional<int64_t> workspace_of(const Context& ctx, const access::Identity& identity, const std::string& name) {
    if (!identity.of_hub || name.empty()) return identity.workspace;
    return access::find_workspace(ctx, name);
}

std::string_view word_for(Permission permission) {
    switch (permission) {
        case Permission::read:
            return "read";
        case Permission::work:
            return "work";
        case Permission::operate:
            return "operate";
        case Permission::administer:
            return "administer";
        default:
            return "administer_hub";
    }
}

std::string authenticated_text(const Context& ctx, const access::Identity& identity, int64_t workspace) {
    json::Writer out;
    out.begin_object().member("type", "authenticated").member("principal", identity.principal);
    out.member("role", to_text(identity.role));
    out.member("workspace", ctx.tables.find<WorkspaceRow>({workspace})->name).key("permissions").begin_array();
    for (const Permission permission : {Permission::read, Permission::work, Permission::operate, Permission::administer,
                                        Permission::administer_hub}) {
        if (identity.may(permission)) out.string(word_for(permission));
    }
    return out.end_array().end_object().take();
}

/// What is wrong with a credential, as an error frame; "": it admits.
std::string try_to_admit(Context& ctx, const DashboardRow& row, const Credential& credential, const std::string& name) {
    const std::optional<access::Identity> identity = access::authenticate(ctx, credential);
    if (!identity) return error_text("invalid_token");
    if (!identity->may(Permission::read)) return error_text("forbidden");
    const std::optional<int64_t> workspace = workspace_of(ctx, *identity, name);
    if (!workspace) return error_text("workspace_not_found");
    ctx.reply(row.connection, authenticated_text(ctx, *identity, *workspace));
    admit(ctx, row, identity, *workspace);
    return {};
}

std::string parameter(const Query& query, std::string_view name) {
    const std::string* value = find_parameter(query, name);
    return value == nullptr ? std::string{} : *value;
}

// -- frames -----------------------------------------------------------------------------------------------------------

std::string text_member(const json::Object& frame, std::string_view name) {
    const json::Value* value = frame.find(name);
    return value == nullptr || value->kind != json::Kind::string ? std::string{} : json::decode_string(*value);
}

void on_auth(Context& ctx, const DashboardRow& row, const json::Object& frame, const Credential& credential) {
    const std::string refusal = try_to_admit(ctx, row, credential, text_member(frame, "workspace"));
    if (refusal.empty()) return;
    ctx.reply(row.connection, refusal);
    if (!limiter::take_failed_login(ctx, row.peer).allowed) close(ctx, row.connection, 1008, "too many failed logins");
}

/// A look costs what GET /api/dashboard/state costs. False when it was one too many, and has been answered.
bool within_limit(Context& ctx, const DashboardRow& row) {
    const TokenRow* token = ctx.tables.find<TokenRow>({row.token});
    const limits::Party party =
        token != nullptr ? limits::agent_party(token->workspace, token->principal) : limits::address_party(row.peer);
    const Operation& look = operation(OperationId::http_dashboard_state);
    const limiter::Verdict verdict = limiter::take(ctx, party, limits::Channel::http, look);
    if (!verdict.allowed) ctx.reply(row.connection, rate_limited_frame(verdict.tier, verdict.retry_after_ms));
    return verdict.allowed;
}

void on_subscribe(Context& ctx, DashboardRow row, const json::Object& frame) {
    const std::string mode = text_member(frame, "mode");
    if (mode != "delta" && mode != "events") return ctx.reply(row.connection, error_text("invalid_mode"));
    row.mode = mode == "delta" ? DashboardMode::deltas : DashboardMode::events;
    json::Writer out;
    out.begin_object().member("type", "subscribed").member("mode", mode).end_object();
    ctx.reply(row.connection, out.take());
    std::string since = text_member(frame, "since");
    // What is that long is no cursor of any feed.
    since.resize(std::min(since.size(), kMaxKeyCodePoints));
    ask(ctx, std::move(row), std::move(since));
}

/// Who a dashboard acts as; nullopt: it may only look.
std::optional<access::Identity> actor(const Context& ctx, const DashboardRow& row) {
    if (const TokenRow* token = ctx.tables.find<TokenRow>({row.token})) return access::identity_of(ctx, *token);
    if (ctx.settings.open_reads == 0 || ctx.settings.open_admin == 0) return std::nullopt;
    // The hub is open to everybody, as v1.1 was.
    access::Identity anybody;
    anybody.workspace = row.workspace;
    anybody.principal = "anonymous";
    anybody.kind = PrincipalKind::human;
    anybody.permissions = access::permissions_of(Role::agent) | access::open_admin_permissions();
    return anybody;
}

/// Does what a route does, and says in a word how that went: `done`, or the word of the error.
std::string perform(Context& ctx, const DashboardRow& row, OperationId operation, const std::string& subject,
                    std::string_view done) {
    const requests::Answer answer =
        requests::perform(ctx, {actor(ctx, row), row.workspace, row.peer}, operation, {subject});
    if (answer.status < 300) return std::string(done);
    if (answer.status == 404) return "not_found";
    const std::string error = text_member(json::members(answer.body), "error");
    return error.empty() ? "error" : error;
}

/// retry_task and acknowledge_alert: what is named may be anything, and is sent back as it came.
void on_command(Context& ctx, const DashboardRow& row, const json::Object& frame, bool retry) {
    const std::string_view member = retry ? "task_id" : "rule_id";
    const json::Value* subject = frame.find(member);
    if (subject == nullptr) return;
    std::string status = "not_found";
    if (subject->kind == json::Kind::string) {
        const std::string name = json::decode_string(*subject);
        status = retry ? perform(ctx, row, OperationId::http_task_retry, name, "requeued")
                       : perform(ctx, row, OperationId::http_alert_acknowledge, name, "acknowledged");
    }
    json::Writer out;
    out.begin_object().member("type", retry ? "retry_result" : "alert_ack_result");
    out.raw_member(member, subject->raw).member("status", status).end_object();
    ctx.reply(row.connection, out.take());
}

}  // namespace

bool is_dashboard(const Tables& tables, ConnectionId connection) { return tables.contains<DashboardRow>({connection}); }

void opened(Context& ctx, const DashboardOpened& opened) {
    DashboardRow row;
    row.connection = opened.connection;
    row.peer = opened.peer;
    row.last_inbound_us = ctx.now.mono_us;
    const Query query = parse_query(opened.query).value_or(Query{});
    if (parameter(query, "mode") == "delta") row.mode = DashboardMode::deltas;
    ctx.tables.put(row);
    if (ctx.runtime().stopping) return close(ctx, row.connection, 1001, "shutdown");
    if (!make_room(ctx, row.connection)) return close(ctx, row.connection, 1013, "too many dashboards");
    // Without pings a dashboard that only listens would look as if it were gone.
    if (ctx.settings.ping_interval_ms > 0) {
        ctx.arm(TimerKind::ping, row.connection, "", ctx.in_ms(ctx.settings.ping_interval_ms));
        ctx.arm(TimerKind::idle, row.connection, "", ctx.in_ms(ctx.settings.idle_timeout_ms));
    }
    if (opened.authorization.kind != Credential::Kind::absent) {
        const std::string refusal = try_to_admit(ctx, row, opened.authorization, parameter(query, "workspace"));
        if (refusal.empty()) return;
        static_cast<void>(limiter::take_failed_login(ctx, row.peer));
        ctx.reply(row.connection, refusal);
        return close(ctx, row.connection, 1008, "not admitted");
    }
    if (opened.loopback || ctx.settings.open_reads != 0) {
        return admit(ctx, row, std::nullopt, *access::find_workspace(ctx, access::kDefaultWorkspace));
    }
    ctx.arm(TimerKind::identify, row.connection, "", ctx.in_ms(ctx.settings.identify_timeout_ms));
}

void heard(Context& ctx, ConnectionId connection) {
    if (!is_dashboard(ctx.tables, connection)) return;
    ctx.tables.modify<DashboardRow>({connection}, [&](DashboardRow& row) { row.last_inbound_us = ctx.now.mono_us; });
}

void frame(Context& ctx, const FrameReceived& received) {
    const std::string& planted = ctx.settings.planted_fault;
    AGENTCOM_ASSERT(planted.empty() || received.text.find(planted) == std::string::npos, "planted fault");
    heard(ctx, received.connection);
    const DashboardRow row = *ctx.tables.find<DashboardRow>({received.connection});
    if (row.closing) return;
    if (!row.admitted && !limiter::take_unidentified(ctx, row.connection, row.peer).allowed) {
        return close(ctx, row.connection, 1008, "too many frames");
    }
    // As in v1.1, what is not understood is passed over.
    if (received.malformed) return;
    const std::optional<json::Document> document = json::Document::parse(received.text, json::Duplicates::first_wins);
    if (!document || !document->is_object()) return;
    const json::Object& frame = document->object();
    const std::string type = text_member(frame, "type");
    if (type == "auth") return on_auth(ctx, row, frame, received.credential);
    if (!row.admitted) {
        if (type.empty()) return;
        return ctx.reply(row.connection, error_text("not_authenticated"));
    }
    const bool looks = type == "subscribe" || type == "request_snapshot";
    if (looks && !within_limit(ctx, row)) return;
    if (type == "subscribe") return on_subscribe(ctx, row, frame);
    if (type == "request_snapshot") return ask(ctx, row, "");
    if (type == "retry_task") return on_command(ctx, row, frame, true);
    if (type == "acknowledge_alert") return on_command(ctx, row, frame, false);
}

void closed(Context& ctx, ConnectionId connection) {
    if (!is_dashboard(ctx.tables, connection)) return;
    forget_timers(ctx, connection);
    ctx.tables.erase<DashboardRow>({connection});
}

void on_timer(Context& ctx, const TimerRow& timer) {
    if (timer.kind == TimerKind::dashboard_round) return run_round(ctx, timer.workspace);
    const ConnectionId connection = timer.workspace;
    const DashboardRow* row = ctx.tables.find<DashboardRow>({connection});
    if (row == nullptr || row->closing) return;
    if (timer.kind == TimerKind::identify) return close(ctx, connection, 1008, "not authenticated in time");
    if (timer.kind == TimerKind::ping) {
        ctx.emit(SendPing{connection});
        return ctx.arm(TimerKind::ping, connection, "", ctx.in_ms(ctx.settings.ping_interval_ms));
    }
    const int64_t deadline = row->last_inbound_us + us_from_ms(ctx.settings.idle_timeout_ms);
    if (deadline > ctx.now.mono_us) return ctx.arm(TimerKind::idle, connection, "", deadline);
    close(ctx, connection, 1002, "");
}

void end_of_token(Context& ctx, const std::string& token_sha256, const std::string& reason) {
    for (const auto& [connection] : ctx.tables.sorted_keys<DashboardRow>()) {
        if (ctx.tables.find<DashboardRow>({connection})->token == token_sha256) close(ctx, connection, 1008, reason);
    }
}

void close_all(Context& ctx, int code, const std::string& reason) {
    for (const auto& [connection] : ctx.tables.sorted_keys<DashboardRow>()) close(ctx, connection, code, reason);
}

}  // namespace agentcom::dashboards
