#include "core/messaging/mailbox.hpp"

#include <algorithm>
#include <charconv>

#include "core/base/json.hpp"
#include "core/messaging/channels.hpp"
#include "core/messaging/near_names.hpp"
#include "core/messaging/receipts.hpp"
#include "core/state/config.hpp"

namespace agentcom::mailbox {

namespace {

MailboxRow row_of(const Tables& tables, int64_t workspace, const std::string& agent) {
    if (const MailboxRow* row = tables.find<MailboxRow>({workspace, agent})) return *row;
    MailboxRow row;
    row.workspace = workspace;
    row.agent = agent;
    return row;
}

bool is_unread(const MailboxRow& row, const std::vector<Range>& ranges, int64_t seq) {
    if (seq > row.seen_seq) return true;
    return std::any_of(ranges.begin(), ranges.end(),
                       [seq](const Range& range) { return range.first <= seq && seq <= range.last; });
}

/// Removes mail from memory; a message that retention only kept because it was unread goes with it.
void forget(Context& ctx, const MailRow::Key& key) {
    const auto& [workspace, agent, seq] = key;
    const int64_t number = seq;
    const WorkspaceRow* row = ctx.tables.find<WorkspaceRow>({workspace});
    if (row != nullptr && number <= row->messages_pruned) ctx.tables.erase_archived({workspace, number});
    ctx.tables.erase<MailRow>(key);
}

void tell_lost(Context& ctx, int64_t workspace, const std::string& agent, std::string kind, std::string cause,
               int64_t count, int64_t first, int64_t last) {
    json::Writer data;
    data.begin_object().member("count", count).member("first_seq", first).member("last_seq", last).end_object();
    ctx.event(workspace, std::move(kind), agent.empty() ? "broadcast" : agent, "", std::move(cause), data.take());
}

/// Receipts of mail that is gone, ascending: a lot ends where mail remains in between.
void note_dropped(Context& ctx, int64_t workspace, const std::string& agent, const std::vector<int64_t>& seqs) {
    static const std::set<int64_t> kNone;
    const auto found = ctx.tables.indexes().mail.find({workspace, agent});
    const std::set<int64_t>& left = found == ctx.tables.indexes().mail.end() ? kNone : found->second;
    for (size_t first = 0, next = 1; first < seqs.size(); first = next++) {
        const auto remaining = left.upper_bound(seqs[first]);
        const int64_t end = remaining == left.end() ? INT64_MAX : *remaining;
        while (next < seqs.size() && seqs[next] < end) ++next;
        receipts::note(ctx, workspace, agent, ReceiptKind::dropped, seqs[first], seqs[next - 1]);
    }
}

/// Drops the oldest entries of a mailbox (or of the broadcasts) beyond `limit`: in lots where the limit is large, so
/// that a full mailbox does not cost an event per message.
void trim(Context& ctx, int64_t workspace, const std::string& agent, int64_t limit) {
    const auto& mail = ctx.tables.indexes().mail;
    const auto found = mail.find({workspace, agent});
    if (found == mail.end() || static_cast<int64_t>(found->second.size()) <= limit) return;
    const int64_t excess = static_cast<int64_t>(found->second.size()) - limit;
    const int64_t count = std::min(static_cast<int64_t>(found->second.size()), excess + limit / 1'000);
    std::vector<int64_t> seqs(found->second.begin(),
                              std::next(found->second.begin(), static_cast<std::ptrdiff_t>(count)));
    for (const int64_t seq : seqs) forget(ctx, {workspace, agent, seq});
    if (!agent.empty()) {
        MailboxRow row = row_of(ctx.tables, workspace, agent);
        row.dropped_count += count;
        ctx.tables.put(std::move(row));
    }
    note_dropped(ctx, workspace, agent, seqs);
    tell_lost(ctx, workspace, agent, "mail_dropped", "mailbox full", count, seqs.front(), seqs.back());
}

void trim_undeliverable(Context& ctx, int64_t workspace) {
    const auto& all = ctx.tables.indexes().undeliverable;
    const auto found = all.find(workspace);
    const int64_t limit = ctx.settings.undeliverable_entries;
    if (found == all.end() || static_cast<int64_t>(found->second.size()) <= limit) return;
    const int64_t count = static_cast<int64_t>(found->second.size()) - limit + limit / 100;
    std::vector<std::pair<int64_t, std::string>> lost(
        found->second.begin(), std::next(found->second.begin(), static_cast<std::ptrdiff_t>(count)));
    std::map<std::string, std::vector<int64_t>> lots;
    for (const auto& [seq, agent] : lost) {
        forget(ctx, {workspace, agent, seq});
        lots[agent].push_back(seq);
    }
    for (const auto& [agent, seqs] : lots) note_dropped(ctx, workspace, agent, seqs);
    tell_lost(ctx, workspace, "undeliverable", "mail_dropped", "too much mail for unknown names", count,
              lost.front().first, lost.back().first);
}

/// What expires next in a workspace, and when: what its sender dated, or what is oldest under the TTL.
struct NextExpiry {
    int64_t at = 0;
    std::string agent;
    int64_t seq = 0;
};
std::optional<NextExpiry> next_expiry(const Context& ctx, int64_t workspace) {
    const Indexes& indexes = ctx.tables.indexes();
    const auto oldest = indexes.mail_age.find(workspace);
    if (oldest == indexes.mail_age.end()) return std::nullopt;
    const auto& [sent_at, agent, seq] = *oldest->second.begin();
    NextExpiry next{saturating_add(sent_at, config::mailbox_ttl_ms(ctx)), agent, seq};
    if (const auto dated = indexes.mail_expiry.find(workspace); dated != indexes.mail_expiry.end()) {
        const auto& [when, dated_agent, dated_seq] = *dated->second.begin();
        if (when < next.at) next = NextExpiry{when, dated_agent, dated_seq};
    }
    return next;
}

/// Whether mail of a channel is no mail any more. It stays listed, as the channel's kept history.
bool is_over(const Context& ctx, const MailRow& mail) {
    const int64_t ttl_end = saturating_add(mail.sent_at, config::mailbox_ttl_ms(ctx));
    return std::min(mail.expires_at, ttl_end) <= ctx.now.wall_ms;
}

/// Whether somebody whose mail it is has not read it.
bool is_missed(const Context& ctx, const MailRow& mail) {
    if (is_over(ctx, mail)) return false;
    const auto& agents = ctx.tables.indexes().channel_agents;
    const auto found = agents.find({mail.workspace, mail.channel});
    if (found == agents.end()) return false;
    return std::any_of(found->second.begin(), found->second.end(), [&](const std::string& agent) {
        if (agent == mail.sender) return false;
        const MembershipRow& membership = *ctx.tables.find<MembershipRow>({mail.workspace, mail.channel, agent});
        return channels::was_member(membership, mail.seq) && !is_done(ctx.tables, mail.workspace, agent, mail.seq);
    });
}

/// Drops what lies behind the kept history of a channel, in lots.
void trim_channel(Context& ctx, int64_t workspace, const std::string& channel) {
    const auto& all = ctx.tables.indexes().channel_mail;
    const auto found = all.find({workspace, channel});
    if (found == all.end()) return;
    const int64_t limit = ctx.settings.channel_history;
    const int64_t kept_above = ctx.tables.find<ChannelRow>({workspace, channel})->last_seq - limit;
    if (found->second.begin()->first > kept_above - limit / 20) return;
    std::vector<int64_t> seqs;
    for (auto mail = found->second.begin(); mail != found->second.end() && mail->first <= kept_above; ++mail) {
        seqs.push_back(mail->second);
    }
    std::vector<int64_t> missed;
    for (const int64_t seq : seqs) {
        if (is_missed(ctx, *ctx.tables.find<MailRow>({workspace, "", seq}))) missed.push_back(seq);
        forget(ctx, {workspace, "", seq});
    }
    ctx.tables.modify<ChannelRow>({workspace, channel},
                                  [kept_above](ChannelRow& row) { row.dropped_seq = kept_above; });
    channels::forget_former(ctx, workspace, channel);
    if (missed.empty()) return;
    tell_lost(ctx, workspace, "#" + channel, "mail_dropped", "channel history full",
              static_cast<int64_t>(missed.size()), missed.front(), missed.back());
}

/// What filing does beyond the row itself.
void file_for_channel(Context& ctx, const MessageRow& message) {
    trim_channel(ctx, message.workspace, *message.channel);
    if (ctx.tables.indexes().waits.empty()) return;
    const auto& members = ctx.tables.indexes().members;
    const auto found = members.find({message.workspace, *message.channel});
    if (found == members.end()) return;
    for (const auto& [join, agent] : found->second) {
        if (agent != message.sender) ctx.notify(message.workspace, WaitTopic::mail, agent);
    }
}

void arm_expiry(Context& ctx, int64_t workspace) {
    const std::optional<NextExpiry> next = next_expiry(ctx, workspace);
    if (!next) {
        ctx.disarm(TimerKind::mail_expiry, workspace, "");
        return;
    }
    const TimerRow* armed = ctx.tables.find<TimerRow>({TimerKind::mail_expiry, workspace, "", 0});
    if (armed == nullptr || armed->deadline > next->at || armed->deadline <= ctx.now.wall_ms) {
        ctx.arm(TimerKind::mail_expiry, workspace, "", next->at);
    }
}

/// Mail above this number is on its way through the agent's socket and not in its mailbox.
int64_t hidden_above(const Context& ctx, int64_t workspace, const std::string& agent) {
    const AgentRow* row = ctx.tables.find<AgentRow>({workspace, agent});
    if (row == nullptr || row->connection == 0) return INT64_MAX;
    const SessionRow* session = ctx.tables.find<SessionRow>({row->connection});
    // A session that is just being replaced pushes nothing more: what it did not bring out is in the mailbox again.
    if (session == nullptr || session->agent.empty() || !session->pushes_end_mail) return INT64_MAX;
    return session->open_seq;
}

}  // namespace

std::vector<Range> parse_ranges(const std::string& text) {
    std::vector<Range> ranges;
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at < end) {
        Range range;
        auto parsed = std::from_chars(at, end, range.first);
        if (parsed.ec != std::errc{} || parsed.ptr == end || *parsed.ptr != '-') return {};
        parsed = std::from_chars(parsed.ptr + 1, end, range.last);
        if (parsed.ec != std::errc{} || range.last < range.first) return {};
        ranges.push_back(range);
        at = parsed.ptr;
        if (at < end && *at == ',') ++at;
    }
    return ranges;
}

std::string format_ranges(const std::vector<Range>& ranges) {
    std::string text;
    for (const Range& range : ranges) {
        if (!text.empty()) text += ',';
        text += std::to_string(range.first) + '-' + std::to_string(range.last);
    }
    return text;
}

bool file(Context& ctx, const MessageRow& message) {
    MailRow mail;
    mail.workspace = message.workspace;
    mail.agent = message.recipient.value_or("");
    mail.seq = message.seq;
    mail.sent_at = message.sent_at;
    mail.expires_at = message.expires_set ? message.expires_at : INT64_MAX;
    const bool direct = message.recipient.has_value();
    if (!direct) mail.sender = message.sender;
    if (message.of_channel()) {
        if (!is_mail(message)) mail.expires_at = message.expires_at;
        mail.channel = *message.channel;
        mail.channel_seq = message.channel_seq;
        ctx.tables.put(std::move(mail));
        file_for_channel(ctx, message);
        return false;
    }
    mail.undeliverable = direct && !is_known_recipient(ctx.tables, message.workspace, mail.agent);
    const bool undeliverable = mail.undeliverable;
    const std::string agent = mail.agent;
    ctx.tables.put(std::move(mail));
    if (undeliverable) trim_undeliverable(ctx, message.workspace);
    trim(ctx, message.workspace, agent, direct ? ctx.settings.mailbox_entries : ctx.settings.broadcast_entries);
    arm_expiry(ctx, message.workspace);
    if (direct) {
        ctx.notify(message.workspace, WaitTopic::mail, agent);
    } else {
        ctx.notify_all(message.workspace, WaitTopic::mail);
    }
    return undeliverable;
}

bool is_mail(const MessageRow& message) { return message.expires_at > message.sent_at; }

bool is_done(const Tables& tables, int64_t workspace, const std::string& agent, int64_t seq) {
    const MailboxRow row = row_of(tables, workspace, agent);
    return !is_unread(row, parse_ranges(row.unread), seq);
}

std::vector<int64_t> unread(const Context& ctx, int64_t workspace, const std::string& agent, int64_t since,
                            int64_t limit) {
    const MailboxRow row = row_of(ctx.tables, workspace, agent);
    const std::vector<Range> ranges = parse_ranges(row.unread);
    const int64_t hidden = hidden_above(ctx, workspace, agent);
    const PrincipalRow* principal = ctx.tables.find<PrincipalRow>({workspace, agent});
    const int64_t joined = principal == nullptr ? INT64_MAX : principal->joined_seq;
    std::vector<int64_t> seqs;
    const auto& mail = ctx.tables.indexes().mail;
    // Everything up to here is done, whoever sent it.
    const int64_t above = std::max(since, ranges.empty() ? row.seen_seq : ranges.front().first - 1);
    const auto collect = [&](const std::string& whose, bool broadcasts) {
        const auto found = mail.find({workspace, whose});
        if (found == mail.end()) return;
        int64_t taken = 0;
        for (auto seq = found->second.upper_bound(broadcasts ? above : since);
             seq != found->second.end() && taken < limit; ++seq) {
            if (*seq > hidden) break;
            if (broadcasts) {
                if (*seq <= joined || !is_unread(row, ranges, *seq)) continue;
                if (ctx.tables.find<MailRow>({workspace, whose, *seq})->sender == agent) continue;
            }
            seqs.push_back(*seq);
            ++taken;
        }
    };
    const auto collect_channel = [&](const std::string& channel) {
        const auto found = ctx.tables.indexes().channel_mail.find({workspace, channel});
        if (found == ctx.tables.indexes().channel_mail.end()) return;
        const MembershipRow& membership = *ctx.tables.find<MembershipRow>({workspace, channel, agent});
        // The newest come last: from there it is not far to what is done.
        auto first = found->second.end();
        while (first != found->second.begin() && std::prev(first)->second > above) --first;
        int64_t taken = 0;
        for (; first != found->second.end() && taken < limit; ++first) {
            const int64_t seq = first->second;
            if (seq > hidden) break;
            const MailRow& entry = *ctx.tables.find<MailRow>({workspace, "", seq});
            if (entry.sender == agent || is_over(ctx, entry)) continue;
            if (!is_unread(row, ranges, seq) || !channels::was_member(membership, seq)) continue;
            seqs.push_back(seq);
            ++taken;
        }
    };
    collect(agent, false);
    collect("", true);
    const auto& channels_of = ctx.tables.indexes().agent_channels;
    if (const auto found = channels_of.find({workspace, agent}); found != channels_of.end()) {
        for (const std::string& channel : found->second) collect_channel(channel);
    }
    std::sort(seqs.begin(), seqs.end());
    if (static_cast<int64_t>(seqs.size()) > limit) seqs.resize(static_cast<size_t>(limit));
    return seqs;
}

int64_t pending(const Context& ctx, int64_t workspace, const std::string& agent, int64_t limit) {
    return static_cast<int64_t>(unread(ctx, workspace, agent, INT64_MIN, limit).size());
}

namespace {

/// Ends all mail up to `up_to`; gives the numbers that were not done before.
std::vector<Range> end_mail(Context& ctx, int64_t workspace, const std::string& agent, int64_t up_to) {
    const WorkspaceRow* workspace_row = ctx.tables.find<WorkspaceRow>({workspace});
    AGENTCOM_ASSERT(workspace_row != nullptr, "an identity's workspace exists");
    // A number that no message has yet must not swallow those to come.
    const int64_t done = std::min(up_to, workspace_row->message_seq);
    MailboxRow row = row_of(ctx.tables, workspace, agent);
    std::vector<Range> left;
    std::vector<Range> ended;
    for (Range range : parse_ranges(row.unread)) {
        if (range.first <= done) ended.push_back({range.first, std::min(range.last, done)});
        if (range.last <= done) continue;
        range.first = std::max(range.first, done + 1);
        left.push_back(range);
    }
    if (done > row.seen_seq) {
        if (!ended.empty() && ended.back().last == row.seen_seq) {
            ended.back().last = done;
        } else {
            ended.push_back({row.seen_seq + 1, done});
        }
    }
    const std::string ranges = format_ranges(left);
    const auto& mail = ctx.tables.indexes().mail;
    if (const auto found = mail.find({workspace, agent}); found != mail.end()) {
        const std::vector<int64_t> seqs(found->second.begin(), found->second.upper_bound(done));
        for (const int64_t seq : seqs) forget(ctx, {workspace, agent, seq});
    }
    if (ended.empty()) return ended;
    row.seen_seq = std::max(row.seen_seq, done);
    row.unread = ranges;
    ctx.tables.put(std::move(row));
    return ended;
}

void note_acked(Context& ctx, int64_t workspace, const std::string& agent, const Range& lot) {
    receipts::note(ctx, workspace, agent, ReceiptKind::acked, lot.first, lot.last);
}

/// The receipt of what the session's frames have acknowledged since the last one.
void note_frames(Context& ctx, const SessionRow& session) {
    const LivenessRow liveness = *ctx.tables.find<LivenessRow>({session.connection});
    if (liveness.acked_seq == 0) return;
    ctx.tables.modify<LivenessRow>({session.connection}, [](LivenessRow& row) { row.acked_from = row.acked_seq = 0; });
    // Acknowledgements of a turn that was taken back are not there, and will be sent again.
    const int64_t done = std::min(liveness.acked_seq, row_of(ctx.tables, session.workspace, session.agent).seen_seq);
    if (liveness.acked_from <= done) {
        note_acked(ctx, session.workspace, session.agent, {liveness.acked_from, done});
    }
}

void arm_flush(Context& ctx, const SessionRow& session) {
    if (ctx.tables.contains<TimerRow>({TimerKind::mail_flush, session.connection, "", 0})) return;
    ctx.arm(TimerKind::mail_flush, session.connection, "", ctx.in_ms(ctx.settings.mail_flush_ms));
}

}  // namespace

void acknowledge(Context& ctx, int64_t workspace, const std::string& agent, int64_t up_to) {
    for (const Range& lot : end_mail(ctx, workspace, agent, up_to)) note_acked(ctx, workspace, agent, lot);
}

void acknowledge(Context& ctx, const SessionRow& session, int64_t up_to) {
    std::vector<Range> lots = end_mail(ctx, session.workspace, session.agent, up_to);
    if (lots.empty()) return;
    // Clients acknowledge message by message: what goes on where the last one ended shares its receipt.
    const LivenessRow* liveness = ctx.tables.find<LivenessRow>({session.connection});
    const bool goes_on = liveness->acked_seq != 0 && lots.size() == 1 && lots[0].first == liveness->acked_seq + 1;
    if (!goes_on) note_frames(ctx, session);
    for (size_t i = 0; i + 1 < lots.size(); ++i) note_acked(ctx, session.workspace, session.agent, lots[i]);
    ctx.tables.modify<LivenessRow>({session.connection}, [&](LivenessRow& row) {
        if (!goes_on) row.acked_from = lots.back().first;
        row.acked_seq = lots.back().last;
    });
    arm_flush(ctx, session);
}

void read(Context& ctx, int64_t workspace, const std::string& agent, int64_t up_to) {
    MailboxRow row = row_of(ctx.tables, workspace, agent);
    if (up_to <= row.read_seq || ctx.read_only()) return;
    receipts::note(ctx, workspace, agent, ReceiptKind::read, row.read_seq + 1, up_to);
    row.read_seq = up_to;
    ctx.tables.put(std::move(row));
}

void set_aside(Context& ctx, int64_t workspace, const std::string& agent, int64_t newest) {
    MailboxRow row = row_of(ctx.tables, workspace, agent);
    if (row.seen_seq >= newest || unread(ctx, workspace, agent, row.seen_seq, 1).empty()) return;
    // Ranges that time or other sockets have emptied go, so that there are never more of them than mail.
    std::vector<Range> ranges;
    for (const Range& range : parse_ranges(row.unread)) {
        const std::vector<int64_t> first = unread(ctx, workspace, agent, range.first - 1, 1);
        if (!first.empty() && first.front() <= range.last) ranges.push_back(range);
    }
    if (!ranges.empty() && ranges.back().last == row.seen_seq) {
        ranges.back().last = newest;
    } else {
        ranges.push_back({row.seen_seq + 1, newest});
    }
    row.unread = format_ranges(ranges);
    row.seen_seq = newest;
    ctx.tables.put(std::move(row));
}

void pass_over(Context& ctx, int64_t workspace, const std::string& agent, int64_t newest) {
    // What is on its way through a socket must not count as done before it has left; the socket's next push ends this
    // too.
    if (hidden_above(ctx, workspace, agent) != INT64_MAX) return;
    set_aside(ctx, workspace, agent, newest - 1);
    MailboxRow row = row_of(ctx.tables, workspace, agent);
    if (row.seen_seq >= newest) return;
    row.seen_seq = newest;
    ctx.tables.put(std::move(row));
}

void pushed(Context& ctx, const SessionRow& session, int64_t up_to) {
    const LivenessRow* liveness = ctx.tables.find<LivenessRow>({session.connection});
    if (liveness == nullptr || liveness->pushed_seq >= up_to) return;
    ctx.tables.modify<LivenessRow>({session.connection}, [up_to](LivenessRow& row) { row.pushed_seq = up_to; });
    if (!session.agent.empty()) arm_flush(ctx, session);
}

namespace {

/// On a socket where mail stays until it is acknowledged.
void note_pushed(Context& ctx, const SessionRow& session, int64_t up_to) {
    MailboxRow row = row_of(ctx.tables, session.workspace, session.agent);
    const int64_t first = std::max(row.pushed_seq, session.open_seq) + 1;
    if (up_to < first) return;
    receipts::note(ctx, session.workspace, session.agent, ReceiptKind::pushed, first, up_to);
    row.pushed_seq = up_to;
    ctx.tables.put(std::move(row));
}

/// On a socket where a push ends mail.
void end_pushed(Context& ctx, const SessionRow& session, int64_t up_to) {
    // The session began while the store failed: what was unread then has not been set aside.
    set_aside(ctx, session.workspace, session.agent, session.open_seq);
    MailboxRow row = row_of(ctx.tables, session.workspace, session.agent);
    if (up_to <= row.seen_seq) return;
    const auto& mail = ctx.tables.indexes().mail;
    if (const auto found = mail.find({session.workspace, session.agent}); found != mail.end()) {
        const std::vector<int64_t> seqs(found->second.upper_bound(session.open_seq), found->second.upper_bound(up_to));
        for (const int64_t seq : seqs) forget(ctx, {session.workspace, session.agent, seq});
    }
    receipts::note(ctx, session.workspace, session.agent, ReceiptKind::delivered,
                   std::max(row.seen_seq, session.open_seq) + 1, up_to);
    row.seen_seq = up_to;
    ctx.tables.put(std::move(row));
}

}  // namespace

void flush(Context& ctx, const SessionRow& session) {
    ctx.disarm(TimerKind::mail_flush, session.connection, "");
    const LivenessRow* liveness = ctx.tables.find<LivenessRow>({session.connection});
    if (liveness == nullptr || session.agent.empty() || ctx.read_only()) return;
    const int64_t up_to = liveness->pushed_seq;
    // Pushes first: what was acknowledged was pushed before.
    if (up_to > session.open_seq) (session.pushes_end_mail ? end_pushed : note_pushed)(ctx, session, up_to);
    note_frames(ctx, session);
}

void resume(Context& ctx) {
    for (const int64_t connection : ctx.tables.indexes().connections) {
        const SessionRow& session = *ctx.tables.find<SessionRow>({connection});
        const LivenessRow* liveness = ctx.tables.find<LivenessRow>({connection});
        if (!session.agent.empty() && !session.closing && liveness->pushed_seq > session.open_seq) {
            arm_flush(ctx, session);
        }
    }
}

void registered(Context& ctx, int64_t workspace, const std::string& agent) {
    const auto& mail = ctx.tables.indexes().mail;
    const auto found = mail.find({workspace, agent});
    if (found == mail.end()) return;
    const std::vector<int64_t> seqs(found->second.begin(), found->second.end());
    for (const int64_t seq : seqs) {
        ctx.tables.modify<MailRow>({workspace, agent, seq}, [](MailRow& row) { row.undeliverable = false; });
    }
}

void expire(Context& ctx, int64_t workspace) {
    std::map<std::string, std::vector<int64_t>> lost;
    constexpr int64_t kLot = 1'000;  // a turn stays short; the timer comes back at once for the rest
    for (int64_t done = 0; done < kLot; ++done) {
        const std::optional<NextExpiry> next = next_expiry(ctx, workspace);
        if (!next || next->at > ctx.now.wall_ms) break;
        lost[next->agent].push_back(next->seq);
        forget(ctx, {workspace, next->agent, next->seq});
    }
    for (auto& [agent, seqs] : lost) {
        std::sort(seqs.begin(), seqs.end());
        note_dropped(ctx, workspace, agent, seqs);
        tell_lost(ctx, workspace, agent, "mail_expired", "mailbox_ttl_ms", static_cast<int64_t>(seqs.size()),
                  seqs.front(), seqs.back());
    }
    arm_expiry(ctx, workspace);
}

int64_t floor(const Tables& tables, int64_t workspace, const std::optional<std::string>& recipient) {
    if (!recipient) return 0;
    const MailboxRow row = row_of(tables, workspace, *recipient);
    const std::vector<Range> ranges = parse_ranges(row.unread);
    return ranges.empty() ? row.seen_seq : ranges.front().first - 1;
}

std::optional<MailRow> restored(const Tables& tables, const MessageRow& message) {
    if (!is_mail(message) && !message.of_channel()) return std::nullopt;
    MailRow mail;
    mail.workspace = message.workspace;
    mail.agent = message.recipient.value_or("");
    mail.seq = message.seq;
    mail.sent_at = message.sent_at;
    mail.expires_at = message.expires_set ? message.expires_at : INT64_MAX;
    if (message.of_channel()) {
        if (!is_mail(message)) mail.expires_at = message.expires_at;
        mail.sender = message.sender;
        mail.channel = *message.channel;
        mail.channel_seq = message.channel_seq;
        const ChannelRow* channel = tables.find<ChannelRow>({message.workspace, mail.channel});
        if (channel == nullptr || mail.channel_seq <= channel->dropped_seq) return std::nullopt;
    } else if (message.recipient) {
        const MailboxRow row = row_of(tables, message.workspace, *message.recipient);
        if (!is_unread(row, parse_ranges(row.unread), message.seq)) return std::nullopt;
        mail.undeliverable = !is_known_recipient(tables, message.workspace, *message.recipient);
    } else {
        mail.sender = message.sender;
    }
    return mail;
}

void trim_all(Context& ctx) {
    std::vector<WorkspaceName> owners;
    for (const auto& [name, seqs] : ctx.tables.indexes().mail) owners.push_back(name);
    for (const auto& [workspace, agent] : owners) {
        trim(ctx, workspace, agent, agent.empty() ? ctx.settings.broadcast_entries : ctx.settings.mailbox_entries);
    }
    for (const auto& [workspace, channel] : std::set<WorkspaceName>(ctx.tables.indexes().channels)) {
        trim_channel(ctx, workspace, channel);
    }
    for (const auto& [workspace] : ctx.tables.sorted_keys<WorkspaceRow>()) {
        trim_undeliverable(ctx, workspace);
        arm_expiry(ctx, workspace);
    }
}

}  // namespace agentcom::mailbox
