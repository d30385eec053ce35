#include "core/hub/storage_jobs.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/access/access.hpp"
#include "core/base/json.hpp"
#include "core/hub/audit.hpp"
#include "core/hub/reset.hpp"
#include "core/hub/storage_routes.hpp"
#include "core/messaging/router.hpp"

namespace agentcom::storage {

namespace {

constexpr int64_t kHub = 0;
constexpr size_t kRunsKept = 20;
/// What was put off because another job runs, or failed, is tried again after this.
constexpr int64_t kTryAgainMs = 10 * kMsPerSecond;
constexpr int64_t kAfterFailureMs = 10 * kMsPerMinute;
/// No task is given out so often between a backup and its restore.
constexpr int64_t kRestoredGenerations = 1'000'000;

const StorageJobRow* running(const Tables& tables) { return tables.find<StorageJobRow>({0}); }

StorageStateRow state(const Tables& tables) {
    const StorageStateRow* row = tables.find<StorageStateRow>({0});
    return row == nullptr ? StorageStateRow{} : *row;
}

/// When the newest of the backups that lie there was made.
std::optional<int64_t> newest_of(const std::string& backups) {
    std::optional<int64_t> newest;
    for (const json::Value& manifest : json::elements(backups)) {
        const json::Object members = json::members(manifest.raw);
        const json::Value* made_at = members.find("made_at");
        if (made_at != nullptr) newest = std::max(newest, json::to_int64(*made_at));
    }
    return newest;
}

void arm_backup(Context& ctx, int64_t at_least) {
    if (ctx.settings.backup_interval_ms == 0) return;
    const Facts known = facts(ctx);
    const int64_t due =
        known.last_backup_at ? saturating_add(*known.last_backup_at, ctx.settings.backup_interval_ms) : at_least;
    ctx.arm(TimerKind::backup_due, kHub, "", std::max(due, at_least));
}

/// The next time that it is this hour of the day, in UTC.
void arm_compaction(Context& ctx) {
    if (ctx.settings.compaction_hour < 0) return;
    const int64_t midnight = ctx.now.wall_ms - ctx.now.wall_ms % kMsPerDay;
    int64_t due = midnight + ctx.settings.compaction_hour * kMsPerHour;
    if (due <= ctx.now.wall_ms) due += kMsPerDay;
    ctx.arm(TimerKind::compaction_due, kHub, "", due);
}

int64_t next_job(const Tables& tables) {
    const std::vector<StorageRunRow::Key> keys = tables.sorted_keys<StorageRunRow>();
    return keys.empty() ? 1 : std::get<0>(keys.back()) + 1;
}

void forget_old_runs(Context& ctx, StorageJobKind kind) {
    std::vector<StorageRunRow::Key> of_kind;
    for (const StorageRunRow::Key& key : ctx.tables.sorted_keys<StorageRunRow>()) {
        if (ctx.tables.find<StorageRunRow>(key)->kind == kind) of_kind.push_back(key);
    }
    for (size_t i = 0; i + kRunsKept < of_kind.size(); ++i) ctx.tables.erase<StorageRunRow>(of_kind[i]);
}

void start(Context& ctx, StorageJobRow row, bool scheduled) {
    // What leaves no run takes no number: it would be the next one's.
    row.job = row.dry_run ? 0 : next_job(ctx.tables);
    row.began_at = ctx.now.wall_ms;
    ctx.emit(StorageJob{row.job, row.kind, row.subject, scheduled, row.dry_run});
    ctx.tables.put(std::move(row));
}

void begin_scheduled(Context& ctx, StorageJobKind kind) {
    StorageJobRow row;
    row.kind = kind;
    row.trigger = "scheduled";
    start(ctx, std::move(row), true);
}

std::string event_of(StorageJobKind kind, bool ok) {
    switch (kind) {
        case StorageJobKind::backup:
            return ok ? "backup_complete" : "backup_failed";
        case StorageJobKind::compaction:
            return ok ? "compaction_complete" : "compaction_failed";
        case StorageJobKind::verification:
            return ok ? "verification_complete" : "verification_failed";
        case StorageJobKind::restore:
            return ok ? "recovery_complete" : "recovery_failed";
    }
    AGENTCOM_ASSERT(false, "every kind of job has names for its end");
    return {};
}

/// Keeps what came of a job, and tells those who read logs and events.
void record(Context& ctx, StorageRunRow run) {
    const std::string event = event_of(run.kind, run.ok);
    if (ctx.read_only()) {
        // No event can be written that the log would tell of.
        ctx.log(event, {{"trigger", run.trigger}, {"subject", run.subject}, {"error", run.error}});
        return;
    }
    json::Writer data;
    data.begin_object().member("trigger", run.trigger).member("job", run.id).raw_member("result", run.result);
    data.member("error", run.ok ? std::nullopt : std::optional(run.error)).end_object();
    ctx.event(*access::find_workspace(ctx, access::kDefaultWorkspace), event, run.subject, run.by, "storage",
              data.take());
    const StorageJobKind of = run.kind;
    ctx.tables.put(std::move(run));
    forget_old_runs(ctx, of);
}

/// Once for each thing that is found, and again at each start that finds it.
void tell_damage(Context& ctx) {
    const StorageStateRow files = state(ctx.tables);
    if (ctx.read_only()) {
        ctx.log("damage_found", {{"damage", files.damage}, {"lost_rows", files.lost_rows}});
        return;
    }
    json::Writer data;
    data.begin_object().member("damage", files.damage).member("lost_rows", files.lost_rows).end_object();
    ctx.event(*access::find_workspace(ctx, access::kDefaultWorkspace), "damage_found", "", "", "storage", data.take());
}

/// Between the backup and its restore other numbers were given out than will be now; after an earlier restore of it,
/// too. That one began from its time in milliseconds, and no task is given out so often: the time now lies above.
void raise_counters(Context& ctx, int64_t lost_messages) {
    for (const TaskRow::Key& key : ctx.tables.sorted_keys<TaskRow>()) {
        ctx.tables.modify<TaskRow>(key, [&ctx](TaskRow& task) {
            task.generation = std::max(task.generation + kRestoredGenerations, ctx.now.wall_ms);
        });
    }
    for (const WorkspaceRow::Key& key : ctx.tables.sorted_keys<WorkspaceRow>()) {
        ctx.tables.modify<WorkspaceRow>(
            key, [&](WorkspaceRow& row) { router::skip_numbers(row, row.message_seq + lost_messages); });
    }
}

void end_tokens(Context& ctx, std::string digests) {
    while (!digests.empty()) ctx.tables.erase<TokenRow>({requests::next_word(digests)});
}

}  // namespace

const StorageRunRow* last_run(const Tables& tables, StorageJobKind kind, bool succeeded) {
    const std::vector<StorageRunRow::Key> keys = tables.sorted_keys<StorageRunRow>();
    for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
        const StorageRunRow* run = tables.find<StorageRunRow>(*key);
        if (run->kind == kind && (run->ok || !succeeded)) return run;
    }
    return nullptr;
}

