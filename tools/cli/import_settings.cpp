// Settings, rate limits and the whitelist: they go to the new hub by the same routes by which v1.1 took them.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "tools/cli/import_hubs.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/text.hpp"

namespace agentcom::cli {

namespace {

// The same JSON for the same value, whatever the order of its members.
std::string canonical(const json::Value& value) {
    json::Writer out;
    if (value.kind == json::Kind::array) {
        out.begin_array();
        for (const json::Value& element : json::elements(value.raw)) out.raw(canonical(element));
        return out.end_array().take();
    }
    if (value.kind != json::Kind::object) return std::string(value.raw);
    const json::Object members = json::members(value.raw);
    std::map<std::string, std::string> sorted;
    for (const json::Member& member : members) sorted.emplace(member.key, canonical(member.value));
    out.begin_object();
    for (const auto& [key, raw] : sorted) out.raw_member(key, raw);
    return out.end_object().take();
}

std::string canonical(std::string_view valid_json) { return canonical(json::parse_value(valid_json)); }

// -- Settings ---------------------------------------------------------------------------------------------------------

struct Setting {
    std::string_view name;
    std::string_view path;
    std::string_view member;      // of the answer; "" = the whole answer
    std::string_view put_member;  // of the body of PUT; "" = the whole body
    std::string_view v11_default;
};

constexpr std::array kSettings = {
    Setting{"heartbeat interval", "/api/config/heartbeat-interval", "heartbeat_interval_ms", "heartbeat_interval_ms",
            "900000"},
    Setting{"mailbox retention", "/api/config/mailbox-retention", "mailbox_ttl_ms", "mailbox_ttl_ms", "604800000"},
    Setting{"default repository", "/api/config/default-repo", "default_repo", "url", "null"},
    Setting{"alert thresholds", "/api/config/alert-thresholds", "", "",
            R"({"queue_growing_checks":3,"failure_rate_pct":50,"stuck_task_ms":300000,"error_count_hour":10,)"
            R"("check_interval_ms":30000,"cooldowns":{"queue_growing":300000,"high_failure_rate":600000,)"
            R"("stuck_tasks":0,"no_agents_online":0,"high_error_rate":300000}})"},
};

std::string value_in(const Setting& setting, const std::string& answer) {
    return setting.member.empty() ? answer : std::string(raw_of(members_of(answer), setting.member));
}

// What the new hub does not have, or finds wrong, is left out; anything else stops the import.
bool is_refusal(const Failure& failure) {
    return failure.code == ExitCode::not_found || failure.code == ExitCode::usage;
}

// Puts something unless it is there already; `now_raw` is what the new hub has.
Trouble put_unless_same(Import& import, ImportPart part, const std::string& name, const std::string& target,
                        const std::string& body, bool same) {
    if (same || import.dry_run) {
        import.report.add(part, same ? ImportStatus::known : ImportStatus::created);
        return std::nullopt;
    }
    Outcome<std::string> answer = import.new_hub.put("cannot set " + name + " on the new hub", target, body);
    if (answer) {
        import.report.add(part, ImportStatus::created);
        return std::nullopt;
    }
    if (!is_refusal(answer.failure())) return answer.failure();
    import.report.skip(part, name, answer.failure().why);
    return std::nullopt;
}

Trouble import_setting(Import& import, const Setting& setting) {
    Outcome<std::string> old = import.old_hub->get(std::string(setting.path));
    if (!old) return old.failure();
    const std::string value = value_in(setting, *old);
    // Nobody chose what was the default there; here another default may be the better one.
    if (canonical(value) == canonical(setting.v11_default)) return std::nullopt;
    const std::string name(setting.name);
    Outcome<std::string> present = import.new_hub.get("cannot read " + name, std::string(setting.path));
    if (!present) {
        if (!is_refusal(present.failure())) return present.failure();
        import.report.skip(ImportPart::settings, name, "the new hub has no such setting");
        return std::nullopt;
    }
    json::Writer body;
    if (!setting.put_member.empty()) body.begin_object().raw_member(setting.put_member, value).end_object();
    const bool same = canonical(value) == canonical(value_in(setting, *present));
    return put_unless_same(import, ImportPart::settings, name, std::string(setting.path),
                           setting.put_member.empty() ? value : body.take(), same);
}

// -- Rate limits ------------------------------------------------------------------------------------------------------

double number_in(const json::Object& object, std::string_view key) {
    const std::string raw(raw_of(object, key));
    double number = 0;
    const auto [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), number);
    return error == std::errc{} && end == raw.data() + raw.size() ? number : 0;
}

std::string decimal(double number) {
    std::array<char, 32> text{};
    const int length = std::snprintf(text.data(), text.size(), "%.10g", number);
    return {text.data(), static_cast<size_t>(std::max(length, 0))};
}

struct Limit {
    int64_t capacity = 0;          // whole tokens
    std::string refill_per_min{};  // tokens
};

// v1.1 shows its own units: thousandths of tokens, and thousandths of tokens per millisecond.
std::optional<Limit> old_limit(const json::Object& tier) {
    constexpr double kPerToken = 1'000;
    constexpr double kMsPerMin = 60'000;
    constexpr double kMaxCapacity = 1e9;
    const double capacity = number_in(tier, "capacity") / kPerToken;
    const double refill = number_in(tier, "refill_rate") / kPerToken * kMsPerMin;
    if (!(capacity > 0) || !(refill > 0) || capacity > kMaxCapacity) return std::nullopt;
    // A rate that was set as a whole number comes back as a quotient that is not quite it.
    const double rounded = std::round(refill * 100) / 100;
    return Limit{static_cast<int64_t>(std::ceil(capacity)), decimal(rounded > 0 ? rounded : refill)};
}

bool same_limits(const json::Object& present, const std::map<std::string, Limit>& wanted) {
    return std::all_of(wanted.begin(), wanted.end(), [&](const auto& tier) {
        const json::Object there = members_of(raw_of(present, tier.first));
        return number_in(there, "capacity") == static_cast<double>(tier.second.capacity) &&
               decimal(number_in(there, "refill_rate_per_min")) == tier.second.refill_per_min;
    });
}

Trouble import_override(Import& import, const json::Member& override_of, const json::Object& present) {
    const std::string& agent = override_of.key;
    std::map<std::string, Limit> wanted;
    const std::string tiers_raw(override_of.value.raw);
    for (const char* tier : {"light", "normal", "heavy"}) {
        const std::string tier_raw(raw_of(members_of(tiers_raw), tier));
        if (tier_raw == "null") continue;
        if (const std::optional<Limit> limit = old_limit(members_of(tier_raw))) {
            wanted.emplace(tier, *limit);
        } else {
            import.report.skip(ImportPart::limits, agent + " " + tier, "it would let the agent do nothing");
        }
    }
    if (wanted.empty()) return std::nullopt;
    json::Writer body;
    body.begin_object();
    for (const auto& [tier, limit] : wanted) {
        body.key(tier).begin_object().member("capacity", limit.capacity);
        body.raw_member("refill_rate_per_min", limit.refill_per_min).end_object();
    }
    body.end_object();
    const std::string present_raw(raw_of(present, agent));
    return put_unless_same(import, ImportPart::limits, agent, "/api/admin/rate-limits/" + percent_encode(agent),
                           body.take(), same_limits(members_of(present_raw), wanted));
}

constexpr std::string_view kNoLimits = "the new hub does not know the request";

}  // namespace

