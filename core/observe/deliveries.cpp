#include "core/observe/deliveries.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "core/observe/push.hpp"
#include "core/observe/webhooks.hpp"

namespace agentcom::deliveries {

namespace {

constexpr int64_t kMaxRetryAfterMs = 3'600'000;

bool is_push(std::string_view receiver) { return receiver.starts_with(push::kReceiver); }

std::string id_of(const std::string& receiver) { return receiver.substr(receiver.find('/') + 1); }

std::set<int64_t> waiting(const Context& ctx, int64_t workspace, const std::string& receiver) {
    const auto& all = ctx.tables.indexes().deliveries_waiting;
    const auto found = all.find({workspace, receiver});
    return found == all.end() ? std::set<int64_t>{} : found->second;
}

ReceiverRow state_of(const Context& ctx, int64_t workspace, const std::string& receiver) {
    if (const ReceiverRow* row = ctx.tables.find<ReceiverRow>({workspace, receiver})) return *row;
    ReceiverRow row;
    row.workspace = workspace;
    row.receiver = receiver;
    return row;
}

void put_state(Context& ctx, ReceiverRow state) {
    // What is as it is without a row needs none.
    if (state.sending.empty() && state.failures == 0) {
        ctx.tables.erase<ReceiverRow>(state.key());
    } else {
        ctx.tables.put(std::move(state));
    }
}

void trim_ended(Context& ctx, int64_t workspace, const std::string& receiver) {
    const auto& all = ctx.tables.indexes().deliveries_ended;
    const auto found = all.find({workspace, receiver});
    if (found == all.end() || static_cast<int64_t>(found->second.size()) <= ctx.settings.deliveries_shown) return;
    const int64_t oldest = *found->second.begin();
    ctx.tables.erase<DeliveryRow>({workspace, receiver, oldest});
}

/// The delivery is over; of a browser nothing is kept but what the subscription says.
void end(Context& ctx, DeliveryRow row, DeliveryState state) {
    if (is_push(row.receiver)) {
        ctx.tables.erase<DeliveryRow>(row.key());
        return push::told(ctx, row, state == DeliveryState::delivered);
    }
    row.state = state;
    row.body.clear();
    const int64_t workspace = row.workspace;
    const std::string receiver = row.receiver;
    ctx.tables.put(std::move(row));
    trim_ended(ctx, workspace, receiver);
}

/// The effect that sends it; nullopt when there is nobody to send it to.
std::optional<Deliver> effect_of(const Context& ctx, const DeliveryRow& row) {
    Deliver effect;
    effect.workspace = row.workspace;
    effect.receiver = row.receiver;
    effect.seq = row.seq;
    effect.body = row.body;
    effect.name = ctx.tables.find<HubRow>({0})->epoch + "." + std::to_string(row.seq);
    if (is_push(row.receiver)) {
        const PushSubscriptionRow* to = ctx.tables.find<PushSubscriptionRow>({row.workspace, id_of(row.receiver)});
        if (to == nullptr) return std::nullopt;
        effect.kind = Deliver::Kind::push;
        effect.url = to->endpoint;
        effect.p256dh = to->p256dh;
        effect.auth = to->auth;
        effect.urgent = row.urgent;
        effect.ttl_s = std::max<int64_t>(1, (row.created_at + ctx.settings.delivery_ttl_ms - ctx.now.wall_ms) / 1'000);
        return effect;
    }
    const WebhookRow* to = ctx.tables.find<WebhookRow>({row.workspace, id_of(row.receiver)});
    if (to == nullptr || !to->enabled) return std::nullopt;
    effect.url = to->url;
    effect.secret_sha256 = to->secret_sha256;
    return effect;
}

/// The oldest that wait and are not on their way.
std::vector<int64_t> next_waiting(const Context& ctx, const ReceiverRow& state, size_t most) {
    std::vector<int64_t> seqs;
    const auto& all = ctx.tables.indexes().deliveries_waiting;
    const auto found = all.find({state.workspace, state.receiver});
    if (found == all.end()) return seqs;
    for (const int64_t seq : found->second) {
        if (seqs.size() >= most) break;
        const std::string text = std::to_string(seq);
        if (std::find(state.sending.begin(), state.sending.end(), text) == state.sending.end()) seqs.push_back(seq);
    }
    return seqs;
}

/// Sends what is still worth it; else ends it, and gives false.
bool send(Context& ctx, ReceiverRow& state, int64_t seq) {
    DeliveryRow row = *ctx.tables.find<DeliveryRow>({state.workspace, state.receiver, seq});
    std::optional<Deliver> effect = effect_of(ctx, row);
    if (effect && ctx.now.wall_ms - row.created_at < ctx.settings.delivery_ttl_ms) {
        state.sending.push_back(std::to_string(seq));
        ctx.emit(std::move(*effect));
        return true;
    }
    row.last_error = effect ? "expired" : "disabled";
    end(ctx, std::move(row), DeliveryState::failed);
    return false;
}

/// Sends as much as the receiver may be sent at the moment.
void pump(Context& ctx, int64_t workspace, const std::string& receiver) {
    if (ctx.read_only() || ctx.runtime().stopping) return;
    ReceiverRow state = state_of(ctx, workspace, receiver);
    if (ctx.now.mono_us < state.not_before_us) return;
    const size_t limit = state.failures > 0 ? 1 : kAtATime;
    bool some_ended = true;
    while (some_ended && state.sending.size() < limit) {
        some_ended = false;
        for (const int64_t seq : next_waiting(ctx, state, limit - state.sending.size())) {
            some_ended = !send(ctx, state, seq) || some_ended;
        }
    }
    put_state(ctx, std::move(state));
}

/// The receiver rests: twice as long as before, less up to half of it, so that many do not come back at once.
void rest(Context& ctx, ReceiverRow& state, int64_t retry_after_ms) {
    // Attempts that were on their way together are one failure.
    if (ctx.now.mono_us < state.not_before_us) return;
    int64_t rest_ms = ctx.settings.delivery_retry_ms;
    for (int64_t i = 0; i < state.failures && rest_ms < ctx.settings.delivery_retry_max_ms; ++i) rest_ms *= 2;
    rest_ms = std::min(rest_ms, ctx.settings.delivery_retry_max_ms);
    rest_ms -= ctx.random_below(rest_ms / 2 + 1);
    ++state.failures;
    rest_ms = std::max(rest_ms, std::min(retry_after_ms, kMaxRetryAfterMs));
    state.not_before_us = ctx.in_ms(rest_ms);
    ctx.arm(TimerKind::delivery, state.workspace, state.receiver, state.not_before_us);
}

/// An attempt that may come again, unless it was the last.
void failed_attempt(Context& ctx, ReceiverRow& state, DeliveryRow row, const Outcome& outcome) {
    rest(ctx, state, outcome.retry_after_ms);
    const bool is_over = row.attempts >= ctx.settings.delivery_attempts ||
                         ctx.now.wall_ms - row.created_at >= ctx.settings.delivery_ttl_ms;
    if (is_over) {
        end(ctx, std::move(row), DeliveryState::failed);
    } else {
        ctx.tables.put(std::move(row));
    }
    if (state.failures >= kFailuresToTell && !is_push(state.receiver)) {
        webhooks::fails(ctx, state.workspace, id_of(state.receiver), outcome);
    }
}

}  // namespace

Verdict judge(std::string_view receiver, int64_t status) {
    if (status >= 200 && status < 300) return Verdict::delivered;
    if (status == 410) return Verdict::gone;
    if (is_push(receiver)) {
        if (status == 404) return Verdict::gone;
        const bool passing = status < 400 || status >= 500 || status == 408 || status == 425 || status == 429;
        return passing ? Verdict::again : Verdict::refused;
    }
    // What speaks of this very request. Others (no such path, not allowed) are more likely a server that is being set
    // up.
    switch (status) {
        case 400:
        case 406:
        case 411:
        case 413:
        case 414:
        case 415:
        case 416:
        case 417:
        case 422:
        case 431:
            return Verdict::refused;
        default:
            return Verdict::again;
    }
}

void announce(Context& ctx) {
    // What is queued may bring about further events.
    for (size_t i = 0; i < ctx.announced.size(); ++i) {
        const EventRow event = ctx.announced[i];
        const std::set<std::string> receivers = ctx.tables.indexes().listeners_of(event.workspace, event.kind);
        for (const std::string& receiver : receivers) {
            const std::string id = id_of(receiver);
            const bool about_itself = !is_push(receiver) && event.subject == id && event.kind.starts_with("webhook_");
            if (about_itself || (is_push(receiver) && !push::wants(ctx, event, id))) continue;
            queue(ctx, receiver, event);
        }
    }
    ctx.announced.clear();
}

void queue(Context& ctx, const std::string& receiver, const EventRow& event) {
    const int64_t before_it = count_waiting(ctx, event.workspace, receiver);
    const int64_t most = ctx.settings.deliveries_waiting_max;
    DeliveryRow row;
    row.workspace = event.workspace;
    row.receiver = receiver;
    row.seq = event.seq;
    row.kind = event.kind;
    row.created_at = ctx.now.wall_ms;
    if (is_push(receiver)) {
        // Who has so many notifications before them is not helped by one more.
        if (before_it >= most || !ctx.tables.contains<PushSubscriptionRow>({event.workspace, id_of(receiver)})) return;
        row.body = push::body(ctx, event, row.urgent);
    } else {
        const WebhookRow* webhook = ctx.tables.find<WebhookRow>({event.workspace, id_of(receiver)});
        if (webhook == nullptr || !webhook->enabled) return;
        // Once it is full half of it has to go first: gaps are then few, and logged as seldom.
        if (before_it >= (webhook->gap_since != 0 ? (most + 1) / 2 : most)) {
            return webhooks::leave_out(ctx, WebhookRow(*webhook), event.seq);
        }
        row.body = webhooks::body(ctx, WebhookRow(*webhook), event);
    }
    ctx.tables.put(std::move(row));
    pump(ctx, event.workspace, receiver);
}

void done(Context& ctx, const Name& name, const Outcome& outcome) {
    ReceiverRow state = state_of(ctx, name.workspace, name.receiver);
    if (std::erase(state.sending, std::to_string(name.seq)) == 0) return;
    const DeliveryRow* found = ctx.tables.find<DeliveryRow>({name.workspace, name.receiver, name.seq});
    // What cannot be written down did not happen: it is sent again when the store has recovered.
    if (found == nullptr || found->state != DeliveryState::waiting || ctx.read_only()) {
        put_state(ctx, std::move(state));
        return pump(ctx, name.workspace, name.receiver);
    }
    DeliveryRow row = *found;
    ++row.attempts;
    row.last_at = ctx.now.wall_ms;
    row.last_status = outcome.status;
    row.last_error = outcome.error;
    const Verdict verdict = judge(name.receiver, outcome.status);
    if (verdict == Verdict::again) {
        failed_attempt(ctx, state, std::move(row), outcome);
    } else if (verdict == Verdict::gone) {
        put_state(ctx, std::move(state));
        end(ctx, std::move(row), DeliveryState::failed);
        if (is_push(name.receiver)) return push::remove(ctx, name.workspace, id_of(name.receiver));
        return webhooks::is_gone(ctx, name.workspace, id_of(name.receiver));
    } else {
        // What was on its way when another attempt failed says nothing against the rest that came of that.
        if (ctx.now.mono_us >= state.not_before_us) {
            state.failures = 0;
            state.not_before_us = 0;
            ctx.disarm(TimerKind::delivery, name.workspace, name.receiver);
        }
        end(ctx, std::move(row), verdict == Verdict::delivered ? DeliveryState::delivered : DeliveryState::failed);
        if (!is_push(name.receiver)) webhooks::works(ctx, name.workspace, id_of(name.receiver));
    }
    put_state(ctx, std::move(state));
    pump(ctx, name.workspace, name.receiver);
}

void on_timer(Context& ctx, const TimerRow& timer) { pump(ctx, timer.workspace, timer.subject); }

void resume(Context& ctx) {
    std::vector<Indexes::Name> receivers;
    for (const auto& [receiver, unused] : ctx.tables.indexes().deliveries_waiting) receivers.push_back(receiver);
    for (const auto& [workspace, receiver] : receivers) pump(ctx, workspace, receiver);
}

void commit_failed(Context& ctx) {
    for (const ReceiverRow::Key& key : ctx.tables.sorted_keys<ReceiverRow>()) {
        ReceiverRow state = *ctx.tables.find<ReceiverRow>(key);
        state.sending.clear();
        put_state(ctx, std::move(state));
    }
}

void stop(Context& ctx, int64_t workspace, const std::string& receiver) {
    for (const int64_t seq : waiting(ctx, workspace, receiver)) {
        DeliveryRow row = *ctx.tables.find<DeliveryRow>({workspace, receiver, seq});
        row.last_error = "disabled";
        end(ctx, std::move(row), DeliveryState::failed);
    }
    ctx.disarm(TimerKind::delivery, workspace, receiver);
    ctx.tables.erase<ReceiverRow>({workspace, receiver});
}

void forget(Context& ctx, int64_t workspace, const std::string& receiver) {
    for (const DeliveryRow& row : list(ctx, workspace, receiver)) ctx.tables.erase<DeliveryRow>(row.key());
    ctx.disarm(TimerKind::delivery, workspace, receiver);
    ctx.tables.erase<ReceiverRow>({workspace, receiver});
}

int64_t count_waiting(const Context& ctx, int64_t workspace, const std::string& receiver) {
    const auto& all = ctx.tables.indexes().deliveries_waiting;
    const auto found = all.find({workspace, receiver});
    return found == all.end() ? 0 : static_cast<int64_t>(found->second.size());
}

std::vector<DeliveryRow> list(const Context& ctx, int64_t workspace, const std::string& receiver) {
    std::set<int64_t> seqs = waiting(ctx, workspace, receiver);
    const auto& all = ctx.tables.indexes().deliveries_ended;
    if (const auto ended = all.find({workspace, receiver}); ended != all.end()) {
        seqs.insert(ended->second.begin(), ended->second.end());
    }
    std::vector<DeliveryRow> rows;
    for (auto seq = seqs.rbegin(); seq != seqs.rend(); ++seq) {
        rows.push_back(*ctx.tables.find<DeliveryRow>({workspace, receiver, *seq}));
    }
    return rows;
}

}  // namespace agentcom::deliveries
