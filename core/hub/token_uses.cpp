#include "core/hub/token_uses.hpp"

#include "core/access/access.hpp"
#include "core/base/json.hpp"
#include "core/hub/dashboards.hpp"
#include "core/hub/feeds.hpp"
#include "core/hub/sessions.hpp"
#include "core/hub/waits.hpp"
#include "core/hub/work_routes.hpp"

namespace agentcom::token_uses {

void end(Context& ctx, const TokenRow& token, const std::string& reason) {
    // The hub's own principals identify in the default workspace.
    const int64_t workspace =
        token.workspace != 0 ? token.workspace : *access::find_workspace(ctx, access::kDefaultWorkspace);
    // An agent has one socket, but it may have been opened with another of its tokens.
    if (const AgentRow* agent = ctx.tables.find<AgentRow>({workspace, token.principal});
        agent != nullptr && agent->connection != 0) {
        const SessionRow* session = ctx.tables.find<SessionRow>({agent->connection});
        if (session != nullptr && session->token == token.sha256) {
            sessions::close(ctx, session->connection, 1008, reason);
        }
    }
    feeds::end_of_token(ctx, token.sha256);
    dashboards::end_of_token(ctx, token.sha256, reason);
    waits::end_of_token(ctx, token.sha256);
    requests::end_claims_of_token(ctx, token.sha256);
}

void on_timer(Context& ctx, const TimerRow& timer) {
    const TokenRow* found = ctx.tables.find<TokenRow>({timer.subject});
    if (found == nullptr || !found->expired(ctx.now.wall_ms)) return;
    const TokenRow token = *found;
    end(ctx, token, "token expired");
    // The end itself does not wait for a store that fails; only the note of it does without.
    if (!ctx.read_only() && token.workspace != 0) {
        json::Writer data;
        data.begin_object().member("token_prefix", token.prefix + "...").end_object();
        ctx.event(token.workspace, "token_expired", token.principal, "", "", data.take());
    }
}

}  // namespace agentcom::token_uses
