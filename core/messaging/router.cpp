#include "core/messaging/router.hpp"

#include <vector>

#include "core/base/hex.hpp"
#include "core/messaging/mailbox.hpp"
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

}  // namespace

std::string route(Context& ctx, NewMessage message) {
    MessageRow row;
    row.workspace = message.workspace;
    row.sender = std::move(message.from);
    row.recipient = std::move(message.to);
    row.type = std::move(message.type);
    row.reply_to = std::move(message.reply_to);
    row.sent_at = ctx.now.wall_ms;
    row.expires_at = saturating_add(ctx.now.wall_ms, ctx.settings.mailbox_ttl_ms);
    row.payload = Body(std::move(message.payload));
    ctx.tables.modify<WorkspaceRow>({row.workspace}, [&](WorkspaceRow& workspace) {
        row.seq = ++workspace.message_seq;
        prune_history(ctx, workspace);
    });
    row.id = rising_id(row.seq, ctx.random_id());
    ctx.tables.append(row);
    mailbox::file(ctx, row);

    std::vector<ConnectionId> receivers;
    if (row.recipient) {
        const AgentRow* agent = ctx.tables.find<AgentRow>({row.workspace, *row.recipient});
        if (agent != nullptr && agent->connection != 0) receivers.push_back(agent->connection);
    } else {
        const auto& sessions = ctx.tables.indexes().sessions;
        if (const auto online = sessions.find(row.workspace); online != sessions.end()) {
            receivers.assign(online->second.begin(), online->second.end());
        }
    }
    if (!receivers.empty()) {
        MessageEntry entry;
        entry.id = row.id;
        entry.from = row.sender;
        if (row.recipient) entry.to = *row.recipient;
        entry.message_type = row.type;
        entry.payload_raw = row.payload.bytes;
        if (row.reply_to) entry.reply_to = *row.reply_to;
        entry.timestamp_ms = row.sent_at;
        ctx.push(std::move(receivers), message_frame(entry), row.seq);
    }
    return row.id;
}

}  // namespace agentcom::router
