#include "core/messaging/channels.hpp"

#include <algorithm>
#include <iterator>

#include "core/messaging/mailbox.hpp"
#include "core/protocol/encoding.hpp"

namespace agentcom::channels {

namespace {

Error not_found() { return {"channel_not_found", 404, Blame::client, "there is no channel of this name"}; }

void tell(Context& ctx, const MembershipRow& row, std::string kind) {
    json::Writer data;
    data.begin_object().member("agent_id", row.agent).end_object();
    ctx.event(row.workspace, std::move(kind), row.channel, row.agent, "", data.take());
}

/// The number of the oldest kept message; INT64_MAX when there is none.
int64_t oldest_kept(const Tables& tables, int64_t workspace, const std::string& channel) {
    const auto& all = tables.indexes().channel_mail;
    const auto found = all.find({workspace, channel});
    return found == all.end() ? INT64_MAX : found->second.begin()->second;
}

/// The stay that ends now; nothing of it is kept if no message that is was sent in it.
std::string with_last_stay(const Tables& tables, const MembershipRow& row, int64_t now_seq) {
    std::vector<mailbox::Range> stays = mailbox::parse_ranges(row.past);
    const int64_t first = *row.since_seq + 1;
    const int64_t oldest = oldest_kept(tables, row.workspace, row.channel);
    std::erase_if(stays, [oldest](const mailbox::Range& stay) { return stay.last < oldest; });
    const auto& all = tables.indexes().channel_mail;
    const auto found = all.find({row.workspace, row.channel});
    const bool worth = found != all.end() && std::prev(found->second.end())->second >= first;
    if (worth) stays.push_back({first, now_seq});
    return mailbox::format_ranges(stays);
}

}  // namespace

std::string normalized(std::string_view name) {
    name.remove_prefix(std::min(name.find_first_not_of('#'), name.size()));
    std::string kept;
    for (const char byte : name) {
        const bool upper = byte >= 'A' && byte <= 'Z';
        const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' || byte == '_';
        if (upper || plain) kept += upper ? static_cast<char>(byte - 'A' + 'a') : byte;
    }
    return kept;
}

const ChannelRow* find(const Tables& tables, int64_t workspace, std::string_view name) {
    return tables.find<ChannelRow>({workspace, normalized(name)});
}

Status create(Context& ctx, int64_t workspace, std::string_view name, const std::string& description,
              const std::string& by) {
    ChannelRow row;
    row.workspace = workspace;
    row.name = normalized(name);
    AGENTCOM_ASSERT(!row.name.empty(), "a channel has a name");
    if (ctx.tables.contains<ChannelRow>(row.key())) {
        return Status(Error{"channel_exists", 409, Blame::client, "there is a channel of this name"});
    }
    const auto& all = ctx.tables.indexes().channels;
    const auto first = all.lower_bound({workspace, ""});
    const auto last = all.lower_bound({workspace + 1, ""});
    if (std::distance(first, last) >= ctx.settings.channels_max) {
        return Status(Error{"too_many_channels", 503, Blame::hub,
                            "the workspace has as many channels as the setting channels_max allows"});
    }
    row.description = description;
    row.created_by = by;
    row.created_at = ctx.now.wall_ms;
    json::Writer data;
    data.begin_object().member("description", description).end_object();
    ctx.event(workspace, "channel_created", row.name, by, "", data.take());
    ctx.tables.put(std::move(row));
    return {};
}

Result<Joined> subscribe(Context& ctx, int64_t workspace, std::string_view name, const std::string& agent) {
    const ChannelRow* channel = find(ctx.tables, workspace, name);
    if (channel == nullptr) return Result<Joined>(not_found());
    const std::string stored = channel->name;
    MembershipRow row;
    if (const MembershipRow* known = ctx.tables.find<MembershipRow>({workspace, stored, agent})) row = *known;
    if (row.is_member()) return Result<Joined>(Joined::already);
    if (member_count(ctx.tables, workspace, stored) >= ctx.settings.channel_members_max) {
        return Result<Joined>(Error{"too_many_members", 503, Blame::hub,
                                    "the channel has as many members as the setting channel_members_max allows"});
    }
    row.workspace = workspace;
    row.channel = stored;
    row.agent = agent;
    row.since_seq = ctx.tables.find<WorkspaceRow>({workspace})->message_seq;
    row.joined_at = ctx.now.wall_ms;
    ctx.tables.modify<ChannelRow>({workspace, stored}, [&row](ChannelRow& joined) { row.join = ++joined.joins; });
    ctx.push(router::online_members(ctx.tables, workspace, stored, agent), channel_agent_joined_frame(stored, agent));
    tell(ctx, row, "channel_subscribed");
    ctx.tables.put(std::move(row));
    return Result<Joined>(Joined::now);
}

Status unsubscribe(Context& ctx, int64_t workspace, std::string_view name, const std::string& agent) {
    const ChannelRow* channel = find(ctx.tables, workspace, name);
    if (channel == nullptr) return Status(not_found());
    const MembershipRow* known = ctx.tables.find<MembershipRow>({workspace, channel->name, agent});
    if (known == nullptr || !known->is_member()) return {};
    MembershipRow row = *known;
    row.past = with_last_stay(ctx.tables, row, ctx.tables.find<WorkspaceRow>({workspace})->message_seq);
    row.since_seq.reset();
    tell(ctx, row, "channel_unsubscribed");
    if (row.past.empty()) {
        ctx.tables.erase<MembershipRow>(row.key());
    } else {
        ctx.tables.put(std::move(row));
    }
    return {};
}

Result<router::Sent> publish(Context& ctx, std::string_view name, router::NewMessage message) {
    const ChannelRow* channel = find(ctx.tables, message.workspace, name);
    if (channel == nullptr) return Result<router::Sent>(not_found());
    message.to.reset();
    message.channel = channel->name;
    return Result<router::Sent>(router::route(ctx, std::move(message)));
}

std::vector<int64_t> history(const Context& ctx, int64_t workspace, std::string_view name, std::optional<int64_t> since,
                             int64_t limit) {
    std::vector<int64_t> seqs;
    const ChannelRow* channel = find(ctx.tables, workspace, name);
    if (channel == nullptr) return seqs;
    const auto& all = ctx.tables.indexes().channel_mail;
    const auto found = all.find({workspace, channel->name});
    if (found == all.end()) return seqs;
    int64_t above = channel->last_seq - ctx.settings.channel_history;
    above = std::max(above, since ? *since : channel->last_seq - limit);
    for (auto mail = found->second.upper_bound(above); mail != found->second.end(); ++mail) {
        if (static_cast<int64_t>(seqs.size()) >= limit) break;
        seqs.push_back(mail->second);
    }
    return seqs;
}

std::vector<ChannelEntry> list(const Tables& tables, int64_t workspace) {
    std::vector<ChannelEntry> entries;
    const auto& all = tables.indexes().channels;
    for (auto each = all.lower_bound({workspace, ""}); each != all.end() && each->first == workspace; ++each) {
        const ChannelRow& row = *tables.find<ChannelRow>(*each);
        entries.push_back({row.name, row.description, member_count(tables, workspace, row.name), row.created_at});
    }
    return entries;
}

std::vector<std::string> members(const Tables& tables, int64_t workspace, const std::string& channel) {
    std::vector<std::string> names;
    const auto& all = tables.indexes().members;
    const auto found = all.find({workspace, channel});
    if (found == all.end()) return names;
    for (auto member = found->second.rbegin(); member != found->second.rend(); ++member) {
        names.push_back(member->second);
    }
    return names;
}

int64_t member_count(const Tables& tables, int64_t workspace, const std::string& channel) {
    const auto& all = tables.indexes().members;
    const auto found = all.find({workspace, channel});
    return found == all.end() ? 0 : static_cast<int64_t>(found->second.size());
}

std::vector<std::string> subscriptions(const Tables& tables, int64_t workspace, const std::string& agent) {
    std::vector<std::string> names;
    const auto& all = tables.indexes().agent_channels;
    const auto found = all.find({workspace, agent});
    if (found == all.end()) return names;
    for (const std::string& channel : found->second) {
        if (tables.find<MembershipRow>({workspace, channel, agent})->is_member()) names.push_back(channel);
    }
    return names;
}

bool was_member(const MembershipRow& row, int64_t seq) {
    if (row.since_seq && seq > *row.since_seq) return true;
    if (row.past.empty()) return false;
    const std::vector<mailbox::Range> stays = mailbox::parse_ranges(row.past);
    return std::any_of(stays.begin(), stays.end(),
                       [seq](const mailbox::Range& stay) { return stay.first <= seq && seq <= stay.last; });
}

void forget_former(Context& ctx, int64_t workspace, const std::string& channel) {
    const auto& all = ctx.tables.indexes().channel_agents;
    const auto found = all.find({workspace, channel});
    if (found == all.end()) return;
    const int64_t oldest = oldest_kept(ctx.tables, workspace, channel);
    for (const std::string& agent : std::set<std::string>(found->second)) {
        MembershipRow row = *ctx.tables.find<MembershipRow>({workspace, channel, agent});
        if (row.past.empty()) continue;
        std::vector<mailbox::Range> stays = mailbox::parse_ranges(row.past);
        if (std::erase_if(stays, [oldest](const mailbox::Range& stay) { return stay.last < oldest; }) == 0) continue;
        row.past = mailbox::format_ranges(stays);
        if (row.past.empty() && !row.is_member()) {
            ctx.tables.erase<MembershipRow>(row.key());
        } else {
            ctx.tables.put(std::move(row));
        }
    }
}

}  // namespace agentcom::channels
