#include "core/state/config.hpp"

#include <algorithm>

namespace agentcom::config {

namespace {

constexpr int64_t kDay = 86'400'000;
constexpr int64_t kYear = 366 * kDay;
constexpr std::string_view kCooldowns = "cooldowns";

using T = AlertThresholds;

struct ThresholdInfo {
    std::string_view name;
    int64_t T::*member;
    int64_t minimum;
    int64_t maximum;
};

constexpr ThresholdInfo kThresholds[] = {
    {"queue_growing_checks", &T::queue_growing_checks, 1, 1'000},
    {"failure_rate_pct", &T::failure_rate_pct, 0, 100},
    {"stuck_task_ms", &T::stuck_task_ms, 1, kYear},
    {"error_count_hour", &T::error_count_hour, 0, 1'000'000'000},
    {"check_interval_ms", &T::check_interval_ms, 1'000, kDay},
};

constexpr ThresholdInfo kCooldownInfos[] = {
    {"queue_growing", &T::queue_growing_cooldown_ms, 0, kYear},
    {"high_failure_rate", &T::high_failure_rate_cooldown_ms, 0, kYear},
    {"stuck_tasks", &T::stuck_tasks_cooldown_ms, 0, kYear},
    {"no_agents_online", &T::no_agents_online_cooldown_ms, 0, kYear},
    {"high_error_rate", &T::high_error_rate_cooldown_ms, 0, kYear},
};

std::optional<int64_t> stored_integer(const Context& ctx, std::string_view name) {
    const std::string* value = stored(ctx, name);
    return value == nullptr ? std::nullopt : json::to_int64(json::parse_value(*value));
}

std::optional<std::string> stored_text(const Context& ctx, std::string_view name) {
    const std::string* value = stored(ctx, name);
    if (value == nullptr) return std::nullopt;
    const json::Value text = json::parse_value(*value);
    return text.kind == json::Kind::string ? std::optional(json::decode_string(text)) : std::nullopt;
}

/// Reads the numbers of one level. `prefix` stands before their names in errors.
void merge_level(T& thresholds, const json::Object& members, std::span<const ThresholdInfo> infos,
                 std::string_view prefix, std::vector<BadThreshold>& errors) {
    for (const json::Member& member : members) {
        if (prefix.empty() && member.key == kCooldowns) continue;
        const auto info = std::find_if(infos.begin(), infos.end(),
                                       [&](const ThresholdInfo& known) { return known.name == member.key; });
        const std::string field = std::string(prefix) + member.key;
        const std::string raw(member.value.raw);
        if (info == infos.end()) {
            errors.push_back({field, "unknown_field", "there is no such threshold", raw});
        } else if (member.value.kind != json::Kind::integer) {
            errors.push_back(
                {field, "wrong_type", "expected integer, got " + std::string(json::kind_name(member.value.kind)), raw});
        } else if (const int64_t number = json::to_int64_saturated(member.value);
                   number < info->minimum || number > info->maximum) {
            errors.push_back({field, "out_of_range",
                              "must be from " + std::to_string(info->minimum) + " to " + std::to_string(info->maximum),
                              raw});
        } else {
            thresholds.*info->member = number;
        }
    }
}

}  // namespace

const std::string* stored(const Context& ctx, std::string_view name) {
    const ConfigRow* row = ctx.tables.find<ConfigRow>({std::string(name)});
    return row == nullptr ? nullptr : &row->value;
}

std::string value_json(const Context& ctx, std::string_view name) {
    if (name == kHeartbeatInterval) return std::to_string(heartbeat_interval_ms(ctx));
    if (name == kMailboxTtl) return std::to_string(mailbox_ttl_ms(ctx));
    if (name == kAlertThresholds) return to_json(alert_thresholds(ctx));
    const std::string* value = stored(ctx, name);
    return value == nullptr ? "null" : *value;
}

void set(Context& ctx, std::string_view name, std::string value_json, const std::string& by) {
    ConfigRow row;
    row.name = name;
    row.value = std::move(value_json);
    row.set_at = ctx.now.wall_ms;
    row.set_by = by;
    ctx.tables.put(std::move(row));
}

void unset(Context& ctx, std::string_view name) { ctx.tables.erase<ConfigRow>({std::string(name)}); }

int64_t heartbeat_interval_ms(const Context& ctx) {
    return stored_integer(ctx, kHeartbeatInterval).value_or(ctx.settings.heartbeat_interval_ms);
}

int64_t offered_heartbeat_ms(const Context& ctx) {
    const int64_t borne_ms = std::min(ctx.settings.idle_timeout_ms, ctx.settings.lease_silence_ms);
    return std::max<int64_t>(1, std::min(heartbeat_interval_ms(ctx), borne_ms / 2));
}

int64_t mailbox_ttl_ms(const Context& ctx) {
    return stored_integer(ctx, kMailboxTtl).value_or(ctx.settings.mailbox_ttl_ms);
}

std::optional<std::string> default_repo(const Context& ctx) { return stored_text(ctx, kDefaultRepo); }

std::optional<std::string> public_url(const Context& ctx) { return stored_text(ctx, kPublicUrl); }

AlertThresholds alert_thresholds(const Context& ctx) {
    AlertThresholds thresholds;
    // Only what `merge` let pass is ever stored.
    if (const std::string* value = stored(ctx, kAlertThresholds)) merge(thresholds, json::members(*value));
    return thresholds;
}

std::string to_json(const AlertThresholds& thresholds) {
    json::Writer out;
    out.begin_object();
    for (const ThresholdInfo& info : kThresholds) out.member(info.name, thresholds.*info.member);
    out.key(kCooldowns).begin_object();
    for (const ThresholdInfo& info : kCooldownInfos) out.member(info.name, thresholds.*info.member);
    out.end_object().end_object();
    return out.take();
}

std::vector<BadThreshold> merge(AlertThresholds& thresholds, const json::Object& members) {
    std::vector<BadThreshold> errors;
    AlertThresholds merged = thresholds;
    merge_level(merged, members, kThresholds, "", errors);
    if (const json::Value* cooldowns = members.find(kCooldowns); cooldowns != nullptr) {
        if (cooldowns->kind == json::Kind::object) {
            merge_level(merged, json::members(cooldowns->raw, json::Duplicates::last_wins), kCooldownInfos,
                        "cooldowns.", errors);
        } else {
            errors.push_back({std::string(kCooldowns), "wrong_type",
                              "expected object, got " + std::string(json::kind_name(cooldowns->kind)),
                              std::string(cooldowns->raw)});
        }
    }
    if (errors.empty()) thresholds = merged;
    return errors;
}

}  // namespace agentcom::config
