#include "core/messaging/router.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <set>
#include <vector>

#include "core/base/hash128.hpp"
#include "core/base/json.hpp"
#include "core/base/limits.hpp"
#include "core/base/utf8.hpp"
#include "core/messaging/mailbox.hpp"
#include "core/messaging/message_id.hpp"
#include "core/protocol/encoding.hpp"
#include "core/state/config.hpp"

namespace agentcom::router {

namespace {

constexpr int64_t kPruneLot = 1'000;

/// Times at which the wall clock went back are remembered, up to so many.
constexpr size_t kClockSteps = 50;

/// Numbers that were skipped are remembered, up to so many ranges of them.
constexpr size_t kSkippedRanges = 50;

/// How many of these numbers lie above the pruned ones.
int64_t kept_of(const mailbox::Range& range, const WorkspaceRow& row) {
    return std::max<int64_t>(0, range.last - std::max(range.first - 1, row.messages_pruned));
}

/// How many messages were numbered above the pruned ones.
int64_t numbered(const WorkspaceRow& row) {
    int64_t count = row.message_seq - row.messages_pruned;
    for (const mailbox::Range& range : mailbox::parse_ranges(row.skipped)) count -= kept_of(range, row);
    return count;
}

/// The last number of the next lot.
int64_t end_of_lot(const WorkspaceRow& row) {
    int64_t end = row.messages_pruned + kPruneLot;
    for (const mailbox::Range& range : mailbox::parse_ranges(row.skipped)) {
        if (range.first <= end) end += kept_of(range, row);
    }
    return end;
}

/// Deletes a lot of old messages; those that somebody has not read yet stay until they are read or expire, and those of
/// a channel's history until they leave it.
void prune_lot(Context& ctx, WorkspaceRow& row, int64_t up_to) {
    Prune prune{Prune::What::messages, row.id, up_to, {}};
    const auto& unread = ctx.tables.indexes().mail_by_seq;
    for (auto mail = unread.upper_bound({row.id, row.messages_pruned});
         mail != unread.end() && mail->first == row.id && mail->second <= prune.up_to; ++mail) {
        prune.keep.push_back(mail->second);
    }
    row.messages_pruned = prune.up_to;
    std::vector<mailbox::Range> skipped = mailbox::parse_ranges(row.skipped);
    std::erase_if(skipped, [up_to](const mailbox::Range& range) { return range.last <= up_to; });
    row.skipped = mailbox::format_ranges(skipped);
    ctx.tables.prune(std::move(prune));
}

/// Notes the time of the message that has just been numbered.
void note_time(WorkspaceRow& row, int64_t now_ms) {
    if (now_ms < row.message_at) {
        if (!row.clock_steps.empty()) row.clock_steps += ',';
        row.clock_steps += std::to_string(row.message_seq);
        const auto commas = std::count(row.clock_steps.begin(), row.clock_steps.end(), ',');
        if (static_cast<size_t>(commas) >= kClockSteps) row.clock_steps.erase(0, row.clock_steps.find(',') + 1);
    }
    row.message_at = now_ms;
}

/// The channel that a payload names, by which v1.1 let messages be found.
std::optional<std::string> named_channel(const std::string& payload) {
    if (payload.find("\"channel\"") == std::string::npos) return std::nullopt;
    const json::Object members = json::members(payload);
    const json::Value* value = members.find("channel");
    if (value == nullptr || value->kind != json::Kind::string) return std::nullopt;
    std::string name = json::decode_string(*value);
    if (name.empty() || exceeds_code_points(name, kMaxNameCodePoints)) return std::nullopt;
    return name;
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

/// Sends one text to protocol 1, and one with more keys to protocol 2.
void push_to(Context& ctx, const MessageRow& row, std::vector<ConnectionId> first, std::vector<ConnectionId> second) {
    const MessageEntry entry = entry_of(row);
    if (!first.empty()) ctx.push(std::move(first), message_frame(entry), row.seq);
    if (!second.empty()) ctx.push(std::move(second), message_frame(entry, row.seq), row.seq);
}

/// To who is online.
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
    } else if (row.of_channel()) {
        for (const ConnectionId connection : online_members(ctx.tables, row.workspace, *row.channel, row.sender)) {
            (of_version_2.contains(connection) ? second : first).push_back(connection);
        }
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
    push_to(ctx, row, std::move(first), std::move(second));
}

void number(Context& ctx, MessageRow& row) {
    ctx.tables.modify<WorkspaceRow>({row.workspace}, [&](WorkspaceRow& workspace) {
        row.seq = ++workspace.message_seq;
        note_time(workspace, row.sent_at);
        if (numbered(workspace) < ctx.settings.message_history + kPruneLot) return;
        prune_lot(ctx, workspace, end_of_lot(workspace));
    });
    if (!row.channel) return;
    ctx.tables.modify<ChannelRow>({row.workspace, *row.channel},
                                  [&row](ChannelRow& channel) { row.channel_seq = ++channel.last_seq; });
}

void ask_for_last_of_lot(Context& ctx, int64_t workspace) {
    const WorkspaceRow& row = *ctx.tables.find<WorkspaceRow>({workspace});
    if (numbered(row) < kPruneLot) return;
    PendingRow pending;
    pending.workspace = workspace;
    pending.purpose = "message_age";
    // Or the first one behind it: of what was salvaged, rows are missing.
    FindMessages query;
    query.workspace = workspace;
    query.after_seq = end_of_lot(row) - 1;
    query.limit = 1;
    query.bytes = 1;
    ctx.query(std::move(query), std::move(pending));
}

void count(Context& ctx, const MessageRow& row, bool undeliverable) {
    Activity& activity = ctx.tables.activity();
    activity.sent(row.workspace, row.sender, ctx.now.wall_ms);
    if (row.recipient && !undeliverable) activity.received(row.workspace, *row.recipient, ctx.now.wall_ms);
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
    row.expires_at = message.is_mail ? saturating_add(row.sent_at, config::mailbox_ttl_ms(ctx)) : row.sent_at;
    row.payload = Body(std::move(message.payload));
    row.channel = std::move(message.channel);
    put_envelope(row, std::move(message.envelope));
    number(ctx, row);
    if (!row.channel) row.channel = named_channel(row.payload.bytes);
    row.id = make_message_id(row.seq, salt(ctx, row));
    ctx.tables.append(row);
    Sent sent{row.id, row.channel_seq, false};
    // What is history is still history of its channel.
    if (message.is_mail || row.of_channel()) sent.undeliverable = mailbox::file(ctx, row);
    if (!message.sent_at) count(ctx, row, sent.undeliverable);
    if (sent.undeliverable) {
        json::Writer data;
        data.begin_object().member("message_id", row.id).member("seq", row.seq).end_object();
        ctx.event(row.workspace, "message_undeliverable", *row.recipient, row.sender, "unknown_recipient", data.take());
    }
    if (message.is_mail) push(ctx, row);
    return sent;
}

std::vector<ConnectionId> online_members(const Tables& tables, int64_t workspace, const std::string& channel,
                                         const std::string& but_agent) {
    std::vector<ConnectionId> online;
    const auto& members = tables.indexes().members;
    const auto found = members.find({workspace, channel});
    if (found == members.end()) return online;
    for (const auto& [join, agent] : found->second) {
        if (agent == but_agent) continue;
        const AgentRow* row = tables.find<AgentRow>({workspace, agent});
        if (row != nullptr && row->connection != 0) online.push_back(row->connection);
    }
    std::sort(online.begin(), online.end());
    return online;
}

void look_for_old_messages(Context& ctx) {
    if (ctx.settings.message_history_ms == 0) return;
    ctx.arm(TimerKind::message_age, 0, "", saturating_add(ctx.now.wall_ms, kHourMs));
    for (const auto& [name, workspace] : ctx.tables.indexes().workspaces) ask_for_last_of_lot(ctx, workspace);
}

void found_old_message(Context& ctx, int64_t workspace, const std::optional<MessageRow>& message) {
    const int64_t kept_since = ctx.now.wall_ms - ctx.settings.message_history_ms;
    if (!message || message->sent_at >= kept_since || ctx.read_only()) return;
    // More have been pruned since it was asked for: the next hour will tell.
    const int64_t up_to = message->seq;
    if (up_to < end_of_lot(*ctx.tables.find<WorkspaceRow>({workspace}))) return;
    ctx.tables.modify<WorkspaceRow>({workspace}, [&](WorkspaceRow& row) { prune_lot(ctx, row, up_to); });
    ask_for_last_of_lot(ctx, workspace);
}

void skip_numbers(WorkspaceRow& row, int64_t up_to) {
    if (up_to <= row.message_seq) return;
    std::vector<mailbox::Range> skipped = mailbox::parse_ranges(row.skipped);
    if (!skipped.empty() && skipped.back().last == row.message_seq) {
        skipped.back().last = up_to;
    } else {
        skipped.push_back({row.message_seq + 1, up_to});
    }
    // One that is forgotten counts as messages again: they go sooner than they should.
    if (skipped.size() > kSkippedRanges) skipped.erase(skipped.begin());
    row.skipped = mailbox::format_ranges(skipped);
    row.message_seq = up_to;
}

}  // namespace agentcom::router
