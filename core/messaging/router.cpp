#include "core/messaging/router.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <set>
#include <vector>

#include "core/base/hash128.hpp"
#include "core/base/json.hpp"
#include "core/messaging/mailbox.hpp"
#include "core/messaging/message_id.hpp"
#include "core/protocol/encoding.hpp"

namespace agentcom::router {

namespace {

constexpr int64_t kPruneLot = 1'000;

/// Old messages go in lots; those that somebody has not read yet stay until they are read or expire.
void prune_history(Context& ctx, WorkspaceRow& row) {
    if (row.message_seq - row.messages_pruned < ctx.settings.message_history + kPruneLot) return;
    Prune prune{Prune::What::messages, row.id, row.messages_pruned + kPruneLot, {}};
    const auto& unread = ctx.tables.indexes().mail_by_seq;
    for (auto mail = unread.upper_bound({row.id, row.messages_pruned});
         mail != unread.end() && mail->first == row.id && mail->second <= prune.up_to; ++mail) {
        prune.keep.push_back(mail->second);
    }
    row.messages_pruned = prune.up_to;
    ctx.tables.prune(std::move(prune));
}

/// Of a message's id: another one in each run, so that a restored backup does not give the ids of lost messages again.
/// A hash, since a draw would change the generator's row with every message.
uint64_t salt(const Context& ctx, const MessageRow& row) {
    const std::array<int64_t, 3> parts = {ctx.runtime().prng0, row.workspace, row.seq};
    Hasher hasher;
    for (const int64_t part : parts) hasher.i64(part);
    return hasher.finish().lo;
}

void put_envelope(MessageRow& row, Envelope envelope) {
    row.thread_root = std::move(envelope.thread_root);
    row.importance = std::move(envelope.importance);
    row.ack_required = envelope.ack_required;
    row.ack_by = envelope.ack_by;
    row.labels = std::move(envelope.labels);
    if (!envelope.expires_at) return;
    row.expires_set = true;
    row.expires_at = std::min(row.expires_at, *envelope.expires_at);
}

/// To who is online: one text for protocol 1, one with more keys for protocol 2.
void push(Context& ctx, const MessageRow& row) {
    const auto& newer = ctx.tables.indexes().newer_sessions;
    static const std::set<int64_t> kNone;
    const auto found = newer.find(row.workspace);
    const std::set<int64_t>& of_version_2 = found == newer.end() ? kNone : found->second;
    std::vector<ConnectionId> first;
    std::vector<ConnectionId> second;
    if (row.recipient) {
        const AgentRow* agent = ctx.tables.find<AgentRow>({row.workspace, *row.recipient});
        if (agent == nullptr || agent->connection == 0) return;
        (of_version_2.contains(agent->connection) ? second : first).push_back(agent->connection);
    } else {
        const auto& sessions = ctx.tables.indexes().sessions;
        const auto online = sessions.find(row.workspace);
        if (online == sessions.end()) return;
        second.assign(of_version_2.begin(), of_version_2.end());
        if (second.empty()) {
            first.assign(online->second.begin(), online->second.end());
        } else {
            std::set_difference(online->second.begin(), online->second.end(), second.begin(), second.end(),
                                std::back_inserter(first));
        }
    }
    const MessageEntry entry = entry_of(row);
    if (!first.empty()) ctx.push(std::move(first), message_frame(entry), row.seq);
    if (!second.empty()) ctx.push(std::move(second), message_frame(entry, row.seq), row.seq);
}

}  // namespace

Sent route(Context& ctx, NewMessage message) {
    MessageRow row;
    row.workspace = message.workspace;
    row.sender = std::move(message.from);
    row.recipient = std::move(message.to);
    row.type = std::move(message.type);
    row.reply_to = std::move(message.reply_to);
    row.sent_at = message.sent_at.value_or(ctx.now.wall_ms);
    row.expires_at = message.is_mail ? saturating_add(row.sent_at, ctx.settings.mailbox_ttl_ms) : row.sent_at;
    row.payload = Body(std::move(message.payload));
    put_envelope(row, std::move(message.envelope));
    ctx.tables.modify<WorkspaceRow>({row.workspace}, [&](WorkspaceRow& workspace) {
        row.seq = ++workspace.message_seq;
        prune_history(ctx, workspace);
    });
    row.id = make_message_id(row.seq, salt(ctx, row));
    ctx.tables.append(row);
    if (!message.is_mail) return Sent{row.id, false};
    Sent sent{row.id, mailbox::file(ctx, row)};
    if (sent.undeliverable) {
        json::Writer data;
        data.begin_object().member("message_id", row.id).member("seq", row.seq).end_object();
        ctx.event(row.workspace, "message_undeliverable", *row.recipient, row.sender, "unknown_recipient", data.take());
    }
    push(ctx, row);
    return sent;
}

}  // namespace agentcom::router
