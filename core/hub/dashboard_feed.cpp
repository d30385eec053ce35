#include "core/hub/dashboard_feed.hpp"

#include <charconv>
#include <optional>
#include <utility>

#include "core/base/hash128.hpp"
#include "core/hub/dashboard_events.hpp"
#include "core/hub/dashboard_model.hpp"
#include "core/hub/dashboard_state.hpp"
#include "core/hub/metrics_routes.hpp"
#include "core/view/frames.hpp"

namespace agentcom {

namespace {

// What is kept for dashboards that lag or come back.
constexpr size_t kDeltasKept = 256;
constexpr int64_t kDeltasKeptBytes = int64_t{4} * 1024 * 1024;
// Events of one interval; with more than that a snapshot says it better.
constexpr int64_t kEventsBytes = int64_t{1} * 1024 * 1024;
// Feeds that are kept although nobody looks, for a dashboard that comes back.
constexpr size_t kFeedsKept = 16;

/// Where a cursor stands in a feed of this epoch; nullopt: it is of another.
std::optional<int64_t> seq_of(const std::string& cursor, const std::string& epoch) {
    const size_t dot = cursor.find('.');
    if (dot == std::string::npos || cursor.compare(0, dot, epoch) != 0) return std::nullopt;
    int64_t seq = 0;
    const auto [end, error] = std::from_chars(cursor.data() + dot + 1, cursor.data() + cursor.size(), seq);
    if (error != std::errc{} || end != cursor.data() + cursor.size()) return std::nullopt;
    return seq;
}

/// Of a feed that begins now. Nothing random: the run's generator is part of the state, this is not.
std::string new_epoch(const Context& ctx, int64_t workspace) {
    Hasher hasher;
    hasher.bytes(ctx.tables.find<HubRow>({0})->epoch);
    hasher.i64(ctx.runtime().started_at);
    hasher.i64(workspace);
    hasher.i64(ctx.turn);
    return hasher.finish().to_hex().substr(0, 16);
}

std::string snapshot_frame(const Context& ctx, int64_t workspace, bool first) {
    json::Writer out;
    out.begin_object().member("type", "snapshot").raw_member("data", dashboard_state::text(ctx, workspace));
    // As in v1.1, only the one that comes unasked.
    if (first) out.raw_member("alerts", dashboard_state::alerts_text(ctx, workspace));
    return out.end_object().take();
}

}  // namespace

/// The texts of a round are made when the first dashboard needs them.
struct DashboardFeed::Round {
    int64_t workspace = 0;
    Workspace& feed;
    Text batch;
    Text first_snapshot;
    Text snapshot;
    std::map<std::string, Text> models;  ///< by reason
    std::vector<Sending> sendings;

