#include "core/hub/config_routes.hpp"

#include <algorithm>

#include "core/base/limits.hpp"
#include "core/hub/audit.hpp"
#include "core/messaging/mailbox.hpp"
#include "core/state/config.hpp"

namespace agentcom::requests {

namespace {

/// The last segment of its route: "heartbeat_interval_ms" is "heartbeat-interval".
std::string_view public_name(std::string_view name) {
    if (name == config::kHeartbeatInterval) return "heartbeat-interval";
    if (name == config::kMailboxTtl) return "mailbox-retention";
    if (name == config::kDefaultRepo) return "default-repo";
    if (name == config::kPublicUrl) return "public-url";
    return "alert-thresholds";
}

/// What a changed value brings about beyond itself.
void take_effect(Context& ctx, std::string_view name) {
    if (name != config::kMailboxTtl) return;
    for (const WorkspaceRow::Key& key : ctx.tables.sorted_keys<WorkspaceRow>()) {
        mailbox::expire(ctx, std::get<0>(key));
    }
}

void store(const Call& call, std::string_view name, std::string value_json) {
    const std::string before = config::value_json(call.ctx, name);
    config::set(call.ctx, name, std::move(value_json), call.principal());
    audit(call, "config_set", std::string(public_name(name)), before, config::value_json(call.ctx, name));
    take_effect(call.ctx, name);
}

/// PUT of a value that is a setting, too: its bounds are those of the setting.
Reply set_number(const Call& call, std::string_view name) {
    const std::string value = std::to_string(*call.arguments.integer(name));
    Settings bounds = call.ctx.settings;
    if (const Status good = set_setting(bounds, name, value); !good) {
        return field_error(std::string(name), "out_of_range", good.error().text);
    }
    store(call, name, value);
    json::Writer out;
    out.begin_object().raw_member(name, value).member("status", "updated").end_object();
    return ok(out);
}

Reply get_number(std::string_view name, int64_t value) {
    json::Writer out;
    out.begin_object().member(name, value).end_object();
    return ok(out);
}

/// An address that a path can be put behind: http or https, a host, and no more than a port and a path.
bool is_base_url(std::string_view url) {
    const size_t scheme = url.starts_with("https://") ? 8 : url.starts_with("http://") ? 7 : 0;
    return scheme != 0 && url.size() > scheme && url[scheme] != '/' && url[scheme] != ':' && !url.ends_with('/') &&
           std::all_of(url.begin(), url.end(), [](char c) {
               return c > ' ' && c <= '~' && std::string_view("\"<>\\^`{}|?#@").find(c) == std::string_view::npos;
           });
}

}  // namespace

Reply on_config_list(const Call& call) {
    json::Writer out;
    out.begin_object().key("config").begin_array();
    for (const std::string_view name : config::kNames) {
        const ConfigRow* row = call.ctx.tables.find<ConfigRow>({std::string(name)});
        out.begin_object().member("name", public_name(name));
        out.raw_member("value", config::value_json(call.ctx, name));
        out.member("source", row != nullptr ? "stored" : "settings");
        out.member("set_at", row != nullptr ? std::optional(row->set_at) : std::nullopt);
        out.member("set_by", row != nullptr ? std::optional(row->set_by) : std::nullopt).end_object();
    }
    out.end_array().end_object();
    return ok(out);
}

Reply on_config_unset(const Call& call) {
    const std::string wanted = call.arguments.text("name");
    const auto known = std::find_if(config::kNames.begin(), config::kNames.end(),
                                    [&](std::string_view name) { return public_name(name) == wanted; });
    if (known == config::kNames.end()) return field_error("name", "invalid_value", "is nothing that can be configured");
    if (config::stored(call.ctx, *known) != nullptr) {
        const std::string before = config::value_json(call.ctx, *known);
        config::unset(call.ctx, *known);
        audit(call, "config_unset", wanted, before, config::value_json(call.ctx, *known));
        take_effect(call.ctx, *known);
    }
    json::Writer out;
    out.begin_object().member("status", "unset").member("name", wanted);
    out.raw_member("value", config::value_json(call.ctx, *known)).end_object();
    return ok(out);
}

Reply on_heartbeat_get(const Call& call) {
    return get_number(config::kHeartbeatInterval, config::heartbeat_interval_ms(call.ctx));
}

Reply on_heartbeat_set(const Call& call) { return set_number(call, config::kHeartbeatInterval); }

Reply on_mail_retention_get(const Call& call) {
    return get_number(config::kMailboxTtl, config::mailbox_ttl_ms(call.ctx));
}

Reply on_mail_retention_set(const Call& call) { return set_number(call, config::kMailboxTtl); }

Reply on_default_repo_get(const Call& call) {
    const std::optional<std::string> repo = config::default_repo(call.ctx);
    json::Writer out;
    // v1.1's command line reads `url`, v1.1's hub gave `default_repo`.
    out.begin_object().member("default_repo", repo).member("configured", repo.has_value()).member("url", repo);
    out.end_object();
    return ok(out);
}

Reply on_default_repo_set(const Call& call) {
    const std::string repo = call.arguments.text("url");
    store(call, config::kDefaultRepo, json::encode_string(repo));
    json::Writer out;
    out.begin_object().member("status", "ok").member("default_repo", repo).end_object();
    return ok(out);
}

Reply on_public_url_get(const Call& call) {
    const std::optional<std::string> url = config::public_url(call.ctx);
    json::Writer out;
    out.begin_object().member("public_url", url).member("configured", url.has_value()).end_object();
    return ok(out);
}

Reply on_public_url_set(const Call& call) {
    std::string url = call.arguments.text("url");
    while (url.ends_with('/')) url.pop_back();
    if (!is_base_url(url)) {
        return field_error("url", "invalid_value",
                           "must be http:// or https://, a host, and at most a port and a path");
    }
    store(call, config::kPublicUrl, json::encode_string(url));
    json::Writer out;
    out.begin_object().member("status", "ok").member("public_url", url).end_object();
    return ok(out);
}

Reply on_thresholds_get(const Call& call) {
    return Answer{200, config::to_json(config::alert_thresholds(call.ctx)), std::nullopt, {}};
}

Reply on_thresholds_set(const Call& call) {
    config::AlertThresholds thresholds = config::alert_thresholds(call.ctx);
    const std::string& body = call.request.body;
    const std::vector<config::BadThreshold> bad =
        config::merge(thresholds, body.empty() ? json::Object{} : json::members(body, json::Duplicates::last_wins));
    if (!bad.empty()) {
        std::vector<FieldError> errors;
        for (const config::BadThreshold& one : bad) {
            const bool short_enough = one.value_raw.size() <= kMaxEchoBytes;
            errors.push_back(
                {one.field, one.code, one.detail, short_enough ? std::optional(one.value_raw) : std::nullopt, 0});
        }
        return Answer{422, http_validation_error(errors), std::nullopt, {}};
    }
    store(call, config::kAlertThresholds, config::to_json(thresholds));
    json::Writer out;
    out.begin_object().member("status", "updated").member("effective", "next_check_cycle").end_object();
    return ok(out);
}

}  // namespace agentcom::requests