Facts facts(const Context& ctx) {
    const StorageStateRow files = state(ctx.tables);
    Facts facts;
    facts.database_bytes = files.database_bytes;
    facts.free_percent = files.database_bytes > 0 ? files.free_bytes * 100 / files.database_bytes : 0;
    facts.disk_free_bytes = files.disk_free_bytes;
    facts.measured_at = files.measured_at;
    facts.lost_rows = files.lost_rows;
    facts.damage = files.damage;
    facts.checked_at = files.checked_at;
    facts.last_backup_at = newest_of(files.backups);
    if (const StorageRunRow* run = last_run(ctx.tables, StorageJobKind::backup, true)) {
        facts.last_backup_at = std::max(facts.last_backup_at, std::optional(run->began_at));
    }
    if (const StorageRunRow* run = last_run(ctx.tables, StorageJobKind::backup, false); run != nullptr && !run->ok) {
        facts.backup_failure = run->error;
    }
    if (const StorageRunRow* run = last_run(ctx.tables, StorageJobKind::compaction, true)) {
        facts.last_compacted_at = run->began_at;
    }
    if (facts.last_backup_at) facts.backup_age_ms = std::max<int64_t>(0, ctx.now.wall_ms - *facts.last_backup_at);
    if (ctx.settings.backup_interval_ms > 0) {
        const HubRow* hub = ctx.tables.find<HubRow>({0});
        const int64_t since = facts.last_backup_at.value_or(hub == nullptr ? ctx.now.wall_ms : hub->created_at);
        facts.backup_overdue = (ctx.now.wall_ms - since) / 2 > ctx.settings.backup_interval_ms;
    }
    return facts;
}

void prepare_restored(Context& ctx, const Started& started) {
    if (started.restored_from.empty()) return;
    ctx.tables.modify<HubRow>({0}, [&](HubRow& hub) { hub.epoch = started.epoch; });
    end_tokens(ctx, started.revoked_tokens);
    raise_counters(ctx, started.lost_messages);
}

void started(Context& ctx, const Started& started) {
    if (!started.restored_from.empty()) {
        const int64_t tasks = reset::take_back_all(ctx, "restore");
        StorageRunRow run;
        run.id = next_job(ctx.tables);
        run.kind = StorageJobKind::restore;
        run.trigger = started.restored_from == kSalvage ? "damage" : "manual";
        run.subject = started.restored_from;
        run.began_at = ctx.now.wall_ms;
        run.ended_at = ctx.now.wall_ms;
        run.ok = true;
        json::Writer result;
        result.begin_object().member("backup", started.restored_from).member("tasks_queued_again", tasks);
        run.result = result.end_object().take();
        record(ctx, std::move(run));
    }
    arm_backup(ctx, saturating_add(ctx.now.wall_ms, ctx.settings.backup_start_delay_ms));
    arm_compaction(ctx);
}

