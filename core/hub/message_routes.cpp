#include "core/hub/message_routes.hpp"

#include <algorithm>

#include "core/hub/waits.hpp"
#include "core/messaging/mailbox.hpp"
#include "core/messaging/router.hpp"

namespace agentcom::requests {

namespace {

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

}  // namespace

Reply on_message_send(const Call& call) {
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

Reply on_mailbox_read(const Call& call) {
    const std::string& agent = call.params.at(0);
    const int64_t since = query_integer(call.query, "since").value_or(0);
    const int64_t limit = std::clamp<int64_t>(query_integer(call.query, "limit").value_or(kPageDefault), 0, kPageMax);
    std::vector<int64_t> seqs = mailbox::unread(call.ctx, call.workspace, agent, since, limit);
    if (seqs.empty() && limit > 0 && waits::may_wait(call)) return waits::wait(call, WaitTopic::mail, agent);
    if (seqs.empty()) return Answer{200, mailbox_body(agent, since, {}), std::nullopt, {}};
    call.ctx.query(FetchMessages{call.workspace, std::move(seqs)},
                   pending_request(call, "mailbox", std::to_string(since) + " " + agent));
    return std::nullopt;
}

Reply on_mailbox_ack(const Call& call) {
    const int64_t up_to = call.arguments.integer("seq").value_or(0);
    mailbox::acknowledge(call.ctx, call.workspace, call.params.at(0), up_to);
    json::Writer out;
    out.begin_object().member("status", "acked").raw_member("up_to", *call.arguments.raw("seq")).end_object();
    return ok(out);
}

Answer mailbox_answer(QueryResult result, int64_t since, const std::string& agent) {
    std::vector<MessageRow> messages;
    for (QueryRow& row : result.rows) {
        std::optional<MessageRow> message = row_from_values<MessageRow>(std::move(row.values));
        if (!message) return damaged_row();
        messages.push_back(std::move(*message));
    }
    return {200, mailbox_body(agent, since, messages), std::nullopt, {}};
}

}  // namespace agentcom::requests
