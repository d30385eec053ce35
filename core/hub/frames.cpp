#include "core/hub/frames.hpp"

#include "core/access/limiter.hpp"
#include "core/access/validation_watch.hpp"
#include "core/base/hash128.hpp"
#include "core/base/limits.hpp"
#include "core/base/utf8.hpp"
#include "core/hub/idempotency.hpp"
#include "core/hub/refusals.hpp"
#include "core/hub/sessions.hpp"
#include "core/messaging/channels.hpp"
#include "core/messaging/mailbox.hpp"
#include "core/messaging/near_names.hpp"
#include "core/messaging/router.hpp"
#include "core/protocol/encoding.hpp"
#include "core/protocol/validation.hpp"
#include "core/tasks/reports.hpp"

namespace agentcom::frames {

namespace {

/// One frame on its way through its handler.
struct Call {
    Context& ctx;
    const SessionRow& session;
    const Operation& operation;
    const Arguments& arguments;
    const FrameReceived& frame;
    std::string request_id_raw;  ///< "" on protocol 1

    void reply(std::string text) const {
        ctx.reply(session.connection, with_request_id(std::move(text), request_id_raw));
    }
    tasks::Report report() const {
        std::optional<int64_t> generation;
        if (find_field(operation, "generation") != nullptr) generation = arguments.integer("generation");
        return {session.workspace, session.agent, arguments.text("task_id"), generation};
    }
};

idempotency::Key idempotency_key(const Call& call) {
    idempotency::Key key;
    key.workspace = call.session.workspace;
    key.principal = call.session.agent;
    key.operation = std::string(call.operation.name);
    key.key = call.arguments.text("idempotency_key");
    if (!key.key.empty()) key.body_hash = hash128(call.frame.text).to_hex();
    return key;
}

void on_message(const Call& call) {
    router::NewMessage message;
    message.workspace = call.session.workspace;
    message.from = call.session.agent;
    message.to = call.arguments.string("to");
    if (message.to == "broadcast") message.to.reset();
    message.type = call.arguments.string("message_type").value_or("chat");
    message.payload = std::string(call.arguments.raw("payload").value_or("{}"));
    message.reply_to = call.arguments.string("reply_to");
    const bool strict = call.session.protocol_version >= 2;
    EnvelopeCheck envelope = read_envelope(call.arguments, call.ctx.now.wall_ms);
    if (strict && !envelope.errors.empty()) {
        call.reply(ws_validation_error(R"("message")", envelope.errors));
        return;
    }
    message.envelope = std::move(envelope.envelope);
    const idempotency::Key key = idempotency_key(call);
    if (!key.key.empty()) {
        if (const IdempotencyRow* known = idempotency::find(call.ctx, key)) {
            call.reply(idempotency::conflicts(*known, key) ? error_frame("idempotency_conflict")
                                                           : message_sent_frame(known->answer));
            return;
        }
    }
    if (strict && message.to && !is_known_recipient(call.ctx.tables, message.workspace, *message.to)) {
        call.reply(unknown_recipient_frame(*message.to, near_names(call.ctx, message.workspace, *message.to)));
        return;
    }
    // The reply goes before the push that the message itself may cause on this socket: hold the place.
    std::vector<Effect> pushes;
    Context inner(call.ctx.tables, call.ctx.settings, call.ctx.now, call.ctx.turn, pushes);
    const std::string id = router::route(inner, std::move(message)).id;
    idempotency::record(call.ctx, key, 0, id);
    call.reply(message_sent_frame(id));
    for (Effect& push : pushes) call.ctx.emit(std::move(push));
}

void on_channel_subscribe(const Call& call) {
    const std::string name = call.arguments.text("channel");
    const auto joined = channels::subscribe(call.ctx, call.session.workspace, name, call.session.agent);
    if (!joined) return call.reply(error_frame(joined.error().code));
    call.reply(channel_subscribed_frame(name, joined.value() == channels::Joined::already));
}

void on_channel_unsubscribe(const Call& call) {
    const std::string name = call.arguments.text("channel");
    const Status left = channels::unsubscribe(call.ctx, call.session.workspace, name, call.session.agent);
    call.reply(left ? channel_unsubscribed_frame(name) : error_frame(left.error().code));
}

void on_channel_publish(const Call& call) {
    const std::string name = call.arguments.text("channel");
    router::NewMessage message;
    message.workspace = call.session.workspace;
    message.from = call.session.agent;
    message.type = call.arguments.string("message_type").value_or("chat");
    message.payload = std::string(call.arguments.raw("payload").value_or("{}"));
    message.reply_to = call.arguments.string("reply_to");
    EnvelopeCheck envelope = read_envelope(call.arguments, call.ctx.now.wall_ms);
    if (call.session.protocol_version >= 2 && !envelope.errors.empty()) {
        return call.reply(ws_validation_error(R"("channel_publish")", envelope.errors));
    }
    message.envelope = std::move(envelope.envelope);
    const idempotency::Key key = idempotency_key(call);
    if (!key.key.empty()) {
        if (const IdempotencyRow* known = idempotency::find(call.ctx, key)) {
            return call.reply(idempotency::conflicts(*known, key) ? error_frame("idempotency_conflict")
                                                                  : std::string(known->answer));
        }
    }
    // A publisher's own sockets get no push, so that the reply may follow the pushes.
    const auto sent = channels::publish(call.ctx, name, std::move(message));
    if (!sent) return call.reply(error_frame(sent.error().code));
    std::string frame = channel_published_frame(name, sent.value().channel_seq, sent.value().id);
    idempotency::record(call.ctx, key, 0, frame);
    call.reply(std::move(frame));
}

void on_channel_history(const Call& call) {
    const std::string name = call.arguments.text("channel");
    const int64_t limit = std::clamp<int64_t>(call.arguments.integer("limit").value_or(call.ctx.settings.channel_page),
                                              0, call.ctx.settings.channel_page_max);
    std::vector<int64_t> seqs =
        channels::history(call.ctx, call.session.workspace, name, call.arguments.integer("since"), limit);
    if (seqs.empty()) return call.reply(channel_history_frame(name, {}));
    PendingRow pending;
    pending.connection = call.session.connection;
    pending.workspace = call.session.workspace;
    pending.purpose = "channel_history";
    pending.input = json::encode_string(name) + "\n" + call.request_id_raw;
    const int64_t query = call.ctx.query(FetchMessages{call.session.workspace, std::move(seqs)}, std::move(pending));
    // Replies keep the order of their frames: later ones wait.
    call.ctx.tables.modify<SessionRow>({call.session.connection},
                                       [query](SessionRow& row) { row.waiting_query = query; });
}

void on_list_channels(const Call& call) {
    call.reply(channels_frame(channels::list(call.ctx.tables, call.session.workspace)));
}

void on_message_ack(const Call& call) {
    const int64_t up_to = call.arguments.integer("seq").value_or(0);
    mailbox::acknowledge(call.ctx, call.session, up_to);
    call.reply(message_acked_frame(up_to));
}

void on_status(const Call& call) {
    call.ctx.tables.modify<SessionRow>({call.session.connection},
                                       [&](SessionRow& row) { row.status = call.arguments.text("status"); });
    call.reply(status_updated_frame());
    const SessionRow session = *call.ctx.tables.find<SessionRow>({call.session.connection});
    const std::string capabilities = sessions::capabilities_json(session);
    call.ctx.push(sessions::presence_audience(call.ctx, session.workspace, 0),
                  status_changed_frame(sessions::presence(session, capabilities)));
    json::Writer data;
    data.begin_object().member("status", *session.status).end_object();
    call.ctx.show(session.workspace, "status_changed", session.agent, session.agent, data.take());
}

void on_list_agents(const Call& call) {
    const std::vector<const SessionRow*> online = sessions::online(call.ctx, call.session.workspace);
    std::vector<std::string> capabilities;
    capabilities.reserve(online.size());
    for (const SessionRow* row : online) capabilities.push_back(sessions::capabilities_json(*row));
    std::vector<AgentEntry> entries;
    entries.reserve(online.size());
    for (size_t i = 0; i < online.size(); ++i) entries.push_back(sessions::presence(*online[i], capabilities[i]));
    call.reply(agents_frame(entries));
}

void on_task_accepted(const Call& call) {
    // v1.1 acknowledges whatever the id is, and clients wait for that; only the holder's word has an effect.
    static_cast<void>(tasks::accept(call.ctx, call.report()));
    call.reply(task_ack_frame(call.arguments.text("task_id"), "accepted"));
}

void on_task_progress(const Call& call) {
    static_cast<void>(tasks::progress(call.ctx, call.report(), call.arguments.integer("progress")));
}

/// `tokens_used` of the frame, else of the result, as JSON.
std::optional<std::string> tokens_used(const Arguments& arguments, const std::string& result) {
    if (const auto raw = arguments.raw("tokens_used")) return std::string(*raw);
    const json::Object members = json::members(result);
    const json::Value* value = members.find("tokens_used");
    if (value == nullptr || value->kind == json::Kind::null) return std::nullopt;
    return std::string(value->raw);
}

void on_task_complete(const Call& call) {
    const std::string result(call.arguments.raw("result").value_or("{}"));
    std::optional<std::string> usage;
    if (const auto raw = call.arguments.raw("usage")) usage = std::string(*raw);
    const Status done =
        tasks::complete(call.ctx, call.report(), result, tokens_used(call.arguments, result), std::move(usage));
    call.reply(done ? task_ack_frame(call.arguments.text("task_id"), "complete")
                    : error_frame("task_complete_failed: " + done.error().code));
}

/// A text that should be a string of bounded length: another type becomes its JSON text, the rest is cut off.
std::string failure_text(const Call& call, std::string_view name) {
    std::string text;
    if (const auto value = call.arguments.string(name)) {
        text = *value;
    } else {
        text = std::string(call.arguments.raw(name).value_or(""));
    }
    return std::string(truncate_code_points(text, kMaxFailureTextCodePoints));
}

void on_task_failed(const Call& call) {
    std::string error = "unknown";
    if (call.arguments.has("error")) {
        error = failure_text(call, "error");
    } else if (call.arguments.has("reason")) {
        error = failure_text(call, "reason");
    }
    const Result<Outcome> outcome = tasks::fail(call.ctx, call.report(), error);
    call.reply(outcome ? task_ack_frame(call.arguments.text("task_id"), to_text(outcome.value()))
                       : error_frame("task_fail_failed: " + outcome.error().code));
}

void on_task_rejected(const Call& call) {
    static_cast<void>(tasks::reject(call.ctx, call.report(), failure_text(call, "reason")));
    call.reply(task_ack_frame(call.arguments.text("task_id"), "rejected"));
}

void on_task_recovering(const Call& call) {
    const std::string task_id = call.arguments.text("task_id");
    const std::optional<int64_t> generation = tasks::recover(call.ctx, call.report());
    call.reply(generation ? task_continue_frame(task_id, *generation) : task_reassign_frame(task_id));
}

void answer_report(const Call& call, const Status& done, std::string_view status) {
    call.reply(done ? task_ack_frame(call.arguments.text("task_id"), status)
                    : error_frame(std::string(call.operation.name) + "_failed: " + done.error().code));
}

void on_task_output(const Call& call) {
    const std::string stream = call.arguments.text("stream");
    const int64_t offset = call.arguments.integer("offset").value_or(0);
    if ((stream != "stdout" && stream != "stderr") || offset < 0 || offset > kMaxOutputOffset) {
        call.reply(error_frame("task_output_failed: invalid_value"));
        return;
    }
    const Status done = tasks::output(call.ctx, call.report(), stream, offset, call.arguments.text("text"));
    // There is a lot of it: only what goes wrong is worth a frame.
    if (!done) answer_report(call, done, "");
}

void on_task_note(const Call& call) {
    answer_report(call, tasks::note(call.ctx, call.report(), call.arguments.text("text")), "noted");
}

void on_task_waiting(const Call& call) {
    std::optional<std::string> options;
    if (const auto raw = call.arguments.raw("options")) options = std::string(*raw);
    answer_report(call, tasks::ask(call.ctx, call.report(), call.arguments.text("question"), options), "waiting");
}

void dispatch(OperationId id, const Call& call) {
    switch (id) {
        case OperationId::ws_identify:
            sessions::identify(call.ctx, call.session, call.arguments, call.frame.credential, call.request_id_raw);
            return;
        case OperationId::ws_ping:
            call.reply(pong_frame(call.ctx.now.wall_ms));
            return;
        case OperationId::ws_message:
            return on_message(call);
        case OperationId::ws_message_ack:
            return on_message_ack(call);
        case OperationId::ws_status:
            return on_status(call);
        case OperationId::ws_list_agents:
            return on_list_agents(call);
        case OperationId::ws_channel_subscribe:
            return on_channel_subscribe(call);
        case OperationId::ws_channel_unsubscribe:
            return on_channel_unsubscribe(call);
        case OperationId::ws_channel_publish:
            return on_channel_publish(call);
        case OperationId::ws_channel_history:
            return on_channel_history(call);
        case OperationId::ws_list_channels:
            return on_list_channels(call);
        case OperationId::ws_task_accepted:
            return on_task_accepted(call);
        case OperationId::ws_task_progress:
            return on_task_progress(call);
        case OperationId::ws_task_complete:
            return on_task_complete(call);
        case OperationId::ws_task_failed:
            return on_task_failed(call);
        case OperationId::ws_task_rejected:
            return on_task_rejected(call);
        case OperationId::ws_task_recovering:
            return on_task_recovering(call);
        case OperationId::ws_task_output:
            return on_task_output(call);
        case OperationId::ws_task_note:
            return on_task_note(call);
        case OperationId::ws_task_waiting:
            return on_task_waiting(call);
        default:
            AGENTCOM_ASSERT(false, "a frame type of the catalogue has no handler");
    }
}

/// Whether an operation writes rows of the store: it is refused while the store fails. Presence does not.
bool writes(OperationId id) {
    switch (id) {
        case OperationId::ws_identify:
        case OperationId::ws_ping:
        case OperationId::ws_status:
        case OperationId::ws_list_agents:
        case OperationId::ws_list_channels:
        case OperationId::ws_channel_history:
            return false;
        default:
            return true;
    }
}

/// False when the frame was over the limit and has been answered.
bool within_limit(Context& ctx, const SessionRow& session, const Operation& operation) {
    const limits::Party party = limits::agent_party(session.workspace, session.agent);
    const limiter::Verdict verdict = limiter::take(ctx, party, limits::Channel::ws, operation);
    if (!verdict.allowed) {
        ctx.reply(session.connection, rate_limited_frame(verdict.tier, verdict.retry_after_ms));
        refusals::note(ctx, party, operation, verdict);
        return false;
    }
    if (verdict.warn) {
        ctx.push(session.connection, rate_limit_warning_frame(verdict.tier, verdict.remaining, verdict.capacity));
    }
    return true;
}

/// Likewise before identify, for whatever comes: nothing of it has been read yet.
bool within_limit_unidentified(Context& ctx, const SessionRow& session) {
    const limiter::Verdict verdict = limiter::take_unidentified(ctx, session.connection, session.peer);
    // Whoever goes on all the same is closed after a while, as for frames of unknown type.
    if (!verdict.allowed && !sessions::violation(ctx, session.connection, true)) {
        ctx.reply(session.connection, rate_limited_frame(verdict.tier, verdict.retry_after_ms));
    }
    return verdict.allowed;
}

/// An invalid frame is counted, and may be the last one of its connection.
void refuse_invalid(Context& ctx, const SessionRow& session, const validation_watch::Source& source, bool unknown_type,
                    std::string reply) {
    if (sessions::violation(ctx, session.connection, unknown_type)) {
        validation_watch::disconnected(ctx, source);
    } else {
        ctx.reply(session.connection, std::move(reply));
    }
}

}  // namespace

void handle(Context& ctx, const FrameReceived& frame) {
    const SessionRow session = *ctx.tables.find<SessionRow>({frame.connection});
    const std::string& planted = ctx.settings.planted_fault;
    AGENTCOM_ASSERT(planted.empty() || frame.text.find(planted) == std::string::npos, "planted fault");
    if (session.agent.empty() && !within_limit_unidentified(ctx, session)) return;
    validation_watch::Source source{session.workspace, session.agent, ""};
    std::optional<json::Document> document;
    if (!frame.malformed) document = json::Document::parse(frame.text, json::Duplicates::first_wins);
    if (!document) {
        validation_watch::failed(ctx, source, {{"message", "invalid_json", "", std::nullopt, 0}}, true);
        refuse_invalid(ctx, session, source, false, error_frame("invalid_json"));
        return;
    }
    const ValidationRules rules{ctx.settings.strict_failure_text == 0, session.protocol_version};
    const FrameCheck check = check_frame(*document, rules);
    const std::string request_id_raw = session.protocol_version >= 2 ? check.request_id_raw : std::string{};
    const bool enforced = validation_watch::is_enforced(ctx.settings, session.protocol_version);
    if (!check.ok()) {
        if (check.operation != nullptr) source.operation = check.operation->name;
        const bool refused =
            enforced || check.operation == nullptr || !are_all_optional(*check.operation, check.errors);
        validation_watch::failed(ctx, source, check.errors, refused);
        if (refused) {
            refuse_invalid(ctx, session, source, check.unknown_type,
                           with_request_id(ws_validation_error(check.message_type_raw, check.errors), request_id_raw));
            return;
        }
    }
    const Operation& operation = *check.operation;
    const bool identified = !session.agent.empty();
    if (!identified && operation.id != OperationId::ws_identify) {
        ctx.reply(frame.connection, with_request_id(error_frame("not_identified"), request_id_raw));
        return;
    }
    if (identified && !within_limit(ctx, session, operation)) return;
    if (writes(operation.id) && ctx.read_only()) {
        if (operation.id != OperationId::ws_task_progress) ctx.reply(frame.connection, storage_unavailable_frame());
        return;
    }
    const Arguments arguments(operation, document->object(),
                              enforced ? Arguments::BadOptional::none : Arguments::BadOptional::absent);
    if (operation.lifecycle) ctx.tables.activity().active(session.workspace, session.agent, ctx.now.wall_ms);
    dispatch(operation.id, Call{ctx, session, operation, arguments, frame, request_id_raw});
}

void answer_history(Context& ctx, const PendingRow& pending, const QueryResult& result) {
    if (!result.ok) return ctx.reply(pending.connection, storage_unavailable_frame());
    const size_t line = pending.input.find('\n');
    const std::string name = json::decode_string(json::parse_value(std::string_view(pending.input).substr(0, line)));
    std::vector<MessageRow> messages;
    for (const QueryRow& row : result.rows) {
        if (auto message = row_from_values<MessageRow>(row.values)) messages.push_back(std::move(*message));
    }
    std::vector<MessageEntry> entries;
    entries.reserve(messages.size());
    for (const MessageRow& row : messages) entries.push_back(entry_of(row));
    ctx.reply(pending.connection,
              with_request_id(channel_history_frame(name, entries), pending.input.substr(line + 1)));
}

}  // namespace agentcom::frames
