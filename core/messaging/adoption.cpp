#include "core/messaging/adoption.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "core/messaging/channels.hpp"
#include "core/messaging/mailbox.hpp"
#include "core/messaging/router.hpp"

namespace agentcom::adoption {

namespace {

/// Whose mail the newest message would be if it had been sent here.
std::vector<std::string> audience(const Context& ctx, int64_t workspace, const std::string& channel) {
    if (!channel.empty()) return channels::members(ctx.tables, workspace, channel);
    std::vector<std::string> names;
    const auto& principals = ctx.tables.indexes().principals;
    for (auto name = principals.lower_bound({workspace, ""}); name != principals.end() && name->first == workspace;
         ++name) {
        names.push_back(name->second);
    }
    return names;
}

/// Everybody but those in `unread_by` has had the newest message.
void pass_over_others(Context& ctx, int64_t workspace, const std::string& channel,
                      const std::set<std::string>& unread_by, const std::string& sender) {
    const int64_t newest = ctx.tables.find<WorkspaceRow>({workspace})->message_seq;
    for (const std::string& agent : audience(ctx, workspace, channel)) {
        if (agent != sender && !unread_by.contains(agent)) mailbox::pass_over(ctx, workspace, agent, newest);
    }
}

}  // namespace

Result<std::string> adopt(Context& ctx, int64_t workspace, ForeignMessage foreign) {
    using Answer = Result<std::string>;
    std::string channel;
    if (foreign.channel) {
        const ChannelRow* row = channels::find(ctx.tables, workspace, *foreign.channel);
        if (row == nullptr) {
            return Answer(Error{"channel_not_found", 404, Blame::client, "there is no channel of this name"});
        }
        channel = row->name;
        if (foreign.channel_seq - 1 > row->last_seq) {
            ctx.tables.modify<ChannelRow>({workspace, channel},
                                          [&foreign](ChannelRow& moved) { moved.last_seq = foreign.channel_seq - 1; });
        }
        foreign.to.reset();
    }
    const std::set<std::string> unread_by(foreign.unread_by.begin(), foreign.unread_by.end());
    const bool direct = foreign.to.has_value();
    router::NewMessage message;
    message.workspace = workspace;
    message.from = foreign.from;
    message.to = std::move(foreign.to);
    if (!channel.empty()) message.channel = channel;
    message.type = std::move(foreign.type);
    message.payload = std::move(foreign.payload);
    message.reply_to = std::move(foreign.reply_to);
    message.sent_at = std::clamp<int64_t>(foreign.sent_at, 0, ctx.now.wall_ms);
    message.is_mail = direct ? unread_by.contains(*message.to) : !unread_by.empty();
    const bool divided = message.is_mail && !direct;
    const router::Sent sent = router::route(ctx, std::move(message));
    if (divided) pass_over_others(ctx, workspace, channel, unread_by, foreign.from);
    return Answer(sent.id);
}

Status adopt(Context& ctx, int64_t workspace, const ForeignChannel& foreign) {
    if (channels::normalized(foreign.name).empty()) {
        return Status(Error{"invalid_name", 422, Blame::client, "nothing is left of the channel's name"});
    }
    const Status made = channels::create(ctx, workspace, foreign.name, foreign.description, foreign.created_by);
    if (!made) return made;
    ctx.tables.modify<ChannelRow>({workspace, channels::normalized(foreign.name)}, [&](ChannelRow& row) {
        row.created_at = std::clamp<int64_t>(foreign.created_at, 0, ctx.now.wall_ms);
    });
    return {};
}

}  // namespace agentcom::adoption
