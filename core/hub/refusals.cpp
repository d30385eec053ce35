#include "core/hub/refusals.hpp"

#include "core/access/access.hpp"
#include "core/tasks/agents.hpp"

namespace agentcom::refusals {

void note(Context& ctx, const limits::Party& party, const Operation& operation, const limiter::Verdict& verdict) {
    if (verdict.first_refusal) {
        ctx.log("rate_limited", {{"who", limits::to_text(party)},
                                 {"operation", std::string(operation.name)},
                                 {"retry_after_ms", verdict.retry_after_ms}});
    }
    const int64_t workspace =
        party.workspace != 0 ? party.workspace : access::find_workspace(ctx, access::kDefaultWorkspace).value_or(0);
    if (workspace != 0) ctx.facts.push_back({Fact::What::refused, workspace, "", 0, Outcome::completed});
    if (party.owner != LimitOwner::agent) return;
    const AgentRow* agent = ctx.tables.find<AgentRow>({party.workspace, party.name});
    // The timer looks for itself when the last refusal was: a flood of them need not move it.
    if (agent == nullptr || agent->limited) return;
    agents::set_limited(ctx, party.workspace, party.name, true);
    ctx.arm(TimerKind::limit_end, party.workspace, party.name, ctx.in_ms(ctx.settings.limit_skip_ms));
}

void forgive(Context& ctx, const limits::Party& party) {
    if (party.owner != LimitOwner::agent) return;
    ctx.disarm(TimerKind::limit_end, party.workspace, party.name);
    agents::set_limited(ctx, party.workspace, party.name, false);
}

void on_timer(Context& ctx, const TimerRow& timer) {
    const limits::Party party = limits::agent_party(timer.workspace, timer.subject);
    const int64_t left_ms = limiter::refused_left_ms(ctx, party, ctx.settings.limit_skip_ms);
    if (left_ms > 0) {
        ctx.arm(TimerKind::limit_end, timer.workspace, timer.subject, ctx.in_ms(left_ms));
    } else {
        agents::set_limited(ctx, timer.workspace, timer.subject, false);
    }
}

}  // namespace agentcom::refusals
