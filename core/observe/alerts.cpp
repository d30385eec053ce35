#include "core/observe/alerts.hpp"

#include <algorithm>
#include <tuple>

#include "core/base/assert.hpp"
#include "core/base/json.hpp"
#include "core/observe/metrics.hpp"

namespace agentcom::alerts {

namespace {

using Key = AlertColumns::Key;

/// Where the events of an alert are written.
int64_t log_of(const Context& ctx, int64_t workspace) {
    if (workspace != kHub) return workspace;
    const auto& workspaces = ctx.tables.indexes().workspaces;
    const auto found = workspaces.find("default");
    AGENTCOM_ASSERT(found != workspaces.end(), "there is a default workspace");
    return found->second;
}

std::optional<int64_t> or_null(int64_t at_ms) { return at_ms == 0 ? std::nullopt : std::optional(at_ms); }
std::optional<std::string> or_null(const std::string& text) {
    return text.empty() ? std::nullopt : std::optional(text);
}

void write_members(json::Writer& out, const AlertColumns& alert) {
    out.member("rule_id", alert.rule).member("severity", to_text(alert.severity)).member("message", alert.message);
    out.raw_member("details", alert.details).member("fired_at", alert.fired_at);
}

void tell(Context& ctx, std::string kind, const AlertColumns& alert, bool notify) {
    json::Writer data;
    data.begin_object();
    write_members(data, alert);
    data.member("of_hub", alert.workspace == kHub).member("notify", notify).end_object();
    ctx.event(log_of(ctx, alert.workspace), std::move(kind), alert.rule, "", "", data.take());
}

void tell_acknowledged(Context& ctx, const AlertColumns& alert) {
    json::Writer data;
    data.begin_object().member("rule_id", alert.rule).member("note", or_null(alert.note));
    data.member("until", or_null(alert.acknowledged_until)).member("of_hub", alert.workspace == kHub).end_object();
    ctx.event(log_of(ctx, alert.workspace), "alert_acknowledged", alert.rule, alert.acknowledged_by, "", data.take());
}

void tell_cleared(Context& ctx, const AlertColumns& alert) {
    json::Writer data;
    data.begin_object().member("rule_id", alert.rule).member("severity", to_text(alert.severity));
    data.member("message", alert.message).member("fired_at", alert.fired_at);
    data.member("of_hub", alert.workspace == kHub).member("notify", alert.told > 0).end_object();
    ctx.event(log_of(ctx, alert.workspace), "alert_cleared", alert.rule, "", "", data.take());
}

void keep_episode(Context& ctx, const AlertColumns& alert) {
    const std::vector<AlertEpisodeRow::Key> kept = ctx.tables.sorted_keys<AlertEpisodeRow>();
    AlertEpisodeRow episode;
    episode.number = kept.empty() ? 1 : std::get<0>(kept.back()) + 1;
    episode.workspace = alert.workspace;
    episode.rule = alert.rule;
    episode.severity = alert.severity;
    episode.message = alert.message;
    episode.details = alert.details;
    episode.fired_at = alert.fired_at;
    episode.cleared_at = ctx.now.wall_ms;
    episode.acknowledged_by = alert.acknowledged_by;
    episode.acknowledged_at = alert.acknowledged_at;
    episode.note = alert.note;
    ctx.tables.put(std::move(episode));
    const auto limit = static_cast<size_t>(ctx.settings.alert_history);
    for (size_t i = 0; i + limit <= kept.size(); ++i) ctx.tables.erase<AlertEpisodeRow>(kept[i]);
}

template <class Row>
Row as(const AlertColumns& alert) {
    Row row;
    static_cast<AlertColumns&>(row) = alert;
    return row;
}

void drop_acknowledgement(AlertColumns& alert) {
    alert.acknowledged_by.clear();
    alert.acknowledged_at = 0;
    alert.acknowledged_until = 0;
    alert.note.clear();
}

/// One rule at one check: what it finds meets what stands.
class Meeting {
  public:
    Meeting(Context& ctx, int64_t workspace, std::string rule) : ctx_(ctx), key_{workspace, std::move(rule)} {
        if (const AlertWatchRow* row = ctx.tables.find<AlertWatchRow>(key_)) watch = *row;
        watch.workspace = workspace;
        watch.rule = std::get<1>(key_);
        if (const LiveAlertRow* row = ctx.tables.find<LiveAlertRow>(key_)) alert_ = *row;
        if (alert_ && alert_->acknowledged_until != 0 && ctx.now.wall_ms >= alert_->acknowledged_until) {
            drop_acknowledgement(*alert_);
            changed_ = true;
        }
    }

