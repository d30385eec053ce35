#include "core/hub/alert_routes.hpp"

#include <algorithm>
#include <variant>

#include "core/hub/audit.hpp"
#include "core/observe/alerts.hpp"
#include "core/observe/metric_names.hpp"

namespace agentcom::requests {

namespace {

constexpr size_t kRuleIdMax = 64;

Answer alert_not_found() { return error_answer(404, "alert_not_found"); }

/// Alerts of the hub are shown to every workspace, and concern them all: one of them cannot silence what the others
/// see.
bool may_acknowledge(const Call& call, const LiveAlertRow& alert) {
    return alert.workspace != alerts::kHub || call.identity->of_hub ||
           call.workspace == access::find_workspace(call.ctx, access::kDefaultWorkspace);
}

std::optional<std::string> text_or_null(const std::string& text) {
    return text.empty() ? std::nullopt : std::optional(text);
}

void write_episode(json::Writer& out, const AlertEpisodeRow& episode) {
    out.begin_object().member("number", episode.number).member("rule_id", episode.rule);
    out.member("severity", to_text(episode.severity)).member("message", episode.message);
    out.raw_member("details", episode.details).member("fired_at", episode.fired_at);
    out.member("cleared_at", episode.cleared_at).member("acknowledged", !episode.acknowledged_by.empty());
    out.member("acknowledged_by", text_or_null(episode.acknowledged_by));
    out.member("acknowledged_at", episode.acknowledged_at == 0 ? std::nullopt : std::optional(episode.acknowledged_at));
    out.member("note", text_or_null(episode.note)).member("of_hub", episode.workspace == alerts::kHub).end_object();
}

std::string rule_json(const AlertRuleRow& rule) {
    json::Writer out;
    out.begin_object().member("rule_id", rule.rule).member("metric", rule.metric).member("op", to_text(rule.op));
    out.member("threshold", rule.threshold).member("for_ms", rule.for_ms);
    out.member("severity", to_text(rule.severity)).member("message", text_or_null(rule.message));
    out.member("set_at", rule.set_at).member("set_by", rule.set_by).end_object();
    return out.take();
}

bool is_rule_id(const std::string& id) {
    return !id.empty() && id.size() <= kRuleIdMax && std::all_of(id.begin(), id.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    });
}

int64_t rules_in(const Context& ctx, int64_t workspace) {
    int64_t count = 0;
    for (const AlertRuleRow::Key& key : ctx.tables.sorted_keys<AlertRuleRow>()) {
        count += std::get<0>(key) == workspace ? 1 : 0;
    }
    return count;
}

/// The rule that a request describes, or what is wrong with it.
using Wanted = std::variant<AlertRuleRow, Answer>;
Wanted wanted_rule(const Call& call) {
    AlertRuleRow rule;
    rule.workspace = call.workspace;
    rule.rule = call.params.at(0);
    rule.metric = call.arguments.text("metric");
    if (find_metric(rule.metric) == nullptr) {
        return Wanted(field_error("metric", "invalid_value", "there is no figure of this name"));
    }
    if (!from_text(call.arguments.text("op"), rule.op)) {
        return Wanted(field_error("op", "invalid_value", "must be one of >, >=, <, <="));
    }
    rule.threshold = *call.arguments.integer("threshold");
    rule.for_ms = call.arguments.integer("for_ms").value_or(0);
    if (rule.for_ms < 0 || rule.for_ms > kMsPerDay) {
        return Wanted(field_error("for_ms", "out_of_range", "must be from 0 to 86400000"));
    }
    if (!from_text(call.arguments.string("severity").value_or("warning"), rule.severity)) {
        return Wanted(field_error("severity", "invalid_value", "must be notice, warning or critical"));
    }
    rule.message = call.arguments.text("message");
    rule.set_at = call.ctx.now.wall_ms;
    rule.set_by = call.principal();
    return Wanted(std::move(rule));
}

}  // namespace

Reply on_alerts(const Call& call) {
    json::Writer out;
    out.begin_object().key("alerts").begin_array();
    for (const LiveAlertRow& alert : alerts::standing(call.ctx, call.workspace)) out.raw(alerts::to_json(alert));
    out.end_array().member("timestamp", call.ctx.now.wall_ms).end_object();
    return ok(out);
}

Reply on_alert_history(const Call& call) {
    const int64_t limit = std::clamp<int64_t>(query_integer(call.query, "limit").value_or(kPageDefault), 1, kPageMax);
    const int64_t before = query_integer(call.query, "before").value_or(INT64_MAX);
    const std::string* rule = find_parameter(call.query, "rule_id");
    json::Writer out;
    out.begin_object().key("alerts").begin_array();
    std::optional<int64_t> next;
    int64_t shown = 0;
    const std::vector<AlertEpisodeRow::Key> keys = call.ctx.tables.sorted_keys<AlertEpisodeRow>();
    for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
        const AlertEpisodeRow& episode = *call.ctx.tables.find<AlertEpisodeRow>(*key);
        const bool seen = episode.workspace == call.workspace || episode.workspace == alerts::kHub;
        if (!seen || episode.number >= before || (rule != nullptr && episode.rule != *rule)) continue;
        if (shown == limit) break;
        write_episode(out, episode);
        next = ++shown == limit ? std::optional(episode.number) : std::nullopt;
    }
    out.end_array().member("next", next).end_object();
    return ok(out);
}

