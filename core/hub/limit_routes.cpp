#include "core/hub/limit_routes.hpp"

#include "core/access/limiter.hpp"
#include "core/access/validation_watch.hpp"
#include "core/base/limits.hpp"
#include "core/base/utf8.hpp"
#include "core/hub/audit.hpp"
#include "core/hub/refusals.hpp"

namespace agentcom::requests {

namespace {

using limits::Party;

constexpr size_t kMostRefusedShown = 20;

/// Millionths as a decimal number with at least one place: 120.0, 0.5.
std::string decimal(int64_t millionths) {
    std::string places = std::to_string(bucket::kMillionths + millionths % bucket::kMillionths).substr(1);
    while (places.size() > 1 && places.back() == '0') places.pop_back();
    return std::to_string(millionths / bucket::kMillionths) + "." + places;
}

void write_rate(json::Writer& out, std::string_view name, const bucket::Rate& rate) {
    out.key(name).begin_object().member("capacity", rate.capacity);
    out.raw_member("refill_rate_per_min", decimal(rate.refill_millionths_per_min)).end_object();
}

std::string overrides_json(const std::vector<limits::Override>& overrides) {
    json::Writer out;
    out.begin_object();
    for (const limits::Override& override : overrides) write_rate(out, override.limit_name, override.rate);
    return out.end_object().take();
}

/// How much is used up, in per cent with one place.
std::string usage_percent(int64_t remaining, int64_t capacity) {
    const int64_t tenths = ((capacity - remaining) * 2'000 + capacity) / (2 * capacity);
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
}

/// The 422s of these routes have a shape of their own.
Answer detailed_error(std::string_view code, std::string_view detail) {
    json::Writer out;
    out.begin_object().member("error", code).member("detail", detail).end_object();
    return ok(out, 422);
}

bool is_name(const json::Value& value) {
    if (value.kind != json::Kind::string) return false;
    const std::string name = json::decode_string(value);
    return !name.empty() && !exceeds_code_points(name, kMaxAgentIdCodePoints);
}

Answer status_of(std::string_view status, const std::string& agent) {
    json::Writer out;
    out.begin_object().member("status", status).member("agent_id", agent).end_object();
    return ok(out);
}

std::string exempt_json(const Call& call) {
    return json::encode_strings(limits::exempt_names(call.ctx, call.workspace));
}

Answer error_of(const Error& error) { return detailed_error(error.code, error.text); }

}  // namespace

Reply on_limits(const Call& call) {
    const Settings& settings = call.ctx.settings;
    json::Writer out;
    out.begin_object().key("defaults").begin_object();
    for (const Tier tier : {Tier::light, Tier::normal, Tier::heavy}) {
        write_rate(out, tier_name(tier), limits::default_rate(settings, tier));
    }
    out.end_object().key("overrides").begin_object();
    for (const auto& [party, overrides] : limits::all_overrides(call.ctx, call.workspace)) {
        out.raw_member(limits::to_text(party), overrides_json(overrides));
    }
    out.end_object().raw_member("whitelist", exempt_json(call));
    out.member("enabled", settings.limits != 0).member("by_operation", settings.limits_by_operation != 0);
    out.key("operations").begin_object();
    for (const Operation& operation : catalogue()) {
        const Tier tier = limits::tier_of(settings, operation);
        if (tier == Tier::none) continue;
        const bucket::Rate rate = limits::default_rate(settings, operation);
        out.key(operation.name).begin_object().member("tier", tier_name(tier)).member("capacity", rate.capacity);
        out.raw_member("refill_rate_per_min", decimal(rate.refill_millionths_per_min)).end_object();
    }
    out.end_object().key("limited").begin_array();
    for (const Party& party : limiter::most_refused(call.ctx, call.workspace, kMostRefusedShown)) {
        const limiter::Standing standing = limiter::standing(call.ctx, party);
        out.begin_object().member("agent_id", limits::to_text(party)).member("violations", standing.total);
        out.member("consecutive", standing.consecutive).end_object();
    }
    out.end_array().end_object();
    return ok(out);
}

Reply on_limit_status(const Call& call) {
    const Party party = limits::party(call.workspace, call.params.at(0));
    const limiter::Standing standing = limiter::standing(call.ctx, party);
    json::Writer out;
    out.begin_object().member("agent_id", limits::to_text(party));
    for (const auto& [channel, name] :
         {std::pair{limits::Channel::ws, "ws"}, std::pair{limits::Channel::http, "http"}}) {
        out.key(name).begin_object();
        for (const limiter::Standing::Bucket& bucket : standing.buckets) {
            if (bucket.channel != channel) continue;
            out.key(bucket.limit_name).begin_object().member("remaining", bucket.remaining);
            out.member("capacity", bucket.capacity);
            out.raw_member("usage_pct", usage_percent(bucket.remaining, bucket.capacity)).end_object();
        }
        out.end_object();
    }
    out.key("violations").begin_object().member("consecutive", standing.consecutive);
    out.member("total_in_window", standing.total).end_object();
    out.member("rate_limited", standing.limited).member("exempt", standing.exempt);
    out.raw_member("overrides", overrides_json(limits::overrides_of(call.ctx, party))).end_object();
    return ok(out);
}

Reply on_limit_override(const Call& call) {
    const std::string& agent = call.params.at(0);
    if (exceeds_code_points(agent, kMaxAgentIdCodePoints)) {
        return detailed_error("invalid_agent_id", "exceeds maximum length of 128 characters");
    }
    const std::string body = call.request.body.empty() ? "{}" : call.request.body;
    // Names of operations are no fields of the catalogue: all members are looked at.
    const json::Document document = json::Document::from_valid(body, json::Duplicates::last_wins);
    const Result<std::vector<limits::Override>> overrides = limits::parse_overrides(document.object());
    if (!overrides) return error_of(overrides.error());
    if (call.ctx.tables.count<LimitOverrideRow>() >= limits::kOverridesMax) {
        return detailed_error("too_many_entries", "at most 100000 limits can be overridden");
    }
    const Party party = limits::party(call.workspace, agent);
    const std::string before = overrides_json(limits::overrides_of(call.ctx, party));
    limits::set_overrides(call.ctx, party, overrides.value());
    refusals::forgive(call.ctx, party);
    audit(call, "rate_limit_set", limits::to_text(party), before, overrides_json(overrides.value()));
    json::Writer out;
    out.begin_object().member("status", "updated").member("agent_id", agent);
    out.raw_member("overrides", document.root().raw).end_object();
    return ok(out);
}

Reply on_limit_override_remove(const Call& call) {
    const Party party = limits::party(call.workspace, call.params.at(0));
    const std::vector<limits::Override> before = limits::overrides_of(call.ctx, party);
    if (!before.empty()) {
        limits::set_overrides(call.ctx, party, {});
        refusals::forgive(call.ctx, party);
        audit(call, "rate_limit_removed", limits::to_text(party), overrides_json(before), "null");
    }
    return status_of("removed", call.params.at(0));
}

Reply on_limit_exempt_list(const Call& call) {
    json::Writer out;
    out.begin_object().raw_member("whitelist", exempt_json(call)).end_object();
    return ok(out);
}

Reply on_limit_exempt_replace(const Call& call) {
    const auto list = call.arguments.raw("agent_ids");
    const json::Value value = list ? json::parse_value(*list) : json::Value{};
    bool is_list = value.kind == json::Kind::array;
    std::vector<std::string> names;
    for (const json::Value& item : is_list ? json::elements(value.raw) : std::vector<json::Value>{}) {
        is_list = is_list && is_name(item);
        if (is_list) names.push_back(json::decode_string(item));
    }
    if (!is_list) return detailed_error("invalid_whitelist", "agent_ids must be a list of strings");
    const std::string before = exempt_json(call);
    if (const Status done = limits::set_exempt(call.ctx, call.workspace, names); !done) return error_of(done.error());
    for (const std::string& name : names) refusals::forgive(call.ctx, limits::party(call.workspace, name));
    audit(call, "rate_limit_exempt_set", "", before, exempt_json(call));
    json::Writer out;
    out.begin_object().member("status", "updated").raw_member("whitelist", exempt_json(call)).end_object();
    return ok(out);
}

Reply on_limit_exempt_add(const Call& call) {
    const auto raw = call.arguments.raw("agent_id");
    if (!raw || !is_name(json::parse_value(*raw))) {
        return detailed_error("invalid_agent_id", "agent_id must be a non-empty string");
    }
    const std::string name = json::decode_string(json::parse_value(*raw));
    const Party party = limits::party(call.workspace, name);
    if (!limits::is_exempt(call.ctx, party)) {
        if (const Status done = limits::add_exempt(call.ctx, party); !done) return error_of(done.error());
        refusals::forgive(call.ctx, party);
        audit(call, "rate_limit_exempted", limits::to_text(party), "false", "true");
    }
    return status_of("added", name);
}

Reply on_limit_exempt_remove(const Call& call) {
    const Party party = limits::party(call.workspace, call.params.at(0));
    if (limits::is_exempt(call.ctx, party)) {
        limits::remove_exempt(call.ctx, party);
        audit(call, "rate_limit_exemption_removed", limits::to_text(party), "true", "false");
    }
    return status_of("removed", call.params.at(0));
}

Reply on_validation(const Call& call) {
    json::Writer out;
    out.begin_object().key("mode").begin_object();
    for (const auto& [name, version] : {std::pair{"1", 1}, std::pair{"2", 2}}) {
        out.member(name, validation_watch::is_enforced(call.ctx.settings, version) ? "enforce" : "observe");
    }
    out.end_object().key("counts").begin_array();
    for (const ValidationCountRow* row : validation_watch::counts(call.ctx, call.workspace)) {
        out.begin_object().member("agent_id", row->agent).member("operation", row->operation);
        out.member("field", row->field).member("count", row->count).member("refused", row->refused);
        out.member("last_error", row->last_error).member("last_at", row->last_at).end_object();
    }
    out.end_array().key("recent_failures").begin_array();
    for (const ValidationFailureRow* row : validation_watch::failures(call.ctx, call.workspace)) {
        out.begin_object().member("at", row->at).member("agent_id", row->agent).member("operation", row->operation);
        out.member("field", row->field).member("error", row->error).member("refused", row->refused).end_object();
    }
    out.end_array().key("recent_disconnects").begin_array();
    for (const ValidationFailureRow* row : validation_watch::disconnects(call.ctx, call.workspace)) {
        out.begin_object().member("at", row->at).member("agent_id", row->agent).end_object();
    }
    out.end_array().end_object();
    return ok(out);
}

}  // namespace agentcom::requests
