#include "core/hub/sessions.hpp"

#include <algorithm>
#include <array>

#include "core/access/access.hpp"
#include "core/access/limiter.hpp"
#include "core/base/limits.hpp"
#include "core/messaging/mailbox.hpp"
#include "core/state/config.hpp"
#include "core/tasks/agents.hpp"

namespace agentcom::sessions {

namespace {

constexpr std::array<std::string_view, 8> kFeatures{"message_ack", "message_envelope", "slots",    "task_cancelled",
                                                    "task_note",   "task_output",      "task_say", "task_waiting"};

/// How long an agent that was closed for violations must wait.
int64_t cooldown_ms(const Settings& settings, int64_t strikes) {
    if (strikes <= 1) return settings.cooldown_first_ms;
    return strikes == 2 ? settings.cooldown_second_ms : settings.cooldown_third_ms;
}

/// Milliseconds until the agent may identify again; 0: it may.
int64_t cooldown_left_ms(const Context& ctx, int64_t workspace, const std::string& agent) {
    const CooldownRow* row = ctx.tables.find<CooldownRow>({workspace, agent});
    if (row == nullptr) return 0;
    const int64_t until = row->since_us + us_from_ms(cooldown_ms(ctx.settings, row->strikes));
    return until > ctx.now.mono_us ? ms_from_us(until - ctx.now.mono_us) : 0;
}

void strike(Context& ctx, int64_t workspace, const std::string& agent) {
    CooldownRow row;
    if (const CooldownRow* known = ctx.tables.find<CooldownRow>({workspace, agent})) row = *known;
    row.workspace = workspace;
    row.agent = agent;
    ++row.strikes;
    row.since_us = ctx.now.mono_us;
    ctx.tables.put(row);
    ctx.arm(TimerKind::cooldown, workspace, agent, ctx.in_ms(ctx.settings.cooldown_forget_ms));
}

// The generation of an agent's presence timer says how it went.
constexpr int64_t kLost = 0;
constexpr int64_t kSaidGoodbye = 1;

/// Whether an agent's going is yet to be told; now it will not be.
bool stop_presence(Context& ctx, int64_t workspace, const std::string& agent) {
    bool was_armed = false;
    for (const int64_t how : {kLost, kSaidGoodbye}) {
        was_armed = was_armed || ctx.tables.contains<TimerRow>({TimerKind::presence, workspace, agent, how});
        ctx.disarm(TimerKind::presence, workspace, agent, how);
    }
    return was_armed;
}

/// Takes the agent off the connection. `silently`: another connection takes its place, so nobody is told.
void leave(Context& ctx, const SessionRow& before, bool silently, int64_t how = kLost) {
    if (before.agent.empty()) return;
    const SessionRow session = before;
    mailbox::flush(ctx, session);
    ctx.disarm(TimerKind::mail_flush, session.connection, "");
    ctx.tables.modify<SessionRow>({session.connection}, [](SessionRow& row) { row.agent.clear(); });
    if (silently) return;
    agents::detach(ctx, session.workspace, session.agent, session.connection);
    ctx.tables.activity().disconnected(session.workspace, session.agent, ctx.now.wall_ms);
    // A socket that flaps is not worth an event each time.
    stop_presence(ctx, session.workspace, session.agent);
    ctx.arm(TimerKind::presence, session.workspace, session.agent, ctx.in_ms(ctx.settings.reconnect_grace_ms), how);
    ctx.push(presence_audience(ctx, session.workspace, session.connection), agent_left_frame(session.agent));
}

/// The agent is here, and was not a moment ago.
void came_online(Context& ctx, const SessionRow& session) {
    json::Writer data;
    data.begin_object().member("client_type", session.client_type);
    data.member("protocol_version", session.protocol_version).end_object();
    // Presence is not worth a refusal: while the store fails, it is not written down.
    if (ctx.read_only()) return;
    ctx.event(session.workspace, "agent_online", session.agent, session.agent, "", data.take());
}

/// The grace of a connection that is gone is over.
void went_offline(Context& ctx, int64_t workspace, const std::string& agent, int64_t how) {
    const AgentRow* row = ctx.tables.find<AgentRow>({workspace, agent});
    if (row != nullptr && row->connection != 0) return;
    ctx.event(workspace, "agent_offline", agent, "", how == kSaidGoodbye ? "left" : "lost");
}

void forget_connection(Context& ctx, ConnectionId connection) {
    for (const TimerKind kind : {TimerKind::identify, TimerKind::idle, TimerKind::ping, TimerKind::mail_flush}) {
        ctx.disarm(kind, connection, "");
    }
    if (const LivenessRow* liveness = ctx.tables.find<LivenessRow>({connection})) {
        const int64_t end = liveness->deferred_next;
        for (int64_t i = end - liveness->deferred; i < end; ++i) ctx.tables.erase<DeferredRow>({connection, i});
    }
    limiter::forget_connection(ctx, connection);
    ctx.tables.erase<LivenessRow>({connection});
    ctx.tables.erase<SessionRow>({connection});
}

}  // namespace

void opened(Context& ctx, ConnectionId connection, const std::string& peer, bool loopback) {
    SessionRow session;
    session.connection = connection;
    session.peer = peer;
    session.loopback = loopback;
    ctx.tables.put(std::move(session));
    LivenessRow liveness;
    liveness.connection = connection;
    liveness.last_inbound_us = ctx.now.mono_us;
    liveness.last_seen_at = ctx.now.wall_ms;
    ctx.tables.put(liveness);
    ctx.arm(TimerKind::identify, connection, "", ctx.in_ms(ctx.settings.identify_timeout_ms));
    ctx.arm(TimerKind::idle, connection, "", ctx.in_ms(ctx.settings.idle_timeout_ms));
    if (ctx.settings.ping_interval_ms > 0) {
        ctx.arm(TimerKind::ping, connection, "", ctx.in_ms(ctx.settings.ping_interval_ms));
    }
}

void heard(Context& ctx, ConnectionId connection) {
    if (!ctx.tables.contains<LivenessRow>({connection})) return;
    ctx.tables.modify<LivenessRow>({connection}, [&](LivenessRow& row) {
        row.last_inbound_us = ctx.now.mono_us;
        row.last_seen_at = ctx.now.wall_ms;
    });
}

void closed(Context& ctx, ConnectionId connection, bool goodbye) {
    const SessionRow* session = ctx.tables.find<SessionRow>({connection});
    if (session == nullptr) return;
    leave(ctx, *session, false, goodbye ? kSaidGoodbye : kLost);
    forget_connection(ctx, connection);
}

void close(Context& ctx, ConnectionId connection, int code, std::string reason) {
    const SessionRow* session = ctx.tables.find<SessionRow>({connection});
    if (session == nullptr || session->closing) return;
    leave(ctx, *session, false);
    ctx.tables.modify<SessionRow>({connection}, [](SessionRow& row) { row.closing = true; });
    ctx.close(connection, code, std::move(reason));
}

bool violation(Context& ctx, ConnectionId connection, bool unknown_type) {
    const Settings& settings = ctx.settings;
    bool over = false;
    ctx.tables.modify<LivenessRow>({connection}, [&](LivenessRow& row) {
        if (row.violations + row.unknown_types == 0 ||
            ctx.now.mono_us - row.violations_since_us > us_from_ms(settings.violation_window_ms)) {
            row.violations = 0;
            row.unknown_types = 0;
            row.violations_since_us = ctx.now.mono_us;
        }
        ++(unknown_type ? row.unknown_types : row.violations);
        over = row.violations + row.unknown_types / settings.unknown_type_factor >= settings.violations_to_close;
    });
    if (!over) return false;
    const SessionRow session = *ctx.tables.find<SessionRow>({connection});
    if (!session.agent.empty()) strike(ctx, session.workspace, session.agent);
    ctx.log("violations_disconnect", {{"connection", connection}, {"agent_id", session.agent}, {"peer", session.peer}});
    close(ctx, connection, 1008, "too many validation errors");
    return true;
}

std::string capabilities_json(const SessionRow& session) {
    return session.capabilities_null ? "null" : json::encode_strings(session.capabilities);
}

AgentEntry presence(const SessionRow& session, const std::string& capabilities_raw) {
    AgentEntry entry;
    entry.agent_id = session.agent;
    if (session.name) entry.name = *session.name;
    if (session.status) entry.status = *session.status;
    entry.capabilities_raw = capabilities_raw;
    entry.connected_at_ms = session.connected_at;
    return entry;
}

std::vector<const SessionRow*> online(const Context& ctx, int64_t workspace) {
    std::vector<const SessionRow*> rows;
    const auto& sessions = ctx.tables.indexes().sessions;
    if (const auto found = sessions.find(workspace); found != sessions.end()) {
        for (const int64_t connection : found->second) rows.push_back(ctx.tables.find<SessionRow>({connection}));
    }
    std::sort(rows.begin(), rows.end(), [](const SessionRow* a, const SessionRow* b) { return a->agent < b->agent; });
    return rows;
}

std::vector<ConnectionId> presence_audience(const Context& ctx, int64_t workspace, ConnectionId except) {
    std::vector<ConnectionId> audience;
    const auto& sessions = ctx.tables.indexes().sessions;
    const auto found = sessions.find(workspace);
    if (found == sessions.end()) return audience;
    for (const int64_t connection : found->second) {
        if (connection != except && ctx.tables.find<SessionRow>({connection})->hears_presence) {
            audience.push_back(connection);
        }
    }
    return audience;
}

void identify(Context& ctx, const SessionRow& before, const Arguments& arguments, const Credential& credential,
              std::string_view request_id_raw) {
    const ConnectionId connection = before.connection;
    const std::string agent = arguments.text("agent_id");
    const auto refuse = [&](std::string_view code) {
        ctx.reply(connection, with_request_id(error_frame(code), request_id_raw));
    };
    const std::optional<access::Identity> identity = access::authenticate(ctx, credential);
    // As in v1.1 the cooldown is looked at first, but only the agent's own token tells which workspace it means.
    if (identity && identity->principal == agent) {
        if (const int64_t left_ms = cooldown_left_ms(ctx, identity->workspace, agent); left_ms > 0) {
            close(ctx, connection, 1008, "cooldown active: retry in " + std::to_string(left_ms / 1'000 + 1) + "s");
            return;
        }
    }
    if (!identity) {
        const limiter::Verdict verdict = limiter::take_failed_login(ctx, before.peer);
        if (verdict.allowed) return refuse("invalid_token");
        ctx.reply(connection,
                  with_request_id(rate_limited_frame(verdict.tier, verdict.retry_after_ms), request_id_raw));
        return;
    }
    if (identity->principal != agent) return refuse("token_agent_mismatch");
    if (!identity->may(operation(OperationId::ws_identify).permission)) return refuse("forbidden");
    if (!before.agent.empty()) return refuse("already_identified");

    const std::string presence_wish = arguments.text("presence");
    const int64_t version = std::clamp<int64_t>(arguments.integer("protocol_version").value_or(1), 1, 2);
    const int64_t slots = std::min(arguments.integer("slots").value_or(1), ctx.settings.max_slots);
    const std::string client_type = arguments.text("client_type");

    bool was_here = stop_presence(ctx, identity->workspace, agent);
    // The newest socket of an agent wins: a half-open one may linger until TCP notices.
    if (const AgentRow* known = ctx.tables.find<AgentRow>({identity->workspace, agent});
        known != nullptr && known->connection != 0) {
        const ConnectionId old = known->connection;
        was_here = true;
        leave(ctx, *ctx.tables.find<SessionRow>({old}), true);
        ctx.tables.modify<SessionRow>({old}, [](SessionRow& row) { row.closing = true; });
        ctx.close(old, 4000, "replaced");
    }

    SessionRow session = before;
    session.workspace = identity->workspace;
    session.agent = agent;
    session.protocol_version = version;
    session.name = arguments.is_null("name") ? std::nullopt : std::optional(arguments.string("name").value_or(agent));
    session.status =
        arguments.is_null("status") ? std::nullopt : std::optional(arguments.string("status").value_or("connected"));
    session.capabilities_null = arguments.is_null("capabilities");
    session.capabilities = arguments.string_list("capabilities");
    session.client_type = client_type;
    session.hears_presence = presence_wish == "all" || (presence_wish != "none" && version == 1);
    session.pushes_end_mail = version == 1 && client_type != "sidecar";
    session.connected_at = ctx.now.wall_ms;
    session.identified_turn = ctx.turn;
    session.token = identity->token;
    session.open_seq = ctx.tables.find<WorkspaceRow>({session.workspace})->message_seq;
    if (session.pushes_end_mail && !ctx.read_only())
        mailbox::set_aside(ctx, session.workspace, agent, session.open_seq);
    ctx.tables.put(session);
    access::used(ctx, *identity);
    ctx.disarm(TimerKind::identify, connection, "");
    limiter::forget_connection(ctx, connection);

    std::string reply;
    if (version == 1) {
        reply = identified_frame(agent);
    } else {
        HubFacts facts;
        facts.hub_version = kHubVersion;
        facts.features = kFeatures;
        facts.mailbox_pending = mailbox::pending(ctx, session.workspace, agent, ctx.settings.mailbox_entries);
        facts.heartbeat_interval_ms = config::offered_heartbeat_ms(ctx);
        reply = identified_frame(agent, facts);
    }
    ctx.reply(connection, with_request_id(std::move(reply), request_id_raw));
    ctx.log("agent_connected", {{"agent_id", agent}, {"connection", connection}, {"client_type", client_type}});
    if (!was_here) came_online(ctx, session);
    ctx.tables.activity().connected(session.workspace, agent, ctx.now.wall_ms);
    const std::string capabilities = capabilities_json(session);
    ctx.push(presence_audience(ctx, session.workspace, connection),
             agent_joined_frame(presence(session, capabilities)));
    // The stock sidecar knows the task it was given and says so itself; told again, it would refuse it as busy.
    agents::attach(ctx, session.workspace, agent, connection, slots, session.capabilities, client_type != "sidecar");
}

void on_timer(Context& ctx, const TimerRow& timer) {
    const ConnectionId connection = timer.workspace;
    const LivenessRow* liveness = ctx.tables.find<LivenessRow>({connection});
    switch (timer.kind) {
        case TimerKind::identify:
            close(ctx, connection, 1008, "not identified in time");
            return;
        case TimerKind::idle: {
            if (liveness == nullptr) return;
            const int64_t deadline = liveness->last_inbound_us + us_from_ms(ctx.settings.idle_timeout_ms);
            if (deadline > ctx.now.mono_us) {
                ctx.arm(TimerKind::idle, connection, "", deadline);
            } else {
                close(ctx, connection, 1002, "");
            }
            return;
        }
        case TimerKind::ping:
            if (liveness == nullptr || ctx.tables.find<SessionRow>({connection})->closing) return;
            ctx.emit(SendPing{connection});
            ctx.arm(TimerKind::ping, connection, "", ctx.in_ms(ctx.settings.ping_interval_ms));
            return;
        case TimerKind::mail_flush:
            if (const SessionRow* session = ctx.tables.find<SessionRow>({connection})) {
                mailbox::flush(ctx, SessionRow(*session));
            }
            return;
        case TimerKind::presence:
            return went_offline(ctx, timer.workspace, timer.subject, timer.generation);
        case TimerKind::cooldown:
            ctx.tables.erase<CooldownRow>({timer.workspace, timer.subject});
            return;
        default:
            return;
    }
}

void close_all(Context& ctx) {
    const std::vector<int64_t> all(ctx.tables.indexes().connections.begin(), ctx.tables.indexes().connections.end());
    for (const int64_t connection : all) {
        const SessionRow session = *ctx.tables.find<SessionRow>({connection});
        if (session.closing) continue;
        // Leases are left as they are: after the restart their holders have the whole grace period.
        mailbox::flush(ctx, session);
        ctx.tables.modify<SessionRow>({connection}, [](SessionRow& row) { row.closing = true; });
        ctx.close(connection, 1001, "shutdown");
    }
}

void close_since(Context& ctx, int64_t first_turn) {
    const std::vector<int64_t> all(ctx.tables.indexes().connections.begin(), ctx.tables.indexes().connections.end());
    for (const int64_t connection : all) {
        const SessionRow* session = ctx.tables.find<SessionRow>({connection});
        if (!session->agent.empty() && session->identified_turn >= first_turn) {
            close(ctx, connection, 1013, "storage unavailable");
        }
    }
}

}  // namespace agentcom::sessions
