#include "core/tasks/reports.hpp"

#include <algorithm>

#include "core/base/json.hpp"
#include "core/base/limits.hpp"
#include "core/tasks/agents.hpp"
#include "core/tasks/leases.hpp"
#include "core/tasks/output_line.hpp"
#include "core/tasks/tasks.hpp"

namespace agentcom::tasks {

namespace {

/// Bytes of output that may be kept beyond kOutputBytes until some are let go, so that not every piece does it.
constexpr int64_t kOutputSlackBytes = int64_t{64} * 1024;

int64_t retry_delay(const Context& ctx, int64_t failures) {
    int64_t delay = ctx.settings.retry_delay_ms;
    for (int64_t i = 1; i < failures && delay < ctx.settings.retry_delay_max_ms; ++i) delay *= 2;
    return std::min(delay, ctx.settings.retry_delay_max_ms);
}

/// reject and release: the task goes back to the queue and nobody is charged.
Status give_back(Context& ctx, const Report& report, TaskEvent event, Outcome outcome, const std::string& reason) {
    const Result<const TaskRow*> held = held_task(ctx, report, event);
    if (!held) return Status(held.error());
    const TaskRow leased = *held.value();
    const std::optional<RunRow> run = run_of(ctx, leased);
    end_lease(ctx, leased, outcome, reason);
    TaskRow task = leased;
    ctx.event(task.workspace, outcome == Outcome::rejected ? "task_rejected" : "task_released", task.id, report.agent,
              reason, event_data(task, report.agent));
    task.avoid_agent = report.agent;
    go_back(ctx, leased, std::move(task), run);
    if (outcome == Outcome::rejected) {
        agents::back_off(ctx, report.workspace, report.agent, ctx.settings.reject_backoff_ms);
    }
    agents::freed(ctx, report.workspace, report.agent);
    return {};
}

/// A report that is a sign of progress, though it says no figure.
Status progress_of_holder(Context& ctx, const TaskRow& task) {
    return progress(ctx, Report{task.workspace, task.assigned_to.value_or(""), task.id, task.generation}, std::nullopt);
}

}  // namespace

Status accept(Context& ctx, const Report& report) {
    const Result<const TaskRow*> held = held_task(ctx, report, TaskEvent::accept);
    if (!held) return Status(held.error());
    const TaskRow* const task = held.value();
    if (lifecycle(task->state, TaskEvent::accept).action == TaskAction::begin_work) begin_work(ctx, TaskRow(*task));
    return {};
}

Status progress(Context& ctx, const Report& report, std::optional<int64_t> progress) {
    const Result<const TaskRow*> held = held_task(ctx, report, TaskEvent::progress);
    if (!held) return Status(held.error());
    const TaskRow* const task = held.value();
    if (lifecycle(task->state, TaskEvent::progress).action == TaskAction::begin_work) begin_work(ctx, TaskRow(*task));
    ctx.tables.modify<LeaseRow>({report.workspace, report.task_id}, [&](LeaseRow& lease) {
        lease.renewed_us = ctx.now.mono_us;
        lease.progress_us = ctx.now.mono_us;
        lease.stuck = false;
        if (progress) lease.progress = progress;
    });
    ctx.show(report.workspace, "task_progress", report.task_id, report.agent);
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
    if (const std::optional<RunRow> run = run_of(ctx, leased); run && run->cancel_by) {
        // It was to end anyway, and so it does.
        end_lease(ctx, leased, Outcome::cancelled, error);
        end_cancelled(ctx, leased, *run->cancel_by, run->cancel_reason, report.agent);
        blocker_failed(ctx, report.workspace, report.task_id);
        agents::responsive(ctx, report.workspace, report.agent);
        agents::freed(ctx, report.workspace, report.agent);
        return Answer(Outcome::cancelled);
    }
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
        task.retry_delay_ms = retry_delay(ctx, task.retry_count);
        go_back(ctx, leased, std::move(task), std::nullopt);
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

Result<Heard> hear(Context& ctx, const Report& report) {
    using Answer = Result<Heard>;
    const Result<const TaskRow*> held = held_task(ctx, report, TaskEvent::progress);
    if (!held) return Answer(held.error());
    const TaskRow* const task = held.value();
    Heard heard;
    heard.lease_ms = task->claimed() ? task->lease_ms : ctx.settings.lease_silence_ms;
    const RunRow* run = ctx.tables.find<RunRow>({report.workspace, report.task_id});
    if (run == nullptr) return Answer(std::move(heard));
    heard.cancel_reason = run->cancel_by ? std::optional(run->cancel_reason) : std::nullopt;
    heard.cancel_until = run->cancel_until;
    const auto from = static_cast<size_t>(run->handed_says);
    heard.says.assign(run->says.begin() + static_cast<std::ptrdiff_t>(std::min(from, run->says.size())),
                      run->says.end());
    if (!heard.says.empty()) {
        ctx.tables.modify<RunRow>({report.workspace, report.task_id},
                                  [](RunRow& row) { row.handed_says = static_cast<int64_t>(row.says.size()); });
    }
    return Answer(std::move(heard));
}

Status note(Context& ctx, const Report& report, const std::string& text) {
    const Result<const TaskRow*> held = held_task(ctx, report, TaskEvent::progress);
    if (!held) return Status(held.error());
    const TaskRow* const task = held.value();
    json::Writer data;
    data.begin_object().member("agent_id", report.agent).member("generation", task->generation);
    data.member("text", text).end_object();
    ctx.event(report.workspace, "task_note", report.task_id, report.agent, "", data.take());
    return progress(ctx, report, std::nullopt);
}

Status ask(Context& ctx, const Report& report, const std::string& question, const std::optional<std::string>& options) {
    const Result<const TaskRow*> held = held_task(ctx, report, TaskEvent::progress);
    if (!held) return Status(held.error());
    const TaskRow* const task = held.value();
    const int64_t generation = task->generation;
    RunRow run = open_run(ctx, *task);
    run.question.reset();
    if (!question.empty()) {
        json::Writer out;
        out.begin_object().member("question", question).raw_member("options", options.value_or("null")).end_object();
        run.question = out.take();
        run.asked_at = ctx.now.wall_ms;
    }
    const std::string asked = run.question.value_or("null");
    ctx.changed_agents.emplace_back(report.workspace, report.agent);
    ctx.tables.put(std::move(run));
    json::Writer data;
    data.begin_object().member("agent_id", report.agent).member("generation", generation);
    data.raw_member("question", asked).end_object();
    ctx.event(report.workspace, question.empty() ? "task_question_withdrawn" : "task_waiting_input", report.task_id,
              report.agent, "", data.take());
    return progress(ctx, report, std::nullopt);
}

Status output(Context& ctx, const Report& report, const std::string& stream, int64_t offset, std::string_view text) {
    const Result<const TaskRow*> held = held_task(ctx, report, TaskEvent::progress);
    if (!held) return Status(held.error());
    const TaskRow* const task = held.value();
    RunRow run = open_run(ctx, *task);
    // Sent again after a reconnect: what is known already is left out. A gap (the holder dropped some) stays one.
    if (offset < run.output_end) {
        const auto known = static_cast<size_t>(run.output_end - offset);
        if (known >= text.size()) return progress_of_holder(ctx, *task);
        text.remove_prefix(known);
        while (!text.empty() && (static_cast<unsigned char>(text.front()) & 0xc0U) == 0x80U) text.remove_prefix(1);
        offset = run.output_end;
    }
    if (text.empty()) return progress_of_holder(ctx, *task);
    TaskOutputRow piece;
    piece.workspace = report.workspace;
    piece.task_id = report.task_id;
    piece.generation = task->generation;
    piece.position = offset;
    piece.stream = stream;
    piece.text = Body(std::string(text));
    run.output_end = offset + static_cast<int64_t>(text.size());
    ctx.tables.append(piece);
    if (run.output_end - run.output_start > kOutputBytes + kOutputSlackBytes) {
        run.output_start = run.output_end - kOutputBytes;
        Prune prune{Prune::What::output, report.workspace, run.output_start, {}};
        prune.subject = report.task_id;
        prune.generation = task->generation;
        ctx.tables.prune(std::move(prune));
    }
    ctx.tables.put(std::move(run));
    ctx.tables.modify<LeaseRow>({report.workspace, report.task_id}, [text](LeaseRow& lease) {
        OutputLine line{std::move(lease.output_line), lease.output_open};
        line.take(text);
        lease.output_line = std::move(line.text);
        lease.output_open = line.open;
    });
    ctx.notify(report.workspace, WaitTopic::output, report.task_id);
    return progress_of_holder(ctx, *ctx.tables.find<TaskRow>({report.workspace, report.task_id}));
}

}  // namespace agentcom::tasks
