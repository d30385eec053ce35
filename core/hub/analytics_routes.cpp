#include "core/hub/analytics_routes.hpp"

#include "core/state/activity.hpp"

namespace agentcom::requests {

namespace {

struct Day {
    int64_t sent = 0;
    int64_t received = 0;
    int64_t connected_ms = 0;
};

int64_t hour_of(int64_t now_ms) { return now_ms - now_ms % kHourMs; }

Day last_day(const AgentActivity& activity, int64_t now_ms) {
    Day day;
    for (int64_t back = 0; back < kActivityHours; ++back) {
        const HourlyCount count = activity.at(hour_of(now_ms) - back * kHourMs, now_ms);
        day.sent += count.sent;
        day.received += count.received;
        day.connected_ms += count.connected_ms;
    }
    return day;
}

std::string_view status_of(const Context& ctx, const AgentActivity& activity) {
    if (activity.connected_since == 0) return "offline";
    return ctx.now.wall_ms - activity.last_active < ctx.settings.active_ms ? "active" : "idle";
}

/// Everybody of whom something is known in this run.
template <class Visit>
void each_agent(const Call& call, Visit&& visit) {
    const Activity& activity = call.ctx.tables.activity();
    for (const std::string& agent : activity.agents(call.workspace)) {
        visit(agent, *activity.find(call.workspace, agent));
    }
}

/// "HH:MM" of the day, UTC.
std::string clock_text(int64_t at_ms) {
    const int64_t minutes = at_ms / 60'000 % (int64_t{24} * 60);
    const auto two_digits = [](int64_t number) { return (number < 10 ? "0" : "") + std::to_string(number); };
    return two_digits(minutes / 60) + ":" + two_digits(minutes % 60);
}

}  // namespace

Reply on_analytics_summary(const Call& call) {
    const int64_t now_ms = call.ctx.now.wall_ms;
    int64_t total = 0;
    int64_t active = 0;
    int64_t idle = 0;
    int64_t sent = 0;
    each_agent(call, [&](const std::string&, const AgentActivity& activity) {
        ++total;
        const std::string_view status = status_of(call.ctx, activity);
        active += status == "active" ? 1 : 0;
        idle += status == "idle" ? 1 : 0;
        sent += last_day(activity, now_ms).sent;
    });
    json::Writer out;
    out.begin_object().member("total_agents", total).member("agents_connected", active + idle);
    out.member("agents_active", active).member("agents_idle", idle);
    out.member("agents_offline", total - active - idle).member("total_messages_24h", sent);
    out.member("timestamp", now_ms).end_object();
    return ok(out);
}

Reply on_analytics_agents(const Call& call) {
    const int64_t now_ms = call.ctx.now.wall_ms;
    json::Writer out;
    out.begin_object().key("agents").begin_array();
    each_agent(call, [&](const std::string& agent, const AgentActivity& activity) {
        const Day day = last_day(activity, now_ms);
        const std::optional<int64_t> last_active = time_or_null(activity.last_active);
        out.begin_object().member("agent_id", agent).member("connected", activity.connected_since != 0);
        out.member("idle_ms", last_active ? std::optional(now_ms - *last_active) : std::nullopt);
        out.member("status", status_of(call.ctx, activity)).member("messages_sent_24h", day.sent);
        out.member("messages_received_24h", day.received);
        out.member("messages_sent_this_hour", activity.at(hour_of(now_ms), now_ms).sent);
        out.member("connection_time_24h_ms", day.connected_ms).member("last_active", last_active);
        out.member("last_seen", time_or_null(activity.last_seen));
        out.member("total_connections", activity.connections).end_object();
    });
    out.end_array().end_object();
    return ok(out);
}

Reply on_analytics_hourly(const Call& call) {
    const int64_t now_ms = call.ctx.now.wall_ms;
    const std::string& agent = call.params.at(0);
    const AgentActivity* known = call.ctx.tables.activity().find(call.workspace, agent);
    const AgentActivity none;
    const AgentActivity& activity = known == nullptr ? none : *known;
    json::Writer out;
    out.begin_object().member("agent_id", agent).key("hourly").begin_array();
    for (int64_t back = kActivityHours - 1; back >= 0; --back) {
        const int64_t hour = hour_of(now_ms) - back * kHourMs;
        const HourlyCount count = activity.at(hour, now_ms);
        out.begin_object().member("bucket", hour).member("hour", clock_text(hour)).member("sent", count.sent);
        out.member("received", count.received).end_object();
    }
    out.end_array().end_object();
    return ok(out);
}

}  // namespace agentcom::requests
