#include "core/hub/agent_routes.hpp"

#include "core/hub/overview.hpp"
#include "core/hub/render.hpp"
#include "core/hub/sessions.hpp"
#include "core/hub/storage_jobs.hpp"
#include "core/observe/metrics.hpp"

namespace agentcom::requests {

namespace {

/// Of the stored data, by the names of the alerts that tell of them. Those who watch this route alone hear of them,
/// too.
void write_problems(json::Writer& out, const Context& ctx) {
    const storage::Facts facts = storage::facts(ctx);
    const bool failing = ctx.read_only() || !facts.damage.empty();
    if (!failing && facts.lost_rows == 0 && !facts.backup_overdue) return;
    out.key("problems").begin_array();
    if (failing) out.string("storage_failure");
    if (facts.lost_rows > 0) out.string("rows_lost");
    if (facts.backup_overdue) out.string("stale_backup");
    out.end_array();
}

}  // namespace

Reply on_health(const Call& call) {
    int64_t online = 0;
    for (const auto& [workspace, sessions] : call.ctx.tables.indexes().sessions) {
        online += static_cast<int64_t>(sessions.size());
    }
    json::Writer out;
    out.begin_object().member("status", "ok").member("service", "agent_com").member("agents_connected", online);
    write_problems(out, call.ctx);
    out.end_object();
    return ok(out);
}

Reply on_readyz(const Call& call) {
    const RuntimeRow& runtime = call.ctx.runtime();
    json::Writer out;
    out.begin_object();
    out.member("status", runtime.stopping ? "stopping" : runtime.read_only ? "storage_unavailable" : "ready");
    out.end_object();
    return ok(out, runtime.stopping || runtime.read_only ? 503 : 200);
}

Reply on_livez(const Call&) {
    json::Writer out;
    out.begin_object().member("status", "ok").end_object();
    return ok(out);
}

Reply on_agents(const Call& call) {
    json::Writer out;
    out.begin_object().key("agents").begin_array();
    for (const SessionRow* row : sessions::online(call.ctx, call.workspace)) {
        const std::string capabilities = sessions::capabilities_json(*row);
        out.begin_object();
        write_agent_members(out, sessions::presence(*row, capabilities));
        out.member("fsm_state", fsm_state(call.ctx, row->workspace, row->agent)).end_object();
    }
    out.end_array().end_object();
    return ok(out);
}

Reply on_agent_states(const Call& call) {
    json::Writer out;
    out.begin_object().key("agents").begin_array();
    for (const SessionRow* row : sessions::online(call.ctx, call.workspace)) {
        render::agent_state(out, call.ctx, *row, false);
    }
    out.end_array().end_object();
    return ok(out);
}

Reply on_agent_state(const Call& call) {
    const AgentRow* agent = call.ctx.tables.find<AgentRow>({call.workspace, call.params.at(0)});
    if (agent == nullptr || agent->connection == 0) return error_answer(404, "agent_not_found");
    json::Writer out;
    render::agent_state(out, call.ctx, *call.ctx.tables.find<SessionRow>({agent->connection}), true);
    return ok(out);
}

Reply on_overview(const Call& call) { return Answer{200, overview::text(call.ctx, call.workspace), std::nullopt, {}}; }

}  // namespace agentcom::requests