    bool active() const { return alert_.has_value(); }
    AlertWatchRow watch;

    void meet(const AlertFinding& finding, const AlertTempo& tempo) {
        const AlertStanding standing{active(), alert_ && !alert_->acknowledged_by.empty(), alert_ && alert_->told > 0};
        const bool worse = alert_ && finding.bad && finding.severity > alert_->severity &&
                           (finding.severity > watch.told_severity || has_rested(watch, tempo, ctx_.now.mono_us));
        switch (alert_step(watch, standing, finding.bad, worse, tempo, ctx_.now.mono_us)) {
            case AlertStep::none:
                break;
            case AlertStep::raise:
                raise(finding);
                count_telling();
                break;
            case AlertStep::raise_quietly:
                raise(finding);
                break;
            case AlertStep::tell:
                if (worse) drop_acknowledgement(*alert_);
                describe(finding);
                count_telling();
                break;
            case AlertStep::clear:
                ctx_.tables.erase<LiveAlertRow>(key_);
                alert_.reset();
                break;
        }
        // It grows milder without a word, and within the rest as bad again as it was told to be.
        if (alert_ && finding.bad && finding.severity != alert_->severity) describe(finding);
        if (alert_ && changed_) ctx_.tables.put(*alert_);
        ctx_.tables.put(watch);
    }

  private:
    void raise(const AlertFinding& finding) {
        alert_.emplace();
        alert_->workspace = std::get<0>(key_);
        alert_->rule = std::get<1>(key_);
        alert_->fired_at = ctx_.now.wall_ms;
        describe(finding);
    }
    void describe(const AlertFinding& finding) {
        alert_->severity = finding.severity;
        alert_->message = finding.message;
        alert_->details = finding.details;
        changed_ = true;
    }
    void count_telling() {
        ++alert_->told;
        alert_->told_at = ctx_.now.wall_ms;
        watch.told_severity = alert_->severity;
        changed_ = true;
    }

