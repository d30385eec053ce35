#include "core/hub/feeds.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <tuple>

#include "core/base/limits.hpp"
#include "core/hub/overview.hpp"
#include "core/observe/notice.hpp"

namespace agentcom {

namespace {

constexpr int64_t kLimitDefault = 500;
constexpr int64_t kLimitMax = 1'000;
// Events that one query may look at for a reader who wants only some of them. By subject the store finds them at once.
constexpr int64_t kScanByKind = 10'000;
constexpr int64_t kScanBySubject = 100'000;

// What serving costs, in units of one event handed to one reader (measured: some 0.2 us, most of it the kernel's).
constexpr int64_t kCostOfReader = 100;
constexpr int64_t kCostOfQuery = 100;
constexpr int64_t kCostOfReadEvent = 5;
/// A round of this cost is followed by a pause of `feed_round_ms`.
constexpr int64_t kRoundCost = 20'000;
// A share of one reader in a crowded round; fewer would cost more in rounds than it saves in events.
constexpr int64_t kSmallestShare = 50;

using Text = std::shared_ptr<const std::string>;

const WorkspaceRow& workspace_of(const Context& ctx, int64_t workspace) {
    const WorkspaceRow* row = ctx.tables.find<WorkspaceRow>({workspace});
    AGENTCOM_ASSERT(row != nullptr, "a reader reads a workspace that exists");
    return *row;
}

// -- texts ------------------------------------------------------------------------------------------------------------

const std::string& epoch_of(const Context& ctx) { return ctx.tables.find<HubRow>({0})->epoch; }

/// One server-sent event. `data` is JSON: a line break in it can only be white space.
void append_sse(std::string& text, const std::string& id, std::string_view name, std::string data) {
    std::replace_if(
        data.begin(), data.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
    text.append("id: ").append(id).append("\nevent: ").append(name).append("\ndata: ").append(data).append("\n\n");
}

std::string stream_text(const Context& ctx, const std::vector<EventRow>& events) {
    const std::string& epoch = epoch_of(ctx);
    std::string text;
    for (const EventRow& event : events) {
        json::Writer out;
        notices::write_event(out, event, epoch);
        append_sse(text, epoch + "." + std::to_string(event.seq), event.kind, out.take());
    }
    return text;
}

std::string poll_text(const Context& ctx, int64_t workspace, const std::vector<EventRow>& events, int64_t looked) {
    const std::string& epoch = epoch_of(ctx);
    json::Writer out;
    out.begin_object().member("epoch", epoch).member("cursor", feeds::cursor(ctx, looked));
    out.key("events").begin_array();
    for (const EventRow& event : events) notices::write_event(out, event, epoch);
    out.end_array().member("more", looked < workspace_of(ctx, workspace).event_seq);
    out.member("resync", nullptr).end_object();
    return out.take();
}

/// The overview in place of events that are not to be had, and where to go on.
struct Resync {
    std::string_view reason;
    std::string snapshot;
};

void write_resync(json::Writer& out, const Resync& resync) {
    out.begin_object().member("reason", resync.reason).raw_member("snapshot", resync.snapshot).end_object();
}

std::string poll_resync_text(const Context& ctx, int64_t head, const Resync& resync) {
    json::Writer out;
    out.begin_object().member("epoch", epoch_of(ctx)).member("cursor", feeds::cursor(ctx, head));
    out.key("events").begin_array().end_array().member("more", false);
    out.key("resync");
    write_resync(out, resync);
    out.end_object();
    return out.take();
}

std::string stream_resync_text(const Context& ctx, int64_t head, const Resync& resync) {
    json::Writer out;
    write_resync(out, resync);
    std::string text;
    append_sse(text, feeds::cursor(ctx, head), "resync", out.take());
    return text;
}

// -- a reader ---------------------------------------------------------------------------------------------------------

void forget(Context& ctx, RequestId request) {
    ctx.disarm(TimerKind::feed, request, "");
    ctx.tables.erase<FeedRow>({request});
}

void arm(Context& ctx, RequestId request, int64_t delay_ms) {
    ctx.arm(TimerKind::feed, request, "", ctx.in_ms(delay_ms));
}

/// Hands a stream its next piece.
void emit_piece(Context& ctx, const FeedRow& before, Text text) {
    FeedRow feed = before;
    feed.busy = true;
    feed.emitted_turn = ctx.turn;
    ctx.tables.put(feed);
    arm(ctx, feed.request, ctx.settings.feed_stall_ms);
    ctx.emit(HttpBody{feed.request, std::move(text), HttpBody::End::open});
}

void answer_poll(Context& ctx, RequestId request, requests::Answer answer) {
    forget(ctx, request);
    requests::respond(ctx, request, std::move(answer));
}

void end_stream(Context& ctx, RequestId request, HttpBody::End how) {
    forget(ctx, request);
    ctx.emit(HttpBody{request, nullptr, how});
}

/// The reader may not have more, or there is nothing to be had.
void end(Context& ctx, const FeedRow& feed, requests::Answer answer, HttpBody::End how) {
    const RequestId request = feed.request;
    if (feed.stream) {
        end_stream(ctx, request, how);
    } else {
        answer_poll(ctx, request, std::move(answer));
    }
}

requests::Answer poll_answer(std::string body) { return {200, std::move(body), std::nullopt, {}}; }

/// Readers whose place in the log is gone get the overview; `feeds` are of one workspace.
void resync(Context& ctx, int64_t workspace, const std::vector<RequestId>& feeds, std::string_view reason) {
    if (feeds.empty()) return;
    const int64_t head = workspace_of(ctx, workspace).event_seq;
    const Resync with{reason, overview::text(ctx, workspace)};
    const auto piece = std::make_shared<const std::string>(stream_resync_text(ctx, head, with));
    for (const RequestId request : feeds) {
        FeedRow feed = *ctx.tables.find<FeedRow>({request});
        if (!feed.stream) {
            answer_poll(ctx, request, poll_answer(poll_resync_text(ctx, head, with)));
            continue;
        }
        feed.since = head;
        feed.query = 0;
        emit_piece(ctx, feed, piece);
    }
}

// -- rounds -----------------------------------------------------------------------------------------------------------

/// Readers at the same place who want the same.
using GroupKey = std::tuple<int64_t, std::vector<std::string>, std::string, int64_t>;
GroupKey group_of(const FeedRow& feed) { return {feed.since, feed.kinds, feed.subject, feed.limit}; }

/// Up to where a group is looked for. Pieces end at multiples of their size, so that readers who lag by different
/// numbers of events come together.
int64_t end_of_piece(const GroupKey& group, int64_t head, int64_t share) {
    const auto& [since, kinds, subject, limit] = group;
    const int64_t size = !subject.empty() ? kScanBySubject : !kinds.empty() ? kScanByKind : share;
    return std::min(head, (since / size + 1) * size);
}

/// How many events each of so many readers may have at once.
int64_t share_of(int64_t limit, int64_t readers) {
    int64_t share = limit;
    while (share / 2 >= kSmallestShare && share * readers > kRoundCost) share /= 2;
    return share;
}

int64_t ask(Context& ctx, int64_t workspace, const GroupKey& group, const std::vector<RequestId>& readers, int64_t head,
            int64_t share) {
    const auto& [since, kinds, subject, limit] = group;
    FetchEvents what{workspace, since, end_of_piece(group, head, share), kinds, subject, share};
    PendingRow pending;
    pending.workspace = workspace;
    pending.purpose = "events";
    pending.input = std::to_string(what.up_to_seq) + " " + std::to_string(share);
    const int64_t events = std::min(share, what.up_to_seq - since);
    const int64_t query = ctx.query(std::move(what), std::move(pending));
    for (const RequestId request : readers) {
        ctx.tables.modify<FeedRow>({request}, [query](FeedRow& row) { row.query = query; });
    }
    return kCostOfQuery + kCostOfReadEvent * events + static_cast<int64_t>(readers.size()) * (kCostOfReader + events);
}

void serve(Context& ctx, int64_t workspace) {
    const auto& all = ctx.tables.indexes().feeds;
    const auto found = all.find(workspace);
    if (found == all.end()) return;
    const WorkspaceRow& log = workspace_of(ctx, workspace);
    const int64_t head = log.event_seq;
    std::map<GroupKey, std::vector<RequestId>> groups;
    std::vector<RequestId> overtaken;
    std::vector<RequestId> revoked;
    int64_t readers = 0;
    for (const RequestId request : found->second) {
        const FeedRow& feed = *ctx.tables.find<FeedRow>({request});
        if (feed.query != 0 || feed.busy) continue;
        if (!access::is_valid(ctx, feed.token)) {
            revoked.push_back(request);
        } else if (feed.since < log.events_pruned) {
            overtaken.push_back(request);
        } else if (feed.since < head) {
            groups[group_of(feed)].push_back(request);
            ++readers;
        }
    }
    for (const RequestId request : revoked) {
        end(ctx, *ctx.tables.find<FeedRow>({request}), {401, unauthorized_body(Auth::flex), std::nullopt, {}},
            HttpBody::End::complete);
    }
    resync(ctx, workspace, overtaken, "pruned");
    int64_t cost = kCostOfReader * static_cast<int64_t>(overtaken.size());
    for (const auto& [group, requests] : groups) {
        cost += ask(ctx, workspace, group, requests, head, share_of(std::get<3>(group), readers));
    }
    // Also when nobody could be served: those who are busy need not be looked at for every event.
    const int64_t pause_us = us_from_ms(ctx.settings.feed_round_ms) * std::max(cost, kCostOfReader) / kRoundCost;
    ctx.arm(TimerKind::feed_round, workspace, "", saturating_add(ctx.now.mono_us, pause_us));
}

/// Serves the readers of a workspace now, or when the pause is over.
void want_round(Context& ctx, int64_t workspace) {
    if (ctx.tables.contains<TimerRow>({TimerKind::feed_round, workspace, "", 0})) return;
    serve(ctx, workspace);
}

/// The rows of an answer; nullopt when one is damaged, or when one is missing where none can be.
std::optional<std::vector<EventRow>> events_of(const QueryResult& result, const FeedRow& feed, int64_t up_to) {
    if (!result.ok) return std::nullopt;
    std::vector<EventRow> events;
    for (const QueryRow& row : result.rows) {
        std::optional<EventRow> event = row_from_values<EventRow>(row.values);
        if (!event) return std::nullopt;
        events.push_back(std::move(*event));
    }
    const bool filtered = !feed.kinds.empty() || !feed.subject.empty();
    if (!filtered && static_cast<int64_t>(events.size()) != up_to - feed.since) return std::nullopt;
    return events;
}

}  // namespace

std::string feeds::cursor(const Context& ctx, int64_t seq) { return epoch_of(ctx) + "." + std::to_string(seq); }

void feeds::run(Context& ctx) {
    if (ctx.news.empty()) return;
    const std::set<int64_t> news = std::move(ctx.news);
    ctx.news.clear();
    for (const int64_t workspace : news) want_round(ctx, workspace);
}

void feeds::answered(Context& ctx, const PendingRow& pending, const QueryResult& result) {
    const auto& by_query = ctx.tables.indexes().feeds_by_query;
    const auto found = by_query.find(pending.query);
    if (found == by_query.end()) return;
    const std::vector<RequestId> readers(found->second.begin(), found->second.end());
    const FeedRow first = *ctx.tables.find<FeedRow>({readers.front()});
    std::string rest = pending.input;
    const int64_t up_to = requests::next_number(rest);
    const int64_t share = requests::next_number(rest);
    const WorkspaceRow& log = workspace_of(ctx, pending.workspace);
    // What was asked for may have been pruned in the store before it was read.
    if (log.events_pruned > first.since) return resync(ctx, pending.workspace, readers, "pruned");
    const std::optional<std::vector<EventRow>> events = events_of(result, first, up_to);
    if (!events) {
        for (const RequestId request : readers) {
            end(ctx, *ctx.tables.find<FeedRow>({request}),
                requests::error_answer(503, "storage_unavailable", "the store could not answer; try again later"),
                HttpBody::End::cut);
        }
        return;
    }
    const bool full = static_cast<int64_t>(events->size()) >= share;
    const int64_t looked = full ? events->back().seq : up_to;
    Text piece;
    std::string body;
    for (const RequestId request : readers) {
        FeedRow feed = *ctx.tables.find<FeedRow>({request});
        feed.query = 0;
        feed.since = looked;
        if (feed.stream && !events->empty()) {
            if (!piece) piece = std::make_shared<const std::string>(stream_text(ctx, *events));
            emit_piece(ctx, feed, piece);
        } else if (!feed.stream && (!events->empty() || !feed.waits)) {
            if (body.empty()) body = poll_text(ctx, feed.workspace, *events, looked);
            answer_poll(ctx, request, poll_answer(body));
        } else {
            ctx.tables.put(feed);
        }
    }
    if (looked < log.event_seq) want_round(ctx, pending.workspace);
}

void feeds::taken(Context& ctx, RequestId request) {
    const FeedRow* found = ctx.tables.find<FeedRow>({request});
    if (found == nullptr || !found->busy) return;
    FeedRow feed = *found;
    feed.busy = false;
    ctx.tables.put(feed);
    arm(ctx, request, ctx.settings.feed_keep_alive_ms);
    if (feed.since < workspace_of(ctx, feed.workspace).event_seq) want_round(ctx, feed.workspace);
}

void feeds::cancelled(Context& ctx, RequestId request) {
    if (ctx.tables.contains<FeedRow>({request})) forget(ctx, request);
}

void feeds::on_timer(Context& ctx, const TimerRow& timer) {
    if (timer.kind == TimerKind::feed_round) {
        const auto& all = ctx.tables.indexes().feeds;
        const auto found = all.find(timer.workspace);
        if (found == all.end()) return;
        const int64_t head = workspace_of(ctx, timer.workspace).event_seq;
        const bool news = std::any_of(found->second.begin(), found->second.end(), [&](RequestId request) {
            const FeedRow& feed = *ctx.tables.find<FeedRow>({request});
            return feed.query == 0 && !feed.busy && feed.since < head;
        });
        if (news) serve(ctx, timer.workspace);
        return;
    }
    const FeedRow* found = ctx.tables.find<FeedRow>({timer.workspace});
    if (found == nullptr) return;
    FeedRow feed = *found;
    if (!access::is_valid(ctx, feed.token)) {
        return end(ctx, feed, {401, unauthorized_body(Auth::flex), std::nullopt, {}}, HttpBody::End::complete);
    }
    if (!feed.stream) {
        feed.waits = false;
        if (feed.query != 0) return ctx.tables.put(feed);  // its answer is on the way
        return answer_poll(ctx, feed.request, poll_answer(poll_text(ctx, feed.workspace, {}, feed.since)));
    }
    if (feed.busy) return end_stream(ctx, feed.request, HttpBody::End::cut);
    if (feed.query != 0) return arm(ctx, feed.request, ctx.settings.feed_keep_alive_ms);
    // The id without data moves the cursor of a reader who hears nothing because nothing matches.
    emit_piece(ctx, feed, std::make_shared<const std::string>(": keep-alive\nid: " + cursor(ctx, feed.since) + "\n\n"));
}

void feeds::commit_failed(Context& ctx, int64_t first_turn) {
    for (const auto& [request] : ctx.tables.sorted_keys<FeedRow>()) {
        FeedRow feed = *ctx.tables.find<FeedRow>({request});
        if (feed.emitted_turn >= first_turn) {
            // Its piece was taken back and its body cut off with it (`effect_of_failed_turn`).
            forget(ctx, request);
            continue;
        }
        if (feed.query != 0) ctx.tables.erase<PendingRow>({feed.query});
        feed.query = 0;
        feed.since = std::min(feed.since, workspace_of(ctx, feed.workspace).event_seq);
        ctx.news.insert(feed.workspace);
        ctx.tables.put(std::move(feed));
    }
}

void feeds::end_of_token(Context& ctx, const std::string& token_sha256) {
    for (const auto& [request] : ctx.tables.sorted_keys<FeedRow>()) {
        const FeedRow feed = *ctx.tables.find<FeedRow>({request});
        if (feed.token != token_sha256) continue;
        end(ctx, feed, {401, unauthorized_body(Auth::flex), std::nullopt, {}}, HttpBody::End::complete);
    }
}

void feeds::end_all(Context& ctx) {
    for (const auto& [request] : ctx.tables.sorted_keys<FeedRow>()) {
        const FeedRow feed = *ctx.tables.find<FeedRow>({request});
        end(ctx, feed, poll_answer(poll_text(ctx, feed.workspace, {}, feed.since)), HttpBody::End::complete);
    }
}

// -- the route --------------------------------------------------------------------------------------------------------

namespace requests {

namespace {

/// Kinds of a comma list, sorted, each once; nullopt if one is no kind.
std::optional<std::vector<std::string>> parse_kinds(const std::string& list) {
    std::vector<std::string> kinds;
    for (size_t from = 0; from <= list.size();) {
        const size_t comma = std::min(list.find(',', from), list.size());
        std::string kind = list.substr(from, comma - from);
        from = comma + 1;
        if (kind.empty()) continue;
        const size_t end = kind.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_");
        const bool is_prefix = end == kind.size() - 1 && kind.back() == '*';
        if ((end != std::string::npos && !is_prefix) || kind.size() > kMaxKeyCodePoints) return std::nullopt;
        if (kind == "*") return std::vector<std::string>{};
        kinds.push_back(std::move(kind));
    }
    std::sort(kinds.begin(), kinds.end());
    kinds.erase(std::unique(kinds.begin(), kinds.end()), kinds.end());
    if (kinds.size() > kMaxEventKinds) return std::nullopt;
    return kinds;
}

/// Where a reader wants to begin.
struct Place {
    int64_t seq = 0;
    std::string_view resync;  ///< why it cannot; "" = it can
};

/// nullopt: the text is no cursor.
std::optional<Place> parse_place(const Call& call, const std::string& text) {
    const WorkspaceRow& log = workspace_of(call.ctx, call.workspace);
    if (text.empty()) return Place{log.event_seq, {}};
    if (text == "start") return Place{log.events_pruned, {}};
    const size_t dot = text.find('.');
    if (dot == std::string::npos) return std::nullopt;
    int64_t seq = 0;
    const auto [end, error] = std::from_chars(text.data() + dot + 1, text.data() + text.size(), seq);
    if (error != std::errc{} || end != text.data() + text.size() || seq < 0) return std::nullopt;
    // A number that this log has not reached belongs to another one, too.
    if (text.substr(0, dot) != epoch_of(call.ctx) || seq > log.event_seq) return Place{log.event_seq, "epoch"};
    if (seq < log.events_pruned) return Place{log.event_seq, "pruned"};
    return Place{seq, {}};
}

bool wants_stream(const HttpRequest& request) { return request.accept.find("text/event-stream") != std::string::npos; }

std::vector<std::pair<std::string, std::string>> stream_headers() {
    return {{"content-type", "text/event-stream; charset=utf-8"},
            {"cache-control", "no-store"},
            {"x-accel-buffering", "no"}};
}

void open_stream(const Call& call, const FeedRow& feed, const Place& place) {
    HttpRespond head;
    head.request = feed.request;
    head.headers = stream_headers();
    head.stream = true;
    call.ctx.emit(std::move(head));
    // A reader that is cut off before the first event goes on from here as well.
    std::string text = "retry: 1000\nid: " + feeds::cursor(call.ctx, place.seq) + "\n\n";
    if (!place.resync.empty()) {
        text = "retry: 1000\n\n" +
               stream_resync_text(call.ctx, place.seq, {place.resync, overview::text(call.ctx, call.workspace)});
    }
    emit_piece(call.ctx, feed, std::make_shared<const std::string>(std::move(text)));
}

}  // namespace

Reply on_events(const Call& call) {
    Context& ctx = call.ctx;
    const auto parameter = [&](std::string_view name) {
        const std::string* value = find_parameter(call.query, name);
        return value == nullptr ? std::string{} : *value;
    };
    const bool stream = wants_stream(call.request);
    std::optional<std::vector<std::string>> kinds = parse_kinds(parameter("kind"));
    if (!kinds) return field_error("kind", "invalid_value", "is no list of event kinds, e.g. task_completed,agent_*");
    const bool resumes = stream && !call.request.last_event_id.empty();
    const std::optional<Place> place = parse_place(call, resumes ? call.request.last_event_id : parameter("since"));
    if (!place) return field_error("since", "invalid_value", "is no cursor, and not \"start\"");
    const int64_t limit = std::clamp<int64_t>(query_integer(call.query, "limit").value_or(kLimitDefault), 1, kLimitMax);
    const int64_t wait_ms = std::clamp<int64_t>(query_integer(call.query, "wait_ms").value_or(0), 0, kMaxWaitMs);

    if (stream && call.request.method == Method::head) return Answer{200, "", std::nullopt, stream_headers()};
    if (stream && ctx.runtime().stopping) return error_answer(503, "stopping", "the hub is about to end");
    if (!stream && !place->resync.empty()) {
        return poll_answer(poll_resync_text(ctx, place->seq, {place->resync, overview::text(ctx, call.workspace)}));
    }
    const bool waits = wait_ms > 0 && !ctx.runtime().stopping;
    if (!stream && !waits && place->seq == workspace_of(ctx, call.workspace).event_seq) {
        return poll_answer(poll_text(ctx, call.workspace, {}, place->seq));
    }
    if (ctx.tables.count<FeedRow>() >= ctx.settings.feed_readers_max) {
        return error_answer(503, "too_many_readers", "so many read events already; try again later");
    }
    FeedRow feed;
    feed.request = call.request.request;
    feed.workspace = call.workspace;
    feed.token = call.identity->token;
    feed.kinds = std::move(*kinds);
    feed.subject = parameter("subject");
    feed.limit = limit;
    feed.since = place->seq;
    feed.stream = stream;
    feed.waits = waits;
    if (stream) {
        open_stream(call, std::move(feed), *place);
        return std::nullopt;
    }
    ctx.tables.put(std::move(feed));
    if (waits) arm(ctx, call.request.request, wait_ms);
    if (place->seq < workspace_of(ctx, call.workspace).event_seq) want_round(ctx, call.workspace);
    return std::nullopt;
}

}  // namespace requests

}  // namespace agentcom