    void add(ConnectionId connection, const std::vector<Text>& texts) {
        for (Sending& sending : sendings) {
            if (sending.texts == texts) return sending.to.push_back(connection);
        }
        sendings.push_back({texts, {connection}});
    }
};

void DashboardFeed::reset() {
    workspaces_.clear();
    readers_.clear();
}

void DashboardFeed::apply(Context& ctx, const Input& input) {
    if (const auto* pushed = std::get_if<MailPushed>(&input.body)) taken(*pushed);
    if (std::holds_alternative<CommitFailed>(input.body)) reset();
    note(ctx);
    if (ctx.settings.dashboard_interval_ms == 0) {
        for (const auto& [workspace, unused] : ctx.tables.indexes().dashboards) ctx.dashboard_rounds.insert(workspace);
    }
    for (const int64_t workspace : ctx.dashboard_rounds) run(ctx, workspace);
}

void DashboardFeed::taken(const MailPushed& pushed) {
    const auto reader = readers_.find(pushed.connection);
    if (reader != readers_.end() && pushed.up_to_seq >= reader->second.under_way) reader->second.under_way = 0;
}

void DashboardFeed::add_event(int64_t workspace, std::string event) {
    Workspace& feed = workspaces_[workspace];
    feed.events_lost = feed.events_lost || feed.events_bytes > kEventsBytes;
    if (feed.events_lost) {
        feed.events.clear();
        feed.events_bytes = 0;
        return;
    }
    feed.events_bytes += static_cast<int64_t>(event.size());
    feed.events.push_back(std::move(event));
}

void DashboardFeed::note(Context& ctx) {
    for (const EventRow& event : ctx.shown) {
        if (std::optional<std::string> text = dashboard_events::text(ctx, event)) {
            add_event(event.workspace, std::move(*text));
        }
    }
    if (!ctx.sample_due) return;
    for (const auto& [workspace, unused] : ctx.tables.indexes().event_dashboards) {
        add_event(workspace,
                  R"({"type":"metrics_snapshot","data":)" + requests::metrics_snapshot(ctx, workspace) + "}");
    }
}

void DashboardFeed::refresh(const Context& ctx, int64_t workspace, Workspace& feed) {
    view::Model now = dashboard_model::build(ctx, workspace);
    if (feed.model.epoch.empty()) {
        now.epoch = new_epoch(ctx, workspace);
        feed.model = std::move(now);
        return;
    }
    now.epoch = feed.model.epoch;
    now.seq = feed.model.seq + 1;
    std::optional<std::string> delta = view::delta_frame(feed.model, now);
    if (!delta) return;
    feed.deltas_bytes += static_cast<int64_t>(delta->size());
    feed.deltas.push_back({now.seq, std::make_shared<const std::string>(std::move(*delta))});
    while (feed.deltas.size() > kDeltasKept || feed.deltas_bytes > kDeltasKeptBytes) {
        feed.deltas_bytes -= static_cast<int64_t>(feed.deltas.front().text->size());
        feed.deltas.pop_front();
    }
    feed.model = std::move(now);
}

void DashboardFeed::serve_delta(const Context&, Round& round, const DashboardRow& row, Reader& reader) {
    Workspace& feed = round.feed;
    std::string reason;
    const bool asked = reader.asked != row.asked;
    int64_t seq = reader.seq;
    if (asked) {
        const std::optional<int64_t> wanted = seq_of(row.since, feed.model.epoch);
        reason = row.since.empty() ? "start" : "epoch";
        if (wanted && *wanted >= 0 && *wanted <= feed.model.seq) {
            seq = *wanted;
            reason.clear();
        }
        reader.asked = row.asked;
    }
    const bool is_kept = seq == feed.model.seq || (!feed.deltas.empty() && feed.deltas.front().seq <= seq + 1);
    if (reason.empty() && !is_kept) reason = asked ? "too_old" : "lagged";
    reader.seq = feed.model.seq;
    if (!reason.empty()) {
        Text& model = round.models[reason];
        if (!model) model = std::make_shared<const std::string>(view::model_frame(feed.model, reason));
        return round.add(row.connection, {model});
    }
    std::vector<Text> missed;
    for (const Delta& delta : feed.deltas) {
        if (delta.seq > seq) missed.push_back(delta.text);
    }
    if (!missed.empty()) round.add(row.connection, missed);
}

void DashboardFeed::serve_events(const Context& ctx, Round& round, const DashboardRow& row, Reader& reader) {
    Workspace& feed = round.feed;
    const bool asked = reader.asked != row.asked;
    if (asked || reader.behind || feed.events_lost) {
        const bool first = row.asked == 1;
        reader.asked = row.asked;
        reader.behind = false;
        Text& text = first ? round.first_snapshot : round.snapshot;
        if (!text) text = std::make_shared<const std::string>(snapshot_frame(ctx, round.workspace, first));
        return round.add(row.connection, {text});
    }
    if (feed.events.empty()) return;
    if (!round.batch) {
        json::Writer out;
        out.begin_object().member("type", "events").key("data").begin_array();
        for (const std::string& event : feed.events) out.raw(event);
        round.batch = std::make_shared<const std::string>(out.end_array().end_object().take());
    }
    round.add(row.connection, {round.batch});
}

void DashboardFeed::run(Context& ctx, int64_t workspace) {
    const Indexes& indexes = ctx.tables.indexes();
    const auto dashboards = indexes.dashboards.find(workspace);
    if (dashboards == indexes.dashboards.end()) return;
    Workspace& feed = workspaces_[workspace];
    const auto in_events = indexes.event_dashboards.find(workspace);
    const size_t by_events = in_events == indexes.event_dashboards.end() ? 0 : in_events->second.size();
    if (dashboards->second.size() > by_events) refresh(ctx, workspace, feed);
    Round round{workspace, feed, {}, {}, {}, {}, {}};
    for (const ConnectionId connection : dashboards->second) {
        const DashboardRow& row = *ctx.tables.find<DashboardRow>({connection});
        Reader& reader = readers_[connection];
        if (row.asked == 0) continue;
        if (row.mode == DashboardMode::deltas) {
            if (reader.under_way == 0) serve_delta(ctx, round, row, reader);
        } else if (reader.under_way == 0) {
            serve_events(ctx, round, row, reader);
        } else {
            reader.behind = reader.behind || feed.events_lost || !feed.events.empty();
        }
    }
    feed.events.clear();
    feed.events_bytes = 0;
    feed.events_lost = false;
    send(ctx, round);
    forget_gone(ctx);
}

void DashboardFeed::send(Context& ctx, const Round& round) {
    for (const Sending& sending : round.sendings) {
        const int64_t mark = ++marks_;
        for (const Text& text : sending.texts) {
            ctx.emit(SendFrame{sending.to, text, false, &text == &sending.texts.back() ? mark : 0});
        }
        for (const ConnectionId connection : sending.to) readers_[connection].under_way = mark;
    }
}

void DashboardFeed::forget_gone(const Context& ctx) {
    for (auto reader = readers_.begin(); reader != readers_.end();) {
        reader = ctx.tables.contains<DashboardRow>({reader->first}) ? std::next(reader) : readers_.erase(reader);
    }
    for (auto feed = workspaces_.begin(); feed != workspaces_.end() && workspaces_.size() > kFeedsKept;) {
        const bool is_watched = ctx.tables.indexes().dashboards.contains(feed->first);
        feed = is_watched ? std::next(feed) : workspaces_.erase(feed);
    }
}

}  // namespace agentcom
