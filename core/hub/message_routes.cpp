#include "core/hub/message_routes.hpp"

#include <algorithm>
#include <map>

#include "core/hub/waits.hpp"
#include "core/messaging/channels.hpp"
#include "core/messaging/envelope.hpp"
#include "core/messaging/mailbox.hpp"
#include "core/messaging/message_id.hpp"
#include "core/messaging/near_names.hpp"
#include "core/messaging/receipts.hpp"
#include "core/messaging/router.hpp"

namespace agentcom::requests {

namespace {

constexpr int64_t kSentPageMax = 200;
/// Recipients of a broadcast that a list of sent messages shows, and that the message alone does.
constexpr int64_t kSentRecipients = 10;
constexpr int64_t kDeliveriesMax = 1'000;

std::string mailbox_body(const std::string& agent, int64_t since, const std::vector<MessageRow>& messages) {
    json::Writer out;
    out.begin_object().member("agent_id", agent).key("messages").begin_array();
    for (const MessageRow& row : messages) {
        MessageEntry entry = entry_of(row);
        std::string payload;
        if (row.of_channel()) {
            payload = payload_with_channel(entry.payload_raw, *row.channel);
            entry.payload_raw = payload;
            entry.channel.reset();
        }
        write_message(out, entry, row.seq);
    }
    out.end_array();
    out.member("last_seq", messages.empty() ? since : messages.back().seq);
    out.member("count", static_cast<int64_t>(messages.size())).end_object();
    return out.take();
}

Answer message_not_found(const std::string& id) {
    json::Writer out;
    out.begin_object().member("error", "message_not_found").member("message_id", id).end_object();
    return ok(out, 404);
}

/// The first of a workspace's principals by name, at most `limit`; `truncated`: there are more.
std::vector<std::string> audience(const Context& ctx, int64_t workspace, int64_t limit, bool& truncated) {
    std::vector<std::string> agents;
    const auto& principals = ctx.tables.indexes().principals;
    auto each = principals.lower_bound({workspace, ""});
    for (; each != principals.end() && each->first == workspace; ++each) {
        truncated = static_cast<int64_t>(agents.size()) == limit;
        if (truncated) break;
        agents.push_back(each->second);
    }
    return agents;
}

/// Whose receipts of a broadcast are asked for: those of the audience, of the caller, and of the mailbox for all, "".
std::vector<std::string> with_receipts(const Call& call, int64_t limit) {
    bool truncated = false;
    std::vector<std::string> agents = audience(call.ctx, call.workspace, limit, truncated);
    if (std::find(agents.begin(), agents.end(), call.principal()) == agents.end()) agents.push_back(call.principal());
    agents.emplace_back();
    return agents;
}

/// A message and the receipts of lots that hold it.
struct SentMessage {
    MessageRow row;
    std::map<std::string, std::vector<ReceiptRow>> receipts;  ///< by agent
};

/// nullopt: the store gave a damaged row.
std::optional<std::vector<SentMessage>> collect(QueryResult result) {
    std::vector<SentMessage> messages;
    for (QueryRow& row : result.rows) {
        if (row.table == TableId::messages) {
            std::optional<MessageRow> message = row_from_values<MessageRow>(std::move(row.values));
            if (!message) return std::nullopt;
            messages.push_back({std::move(*message), {}});
        } else {
            std::optional<ReceiptRow> receipt = row_from_values<ReceiptRow>(std::move(row.values));
            if (!receipt || messages.empty()) return std::nullopt;
            messages.back().receipts[receipt->agent].push_back(*receipt);
        }
    }
    return messages;
}

/// Writes what became of a channel's message: to those of its first `limit` members by name who were that when it was
/// sent. True when there are more.
bool write_channel_deliveries(json::Writer& out, const Context& ctx, const SentMessage& message, int64_t limit,
                              const std::string& only) {
    const MessageRow& row = message.row;
    const auto& all = ctx.tables.indexes().channel_agents;
    const auto found = all.find({row.workspace, *row.channel});
    if (found == all.end()) return false;
    int64_t left = limit;
    for (const std::string& agent : found->second) {
        if (left-- == 0) return true;
        const MembershipRow& membership = *ctx.tables.find<MembershipRow>({row.workspace, *row.channel, agent});
        if (agent == row.sender || !channels::was_member(membership, row.seq)) continue;
        if (!only.empty() && only != agent) continue;
        const auto receipts = message.receipts.find(agent);
        receipts::write(
            out, receipts::delivery(ctx, row, agent,
                                    receipts == message.receipts.end() ? std::vector<ReceiptRow>{} : receipts->second));
    }
    return false;
}

/// Writes the member `deliveries`, of the recipients among the first `limit` principals (or of `only` one); true when
/// there may be more. Who registered after a broadcast is none of its recipients, nor is its sender.
bool write_deliveries(json::Writer& out, const Context& ctx, const SentMessage& message, int64_t limit,
                      const std::string& only) {
    const MessageRow& row = message.row;
    const auto receipts_of = [&](const std::string& agent) {
        const auto found = message.receipts.find(agent);
        return found == message.receipts.end() ? std::vector<ReceiptRow>{} : found->second;
    };
    out.key("deliveries").begin_array();
    bool truncated = false;
    if (row.of_channel()) {
        truncated = write_channel_deliveries(out, ctx, message, limit, only);
    } else if (row.recipient) {
        receipts::write(out, receipts::delivery(ctx, row, *row.recipient, receipts_of(*row.recipient)));
    } else {
        const std::vector<std::string> agents =
            only.empty() ? audience(ctx, row.workspace, limit, truncated) : std::vector<std::string>{only};
        for (const std::string& agent : agents) {
            const PrincipalRow* principal = ctx.tables.find<PrincipalRow>({row.workspace, agent});
            if (agent == row.sender || principal == nullptr || principal->joined_seq >= row.seq) continue;
            std::vector<ReceiptRow> receipts = receipts_of(agent);
            for (const ReceiptRow& of_all : receipts_of("")) receipts.push_back(of_all);
            receipts::write(out, receipts::delivery(ctx, row, agent, receipts));
        }
    }
    out.end_array();
    return truncated;
}

void write_sent(json::Writer& out, const Context& ctx, const SentMessage& message) {
    const MessageRow& row = message.row;
    out.begin_object().member("id", row.id).member("seq", row.seq).member("to", row.recipient).member("type", row.type);
    out.member("sent_at", row.sent_at).member("expires_at", row.expires_at);
    out.member("importance", row.importance.value_or("normal")).member("ack_required", row.ack_required);
    out.member("ack_by", row.ack_by).raw_member("labels", row.labels.value_or("[]"));
    const MailRow* mail = ctx.tables.find<MailRow>({row.workspace, row.recipient.value_or(""), row.seq});
    out.member("undeliverable", mail != nullptr && mail->undeliverable);
    if (row.of_channel()) out.member("channel", *row.channel).member("channel_seq", row.channel_seq);
    const bool truncated = write_deliveries(out, ctx, message, kSentRecipients, {});
    out.member("truncated", truncated).end_object();
}

}  // namespace

Reply on_message_send(const Call& call) {
    EnvelopeCheck envelope = read_envelope(call.arguments, call.ctx.now.wall_ms);
    if (!envelope.errors.empty()) return Answer{422, http_validation_error(envelope.errors), std::nullopt, {}};
    router::NewMessage message;
    message.workspace = call.workspace;
    message.from = call.principal();
    message.to = call.arguments.string("to");
    if (message.to == "broadcast") message.to.reset();
    if (message.to && query_integer(call.query, "strict").value_or(0) != 0 &&
        !is_known_recipient(call.ctx.tables, call.workspace, *message.to)) {
        const std::vector<std::string> near = near_names(call.ctx, call.workspace, *message.to);
        return Answer{404, unknown_recipient_body(*message.to, near), std::nullopt, {}};
    }
    message.type = call.arguments.string("type").value_or("chat");
    message.payload = std::string(call.arguments.raw("payload").value_or("{}"));
    message.reply_to = call.arguments.string("reply_to");
    message.envelope = std::move(envelope.envelope);
    const router::Sent sent = router::route(call.ctx, std::move(message));
    json::Writer out;
    out.begin_object().member("status", "sent").member("id", sent.id);
    if (sent.undeliverable) out.member("undeliverable", true);
    out.end_object();
    return ok(out);
}

Reply on_message_sent(const Call& call) {
    const int64_t limit =
        std::clamp<int64_t>(query_integer(call.query, "limit").value_or(kPageDefault), 1, kSentPageMax);
    FetchSent query;
    query.workspace = call.workspace;
    query.sender = call.principal();
    query.before = query_integer(call.query, "before").value_or(INT64_MAX);
    query.limit = limit + 1;  // one more tells whether there is another page
    query.agents = with_receipts(call, kSentRecipients);
    call.ctx.query(std::move(query), pending_request(call, "sent", std::to_string(limit)));
    return std::nullopt;
}

Reply on_message_deliveries(const Call& call) {
    const std::string& id = call.params.at(0);
    const std::optional<int64_t> seq = seq_of_message_id(id);
    if (!seq) return message_not_found(id);
    FetchDeliveries query{call.workspace, {*seq}, with_receipts(call, kDeliveriesMax)};
    const bool admin = access::may_administer(call.ctx, *call.identity);
    call.ctx.query(std::move(query),
                   pending_request(call, "deliveries", std::string(admin ? "1 " : "0 ") + id + " " + call.principal()));
    return std::nullopt;
}

Reply on_mailbox_read(const Call& call) {
    const std::string& agent = call.params.at(0);
    const int64_t since = query_integer(call.query, "since").value_or(0);
    const int64_t limit = std::clamp<int64_t>(query_integer(call.query, "limit").value_or(kPageDefault), 0, kPageMax);
    // What an administrator looks at has not been read by its owner.
    const bool own = call.identity->principal == agent;
    std::vector<int64_t> seqs = mailbox::unread(call.ctx, call.workspace, agent, since, limit);
    if (seqs.empty() && limit > 0 && waits::may_wait(call)) return waits::wait(call, WaitTopic::mail, agent);
    if (seqs.empty()) return Answer{200, mailbox_body(agent, since, {}), std::nullopt, {}};
    call.ctx.query(FetchMessages{call.workspace, std::move(seqs)},
                   pending_request(call, "mailbox", (own ? "1 " : "0 ") + std::to_string(since) + " " + agent));
    return std::nullopt;
}

Reply on_mailbox_ack(const Call& call) {
    const int64_t up_to = call.arguments.integer("seq").value_or(0);
    mailbox::acknowledge(call.ctx, call.workspace, call.params.at(0), up_to);
    json::Writer out;
    out.begin_object().member("status", "acked").raw_member("up_to", *call.arguments.raw("seq")).end_object();
    return ok(out);
}

Answer mailbox_answer(Context& ctx, const PendingRow& pending, QueryResult result, std::string detail) {
    const bool own = next_number(detail) != 0;
    const int64_t since = next_number(detail);
    std::vector<MessageRow> messages;
    for (QueryRow& row : result.rows) {
        std::optional<MessageRow> message = row_from_values<MessageRow>(std::move(row.values));
        if (!message) return damaged_row();
        messages.push_back(std::move(*message));
    }
    if (own && !messages.empty()) mailbox::read(ctx, pending.workspace, detail, messages.back().seq);
    return {200, mailbox_body(detail, since, messages), std::nullopt, {}};
}

Answer sent_answer(const Context& ctx, QueryResult result, int64_t limit) {
    std::optional<std::vector<SentMessage>> messages = collect(std::move(result));
    if (!messages) return damaged_row();
    int64_t bytes = 0;
    for (const SentMessage& each : *messages) bytes += each.row.payload.size;
    const bool more = static_cast<int64_t>(messages->size()) > limit || bytes >= FetchSent{}.bytes;
    if (static_cast<int64_t>(messages->size()) > limit) messages->resize(static_cast<size_t>(limit));
    json::Writer out;
    out.begin_object().key("messages").begin_array();
    for (const SentMessage& each : *messages) write_sent(out, ctx, each);
    out.end_array().key("next_before");
    more ? out.integer(messages->back().row.seq) : out.null();
    out.end_object();
    return ok(out);
}

Answer deliveries_answer(const Context& ctx, QueryResult result, std::string detail) {
    const bool admin = next_number(detail) != 0;
    const std::string id = next_word(detail);
    const std::string& reader = detail;
    const std::optional<std::vector<SentMessage>> messages = collect(std::move(result));
    if (!messages) return damaged_row();
    // The number is that of another message, or whose message it is must not be known.
    if (messages->empty() || messages->front().row.id != id) return message_not_found(id);
    const SentMessage& message = messages->front();
    const bool all = admin || message.row.sender == reader;
    if (!all && message.row.recipient && *message.row.recipient != reader) return message_not_found(id);
    json::Writer out;
    out.begin_object().member("message_id", id).member("to", message.row.recipient);
    const bool truncated = write_deliveries(out, ctx, message, kDeliveriesMax, all ? std::string{} : reader);
    out.member("truncated", truncated).end_object();
    return ok(out);
}

}  // namespace agentcom::requests
