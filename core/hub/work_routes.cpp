#include "core/hub/work_routes.hpp"

#include <algorithm>
#include <array>

#include "core/base/limits.hpp"
#include "core/hub/idempotency.hpp"
#include "core/tasks/leases.hpp"
#include "core/tasks/reports.hpp"

namespace agentcom::requests {

namespace {

constexpr std::string_view kClaim = "post_task_claim";

Answer no_task() { return {200, R"({"task":null})", std::nullopt, {}}; }

/// A task as its new holder sees it.
Answer claimed(const TaskRow& task, const TaskInputRow& input, int64_t generation, int64_t attempt,
               std::optional<int64_t> assigned_at) {
    const auto text_or_null = [](const std::string& text) {
        return text.empty() ? std::optional<std::string>{} : std::optional(text);
    };
    json::Writer out;
    out.begin_object().key("task").begin_object();
    out.member("task_id", task.id).member("description", input.description.bytes);
    out.raw_member("metadata", input.metadata.bytes).member("generation", generation);
    out.member("priority", task.priority).member("kind", text_or_null(task.kind));
    out.raw_member("labels", json::encode_strings(task.labels));
    out.raw_member("needed_capabilities", json::encode_strings(task.needed_capabilities));
    out.member("attempt", attempt).member("assigned_at", assigned_at).member("lease_ms", task.lease_ms);
    out.member("max_run_ms", task.max_run_ms).member("complete_by", task.complete_by);
    out.member("parent_id", task.parent_id).member("root_id", task.root_id);
    out.member("trace", text_or_null(task.trace)).member("fairness_key", text_or_null(task.fairness_key));
    out.member("requested_by", task.requested_by).end_object().end_object();
    return ok(out);
}

/// nullopt: a name is no lane.
std::optional<int64_t> lanes_of(const std::vector<std::string>& names) {
    static constexpr std::array<std::string_view, kLanes> kNames{"urgent", "high", "normal", "low"};
    if (names.empty()) return kAllLanes;
    int64_t lanes = 0;
    for (const std::string& name : names) {
        const auto found = std::find(kNames.begin(), kNames.end(), name);
        if (found == kNames.end()) return std::nullopt;
        lanes |= int64_t{1} << (found - kNames.begin());
    }
    return lanes;
}

idempotency::Key claim_key(const ClaimRow& claim) {
    return {claim.workspace, claim.agent, std::string(kClaim), claim.request_id, claim.body_hash};
}

/// Asks the store for the text of a claimed task.
void fetch_claimed(Context& ctx, RequestId request, int64_t workspace, const std::string& task_id, int64_t generation) {
    PendingRow pending;
    pending.workspace = workspace;
    pending.purpose = "claimed";
    pending.input = std::to_string(request) + " " + std::to_string(generation) + " ";
    ctx.query(FetchTask{workspace, task_id, 0}, std::move(pending));
}

/// A claim of the same name that waits: its client has asked again, so the older request is let go.
void supersede(Context& ctx, const ClaimRow& wanted) {
    if (wanted.request_id.empty()) return;
    const auto waiting = ctx.tables.indexes().claims.find({wanted.workspace, wanted.agent});
    if (waiting == ctx.tables.indexes().claims.end()) return;
    const std::vector<int64_t> requests(waiting->second.begin(), waiting->second.end());
    for (const int64_t request : requests) {
        if (ctx.tables.find<ClaimRow>({request})->request_id == wanted.request_id) expire_claim(ctx, request);
    }
}

bool slots_full(const Context& ctx, const ClaimRow& wanted) {
    const auto& claims = ctx.tables.indexes().claims;
    const auto waiting = claims.find({wanted.workspace, wanted.agent});
    const int64_t pending = waiting == claims.end() ? 0 : static_cast<int64_t>(waiting->second.size());
    return ctx.tables.indexes().lease_count(wanted.workspace, wanted.agent) + pending >= ctx.settings.max_slots;
}

}  // namespace

Reply on_task_claim(const Call& call) {
    const std::optional<int64_t> lanes = lanes_of(call.arguments.string_list("lanes"));
    if (!lanes) return field_error("lanes", "invalid_value", "may hold urgent, high, normal and low");
    ClaimRow claim;
    claim.request = call.request.request;
    claim.workspace = call.workspace;
    claim.agent = call.principal();
    claim.token = call.identity->token;
    claim.capabilities = call.arguments.string_list("capabilities");
    claim.lanes = *lanes;
    claim.lease_ms = std::clamp<int64_t>(
        call.arguments.integer("lease_ms").value_or(call.ctx.settings.lease_silence_ms), kMinLeaseMs, kMaxLeaseMs);
    claim.since_us = call.ctx.now.mono_us;
    claim.request_id = call.arguments.string("request_id").value_or(call.request.idempotency_key);
    claim.body_hash = hash128(call.request.body).to_hex();
    if (const IdempotencyRow* record = idempotency::find(call.ctx, claim_key(claim))) {
        if (idempotency::conflicts(*record, claim_key(claim))) {
            return error_answer(422, "idempotency_conflict", "this request_id was used for another claim");
        }
        std::string answer = record->answer;
        const int64_t generation = next_number(answer);
        fetch_claimed(call.ctx, claim.request, claim.workspace, answer, generation);
        return std::nullopt;
    }
    supersede(call.ctx, claim);
    if (slots_full(call.ctx, claim)) {
        return error_answer(409, "slots_full", "this agent holds or awaits max_slots tasks already");
    }
    const int64_t wait_ms = std::clamp<int64_t>(call.arguments.integer("wait_ms").value_or(0), 0, kMaxWaitMs);
    tasks::claim(call.ctx, std::move(claim), call.ctx.runtime().stopping ? 0 : wait_ms);
    return std::nullopt;
}

void answer_claims(Context& ctx) {
    for (const Context::GrantedClaim& granted : std::exchange(ctx.granted_claims, {})) {
        const ClaimRow& claim = granted.claim;
        if (granted.task_id.empty()) {
            respond(ctx, claim.request, no_task());
            continue;
        }
        const TaskRow* task = ctx.tables.find<TaskRow>({claim.workspace, granted.task_id});
        AGENTCOM_ASSERT(task != nullptr, "a task that was just given out is live");
        idempotency::record(ctx, claim_key(claim), 200, std::to_string(task->generation) + " " + task->id);
        const TaskInputRow* input = ctx.tables.find<TaskInputRow>(task->key());
        if (!input->description.resident || !input->metadata.resident) {
            fetch_claimed(ctx, claim.request, claim.workspace, task->id, task->generation);
            continue;
        }
        const auto& attempts = ctx.tables.indexes().attempts;
        const auto ended = attempts.find({claim.workspace, task->id});
        const int64_t attempt = 1 + (ended == attempts.end() ? 0 : static_cast<int64_t>(ended->second.size()));
        respond(ctx, claim.request, claimed(*task, *input, task->generation, attempt, task->assigned_at));
    }
}

Answer claimed_answer(QueryResult result, int64_t generation) {
    const std::optional<std::vector<TaskRecord>> records = collect_task_records(std::move(result.rows));
    if (!records) return damaged_row();
    if (records->empty()) return no_task();
    const TaskRecord& record = records->front();
    int64_t attempt = 1;
    std::optional<int64_t> assigned_at = record.task.assigned_at;
    for (const AttemptRow& ended : record.attempts) {
        if (ended.generation < generation) ++attempt;
        if (ended.generation == generation) assigned_at = ended.assigned_at;
    }
    return claimed(record.task, record.input, generation, attempt, assigned_at);
}

void expire_claim(Context& ctx, RequestId request) {
    const ClaimRow* waiting = ctx.tables.find<ClaimRow>({request});
    if (waiting == nullptr) return;
    ctx.granted_claims.push_back({*waiting, ""});
    tasks::withdraw(ctx, request);
}

void end_claims_of_token(Context& ctx, const std::string& token_sha256) {
    for (const auto& [request] : ctx.tables.sorted_keys<ClaimRow>()) {
        if (ctx.tables.find<ClaimRow>({request})->token != token_sha256) continue;
        tasks::withdraw(ctx, request);
        respond(ctx, request, {401, unauthorized_body(Auth::strict), std::nullopt, {}});
    }
}

// -- reports ------------------------------------------------------------------------------------------------------

namespace {

tasks::Report report_of(const Call& call) {
    return {call.workspace, call.principal(), call.params.at(0), call.arguments.integer("generation")};
}

Answer refused(const Call& call, const Error& error) {
    if (error.code == "not_found") return task_not_found(call.params.at(0));
    json::Writer out;
    out.begin_object().member("error", error.code).member("message", error.text);
    out.member("task_id", call.params.at(0)).end_object();
    return ok(out, error.http_status);
}

/// {status, task_id, generation}
Answer reported(const Call& call, std::string_view status) {
    json::Writer out;
    out.begin_object().member("status", status).member("task_id", call.params.at(0));
    out.member("generation", call.arguments.integer("generation")).end_object();
    return ok(out);
}

std::optional<std::string> raw_text(const Call& call, std::string_view name) {
    const auto raw = call.arguments.raw(name);
    return raw ? std::optional(std::string(*raw)) : std::nullopt;
}

}  // namespace

Reply on_task_accept(const Call& call) {
    const Status accepted = tasks::accept(call.ctx, report_of(call));
    return accepted ? reported(call, "accepted") : refused(call, accepted.error());
}

Reply on_task_progress(const Call& call) {
    const std::optional<int64_t> progress = call.arguments.integer("progress");
    if (progress && (*progress < 0 || *progress > 100)) {
        return field_error("progress", "invalid_value", "must be from 0 to 100");
    }
    const tasks::Report report = report_of(call);
    if (const Status done = tasks::progress(call.ctx, report, progress); !done) return refused(call, done.error());
    if (const auto note = call.arguments.string("note")) {
        if (const Status noted = tasks::note(call.ctx, report, *note); !noted) return refused(call, noted.error());
    }
    const Result<tasks::Heard> heard = tasks::hear(call.ctx, report);
    if (!heard) return refused(call, heard.error());
    json::Writer out;
    out.begin_object().member("status", "progress").member("task_id", report.task_id);
    out.member("generation", report.generation).member("lease_ms", heard.value().lease_ms);
    out.key("say").begin_array();
    for (const std::string& said : heard.value().says) out.raw(said);
    out.end_array();
    if (heard.value().cancel_reason) {
        out.key("cancel").begin_object().member("reason", *heard.value().cancel_reason);
        out.member("until", heard.value().cancel_until).end_object();
    } else {
        out.member("cancel", nullptr);
    }
    out.end_object();
    return ok(out);
}

Reply on_task_complete(const Call& call) {
    const Status done = tasks::complete(call.ctx, report_of(call), raw_text(call, "result").value_or("{}"),
                                        raw_text(call, "tokens_used"), raw_text(call, "usage"));
    return done ? reported(call, "complete") : refused(call, done.error());
}

Reply on_task_fail(const Call& call) {
    std::string error = "unknown";
    if (call.arguments.has("error")) {
        error = call.arguments.text("error");
    } else if (call.arguments.has("reason")) {
        error = call.arguments.text("reason");
    }
    const Result<Outcome> outcome = tasks::fail(call.ctx, report_of(call), error);
    return outcome ? reported(call, to_text(outcome.value())) : refused(call, outcome.error());
}

Reply on_task_release(const Call& call) {
    const Status done = tasks::release(call.ctx, report_of(call), call.arguments.text("reason"));
    return done ? reported(call, "released") : refused(call, done.error());
}

}  // namespace agentcom::requests
