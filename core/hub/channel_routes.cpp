#include "core/hub/channel_routes.hpp"

#include <algorithm>

#include "core/messaging/channels.hpp"
#include "core/messaging/envelope.hpp"

namespace agentcom::requests {

namespace {

/// As v1.1 has it: the code alone where there is nothing more to say.
Answer refused(const Error& error) {
    return error.http_status < 500 ? error_answer(error.http_status, error.code) : error_answer(error);
}

/// `channel` as the client wrote it.
Answer done(std::string_view status, std::string_view channel, int http_status = 200) {
    json::Writer out;
    out.begin_object().member("status", status).member("channel", channel).end_object();
    return ok(out, http_status);
}

Answer history_body(const std::string& name, const std::vector<MessageRow>& messages) {
    json::Writer out;
    out.begin_object().member("channel", name).key("messages").begin_array();
    for (const MessageRow& row : messages) write_channel_message(out, entry_of(row));
    out.end_array().member("count", static_cast<int64_t>(messages.size())).end_object();
    return ok(out);
}

}  // namespace

Reply on_channel_list(const Call& call) {
    json::Writer out;
    out.begin_object().key("channels").begin_array();
    for (const ChannelEntry& channel : channels::list(call.ctx.tables, call.workspace)) {
        out.begin_object();
        write_channel_members(out, channel);
        out.end_object();
    }
    out.end_array().end_object();
    return ok(out);
}

Reply on_channel_create(const Call& call) {
    const std::string name = call.arguments.text("name");
    if (channels::normalized(name).empty()) {
        return field_error("name", "invalid_value", "needs a letter a to z, a digit, '-' or '_'");
    }
    const Status made =
        channels::create(call.ctx, call.workspace, name, call.arguments.text("description"), call.principal());
    if (!made) return refused(made.error());
    return done("created", name, 201);
}

Reply on_channel_get(const Call& call) {
    const ChannelRow* row = channels::find(call.ctx.tables, call.workspace, call.params.at(0));
    if (row == nullptr) return error_answer(404, "channel_not_found");
    const std::vector<std::string> members = channels::members(call.ctx.tables, call.workspace, row->name);
    json::Writer out;
    out.begin_object().member("name", row->name).member("description", row->description);
    out.raw_member("subscribers", json::encode_strings(members));
    out.member("subscriber_count", static_cast<int64_t>(members.size())).member("created_at", row->created_at);
    out.member("created_by", row->created_by).end_object();
    return ok(out);
}

Reply on_channel_subscribe(const Call& call) {
    const std::string& name = call.params.at(0);
    const auto joined = channels::subscribe(call.ctx, call.workspace, name, call.principal());
    if (!joined) return refused(joined.error());
    if (joined.value() == channels::Joined::now) return done("subscribed", name);
    json::Writer out;
    out.begin_object().member("status", "already_subscribed").end_object();
    return ok(out);
}

Reply on_channel_unsubscribe(const Call& call) {
    const std::string& name = call.params.at(0);
    const Status left = channels::unsubscribe(call.ctx, call.workspace, name, call.principal());
    return left ? done("unsubscribed", name) : refused(left.error());
}

Reply on_channel_publish(const Call& call) {
    EnvelopeCheck envelope = read_envelope(call.arguments, call.ctx.now.wall_ms);
    if (!envelope.errors.empty()) return Answer{422, http_validation_error(envelope.errors), std::nullopt, {}};
    router::NewMessage message;
    message.workspace = call.workspace;
    message.from = call.principal();
    message.type = call.arguments.string("type").value_or("chat");
    message.payload = std::string(call.arguments.raw("payload").value_or("{}"));
    message.reply_to = call.arguments.string("reply_to");
    message.envelope = std::move(envelope.envelope);
    const auto sent = channels::publish(call.ctx, call.params.at(0), std::move(message));
    if (!sent) return refused(sent.error());
    json::Writer out;
    out.begin_object().member("status", "published").member("seq", sent.value().channel_seq);
    out.member("id", sent.value().id).end_object();
    return ok(out);
}

Reply on_channel_history(const Call& call) {
    const std::string& name = call.params.at(0);
    const int64_t limit =
        std::clamp<int64_t>(query_integer(call.query, "limit").value_or(call.ctx.settings.channel_page), 0,
                            call.ctx.settings.channel_page_max);
    std::vector<int64_t> seqs =
        channels::history(call.ctx, call.workspace, name, query_integer(call.query, "since"), limit);
    if (seqs.empty()) return history_body(name, {});
    call.ctx.query(FetchMessages{call.workspace, std::move(seqs)}, pending_request(call, "channel", name));
    return std::nullopt;
}

Answer channel_history_answer(QueryResult result, const std::string& name) {
    std::vector<MessageRow> messages;
    for (QueryRow& row : result.rows) {
        std::optional<MessageRow> message = row_from_values<MessageRow>(std::move(row.values));
        if (!message) return damaged_row();
        messages.push_back(std::move(*message));
    }
    return history_body(name, messages);
}

Reply on_agent_subscriptions(const Call& call) {
    const std::string& agent = call.params.at(0);
    json::Writer out;
    out.begin_object().member("agent_id", agent);
    out.raw_member("channels", json::encode_strings(channels::subscriptions(call.ctx.tables, call.workspace, agent)));
    out.end_object();
    return ok(out);
}

}  // namespace agentcom::requests
