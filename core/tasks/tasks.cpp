#include "core/tasks/tasks.hpp"

#include <algorithm>

#include "core/base/json.hpp"
#include "core/base/limits.hpp"
#include "core/base/utf8.hpp"
#include "core/protocol/encoding.hpp"
#include "core/tasks/agents.hpp"

namespace agentcom::tasks {

namespace {

Error client_error(std::string_view code, int status, std::string text) {
    return Error{std::string(code), status, Blame::client, std::move(text)};
}

Error lifecycle_error(std::string_view code) {
    return client_error(code, code == "not_found" ? 404 : 409, "the task is in no state for this");
}

std::string event_data(const TaskRow& task, std::string_view agent, const std::optional<std::string>& error = {}) {
    json::Writer out;
    out.begin_object();
    if (agent.empty()) {
        out.member("agent_id", nullptr);
    } else {
        out.member("agent_id", agent);
    }
    out.member("generation", task.generation);
    if (error) out.member("error", *error);
    out.end_object();
    return out.take();
}

/// The connection on which an agent's protocol-2 session takes pushes; 0 if there is none.
ConnectionId modern_connection(const Context& ctx, int64_t workspace, const std::string& agent) {
    const AgentRow* row = ctx.tables.find<AgentRow>({workspace, agent});
    if (row == nullptr || row->connection == 0) return 0;
    const SessionRow* session = ctx.tables.find<SessionRow>({row->connection});
    return session != nullptr && session->protocol_version >= 2 ? row->connection : 0;
}

/// Tells a holder that its lease is over. Protocol 1 has no word for it.
void tell_revoked(Context& ctx, const TaskRow& task, std::string_view reason) {
    if (!task.assigned_to) return;
    const ConnectionId connection = modern_connection(ctx, task.workspace, *task.assigned_to);
    if (connection == 0) return;
    json::Writer out;
    out.begin_object().member("type", "task_cancelled").member("task_id", task.id);
    out.member("generation", task.generation).member("reason", reason).end_object();
    ctx.push(connection, out.take());
}

void disarm_lease(Context& ctx, const TaskRow& task) {
    for (const TimerKind kind :
         {TimerKind::acceptance, TimerKind::lease, TimerKind::max_run, TimerKind::stuck, TimerKind::grace}) {
        ctx.disarm(kind, task.workspace, task.id, task.generation);
    }
}

void disarm_waiting(Context& ctx, const TaskRow& task) {
    ctx.disarm(TimerKind::retry_delay, task.workspace, task.id);
    ctx.disarm(TimerKind::not_before, task.workspace, task.id);
    ctx.disarm(TimerKind::ageing, task.workspace, task.id);
}

/// Ends the lease that the (changed but not yet put) row still shows. The caller puts the row, then calls `freed`.
void end_lease(Context& ctx, const TaskRow& task, Outcome outcome, const std::optional<std::string>& error) {
    AttemptRow attempt;
    attempt.workspace = task.workspace;
    attempt.task_id = task.id;
    attempt.generation = task.generation;
    attempt.agent = task.assigned_to.value_or("");
    attempt.assigned_at = task.assigned_at.value_or(0);
    attempt.accepted_at = task.accepted_at;
    attempt.ended_at = ctx.now.wall_ms;
    attempt.outcome = outcome;
    attempt.error = error;
    ctx.tables.put(std::move(attempt));
    ctx.tables.erase<LeaseRow>({task.workspace, task.id});
    disarm_lease(ctx, task);
}

/// Decides whether a task without a lease waits in the queue or is held, sets its timers, and puts it.
void place(Context& ctx, TaskRow task) {
    disarm_waiting(ctx, task);
    task.lane = task.priority;
    task.hold = HoldReason::none;
    if (task.blocked_count > 0) {
        task.hold = HoldReason::blocked_by;
    } else if (task.not_before && *task.not_before > ctx.now.wall_ms) {
        task.hold = HoldReason::not_before;
        ctx.arm(TimerKind::not_before, task.workspace, task.id, *task.not_before);
    } else if (task.retry_delay_ms > 0) {
        task.hold = HoldReason::retry_delay;
        ctx.arm(TimerKind::retry_delay, task.workspace, task.id, ctx.in_ms(task.retry_delay_ms));
    }
    task.state = task.hold == HoldReason::none ? TaskState::queued : TaskState::held;
    task.assigned_to.reset();
    task.assigned_at.reset();
    task.accepted_at.reset();
    task.updated_at = ctx.now.wall_ms;
    if (task.state == TaskState::queued) {
        task.queued_at = ctx.now.wall_ms;
        ctx.queued_tasks.emplace_back(task.workspace, task.id);
        if (ctx.settings.ageing_ms > 0 && task.lane > 0) {
            ctx.arm(TimerKind::ageing, task.workspace, task.id, ctx.in_ms(ctx.settings.ageing_ms));
        }
    }
    ctx.tables.put(std::move(task));
}

/// A task that waited for `task_id` waits for one less.
void satisfy_dependents(Context& ctx, int64_t workspace, const std::string& task_id) {
    const auto& blocks = ctx.tables.indexes().blocks;
    const auto found = blocks.find({workspace, task_id});
    if (found == blocks.end()) return;
    const std::vector<std::string> dependents(found->second.begin(), found->second.end());
    for (const std::string& dependent : dependents) {
        TaskEdgeRow edge = *ctx.tables.find<TaskEdgeRow>({workspace, dependent, task_id});
        if (edge.satisfied) continue;
        edge.satisfied = true;
        ctx.tables.put(std::move(edge));
        TaskRow task = *ctx.tables.find<TaskRow>({workspace, dependent});
        --task.blocked_count;
        AGENTCOM_ASSERT(task.blocked_count >= 0, "a task is blocked by as many tasks as it has open edges");
        if (task.state == TaskState::held && task.hold == HoldReason::blocked_by && task.blocked_count == 0) {
            ctx.event(workspace, "task_unblocked", dependent, "", task_id, event_data(task, ""));
            place(ctx, std::move(task));
        } else {
            ctx.tables.put(std::move(task));
        }
    }
}

/// Moves a task that has ended for good out of memory.
void archive(Context& ctx, const TaskRow& task) {
    const int64_t workspace = task.workspace;
    const std::string id = task.id;
    disarm_waiting(ctx, task);
    ctx.disarm(TimerKind::deadline, workspace, id);
    ctx.tables.archive<TaskInputRow>({workspace, id});
    const auto& indexes = ctx.tables.indexes();
    if (const auto blockers = indexes.blockers.find({workspace, id}); blockers != indexes.blockers.end()) {
        const std::vector<std::string> all(blockers->second.begin(), blockers->second.end());
        for (const std::string& blocker : all) ctx.tables.archive<TaskEdgeRow>({workspace, id, blocker});
    }
    if (const auto attempts = indexes.attempts.find({workspace, id}); attempts != indexes.attempts.end()) {
        const std::vector<int64_t> all(attempts->second.begin(), attempts->second.end());
        for (const int64_t generation : all) ctx.tables.archive<AttemptRow>({workspace, id, generation});
    }
    ctx.tables.archive<TaskRow>({workspace, id});
}

/// → completed or cancelled.
void finish(Context& ctx, TaskRow task, TaskState state) {
    constexpr int64_t kPruneLot = 1'000;
    ctx.tables.modify<WorkspaceRow>({task.workspace}, [&](WorkspaceRow& row) {
        task.finished_seq = ++row.finished_seq;
        if (row.finished_seq - row.finished_pruned >= ctx.settings.finished_tasks + kPruneLot) {
            row.finished_pruned += kPruneLot;
            ctx.tables.prune(Prune{Prune::What::finished_tasks, task.workspace, row.finished_pruned, {}});
        }
    });
    task.state = state;
    task.hold = HoldReason::none;
    task.live = false;
    task.finished_at = ctx.now.wall_ms;
    task.updated_at = ctx.now.wall_ms;
    ctx.tables.put(task);
    archive(ctx, task);
}

/// → dead_letter. Its holder, if any, stays named, as in v1.1.
void bury(Context& ctx, TaskRow task, const std::string& error, std::string cause) {
    disarm_waiting(ctx, task);
    ctx.disarm(TimerKind::deadline, task.workspace, task.id);
    task.state = TaskState::dead_letter;
    task.hold = HoldReason::none;
    task.last_error = error;
    task.updated_at = ctx.now.wall_ms;
    ctx.event(task.workspace, "task_dead_letter", task.id, "", std::move(cause),
              event_data(task, task.assigned_to.value_or(""), error));
    ctx.tables.put(std::move(task));
}

/// Takes a leased task back: → queued, or → dead_letter beyond the limit.
void reclaim(Context& ctx, const TaskRow& leased, Outcome outcome) {
    const std::string agent = leased.assigned_to.value_or("");
    const std::string reason(to_text(outcome));
    tell_revoked(ctx, leased, reason);
    end_lease(ctx, leased, outcome, std::nullopt);
    TaskRow task = leased;
    ++task.reclaim_count;
    if (task.reclaim_count > ctx.settings.reclaim_limit) {
        bury(ctx, std::move(task), "taken back " + std::to_string(leased.reclaim_count + 1) + " times, last: " + reason,
             "reclaim_limit");
    } else {
        ctx.event(task.workspace, "task_reclaimed", task.id, "", reason, event_data(task, agent));
        ++task.generation;
        task.avoid_agent = agent;
        place(ctx, std::move(task));
    }
    agents::freed(ctx, leased.workspace, agent);
}

/// Whether this lease is what the report speaks of.
bool holds(const TaskRow& task, const Report& report) {
    return task.leased() && task.assigned_to == report.agent &&
           (!report.generation || *report.generation == task.generation);
}

/// What a report about a lease that it does not hold is answered with.
Error stale(const TaskRow& task, TaskEvent event) {
    const LifecycleCell& cell = lifecycle(task.state, event);
    return lifecycle_error(cell.action == TaskAction::nothing ? cell.error : std::string_view("stale_generation"));
}

/// The ended attempt of a report, if the agent and generation are those that ended it.
std::optional<Outcome> ended_attempt(const Context& ctx, const TaskRow& task, const Report& report) {
    if (!report.generation) return std::nullopt;
    if (const AttemptRow* live = ctx.tables.find<AttemptRow>({task.workspace, task.id, *report.generation})) {
        if (live->agent == report.agent) return live->outcome;
        return std::nullopt;
    }
    const auto fetched = ctx.fetched.find({task.workspace, task.id});
    if (fetched == ctx.fetched.end() || !fetched->second) return std::nullopt;
    for (const AttemptRow& attempt : fetched->second->attempts) {
        if (attempt.generation == *report.generation && attempt.agent == report.agent) return attempt.outcome;
    }
    return std::nullopt;
}

int64_t retry_delay(const Context& ctx, int64_t failures) {
    int64_t delay = ctx.settings.retry_delay_ms;
    for (int64_t i = 1; i < failures && delay < ctx.settings.retry_delay_max_ms; ++i) delay *= 2;
    return std::min(delay, ctx.settings.retry_delay_max_ms);
}

std::string target_agent(const std::string& metadata) {
    const json::Object members = json::members(metadata);
    const json::Value* target = members.find("target_agent");
    if (target == nullptr || target->kind != json::Kind::string) return {};
    std::string name = json::decode_string(*target);
    return exceeds_code_points(name, kMaxAgentIdCodePoints) ? std::string{} : name;
}

void begin_work(Context& ctx, const TaskRow& leased) {
    TaskRow task = leased;
    task.state = TaskState::working;
    task.accepted_at = ctx.now.wall_ms;
    task.updated_at = ctx.now.wall_ms;
    const std::string agent = task.assigned_to.value_or("");
    ctx.disarm(TimerKind::acceptance, task.workspace, task.id, task.generation);
    ctx.event(task.workspace, "task_accepted", task.id, agent, "", event_data(task, agent));
    ctx.tables.put(std::move(task));
    ctx.tables.modify<LeaseRow>(leased.key(), [&](LeaseRow& lease) { lease.progress_us = ctx.now.mono_us; });
    agents::responsive(ctx, leased.workspace, agent);
}

/// reject and release: the task goes back to the queue and nobody is charged.
Status give_back(Context& ctx, const Report& report, TaskEvent event, Outcome outcome, const std::string& reason) {
    const TaskRow* found = ctx.tables.find<TaskRow>({report.workspace, report.task_id});
    if (found == nullptr) return Status(lifecycle_error("not_found"));
    if (!holds(*found, report)) return Status(stale(*found, event));
    const TaskRow leased = *found;
    end_lease(ctx, leased, outcome, reason);
    TaskRow task = leased;
    ctx.event(task.workspace, outcome == Outcome::rejected ? "task_rejected" : "task_released", task.id, report.agent,
              reason, event_data(task, report.agent));
    ++task.generation;
    task.avoid_agent = report.agent;
    place(ctx, std::move(task));
    if (outcome == Outcome::rejected) {
        agents::back_off(ctx, report.workspace, report.agent, ctx.settings.reject_backoff_ms);
    }
    agents::freed(ctx, report.workspace, report.agent);
    return {};
}

}  // namespace

const TaskRow* find_task(Context& ctx, int64_t workspace, const std::string& task_id) {
    if (const TaskRow* live = ctx.tables.find<TaskRow>({workspace, task_id})) return live;
    const auto fetched = ctx.fetched.find({workspace, task_id});
    if (fetched == ctx.fetched.end()) throw NeedsTask{workspace, task_id};
    // It may have come back to life in the meantime only as a dead letter does, and those never leave memory.
    return fetched->second ? &fetched->second->task : nullptr;
}

Result<Submitted> submit(Context& ctx, int64_t workspace, NewTask wanted) {
    using Answer = Result<Submitted>;
    const auto& indexes = ctx.tables.indexes();
    if (!wanted.unique_key.empty()) {
        const auto taken = indexes.unique_keys.find({workspace, wanted.unique_key});
        if (taken != indexes.unique_keys.end()) {
            return Answer(Submitted{*ctx.tables.find<TaskRow>({workspace, taken->second}), true});
        }
    }
    if (indexes.live_tasks >= ctx.settings.live_tasks_max) {
        return Answer(client_error("queue_full", 503, "the hub holds live_tasks_max tasks that have not ended"));
    }
    TaskRow task;
    task.workspace = workspace;
    task.id = "task-" + ctx.random_id();
    task.root_id = task.id;
    if (wanted.parent_id) {
        const TaskRow* parent = find_task(ctx, workspace, *wanted.parent_id);
        if (parent == nullptr) return Answer(client_error("unknown_task", 422, "parent_id"));
        task.root_id = parent->root_id;
    }
    // A task can only be blocked by tasks that were there before it, so the graph has no cycles.
    std::sort(wanted.blocked_by.begin(), wanted.blocked_by.end());
    wanted.blocked_by.erase(std::unique(wanted.blocked_by.begin(), wanted.blocked_by.end()), wanted.blocked_by.end());
    std::vector<TaskEdgeRow> edges;
    for (const std::string& blocker_id : wanted.blocked_by) {
        const TaskRow* blocker = find_task(ctx, workspace, blocker_id);
        if (blocker == nullptr) return Answer(client_error("unknown_task", 422, "blocked_by"));
        TaskEdgeRow edge;
        edge.workspace = workspace;
        edge.task_id = task.id;
        edge.blocked_by = blocker_id;
        edge.satisfied = blocker->state == TaskState::completed;
        if (!edge.satisfied) ++task.blocked_count;
        edges.push_back(std::move(edge));
    }
    ctx.tables.modify<WorkspaceRow>({workspace}, [&](WorkspaceRow& row) { task.seq = ++row.task_seq; });
    task.priority = wanted.priority;
    task.kind = std::move(wanted.kind);
    task.labels = std::move(wanted.labels);
    task.needed_capabilities = std::move(wanted.needed_capabilities);
    task.target_agent = target_agent(wanted.metadata);
    task.fairness_key = std::move(wanted.fairness_key);
    task.unique_key = std::move(wanted.unique_key);
    task.parent_id = std::move(wanted.parent_id);
    task.complete_by = wanted.complete_by;
    task.not_before = wanted.not_before;
    task.max_retries = wanted.max_retries.value_or(ctx.settings.default_max_retries);
    task.max_run_ms = wanted.max_run_ms;
    task.origin = std::move(wanted.origin);
    task.requested_by = std::move(wanted.requested_by);
    task.trace = std::move(wanted.trace);
    task.created_at = ctx.now.wall_ms;
    TaskInputRow input;
    input.workspace = workspace;
    input.task_id = task.id;
    input.description = Body(std::move(wanted.description));
    input.metadata = Body(std::move(wanted.metadata));
    ctx.tables.put(std::move(input));
    for (TaskEdgeRow& edge : edges) ctx.tables.put(std::move(edge));
    ctx.event(workspace, "task_submitted", task.id, task.requested_by, "", event_data(task, ""));
    if (task.complete_by) ctx.arm(TimerKind::deadline, workspace, task.id, *task.complete_by);
    const std::string id = task.id;
    place(ctx, std::move(task));
    return Answer(Submitted{*ctx.tables.find<TaskRow>({workspace, id}), false});
}

void send_assignment(Context& ctx, const TaskRow& task, const TaskInputRow& input, ConnectionId connection) {
    ctx.push(connection, task_assign_frame(task.id, input.description.bytes, input.metadata.bytes, task.generation,
                                           ctx.now.wall_ms));
}

void send_assignment(Context& ctx, const TaskRow& task, ConnectionId connection) {
    const TaskInputRow* input = ctx.tables.find<TaskInputRow>({task.workspace, task.id});
    AGENTCOM_ASSERT(input != nullptr, "a live task has its input");
    if (input->description.resident && input->metadata.resident) {
        send_assignment(ctx, task, *input, connection);
        return;
    }
    PendingRow pending;
    pending.connection = connection;
    pending.workspace = task.workspace;
    pending.purpose = "assignment";
    pending.input = task.id;
    ctx.query(FetchTask{task.workspace, task.id, 0}, std::move(pending));
}

void begin_lease(Context& ctx, const TaskRow& queued, const std::string& agent, ConnectionId connection, bool announce,
                 int64_t lease_ms) {
    AGENTCOM_ASSERT(lifecycle(queued.state, TaskEvent::dispatch).action == TaskAction::begin_lease,
                    "only queued tasks are given out");
    TaskRow task = queued;
    disarm_waiting(ctx, task);
    task.state = TaskState::assigned;
    ++task.generation;
    task.assigned_to = agent;
    task.assigned_at = ctx.now.wall_ms;
    task.accepted_at.reset();
    task.retry_delay_ms = 0;
    task.updated_at = ctx.now.wall_ms;
    LeaseRow lease;
    lease.workspace = task.workspace;
    lease.task_id = task.id;
    lease.connection = connection;
    lease.since_us = ctx.now.mono_us;
    lease.renewed_us = ctx.now.mono_us;
    lease.progress_us = ctx.now.mono_us;
    lease.lease_ms = lease_ms;
    ctx.tables.put(std::move(lease));

    // The key was served: it now stands behind all others of its lane.
    RuntimeRow runtime = ctx.runtime();
    FairnessRow turn;
    turn.workspace = task.workspace;
    turn.lane = task.lane;
    turn.fairness_key = task.fairness_key;
    turn.served = ++runtime.served;
    ctx.tables.put(runtime);
    ctx.tables.put(std::move(turn));
    constexpr size_t kFairnessKeysMax = 10'000;
    if (ctx.tables.indexes().fairness_age.size() > kFairnessKeysMax) {
        ctx.tables.erase<FairnessRow>(std::get<1>(*ctx.tables.indexes().fairness_age.begin()));
    }

    const int64_t silence_ms = lease_ms > 0 ? lease_ms : ctx.settings.lease_silence_ms;
    const int64_t run_ms = task.max_run_ms > 0 ? task.max_run_ms : ctx.settings.max_run_ms;
    ctx.arm(TimerKind::acceptance, task.workspace, task.id, ctx.in_ms(ctx.settings.acceptance_timeout_ms),
            task.generation);
    ctx.arm(TimerKind::lease, task.workspace, task.id, ctx.in_ms(silence_ms), task.generation);
    if (run_ms > 0) ctx.arm(TimerKind::max_run, task.workspace, task.id, ctx.in_ms(run_ms), task.generation);
    ctx.arm(TimerKind::stuck, task.workspace, task.id, ctx.in_ms(ctx.settings.stuck_after_ms), task.generation);
    // A deadline that passed while the task waited did nothing under `overdue_requeue`; it counts from here on.
    if (task.complete_by) ctx.arm(TimerKind::deadline, task.workspace, task.id, *task.complete_by);
    ctx.event(task.workspace, "task_assigned", task.id, "", "", event_data(task, agent));
    ctx.tables.put(task);
    if (connection != 0 && announce) send_assignment(ctx, task, connection);
}

std::optional<TaskRow> claim(Context& ctx, int64_t workspace, const std::string& agent,
                             const std::vector<std::string>& capabilities, int64_t lease_ms) {
    const std::optional<std::string> id = ctx.tables.indexes().queues[workspace].next_task(agent, capabilities);
    if (!id) return std::nullopt;
    const TaskRow task = *ctx.tables.find<TaskRow>({workspace, *id});
    begin_lease(ctx, task, agent, 0, false, lease_ms);
    begin_work(ctx, *ctx.tables.find<TaskRow>({workspace, *id}));
    return *ctx.tables.find<TaskRow>({workspace, *id});
}

Status accept(Context& ctx, const Report& report) {
    const TaskRow* task = ctx.tables.find<TaskRow>({report.workspace, report.task_id});
    if (task == nullptr) return Status(lifecycle_error("not_found"));
    if (!holds(*task, report)) return Status(stale(*task, TaskEvent::accept));
    if (lifecycle(task->state, TaskEvent::accept).action == TaskAction::begin_work) begin_work(ctx, TaskRow(*task));
    return {};
}

Status progress(Context& ctx, const Report& report, std::optional<int64_t> progress) {
    const TaskRow* task = ctx.tables.find<TaskRow>({report.workspace, report.task_id});
    if (task == nullptr) return Status(lifecycle_error("not_found"));
    if (!holds(*task, report)) return Status(stale(*task, TaskEvent::progress));
    if (lifecycle(task->state, TaskEvent::progress).action == TaskAction::begin_work) begin_work(ctx, TaskRow(*task));
    ctx.tables.modify<LeaseRow>({report.workspace, report.task_id}, [&](LeaseRow& lease) {
        lease.renewed_us = ctx.now.mono_us;
        lease.progress_us = ctx.now.mono_us;
        lease.stuck = false;
        if (progress) lease.progress = progress;
    });
    return {};
}

Status complete(Context& ctx, const Report& report, std::string result_json,
                std::optional<std::string> tokens_used_json, std::optional<std::string> usage_json) {
    const TaskRow* found = find_task(ctx, report.workspace, report.task_id);
    if (found == nullptr) return Status(lifecycle_error("not_found"));
    if (!found->live || !holds(*found, report)) {
        if (ended_attempt(ctx, *found, report) == Outcome::completed) return {};
        return Status(stale(*found, TaskEvent::complete));
    }
    const TaskRow leased = *found;
    end_lease(ctx, leased, Outcome::completed, std::nullopt);
    TaskRow task = leased;
    task.result = Body(std::move(result_json));
    task.has_result = true;
    task.tokens_used = std::move(tokens_used_json);
    task.usage = std::move(usage_json);
    json::Writer data;
    data.begin_object().member("agent_id", report.agent).member("generation", task.generation);
    data.raw_member("tokens_used", task.tokens_used.value_or("null")).end_object();
    ctx.event(task.workspace, "task_completed", task.id, report.agent, "", data.take());
    finish(ctx, std::move(task), TaskState::completed);
    satisfy_dependents(ctx, report.workspace, report.task_id);
    agents::responsive(ctx, report.workspace, report.agent);
    agents::freed(ctx, report.workspace, report.agent);
    return {};
}

Result<Outcome> fail(Context& ctx, const Report& report, const std::string& error) {
    using Answer = Result<Outcome>;
    const TaskRow* found = find_task(ctx, report.workspace, report.task_id);
    if (found == nullptr) return Answer(lifecycle_error("not_found"));
    if (!found->live || !holds(*found, report)) {
        const std::optional<Outcome> ended = ended_attempt(ctx, *found, report);
        if (ended == Outcome::retried || ended == Outcome::dead_letter) return Answer(*ended);
        return Answer(stale(*found, TaskEvent::fail));
    }
    const TaskRow leased = *found;
    TaskRow task = leased;
    ++task.retry_count;
    const Outcome outcome = task.retry_count >= task.max_retries ? Outcome::dead_letter : Outcome::retried;
    end_lease(ctx, leased, outcome, error);
    task.last_error = error;
    task.avoid_agent = report.agent;
    if (outcome == Outcome::dead_letter) {
        bury(ctx, std::move(task), error, "failed");
    } else {
        ctx.event(task.workspace, "task_retried", task.id, report.agent, "failed",
                  event_data(task, report.agent, error));
        ++task.generation;
        task.retry_delay_ms = retry_delay(ctx, task.retry_count);
        place(ctx, std::move(task));
    }
    agents::responsive(ctx, report.workspace, report.agent);
    agents::freed(ctx, report.workspace, report.agent);
    return Answer(outcome);
}

Status reject(Context& ctx, const Report& report, const std::string& reason) {
    return give_back(ctx, report, TaskEvent::reject, Outcome::rejected, reason);
}

Status release(Context& ctx, const Report& report, const std::string& reason) {
    return give_back(ctx, report, TaskEvent::release, Outcome::released, reason);
}

std::optional<int64_t> recover(Context& ctx, const Report& report) {
    const TaskRow* found = ctx.tables.find<TaskRow>({report.workspace, report.task_id});
    if (found == nullptr) return std::nullopt;
    if (holds(*found, report)) {
        if (found->state == TaskState::assigned) begin_work(ctx, TaskRow(*found));
        ctx.tables.modify<LeaseRow>({report.workspace, report.task_id},
                                    [&](LeaseRow& lease) { lease.renewed_us = ctx.now.mono_us; });
        return ctx.tables.find<TaskRow>({report.workspace, report.task_id})->generation;
    }
    // It went back to the queue while its last holder was away, and nobody has taken it yet: its work goes on.
    const AgentRow* agent = ctx.tables.find<AgentRow>({report.workspace, report.agent});
    if (found->state != TaskState::queued || found->avoid_agent != report.agent || agent == nullptr ||
        !ctx.tables.indexes().is_available(*agent)) {
        return std::nullopt;
    }
    begin_lease(ctx, TaskRow(*found), report.agent, agent->connection, false);
    begin_work(ctx, TaskRow(*ctx.tables.find<TaskRow>({report.workspace, report.task_id})));
    return ctx.tables.find<TaskRow>({report.workspace, report.task_id})->generation;
}

Result<TaskRow> cancel(Context& ctx, int64_t workspace, const std::string& task_id, const std::string& principal,
                       const std::string& reason) {
    using Answer = Result<TaskRow>;
    const TaskRow* found = find_task(ctx, workspace, task_id);
    if (found == nullptr) return Answer(client_error("task_not_found", 404, "there is no such task"));
    if (lifecycle(found->state, TaskEvent::cancel).action == TaskAction::nothing) {
        return Answer(client_error("invalid_state", 409, "the task has ended already"));
    }
    const TaskRow before = *found;
    TaskRow task = before;
    if (before.leased()) {
        tell_revoked(ctx, before, reason);
        end_lease(ctx, before, Outcome::cancelled, reason);
    }
    task.last_error = "cancelled";
    ctx.event(workspace, "task_cancelled", task_id, principal, reason,
              event_data(task, before.leased() ? before.assigned_to.value_or("") : ""));
    TaskRow answer = task;
    answer.state = TaskState::cancelled;
    finish(ctx, std::move(task), TaskState::cancelled);
    if (before.leased()) agents::freed(ctx, workspace, *before.assigned_to);
    return Answer(std::move(answer));
}

Result<TaskRow> retry(Context& ctx, int64_t workspace, const std::string& task_id, const std::string& principal) {
    using Answer = Result<TaskRow>;
    const TaskRow* found = ctx.tables.find<TaskRow>({workspace, task_id});
    if (found == nullptr || lifecycle(found->state, TaskEvent::retry).action == TaskAction::nothing) {
        return Answer(client_error("task_not_found", 404, "only dead letters can be retried"));
    }
    TaskRow task = *found;
    if (!task.unique_key.empty() && ctx.tables.indexes().unique_keys.contains({workspace, task.unique_key})) {
        return Answer(client_error("unique_key_taken", 409, "another live task has this unique_key"));
    }
    ++task.generation;
    task.retry_count = 0;
    task.reclaim_count = 0;
    task.retry_delay_ms = 0;
    task.last_error.reset();
    task.avoid_agent.clear();
    // A deadline that has passed would bury it again at once.
    if (task.complete_by && *task.complete_by <= ctx.now.wall_ms) task.complete_by.reset();
    if (task.complete_by) ctx.arm(TimerKind::deadline, workspace, task_id, *task.complete_by);
    ctx.event(workspace, "task_requeued", task_id, principal, "retried from dead-letter", event_data(task, ""));
    place(ctx, std::move(task));
    return Answer(*ctx.tables.find<TaskRow>({workspace, task_id}));
}

namespace {

/// When a leased task's holder was last heard of: a frame of its session renews every lease it holds.
int64_t last_renewal(const Context& ctx, const LeaseRow& lease) {
    int64_t renewed = lease.renewed_us;
    if (lease.connection != 0) {
        if (const LivenessRow* liveness = ctx.tables.find<LivenessRow>({lease.connection})) {
            renewed = std::max(renewed, liveness->last_inbound_us);
        }
    }
    return renewed;
}

void on_deadline(Context& ctx, const TaskRow& found) {
    const TaskRow before = found;
    if (lifecycle(before.state, TaskEvent::deadline).action == TaskAction::nothing) return;
    if (ctx.settings.overdue_requeue != 0) {
        // As v1.1 did, but once: only a leased task goes back, and its deadline is spent.
        if (!before.leased()) return;
        TaskRow task = before;
        task.complete_by.reset();
        ctx.tables.put(task);
        reclaim(ctx, task, Outcome::deadline);
        return;
    }
    if (before.leased()) {
        tell_revoked(ctx, before, "deadline");
        end_lease(ctx, before, Outcome::deadline, "deadline exceeded");
    }
    bury(ctx, before, "deadline exceeded", "deadline");
    if (before.leased()) agents::freed(ctx, before.workspace, *before.assigned_to);
}

void on_lease_timer(Context& ctx, const TimerRow& timer, const TaskRow& task, const LeaseRow& lease) {
    const auto again_at = [&](int64_t deadline) {
        if (deadline <= ctx.now.mono_us) return false;
        ctx.arm(timer.kind, timer.workspace, timer.subject, deadline, timer.generation);
        return true;
    };
    // It may still be busy with what it has lost, and on protocol 1 nobody tells it: other agents come first for a
    // while.
    const auto take_back = [&](Outcome outcome) {
        agents::back_off(ctx, task.workspace, task.assigned_to.value_or(""), ctx.settings.reject_backoff_ms);
        reclaim(ctx, TaskRow(task), outcome);
    };
    switch (timer.kind) {
        case TimerKind::acceptance:
            if (lifecycle(task.state, TaskEvent::acceptance_timeout).action == TaskAction::nothing) return;
            {
                const std::string agent = *task.assigned_to;
                agents::unresponsive(ctx, task.workspace, agent);
                reclaim(ctx, TaskRow(task), Outcome::acceptance_timeout);
            }
            return;
        case TimerKind::lease: {
            const int64_t silence_ms = lease.lease_ms > 0 ? lease.lease_ms : ctx.settings.lease_silence_ms;
            if (again_at(saturating_add(last_renewal(ctx, lease), us_from_ms(silence_ms)))) return;
            take_back(Outcome::silent);
            return;
        }
        case TimerKind::max_run:
            take_back(Outcome::max_run);
            return;
        case TimerKind::grace:
            if (lease.connection != 0) return;
            reclaim(ctx, TaskRow(task), Outcome::disconnect);
            return;
        case TimerKind::stuck:
            if (again_at(saturating_add(lease.progress_us, us_from_ms(ctx.settings.stuck_after_ms)))) return;
            if (ctx.settings.stuck_reclaim != 0) {
                take_back(Outcome::stuck);
                return;
            }
            if (!lease.stuck) {
                ctx.event(task.workspace, "task_stuck", task.id, "", "no progress",
                          event_data(task, task.assigned_to.value_or("")));
                ctx.tables.modify<LeaseRow>({task.workspace, task.id}, [](LeaseRow& row) { row.stuck = true; });
            }
            // Looked at again, so that a task which stops once more is told once more.
            ctx.arm(timer.kind, timer.workspace, timer.subject, ctx.in_ms(ctx.settings.stuck_after_ms),
                    timer.generation);
            return;
        default:
            return;
    }
}

}  // namespace

void on_timer(Context& ctx, const TimerRow& timer) {
    const TaskRow* task = ctx.tables.find<TaskRow>({timer.workspace, timer.subject});
    if (task == nullptr) return;
    switch (timer.kind) {
        case TimerKind::deadline:
            if (task->complete_by && *task->complete_by <= ctx.now.wall_ms) on_deadline(ctx, *task);
            return;
        case TimerKind::not_before:
        case TimerKind::retry_delay:
            if (task->state == TaskState::held) {
                TaskRow released = *task;
                if (timer.kind == TimerKind::retry_delay) released.retry_delay_ms = 0;
                const std::string reason(to_text(task->hold));
                place(ctx, std::move(released));
                task = ctx.tables.find<TaskRow>({timer.workspace, timer.subject});
                if (task->state == TaskState::queued) {
                    ctx.event(timer.workspace, "task_unheld", timer.subject, "", reason, event_data(*task, ""));
                }
            }
            return;
        case TimerKind::ageing:
            if (task->state == TaskState::queued && task->lane > 0) {
                ctx.tables.modify<TaskRow>(task->key(), [](TaskRow& row) { --row.lane; });
                if (ctx.tables.find<TaskRow>({timer.workspace, timer.subject})->lane > 0) {
                    ctx.arm(TimerKind::ageing, timer.workspace, timer.subject, ctx.in_ms(ctx.settings.ageing_ms));
                }
            }
            return;
        default:
            break;
    }
    // A timer belongs to one lease: whatever has happened to the task since, that lease is over.
    const LeaseRow* lease = ctx.tables.find<LeaseRow>({timer.workspace, timer.subject});
    if (lease == nullptr || !task->leased() || task->generation != timer.generation) return;
    on_lease_timer(ctx, timer, *task, LeaseRow(*lease));
}

void rearm(Context& ctx, int64_t workspace, const std::string& task_id) {
    const TaskRow* found = ctx.tables.find<TaskRow>({workspace, task_id});
    if (found == nullptr) {
        ctx.tables.erase<LeaseRow>({workspace, task_id});
        return;
    }
    const TaskRow task = *found;
    disarm_waiting(ctx, task);
    if (task.complete_by && task.state != TaskState::dead_letter) {
        ctx.arm(TimerKind::deadline, workspace, task_id, *task.complete_by);
    }
    if (!task.leased()) {
        ctx.tables.erase<LeaseRow>({workspace, task_id});
        if (task.state == TaskState::held && task.hold == HoldReason::not_before && task.not_before) {
            ctx.arm(TimerKind::not_before, workspace, task_id, *task.not_before);
        }
        if (task.state == TaskState::held && task.hold == HoldReason::retry_delay) {
            ctx.arm(TimerKind::retry_delay, workspace, task_id, ctx.in_ms(task.retry_delay_ms));
        }
        if (task.state == TaskState::queued) {
            ctx.queued_tasks.emplace_back(workspace, task_id);
            if (ctx.settings.ageing_ms > 0 && task.lane > 0) {
                ctx.arm(TimerKind::ageing, workspace, task_id, ctx.in_ms(ctx.settings.ageing_ms));
            }
        }
        return;
    }
    const std::string agent = task.assigned_to.value_or("");
    AgentRow holder;
    if (const AgentRow* known = ctx.tables.find<AgentRow>({workspace, agent})) holder = *known;
    LeaseRow lease;
    lease.workspace = workspace;
    lease.task_id = task_id;
    lease.connection = holder.connection;
    lease.since_us = ctx.now.mono_us;
    lease.renewed_us = ctx.now.mono_us;
    lease.progress_us = ctx.now.mono_us;
    ctx.tables.put(std::move(lease));
    if (holder.agent.empty()) {
        holder.workspace = workspace;
        holder.agent = agent;
        holder.changed_at = ctx.now.wall_ms;
        ctx.tables.put(holder);
    }
    const int64_t run_ms = task.max_run_ms > 0 ? task.max_run_ms : ctx.settings.max_run_ms;
    ctx.arm(TimerKind::lease, workspace, task_id,
            ctx.in_ms(saturating_add(ctx.settings.lease_silence_ms, ctx.settings.reconnect_grace_ms)), task.generation);
    if (run_ms > 0) ctx.arm(TimerKind::max_run, workspace, task_id, ctx.in_ms(run_ms), task.generation);
    ctx.arm(TimerKind::stuck, workspace, task_id, ctx.in_ms(ctx.settings.stuck_after_ms), task.generation);
    if (holder.connection == 0) {
        ctx.arm(TimerKind::grace, workspace, task_id,
                ctx.in_ms(saturating_add(ctx.settings.lease_silence_ms, ctx.settings.reconnect_grace_ms)),
                task.generation);
    } else if (task.state == TaskState::assigned) {
        ctx.arm(TimerKind::acceptance, workspace, task_id, ctx.in_ms(ctx.settings.acceptance_timeout_ms),
                task.generation);
    }
}

}  // namespace agentcom::tasks
