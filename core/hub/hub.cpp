#include "core/hub/hub.hpp"

#include <algorithm>

#include "core/access/access.hpp"
#include "core/access/limiter.hpp"
#include "core/base/bytes.hpp"
#include "core/base/hash128.hpp"
#include "core/base/prng.hpp"
#include "core/hub/dashboard_feed.hpp"
#include "core/hub/dashboard_model.hpp"
#include "core/hub/dashboards.hpp"
#include "core/hub/feeds.hpp"
#include "core/hub/frames.hpp"
#include "core/hub/idempotency.hpp"
#include "core/hub/refusals.hpp"
#include "core/hub/requests.hpp"
#include "core/hub/reset.hpp"
#include "core/hub/sessions.hpp"
#include "core/hub/storage_jobs.hpp"
#include "core/hub/token_uses.hpp"
#include "core/hub/waits.hpp"
#include "core/hub/work_routes.hpp"
#include "core/messaging/mailbox.hpp"
#include "core/messaging/router.hpp"
#include "core/observe/alerts.hpp"
#include "core/observe/deliveries.hpp"
#include "core/observe/metric_history.hpp"
#include "core/observe/metrics.hpp"
#include "core/observe/push.hpp"
#include "core/state/context.hpp"
#include "core/state/tables.hpp"
#include "core/tasks/agents.hpp"
#include "core/tasks/dead_letters.hpp"
#include "core/tasks/leases.hpp"
#include "core/tasks/scheduler.hpp"
#include "core/tasks/task_timers.hpp"

namespace agentcom {

class Hub::Core {
  public:
    explicit Core(Settings settings) : settings_(std::move(settings)) {}

    std::optional<Fault> apply(const Input& input);
    TurnResult end_turn();
    Deadlines next_deadline() const;

    view::Model dashboard_view(int64_t workspace);

    Tables tables_;
    Metrics metrics_;
    DashboardFeed dashboards_;
    // Of the snapshot that is being taken; the first until it is handed out.
    std::optional<std::string> snapshot_figures_;
    Hash128 snapshot_figures_digest_;
    Settings settings_;
    int64_t turn_ = 1;

    Time last_;  ///< of the last input: monotonic time never goes back behind it

  private:
    /// An operation that may have to wait for tasks which lie only in the store: what it takes to run it again.
    struct Operation {
        Input input;
        std::vector<std::string> wanted;
        std::vector<std::string> fetched;
    };

    std::optional<Fault> apply_one(const Input& input);
    /// Runs the frames that waited behind one that has now been answered, each as an input of its own.
    std::optional<Fault> run_deferred(Time now);
    void run(Context&, const Input&);
    /// What an input brings about beyond itself: work is given out, and requests that waited are answered.
    void settle(Context&);
    void wait_for_task(const Input& cause, const NeedsTask&, Time now);

    void on(Context&, const Input&, const Started&);
    void on(Context&, const Input&, const ConnectionOpened&);
    void on(Context&, const Input&, const FrameReceived&);
    void on(Context&, const Input&, const ControlReceived&);
    void on(Context&, const Input&, const MailPushed&);
    void on(Context&, const Input&, const ConnectionClosed&);
    void on(Context&, const Input&, const HttpRequest&);
    void on(Context&, const Input&, const RequestCancelled&);
    void on(Context&, const Input&, const Tick&);
    void on(Context&, const Input&, const Committed&);
    void on(Context&, const Input&, const CommitFailed&);
    void on(Context&, const Input&, const StorageRecovered&);
    void on(Context&, const Input&, const QueryResult&);
    void on(Context&, const Input&, const ClockJumped&);
    void on(Context&, const Input&, const Shutdown&);
    void on(Context&, const Input&, const BodyTaken&);
    void on(Context&, const Input&, const Delivered&);
    void on(Context&, const Input&, const MachineSample&);
    void on(Context&, const Input&, const StorageJobDone&);
    void on(Context&, const Input&, const StorageFigures&);
    void on(Context&, const Input&, const DashboardOpened&);

    void fire(Context&, const TimerRow&);
    void take_figures(Context&, const Input&);

