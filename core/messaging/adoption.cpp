#include "core/messaging/adoption.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "core/messaging/mailbox.hpp"
#include "core/messaging/router.hpp"

namespace agentcom::adoption {

namespace {

/// Everybody but those in `unread_by` has had the newest message.
void pass_over_others(Context& ctx, int64_t workspace, const std::set<std::string>& unread_by,
                      const std::string& sender) {
    const int64_t newest = ctx.tables.find<WorkspaceRow>({workspace})->message_seq;
    const auto& principals = ctx.tables.indexes().principals;
    for (auto name = principals.lower_bound({workspace, ""}); name != principals.end() && name->first == workspace;
         ++name) {
        if (name->second == sender || unread_by.contains(name->second)) continue;
        mailbox::pass_over(ctx, workspace, name->second, newest);
    }
}

}  // namespace

std::string adopt(Context& ctx, int64_t workspace, ForeignMessage foreign) {
    const std::set<std::string> unread_by(foreign.unread_by.begin(), foreign.unread_by.end());
    const bool direct = foreign.to.has_value();
    router::NewMessage message;
    message.workspace = workspace;
    message.from = foreign.from;
    message.to = std::move(foreign.to);
    message.type = std::move(foreign.type);
    message.payload = std::move(foreign.payload);
    message.reply_to = std::move(foreign.reply_to);
    message.sent_at = std::clamp<int64_t>(foreign.sent_at, 0, ctx.now.wall_ms);
    message.is_mail = direct ? unread_by.contains(*message.to) : !unread_by.empty();
    const bool divided = message.is_mail && !direct;
    const router::Sent sent = router::route(ctx, std::move(message));
    if (divided) pass_over_others(ctx, workspace, unread_by, foreign.from);
    return sent.id;
}

}  // namespace agentcom::adoption