Reply on_alert_acknowledge(const Call& call) {
    const std::string& rule = call.params.at(0);
    const std::optional<LiveAlertRow> standing = alerts::find(call.ctx, call.workspace, rule);
    if (!standing) return alert_not_found();
    if (!may_acknowledge(call, *standing)) {
        return error_answer(403, "forbidden",
                            "an alert of the hub is acknowledged by the hub's own principals and those of the "
                            "default workspace");
    }
    alerts::Acknowledgement acknowledgement;
    acknowledgement.by = call.principal();
    acknowledgement.note = call.arguments.text("note");
    acknowledgement.expires_in_ms = call.arguments.integer("expires_in_ms").value_or(0);
    const LiveAlertRow alert = alerts::acknowledge(call.ctx, *standing, acknowledgement);
    json::Writer out;
    out.begin_object().member("status", "acknowledged").member("rule_id", rule);
    out.member("acknowledged_until",
               alert.acknowledged_until == 0 ? std::nullopt : std::optional(alert.acknowledged_until));
    out.end_object();
    return ok(out);
}

Reply on_alert_rules(const Call& call) {
    const config::AlertThresholds thresholds = config::alert_thresholds(call.ctx);
    json::Writer out;
    out.begin_object().key("builtin").begin_array();
    for (const AlertRule& rule : alert_rules()) {
        const AlertTempo tempo = tempo_of(call.ctx, rule, thresholds);
        out.begin_object().member("rule_id", rule.id).member("severity", to_text(rule.severity));
        out.member("summary", rule.summary).member("of_hub", rule.of_hub);
        out.member("raise_after", tempo.raise_after).member("clear_after", tempo.clear_after);
        out.member("rest_ms", tempo.repeats ? std::optional(tempo.rest_ms) : std::nullopt).end_object();
    }
    out.end_array().key("rules").begin_array();
    for (const AlertRuleRow::Key& key : call.ctx.tables.sorted_keys<AlertRuleRow>()) {
        if (std::get<0>(key) == call.workspace) out.raw(rule_json(*call.ctx.tables.find<AlertRuleRow>(key)));
    }
    out.end_array().key("metrics").begin_array();
    for (const MetricInfo& info : metric_infos()) {
        out.begin_object().member("name", info.name).member("type", to_text(info.type));
        out.member("unit", to_text(info.unit)).member("of_hub", info.of_hub).member("summary", info.help).end_object();
    }
    out.end_array().end_object();
    return ok(out);
}

Reply on_alert_rule_get(const Call& call) {
    const AlertRuleRow* rule = call.ctx.tables.find<AlertRuleRow>({call.workspace, call.params.at(0)});
    if (rule == nullptr) return error_answer(404, "rule_not_found");
    return Answer{200, rule_json(*rule), std::nullopt, {}};
}

Reply on_alert_rule_set(const Call& call) {
    Context& ctx = call.ctx;
    const std::string& id = call.params.at(0);
    if (!is_rule_id(id)) {
        return field_error("rule_id", "invalid_value", "must be 1 to 64 lower-case letters, digits, _ or -");
    }
    if (find_alert_rule(id) != nullptr) {
        return error_answer(409, "builtin_rule",
                            "the hub brings a rule of this name along; its thresholds are at "
                            "/api/config/alert-thresholds");
    }
    Wanted wanted = wanted_rule(call);
    if (const Answer* wrong = std::get_if<Answer>(&wanted)) return *wrong;
    AlertRuleRow rule = std::get<AlertRuleRow>(std::move(wanted));
    const AlertRuleRow* before = ctx.tables.find<AlertRuleRow>({call.workspace, id});
    if (before == nullptr && rules_in(ctx, call.workspace) >= alerts::kRulesMax) {
        return error_answer(409, "too_many_rules", "a workspace may have 100 rules of its own");
    }
    const std::string was = before == nullptr ? "null" : rule_json(*before);
    const std::string is = rule_json(rule);
    const bool is_new = before == nullptr;
    ctx.tables.put(std::move(rule));
    alerts::forget(ctx, call.workspace, id);
    audit(call, "alert_rule_set", id, was, is);
    return Answer{is_new ? 201 : 200, is, std::nullopt, {}};
}

Reply on_alert_rule_remove(const Call& call) {
    const std::string& id = call.params.at(0);
    const AlertRuleRow* rule = call.ctx.tables.find<AlertRuleRow>({call.workspace, id});
    if (rule == nullptr) return error_answer(404, "rule_not_found");
    const std::string was = rule_json(*rule);
    call.ctx.tables.erase<AlertRuleRow>({call.workspace, id});
    alerts::forget(call.ctx, call.workspace, id);
    audit(call, "alert_rule_removed", id, was, "null");
    json::Writer out;
    out.begin_object().member("status", "removed").member("rule_id", id).end_object();
    return ok(out);
}

}  // namespace agentcom::requests