    std::vector<Effect> effects_;
    std::optional<Operation> operation_;    ///< that is run again by the input at hand
    ConnectionId answered_connection_ = 0;  ///< whose waiting frame was just answered
};

namespace {

bool is_durable_timer(TimerKind kind) {
    switch (kind) {
        case TimerKind::acceptance:
        case TimerKind::lease:
        case TimerKind::max_run:
        case TimerKind::stuck:
        case TimerKind::grace:
        case TimerKind::retry_delay:
        case TimerKind::ageing:
        case TimerKind::cancel_grace:
        case TimerKind::mail_flush:
        case TimerKind::deadline:
        case TimerKind::not_before:
        case TimerKind::mail_expiry:
        case TimerKind::message_age:
        case TimerKind::dead_letter_age:
        case TimerKind::idempotency_expiry:
        case TimerKind::presence:
        case TimerKind::reset:
        case TimerKind::delivery:
        case TimerKind::backup_due:
        case TimerKind::compaction_due:
            return true;
        default:
            return false;
    }
}

ConnectionId connection_of(const InputBody& body) {
    if (const auto* frame = std::get_if<FrameReceived>(&body)) return frame->connection;
    return 0;
}

RequestId request_of(const InputBody& body) {
    if (const auto* request = std::get_if<HttpRequest>(&body)) return request->request;
    return 0;
}

}  // namespace

std::optional<Fault> Hub::Core::apply(const Input& input) {
    answered_connection_ = 0;
    if (std::optional<Fault> fault = apply_one(input)) return fault;
    return answered_connection_ == 0 ? std::nullopt : run_deferred(last_);
}

std::optional<Fault> Hub::Core::apply_one(const Input& input) {
    const size_t effects_before = effects_.size();
    const Time last_before = last_;
    // Monotonic time never goes back, whatever a machine or a recording says.
    Time now = input.at;
    now.mono_us = std::max(now.mono_us, last_.mono_us);
    last_ = now;
    operation_.reset();
    std::optional<NeedsTask> needs;
    std::optional<Fault> fault;
    tables_.begin_input();
    try {
        Context ctx(tables_, settings_, now, turn_, effects_);
        ctx.metrics = &metrics_;
        run(ctx, input);
        settle(ctx);
        take_figures(ctx, input);
    } catch (const NeedsTask& task) {
        needs = task;
    } catch (const CoreFault& broken) {
        fault = Fault{broken.what(), broken.file(), broken.line(), connection_of(input.body), request_of(input.body)};
    }
    if (!needs && !fault) {
        tables_.end_input();
        return std::nullopt;
    }
    tables_.undo_input();
    effects_.resize(effects_before, Effect{LogEvent{}});
    if (fault) {
        // Frames that it thinks sent may be among what was just dropped.
        dashboards_.reset();
        last_ = last_before;
        answered_connection_ = 0;
        return fault;
    }
    wait_for_task(input, *needs, now);
    return std::nullopt;
}

void Hub::Core::take_figures(Context& ctx, const Input& input) {
    // Last of all: figures are not undone.
    metrics_.apply(ctx);
    if (std::holds_alternative<Started>(input.body)) {
        for (const auto& [workspace, at_ms] : metric_history::agents_seen_at(ctx)) {
            metrics_.remember_agents_seen(workspace, at_ms);
        }
    }
    if (const auto* committed = std::get_if<Committed>(&input.body)) metrics_.committed(committed->turn, ctx.now);
    if (const auto* failed = std::get_if<CommitFailed>(&input.body)) metrics_.failed(failed->first_turn, ctx);
    if (const auto* sample = std::get_if<MachineSample>(&input.body)) {
        // The machine measures; what became of backups is in the rows.
        const storage::Facts facts = storage::facts(ctx);
        MachineSample whole = *sample;
        whole.rows_lost = facts.lost_rows;
        whole.last_backup_at = facts.last_backup_at.value_or(0);
        whole.backup_interval_ms = settings_.backup_interval_ms;
        metrics_.machine(whole, ctx.now);
    }
    // They show the figures.
    dashboards_.apply(ctx, input);
}

view::Model Hub::Core::dashboard_view(int64_t workspace) {
    std::vector<Effect> none;
    Context ctx(tables_, settings_, last_, turn_, none);
    ctx.metrics = &metrics_;
    return dashboard_model::build(ctx, workspace);
}

void Hub::Core::wait_for_task(const Input& cause, const NeedsTask& needs, Time now) {
    // Nothing of the operation has happened: it will run as a whole once its task is here.
    answered_connection_ = 0;
    Operation operation = operation_ ? std::move(*operation_) : Operation{cause, {}, {}};
    tables_.begin_input();
    Context ctx(tables_, settings_, now, turn_, effects_);
    if (const auto* answer = std::get_if<QueryResult>(&cause.body)) tables_.erase<PendingRow>({answer->query});
    PendingRow pending;
    pending.connection = connection_of(operation.input.body);
    pending.workspace = needs.workspace;
    pending.purpose = "rerun";
    pending.input = encode_input(operation.input);
    pending.wanted = std::move(operation.wanted);
    pending.wanted.push_back(needs.task_id);
    pending.fetched = std::move(operation.fetched);
    const ConnectionId connection = pending.connection;
    const int64_t query = ctx.query(FetchTask{needs.workspace, needs.task_id, 0}, std::move(pending));
    if (connection != 0) {
        sessions::heard(ctx, connection);
        tables_.modify<SessionRow>({connection}, [query](SessionRow& row) { row.waiting_query = query; });
    }
    tables_.end_input();
}

std::optional<Fault> Hub::Core::run_deferred(Time now) {
    const ConnectionId connection = answered_connection_;
    while (true) {
        const SessionRow* session = tables_.find<SessionRow>({connection});
        const LivenessRow* liveness = tables_.find<LivenessRow>({connection});
        if (session == nullptr || session->closing || session->waiting_query != 0 || liveness->deferred == 0) {
            return std::nullopt;
        }
        const DeferredRow::Key key{connection, liveness->deferred_next - liveness->deferred};
        std::optional<Input> input = decode_input(tables_.find<DeferredRow>(key)->input);
        tables_.begin_input();
        tables_.erase<DeferredRow>(key);
        tables_.modify<LivenessRow>({connection}, [](LivenessRow& row) { --row.deferred; });
        tables_.end_input();
        if (!input) return Fault{"a deferred frame can be read back", __FILE__, __LINE__, connection, 0};
        input->at = now;
        if (std::optional<Fault> fault = apply_one(*input)) return fault;
    }
}

void Hub::Core::settle(Context& ctx) {
    scheduler::run(ctx);
    requests::answer_claims(ctx);
    waits::run(ctx);
    deliveries::announce(ctx);
    feeds::run(ctx);
}

void Hub::Core::run(Context& ctx, const Input& input) {
    std::visit([&](const auto& body) { on(ctx, input, body); }, input.body);
}

void Hub::Core::on(Context& ctx, const Input&, const Started& started) {
    AGENTCOM_ASSERT(!tables_.contains<RuntimeRow>({0}), "a hub is started once");
    turn_ = std::max(turn_, started.last_turn + 1);
    tables_.set_turn(turn_);
    RuntimeRow runtime;
    const Prng prng(static_cast<uint64_t>(started.seed));
    runtime.prng0 = static_cast<int64_t>(prng.state[0]);
    runtime.prng1 = static_cast<int64_t>(prng.state[1]);
    runtime.prng2 = static_cast<int64_t>(prng.state[2]);
    runtime.prng3 = static_cast<int64_t>(prng.state[3]);
    runtime.started_at = ctx.now.wall_ms;
    runtime.log_levels = started.log_levels;
    runtime.vapid_public_key = started.vapid_public_key;
    tables_.put(runtime);
    if (!tables_.contains<HubRow>({0})) {
        HubRow hub;
        hub.epoch = started.epoch;
        hub.created_at = ctx.now.wall_ms;
        tables_.put(std::move(hub));
    }
    if (const Result<int64_t> made = access::ensure_workspace(ctx, std::string(access::kDefaultWorkspace)); !made) {
        AGENTCOM_ASSERT(false, "the default workspace can be made");
    }
    storage::prepare_restored(ctx, started);
    access::watch_expiry(ctx);
    const bool is_known_admin = tables_.contains<TokenRow>({started.admin_token_sha256});
    access::set_admin_token(ctx, started.admin_token_sha256, started.admin_token_prefix);
    if (!is_known_admin) push::remove_all_of(ctx, 0, std::string(access::kHubAdmin));
    for (const TaskRow::Key& key : tables_.sorted_keys<TaskRow>()) {
        tasks::rearm(ctx, std::get<0>(key), std::get<1>(key));
    }
    for (const WorkspaceRow::Key& key : tables_.sorted_keys<WorkspaceRow>()) mailbox::expire(ctx, std::get<0>(key));
    mailbox::trim_all(ctx);
    router::look_for_old_messages(ctx);
    tasks::expire_dead_letters(ctx);
    idempotency::expire(ctx);
    deliveries::resume(ctx);
    metric_history::prune(ctx);
    if (settings_.metrics_interval_ms > 0) ctx.arm(TimerKind::metrics_sample, 0, "", ctx.now.mono_us);
    alerts::start(ctx);
    storage::started(ctx, started);
}

void Hub::Core::on(Context&, const Input&, const MachineSample&) {}

void Hub::Core::on(Context& ctx, const Input&, const ConnectionOpened& opened) {
    sessions::opened(ctx, opened.connection, opened.peer, opened.loopback);
    if (ctx.runtime().stopping) sessions::close(ctx, opened.connection, 1001, "shutdown");
}

void Hub::Core::on(Context& ctx, const Input& input, const FrameReceived& frame) {
    if (dashboards::is_dashboard(tables_, frame.connection)) return dashboards::frame(ctx, frame);
    const SessionRow* session = tables_.find<SessionRow>({frame.connection});
    if (session == nullptr || session->closing) return;
    sessions::heard(ctx, frame.connection);
    if (session->waiting_query == 0) {
        frames::handle(ctx, frame);
        return;
    }
    // An earlier frame waits for the store: replies keep the order of their frames.
    const LivenessRow* liveness = tables_.find<LivenessRow>({frame.connection});
    if (liveness->deferred >= settings_.deferred_frames_max) {
        sessions::close(ctx, frame.connection, 1008, "too many frames at once");
        return;
    }
    DeferredRow deferred;
    deferred.connection = frame.connection;
    deferred.position = liveness->deferred_next;
    deferred.input = encode_input(input);
    tables_.put(std::move(deferred));
    tables_.modify<LivenessRow>({frame.connection}, [](LivenessRow& row) {
        ++row.deferred;
        ++row.deferred_next;
    });
}

void Hub::Core::on(Context& ctx, const Input&, const ControlReceived& control) {
    sessions::heard(ctx, control.connection);
    dashboards::heard(ctx, control.connection);
}

void Hub::Core::on(Context& ctx, const Input&, const DashboardOpened& opened) { dashboards::opened(ctx, opened); }

void Hub::Core::on(Context& ctx, const Input&, const MailPushed& pushed) {
    if (const SessionRow* session = tables_.find<SessionRow>({pushed.connection})) {
        mailbox::pushed(ctx, SessionRow(*session), pushed.up_to_seq);
    }
}

void Hub::Core::on(Context& ctx, const Input&, const ConnectionClosed& closed) {
    dashboards::closed(ctx, closed.connection);
    // While the hub stops, leases stay with their holders: they come back to the next run.
    if (ctx.runtime().stopping) return;
    sessions::closed(ctx, closed.connection, closed.goodbye);
}

void Hub::Core::on(Context& ctx, const Input&, const HttpRequest& request) { requests::handle(ctx, request); }

void Hub::Core::on(Context& ctx, const Input&, const RequestCancelled& cancelled) {
    requests::expire_claim(ctx, cancelled.request);
    waits::forget(ctx, cancelled.request);
    feeds::cancelled(ctx, cancelled.request);
}

void Hub::Core::on(Context& ctx, const Input&, const BodyTaken& taken) { feeds::taken(ctx, taken.request); }

void Hub::Core::on(Context& ctx, const Input&, const Delivered& delivered) {
    deliveries::done(ctx, {delivered.workspace, delivered.receiver, delivered.seq},
                     {delivered.status, delivered.retry_after_ms, delivered.error});
}

void Hub::Core::on(Context& ctx, const Input&, const StorageJobDone& done) { storage::done(ctx, done); }

void Hub::Core::on(Context& ctx, const Input&, const StorageFigures& figures) { storage::figures(ctx, figures); }

void Hub::Core::on(Context& ctx, const Input&, const Tick&) {
    constexpr int kTimersPerTick = 1'000;  // a turn stays short; what is left is due at once
    int fired = 0;
    const bool held = ctx.read_only();
    // Timers that write rest while the store fails; they are looked over, not taken out.
    const auto fire_due = [&](const std::set<Indexes::TimerEntry>& timers, int64_t now) {
        std::vector<TimerRow> due;
        for (const Indexes::TimerEntry& entry : timers) {
            if (entry.deadline > now || fired + static_cast<int>(due.size()) >= kTimersPerTick) break;
            if (held && is_durable_timer(std::get<0>(entry.key))) continue;
            due.push_back(*tables_.find<TimerRow>(entry.key));
        }
        for (const TimerRow& timer : due) {
            // One timer's work may have moved or ended another.
            const TimerRow* current = tables_.find<TimerRow>(timer.key());
            if (current == nullptr || current->deadline != timer.deadline) continue;
            tables_.erase<TimerRow>(timer.key());
            fire(ctx, timer);
            ++fired;
        }
    };
    fire_due(ctx.tables.indexes().mono_timers, ctx.now.mono_us);
    if (ctx.now.mono_us >= ctx.runtime().wall_hold_until_us) {
        fire_due(ctx.tables.indexes().wall_timers, ctx.now.wall_ms);
    }
}

void Hub::Core::fire(Context& ctx, const TimerRow& timer) {
    switch (timer.kind) {
        case TimerKind::dashboard_round:
            return dashboards::on_timer(ctx, timer);
        case TimerKind::identify:
        case TimerKind::idle:
        case TimerKind::ping:
            if (dashboards::is_dashboard(tables_, timer.workspace)) return dashboards::on_timer(ctx, timer);
            return sessions::on_timer(ctx, timer);
        case TimerKind::mail_flush:
        case TimerKind::cooldown:
        case TimerKind::presence:
            return sessions::on_timer(ctx, timer);
        case TimerKind::acceptance:
        case TimerKind::lease:
        case TimerKind::max_run:
        case TimerKind::stuck:
        case TimerKind::grace:
        case TimerKind::retry_delay:
        case TimerKind::ageing:
        case TimerKind::cancel_grace:
        case TimerKind::deadline:
        case TimerKind::not_before:
            return tasks::on_timer(ctx, timer);
        case TimerKind::wait_end:
            requests::expire_claim(ctx, timer.workspace);
            return waits::expire(ctx, timer.workspace);
        case TimerKind::backoff:
            return agents::on_backoff_over(ctx, timer.workspace, timer.subject);
        case TimerKind::limit_end:
            return refusals::on_timer(ctx, timer);
        case TimerKind::bucket_sweep:
            return limiter::sweep(ctx, timer);
        case TimerKind::reset:
            return reset::run(ctx);
        case TimerKind::delivery:
            return deliveries::on_timer(ctx, timer);
        case TimerKind::metrics_sample:
            metric_history::write(ctx);
            ctx.sample_due = true;
            return ctx.arm(TimerKind::metrics_sample, 0, "", ctx.in_ms(settings_.metrics_interval_ms));
        case TimerKind::alert_check:
            return alerts::check(ctx);
        case TimerKind::storage_wait:
        case TimerKind::backup_due:
        case TimerKind::compaction_due:
            return storage::on_timer(ctx, timer);
        case TimerKind::feed:
        case TimerKind::feed_round:
            return feeds::on_timer(ctx, timer);
        case TimerKind::mail_expiry:
            return mailbox::expire(ctx, timer.workspace);
        case TimerKind::message_age:
            return router::look_for_old_messages(ctx);
        case TimerKind::dead_letter_age:
            return tasks::expire_dead_letters(ctx);
        case TimerKind::idempotency_expiry:
            return idempotency::expire(ctx);
        case TimerKind::token_expiry:
            return token_uses::on_timer(ctx, timer);
    }
}

void Hub::Core::on(Context&, const Input&, const Committed& committed) { tables_.committed(committed.turn); }

void Hub::Core::on(Context& ctx, const Input&, const CommitFailed& failed) {
    const std::vector<TaskRow::Key> touched = tables_.undo_turns(failed.first_turn);
    std::vector<Effect> kept;
    for (const Effect& effect : effects_) {
        if (std::optional<Effect> instead = effect_of_failed_turn(effect)) kept.push_back(std::move(*instead));
    }
    effects_ = std::move(kept);
    RuntimeRow runtime = ctx.runtime();
    runtime.read_only = true;
    tables_.put(runtime);
    // Timers are of this run and were not taken back: set them by the rows that are there again.
    for (const TaskRow::Key& key : touched) tasks::rearm(ctx, std::get<0>(key), std::get<1>(key));
    sessions::close_since(ctx, failed.first_turn);
    feeds::commit_failed(ctx, failed.first_turn);
    deliveries::commit_failed(ctx);
    alerts::commit_failed(ctx);
    ctx.queued_tasks.clear();
    ctx.log("storage_failed", {{"first_turn", failed.first_turn}});
}

void Hub::Core::on(Context& ctx, const Input&, const StorageRecovered&) {
    RuntimeRow runtime = ctx.runtime();
    runtime.read_only = false;
    tables_.put(runtime);
    mailbox::resume(ctx);
    scheduler::wake_everyone(ctx);
    deliveries::resume(ctx);
    ctx.log("storage_recovered");
}

void Hub::Core::on(Context& ctx, const Input& input, const QueryResult& result) {
    const PendingRow* found = tables_.find<PendingRow>({result.query});
    if (found == nullptr) return;
    const PendingRow pending = *found;
    tables_.erase<PendingRow>({result.query});
    if (pending.purpose == "assignment") {
        const TaskRow* task = tables_.find<TaskRow>({pending.workspace, pending.input});
        const LeaseRow* lease = tables_.find<LeaseRow>({pending.workspace, pending.input});
        if (task == nullptr || lease == nullptr || lease->connection != pending.connection) return;
        const auto records = collect_task_records(result.rows);
        // Without its text it cannot be sent; the acceptance timer takes it back.
        if (!result.ok || !records || records->empty()) return;
        tasks::send_assignment(ctx, TaskRow(*task), records->front().input, pending.connection);
        return;
    }
    if (pending.purpose == "message_age") {
        // Behind the row that sums up.
        const bool is_there = result.ok && result.rows.size() > 1;
        return router::found_old_message(
            ctx, pending.workspace, is_there ? row_from_values<MessageRow>(result.rows.back().values) : std::nullopt);
    }
    if (pending.purpose == "channel_history") {
        const SessionRow* session = tables_.find<SessionRow>({pending.connection});
        if (session == nullptr) return;
        tables_.modify<SessionRow>({pending.connection}, [](SessionRow& row) { row.waiting_query = 0; });
        if (session->closing) return;
        answered_connection_ = pending.connection;
        return frames::answer_history(ctx, pending, result);
    }
    if (pending.purpose == "events") return feeds::answered(ctx, pending, result);
    if (pending.purpose != "rerun") {
        requests::answer(ctx, pending, result);
        return;
    }
    std::optional<Input> again = decode_input(pending.input);
    AGENTCOM_ASSERT(again.has_value() && !pending.wanted.empty(), "an input that was put off can be read back");
    if (pending.connection != 0) {
        const SessionRow* session = tables_.find<SessionRow>({pending.connection});
        if (session == nullptr) return;
        tables_.modify<SessionRow>({pending.connection}, [](SessionRow& row) { row.waiting_query = 0; });
        if (session->closing) return;
        answered_connection_ = pending.connection;
    }
    const auto* frame = std::get_if<FrameReceived>(&again->body);
    const auto* request = std::get_if<HttpRequest>(&again->body);
    if (!result.ok) {
        if (frame != nullptr) ctx.reply(frame->connection, storage_unavailable_frame());
        if (request != nullptr) ctx.emit(storage_unavailable_response(request->request));
        return;
    }
    Operation operation{*again, pending.wanted, pending.fetched};
    operation.fetched.push_back(encode_input(input));
    for (size_t i = 0; i < operation.wanted.size(); ++i) {
        std::optional<Input> answer = decode_input(operation.fetched.at(i));
        AGENTCOM_ASSERT(answer.has_value(), "an answer that was kept can be read back");
        auto records = collect_task_records(std::move(std::get<QueryResult>(answer->body).rows));
        AGENTCOM_ASSERT(records.has_value(), "the store gives rows that fit their tables");
        std::optional<TaskRecord>& record = ctx.fetched[{pending.workspace, operation.wanted[i]}];
        if (!records->empty()) record = std::move(records->front());
    }
    operation_ = std::move(operation);
    if (frame != nullptr) frames::handle(ctx, *frame);
    if (request != nullptr) requests::handle(ctx, *request);
}

void Hub::Core::on(Context& ctx, const Input&, const ClockJumped& jumped) {
    // The new clock may be as wrong as the old one was, and be set right again in a moment: what people dated waits
    // until it has stood for a while. Durations do not notice.
    constexpr int64_t kSettleMs = 60'000;
    RuntimeRow runtime = ctx.runtime();
    runtime.wall_hold_until_us = ctx.in_ms(kSettleMs);
    tables_.put(runtime);
    ctx.log("clock_jumped", {{"delta_ms", jumped.delta_ms}});
}

void Hub::Core::on(Context& ctx, const Input&, const Shutdown&) {
    RuntimeRow runtime = ctx.runtime();
    runtime.stopping = true;
    tables_.put(runtime);
    sessions::close_all(ctx);
    dashboards::close_all(ctx, 1001, "shutdown");
    for (const ClaimRow::Key& key : tables_.sorted_keys<ClaimRow>()) requests::expire_claim(ctx, std::get<0>(key));
    waits::end_all(ctx);
    feeds::end_all(ctx);
    metric_history::write(ctx, true);
    ctx.log("stopping");
}

TurnResult Hub::Core::end_turn() {
    TurnResult result;
    result.turn = turn_;
    result.batch = tables_.end_turn(turn_, settings_.inline_body_bytes);
    result.effects = std::move(effects_);
    effects_.clear();
    ++turn_;
    return result;
}

Deadlines Hub::Core::next_deadline() const {
    Deadlines deadlines;
    const RuntimeRow* runtime = tables_.find<RuntimeRow>({0});
    if (runtime == nullptr) return deadlines;
    const auto first = [runtime](const std::set<Indexes::TimerEntry>& timers) -> std::optional<int64_t> {
        for (const Indexes::TimerEntry& entry : timers) {
            if (runtime->read_only && is_durable_timer(std::get<0>(entry.key))) continue;
            return entry.deadline;
        }
        return std::nullopt;
    };
    deadlines.mono_us = first(tables_.indexes().mono_timers);
    if (last_.mono_us >= runtime->wall_hold_until_us) {
        deadlines.wall_ms = first(tables_.indexes().wall_timers);
    } else if (first(tables_.indexes().wall_timers)) {
        deadlines.mono_us = std::min(deadlines.mono_us.value_or(INT64_MAX), runtime->wall_hold_until_us);
    }
    return deadlines;
}

// -- the outside ------------------------------------------------------------------------------------------------------

Hub::Hub(Settings settings) : core_(std::make_unique<Core>(std::move(settings))) {}
Hub::~Hub() = default;
Hub::Hub(Hub&&) noexcept = default;
Hub& Hub::operator=(Hub&&) noexcept = default;

Status Hub::restore(TableId table, RowValues values) {
    bool known = false;
    bool fits = false;
    for_each_stored_row([&]<class Row>() {
        if constexpr (Row::kClass == RowClass::durable) {
            if (Row::kTable != table) return;
            known = true;
            std::optional<Row> row = row_from_values<Row>(std::move(values));
            fits = row.has_value();
            if (!fits) return;
            if constexpr (std::is_same_v<Row, TaskInputRow>) {
                row->description.shed(core_->settings_.inline_body_bytes);
                row->metadata.shed(core_->settings_.inline_body_bytes);
            }
            core_->tables_.restore(std::move(*row));
        }
    });
    if (known && fits) return {};
    return Status(Error{"corrupt_row", 500, Blame::hub,
                        "a stored row of table " + std::to_string(static_cast<int>(table)) + " does not fit it"});
}

int64_t Hub::mail_floor(int64_t workspace, const std::optional<std::string>& recipient) const {
    return mailbox::floor(core_->tables_, workspace, recipient);
}

void Hub::restore_mail(const MessageRow& message) {
    if (std::optional<MailRow> mail = mailbox::restored(core_->tables_, message)) {
        core_->tables_.restore(std::move(*mail));
    }
}

Status Hub::check_sums(const std::vector<TableSum>& expected) const {
    const std::vector<TableSum> actual = core_->tables_.sums();
    for (const TableSum& sum : expected) {
        for (const TableSum& mine : actual) {
            if (mine.table != sum.table || (mine.rows == sum.rows && mine.sum == sum.sum)) continue;
            return Status(Error{"lost_rows", 500, Blame::hub,
                                "table " + std::string(stored_table(sum.table).name) + " should have " +
                                    std::to_string(sum.rows) + " rows in use and has " + std::to_string(mine.rows) +
                                    (mine.rows == sum.rows ? ", with altered contents" : "")});
        }
    }
    return {};
}

std::optional<Fault> Hub::apply(const Input& input) { return core_->apply(input); }
TurnResult Hub::end_turn() { return core_->end_turn(); }
Deadlines Hub::next_deadline() const { return core_->next_deadline(); }
int64_t Hub::current_turn() const { return core_->turn_; }
RowChange Hub::current(TableId table, RowValues key) const { return core_->tables_.current(table, std::move(key)); }
const Tables& Hub::tables() const { return core_->tables_; }
view::Model Hub::dashboard_view(int64_t workspace) { return core_->dashboard_view(workspace); }
const Settings& Hub::settings() const { return core_->settings_; }
Hash128 Hub::digest() const {
    Hash128 digest = core_->tables_.digest();
    digest += core_->metrics_.digest();
    return digest;
}

Hash128 Hub::rows_digest() const { return core_->tables_.rows_digest(); }

Hub::SnapshotHead Hub::begin_snapshot() {
    core_->tables_.begin_snapshot();
    // The figures are small beside the rows, and change with every input: they are written down at once.
    ByteWriter figures;
    core_->metrics_.save(figures);
    core_->snapshot_figures_ = std::move(figures).take();
    core_->snapshot_figures_digest_ = core_->metrics_.digest();
    return {core_->turn_, core_->last_};
}

bool Hub::take_snapshot(std::string& out, int64_t rows) {
    ByteWriter writer;
    if (core_->snapshot_figures_) {
        writer.u8(static_cast<uint8_t>(TableId::metrics));
        writer.text(*core_->snapshot_figures_);
        core_->snapshot_figures_.reset();
    }
    const bool complete = core_->tables_.take_snapshot(writer, rows);
    out.append(writer.bytes());
    return complete;
}

void Hub::cancel_snapshot() {
    core_->tables_.cancel_snapshot();
    core_->snapshot_figures_.reset();
}

Hash128 Hub::snapshot_digest() const {
    Hash128 digest = core_->tables_.snapshot_digest();
    digest += core_->snapshot_figures_digest_;
    return digest;
}

Result<Hub> Hub::load_snapshot(const SnapshotHead& head, const std::vector<std::string>& pieces, Settings settings) {
    const Error corrupt{"corrupt_state", 500, Blame::hub, "the bytes are no snapshot of this version"};
    Hub hub(std::move(settings));
    hub.core_->turn_ = head.turn;
    hub.core_->last_ = head.last;
    if (pieces.empty()) return Result<Hub>(corrupt);
    ByteReader first(pieces.front());
    const bool has_figures = first.u8() == static_cast<uint8_t>(TableId::metrics);
    const std::string figures = first.text();
    ByteReader figures_in(figures);
    if (!has_figures || first.failed() || !hub.core_->metrics_.load(figures_in) || !figures_in.at_end())
        return Result<Hub>(corrupt);
    std::vector<std::string> rows = pieces;
    rows.front().erase(0, pieces.front().size() - first.left());
    if (!hub.core_->tables_.load_snapshot(rows)) return Result<Hub>(corrupt);
    hub.core_->tables_.set_turn(head.turn);
    return Result<Hub>(std::move(hub));
}

std::string Hub::save() const {
    ByteWriter out;
    out.i64(core_->turn_);
    out.i64(core_->last_.wall_ms);
    out.i64(core_->last_.mono_us);
    out.text(core_->tables_.save());
    ByteWriter figures;
    core_->metrics_.save(figures);
    out.text(figures.bytes());
    // Rows are restored on trust: a flipped bit must be seen before.
    const Hash128 hash = hash128(out.bytes());
    out.u64(hash.lo);
    out.u64(hash.hi);
    return std::move(out).take();
}

Result<Hub> Hub::load(std::string_view bytes, Settings settings) {
    Hub hub(std::move(settings));
    ByteReader in(bytes);
    hub.core_->turn_ = in.i64();
    hub.core_->last_.wall_ms = in.i64();
    hub.core_->last_.mono_us = in.i64();
    const std::string state = in.text();
    const std::string figures = in.text();
    ByteReader figures_in(figures);
    const Hash128 hash{in.u64(), in.u64()};
    constexpr size_t kHashBytes = 16;
    if (in.failed() || !in.at_end() || hash != hash128(bytes.substr(0, bytes.size() - kHashBytes)) ||
        !hub.core_->tables_.load(state) || !hub.core_->metrics_.load(figures_in) || !figures_in.at_end()) {
        return Result<Hub>(Error{"corrupt_state", 500, Blame::hub, "the bytes are no saved state of this version"});
    }
    hub.core_->tables_.set_turn(hub.core_->turn_);
    return Result<Hub>(std::move(hub));
}

}  // namespace agentcom