Trouble import_settings(Import& import) {
    for (const Setting& setting : kSettings) {
        if (Trouble trouble = import_setting(import, setting)) return trouble;
    }
    return std::nullopt;
}

Trouble import_limits(Import& import) {
    Outcome<std::string> old = import.old_hub->get("/api/admin/rate-limits");
    if (!old) return old.failure();
    const json::Object old_members = members_of(*old);
    const std::string old_raw(raw_of(old_members, "overrides"));
    const json::Object overrides = members_of(old_raw);
    if (overrides.empty()) return std::nullopt;
    Outcome<std::string> present = import.new_hub.get("cannot read the limits", "/api/admin/rate-limits");
    if (!present) {
        if (!is_refusal(present.failure())) return present.failure();
        for (const json::Member& one : overrides) {
            import.report.skip(ImportPart::limits, one.key, std::string(kNoLimits));
        }
        return std::nullopt;
    }
    const json::Object present_members = members_of(*present);
    const std::string present_raw(raw_of(present_members, "overrides"));
    const json::Object present_overrides = members_of(present_raw);
    for (const json::Member& one : overrides) {
        if (Trouble trouble = import_override(import, one, present_overrides)) return trouble;
    }
    return std::nullopt;
}

Trouble import_whitelist(Import& import) {
    constexpr std::string_view kPath = "/api/admin/rate-limits/whitelist";
    Outcome<std::string> old = import.old_hub->get(std::string(kPath));
    if (!old) return old.failure();
    std::vector<std::string> names;
    for (const json::Value& name : elements_of(members_of(*old), "whitelist")) {
        if (name.kind == json::Kind::string) names.push_back(json::decode_string(name));
    }
    if (names.empty()) return std::nullopt;
    Outcome<std::string> present = import.new_hub.get("cannot read the whitelist", std::string(kPath));
    if (!present && !is_refusal(present.failure())) return present.failure();
    std::set<std::string> there;
    if (present) {
        for (const json::Value& name : elements_of(members_of(*present), "whitelist")) {
            if (name.kind == json::Kind::string) there.insert(json::decode_string(name));
        }
    }
    // The newest comes first there, and each is put in front here.
    std::reverse(names.begin(), names.end());
    for (const std::string& name : names) {
        if (!present) {
            import.report.skip(ImportPart::whitelist, name, std::string(kNoLimits));
            continue;
        }
        const bool known = there.contains(name);
        if (!known && !import.dry_run) {
            json::Writer body;
            body.begin_object().member("agent_id", name).end_object();
            Outcome<std::string> added =
                import.new_hub.post("cannot add to the whitelist", std::string(kPath), body.take());
            if (!added && !is_refusal(added.failure())) return added.failure();
            if (!added) {
                import.report.skip(ImportPart::whitelist, name, added.failure().why);
                continue;
            }
        }
        import.report.add(ImportPart::whitelist, known ? ImportStatus::known : ImportStatus::created);
    }
    return std::nullopt;
}

}  // namespace agentcom::cli