    Context& ctx_;
    Key key_;
    std::optional<LiveAlertRow> alert_;
    bool changed_ = false;
};

void check_workspace(Context& ctx, int64_t workspace, const config::AlertThresholds& thresholds) {
    for (const AlertRule& rule : alert_rules()) {
        if (rule.of_hub != (workspace == kHub)) continue;
        Meeting meeting(ctx, workspace, std::string(rule.id));
        const AlertFinding finding = rule.look(AlertLook{ctx, thresholds, workspace, meeting.active(), meeting.watch});
        meeting.meet(finding, tempo_of(ctx, rule, thresholds));
    }
}

/// What was stored and is not so any more is put right.
void follow_one(Context& ctx, const Key& key) {
    const LiveAlertRow* live = ctx.tables.find<LiveAlertRow>(key);
    const AlertRow* stored = ctx.tables.find<AlertRow>(key);
    if (live == nullptr) {
        const AlertRow over = *stored;
        ctx.tables.erase<AlertRow>(key);
        keep_episode(ctx, over);
        return tell_cleared(ctx, over);
    }
    const LiveAlertRow now = *live;
    const bool is_new = stored == nullptr || stored->fired_at != now.fired_at;
    AlertColumns before;
    if (stored != nullptr) before = *stored;
    if (stored != nullptr && is_new) {
        keep_episode(ctx, before);
        tell_cleared(ctx, before);
    }
    ctx.tables.put(as<AlertRow>(now));
    if (is_new) {
        tell(ctx, "alert_fired", now, now.told > 0);
    } else if (now.told != before.told) {
        tell(ctx, "alert_refired", now, true);
    }
    if (!now.acknowledged_by.empty() && (is_new || now.acknowledged_at != before.acknowledged_at)) {
        tell_acknowledged(ctx, now);
    }
}

/// Of what is stored and does not stand in this run.
void stand_again(Context& ctx, const AlertRow& stood) {
    ctx.tables.put(as<LiveAlertRow>(stood));
    AlertWatchRow watch;
    watch.workspace = stood.workspace;
    watch.rule = stood.rule;
    // That is no reason to tell it again.
    if (stood.told > 0) {
        watch.told_us = ctx.now.mono_us;
        watch.told_severity = stood.severity;
    }
    ctx.tables.put(std::move(watch));
}

bool is_known_rule(const Context& ctx, const Key& key) {
    return find_alert_rule(std::get<1>(key)) != nullptr || ctx.tables.contains<AlertRuleRow>(key);
}

bool is_acknowledged_as(const AlertColumns& alert, const AlertColumns& other) {
    return std::tie(alert.acknowledged_by, alert.acknowledged_at, alert.acknowledged_until, alert.note) ==
           std::tie(other.acknowledged_by, other.acknowledged_at, other.acknowledged_until, other.note);
}

/// What was said in turns that were taken back was not said. What is stored holds instead, unless the alert is another
/// one or was told again since.
void take_back_acknowledgement(Context& ctx, const Key& key) {
    LiveAlertRow live = *ctx.tables.find<LiveAlertRow>(key);
    const AlertRow* stored = ctx.tables.find<AlertRow>(key);
    if (stored != nullptr && (stored->fired_at != live.fired_at || stored->told != live.told)) stored = nullptr;
    if (live.acknowledged_by.empty() || (stored != nullptr && is_acknowledged_as(live, *stored))) return;
    drop_acknowledgement(live);
    if (stored != nullptr) {
        live.acknowledged_by = stored->acknowledged_by;
        live.acknowledged_at = stored->acknowledged_at;
        live.acknowledged_until = stored->acknowledged_until;
        live.note = stored->note;
    }
    ctx.tables.put(std::move(live));
}

}  // namespace

void start(Context& ctx) {
    for (const Key& key : ctx.tables.sorted_keys<AlertRow>()) {
        stand_again(ctx, AlertRow(*ctx.tables.find<AlertRow>(key)));
    }
    if (ctx.settings.metrics_interval_ms == 0) return;
    ctx.arm(TimerKind::alert_check, kHub, "", ctx.in_ms(ctx.settings.alert_start_delay_ms));
}

void check(Context& ctx) {
    const config::AlertThresholds thresholds = config::alert_thresholds(ctx);
    check_workspace(ctx, kHub, thresholds);
    for (const int64_t workspace : ctx.metrics->workspaces()) check_workspace(ctx, workspace, thresholds);
    for (const AlertRuleRow::Key& key : ctx.tables.sorted_keys<AlertRuleRow>()) {
        const AlertRuleRow rule = *ctx.tables.find<AlertRuleRow>(key);
        Meeting(ctx, rule.workspace, rule.rule).meet(look_by_rule(ctx, rule), tempo_of(ctx, rule));
    }
    follow(ctx);
    ctx.arm(TimerKind::alert_check, kHub, "", ctx.in_ms(thresholds.check_interval_ms));
}

void follow(Context& ctx) {
    if (ctx.read_only()) return;
    std::vector<Key> keys;
    for (const Key& key : ctx.tables.sorted_keys<LiveAlertRow>()) {
        const AlertRow* stored = ctx.tables.find<AlertRow>(key);
        if (stored != nullptr && row_values(*stored) == row_values(*ctx.tables.find<LiveAlertRow>(key))) continue;
        keys.push_back(key);
    }
    for (const Key& key : ctx.tables.sorted_keys<AlertRow>()) {
        if (!ctx.tables.contains<LiveAlertRow>(key)) keys.push_back(key);
    }
    for (const Key& key : keys) follow_one(ctx, key);
}

void commit_failed(Context& ctx) {
    for (const Key& key : ctx.tables.sorted_keys<AlertWatchRow>()) {
        if (!is_known_rule(ctx, key)) ctx.tables.erase<AlertWatchRow>(key);
    }
    for (const Key& key : ctx.tables.sorted_keys<LiveAlertRow>()) {
        if (is_known_rule(ctx, key)) {
            take_back_acknowledgement(ctx, key);
        } else {
            ctx.tables.erase<LiveAlertRow>(key);
        }
    }
    // A rule that was changed or removed is there again, and so is its alert: nothing has looked since.
    for (const Key& key : ctx.tables.sorted_keys<AlertRow>()) {
        const bool was_forgotten = !ctx.tables.contains<LiveAlertRow>(key) && !ctx.tables.contains<AlertWatchRow>(key);
        if (was_forgotten) stand_again(ctx, AlertRow(*ctx.tables.find<AlertRow>(key)));
    }
}

std::vector<LiveAlertRow> standing(const Context& ctx, int64_t workspace) {
    std::vector<LiveAlertRow> alerts;
    for (const Key& key : ctx.tables.sorted_keys<LiveAlertRow>()) {
        if (std::get<0>(key) == workspace || std::get<0>(key) == kHub) {
            alerts.push_back(*ctx.tables.find<LiveAlertRow>(key));
        }
    }
    std::sort(alerts.begin(), alerts.end(), [](const LiveAlertRow& a, const LiveAlertRow& b) {
        return std::tie(a.rule, a.workspace) < std::tie(b.rule, b.workspace);
    });
    return alerts;
}

std::optional<LiveAlertRow> find(const Context& ctx, int64_t workspace, const std::string& rule) {
    for (const int64_t place : {workspace, kHub}) {
        if (const LiveAlertRow* row = ctx.tables.find<LiveAlertRow>({place, rule})) return *row;
    }
    return std::nullopt;
}

LiveAlertRow acknowledge(Context& ctx, LiveAlertRow alert, const Acknowledgement& acknowledgement) {
    alert.acknowledged_by = acknowledgement.by;
    alert.acknowledged_at = ctx.now.wall_ms;
    alert.note = acknowledgement.note;
    alert.acknowledged_until =
        acknowledgement.expires_in_ms == 0 ? 0 : saturating_add(ctx.now.wall_ms, acknowledgement.expires_in_ms);
    ctx.tables.put(alert);
    follow(ctx);
    return alert;
}

void forget(Context& ctx, int64_t workspace, const std::string& rule) {
    ctx.tables.erase<LiveAlertRow>({workspace, rule});
    ctx.tables.erase<AlertWatchRow>({workspace, rule});
    follow(ctx);
}

std::string to_json(const AlertColumns& alert) {
    json::Writer out;
    out.begin_object();
    write_members(out, alert);
    out.member("acknowledged", !alert.acknowledged_by.empty());
    out.member("acknowledged_by", or_null(alert.acknowledged_by));
    out.member("acknowledged_at", or_null(alert.acknowledged_at)).member("note", or_null(alert.note));
    out.member("acknowledged_until", or_null(alert.acknowledged_until));
    out.member("told_at", or_null(alert.told_at)).member("of_hub", alert.workspace == kHub).end_object();
    return out.take();
}

}  // namespace agentcom::alerts