requests::Reply begin(const requests::Call& call, Order order) {
    Context& ctx = call.ctx;
    if (const StorageJobRow* other = running(ctx.tables)) {
        json::Writer out;
        out.begin_object().member("error", "storage_busy");
        out.member("message", "a " + std::string(to_text(other->kind)) + " runs; try again when it has ended");
        out.member("running", to_text(other->kind)).member("job", other->job).end_object();
        return requests::ok(out, 409);
    }
    if (!order.dry_run) {
        json::Writer after;
        after.begin_object().member("kind", to_text(order.kind)).end_object();
        requests::audit(call, "storage_job", order.subject, "null", after.take());
    }
    StorageJobRow row;
    row.kind = order.kind;
    row.trigger = "manual";
    row.subject = std::move(order.subject);
    row.by = call.principal();
    row.dry_run = order.dry_run;
    row.request = call.request.request;
    row.route = std::string(call.operation.name);
    // What a dry run finds is kept nowhere: whoever asked waits for it.
    if (!row.dry_run) ctx.arm(TimerKind::storage_wait, kHub, "", ctx.in_ms(ctx.settings.storage_wait_ms));
    start(ctx, std::move(row), order.scheduled);
    return std::nullopt;
}

void done(Context& ctx, const StorageJobDone& done) {
    const StorageJobRow* found = running(ctx.tables);
    if (found == nullptr || found->job != done.job) return;
    const StorageJobRow job = *found;
    ctx.tables.erase<StorageJobRow>({0});
    ctx.disarm(TimerKind::storage_wait, kHub, "");
    StorageRunRow run;
    run.id = job.job;
    run.kind = job.kind;
    run.trigger = job.trigger;
    run.subject = job.subject;
    run.by = job.by;
    run.began_at = job.began_at;
    run.ended_at = ctx.now.wall_ms;
    run.ok = done.ok;
    run.result = done.result.empty() ? "{}" : done.result;
    run.error = done.error;
    // What ends with a restart is noted by the run that begins then; of a dry run there is nothing to note.
    const bool restarts = job.kind == StorageJobKind::restore && !job.dry_run && done.ok;
    if (job.request != 0) requests::respond(ctx, job.request, requests::storage_answer(job, run));
    if (!restarts && !job.dry_run) record(ctx, std::move(run));
    if (job.kind == StorageJobKind::backup) {
        arm_backup(ctx, saturating_add(ctx.now.wall_ms, done.ok ? kTryAgainMs : kAfterFailureMs));
    }
    if (restarts) ctx.emit(RestartHub{});
}

void figures(Context& ctx, const StorageFigures& figures) {
    StorageStateRow row;
    row.measured_at = ctx.now.wall_ms;
    row.database_bytes = figures.database_bytes;
    row.free_bytes = figures.free_bytes;
    row.disk_free_bytes = figures.disk_free_bytes;
    row.lost_rows = figures.lost_rows;
    row.damage = figures.damage;
    row.checked_at = figures.checked_at;
    row.tables = json::validate(figures.tables) ? figures.tables : "[]";
    row.backups = json::validate(figures.backups) ? figures.backups : "[]";
    const bool first = !ctx.tables.contains<StorageStateRow>({0});
    const bool news = !row.damage.empty() && row.damage != state(ctx.tables).damage;
    ctx.tables.put(std::move(row));
    if (news) tell_damage(ctx);
    // The files know better than the rows when the last backup was made: rows may be older than they are.
    if (first) arm_backup(ctx, saturating_add(ctx.now.wall_ms, ctx.settings.backup_start_delay_ms));
}

void on_timer(Context& ctx, const TimerRow& timer) {
    const StorageJobRow* job = running(ctx.tables);
    if (timer.kind == TimerKind::storage_wait) {
        if (job == nullptr || job->request == 0) return;
        requests::respond(ctx, job->request, requests::storage_goes_on(*job));
        ctx.tables.modify<StorageJobRow>({0}, [](StorageJobRow& row) { row.request = 0; });
        return;
    }
    if (ctx.runtime().stopping) return;
    if (job != nullptr) {
        ctx.arm(timer.kind, kHub, "", saturating_add(ctx.now.wall_ms, kTryAgainMs));
        return;
    }
    if (timer.kind == TimerKind::backup_due) return begin_scheduled(ctx, StorageJobKind::backup);
    begin_scheduled(ctx, StorageJobKind::compaction);
    arm_compaction(ctx);
}

}  // namespace agentcom::storage
