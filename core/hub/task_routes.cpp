#include "core/hub/task_routes.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "core/base/limits.hpp"
#include "core/hub/render.hpp"
#include "core/hub/waits.hpp"
#include "core/tasks/tasks.hpp"

namespace agentcom::requests {

namespace {

/// Unknown words are `normal`, as ever: the stock submitter sends them and expects 201.
int64_t priority_of(const std::string& word) {
    if (word == "urgent" || word == "critical") return 0;
    if (word == "high") return 1;
    if (word == "low") return 3;
    return 2;
}

/// The states that a word of the `status` filter stands for: v1.1's words and our own.
std::optional<std::vector<TaskState>> states_of(const std::string& word) {
    if (word == "queued") return std::vector{TaskState::queued, TaskState::held};
    if (word == "assigned") return std::vector{TaskState::assigned, TaskState::working};
    TaskState state{};
    if (from_text(word, state)) return std::vector{state};
    return std::nullopt;
}

std::optional<int64_t> priority_filter(const std::string& word) {
    static constexpr std::array<std::string_view, 4> kNames{"urgent", "high", "normal", "low"};
    for (size_t i = 0; i < kNames.size(); ++i) {
        if (word == kNames.at(i) || word == std::to_string(i)) return static_cast<int64_t>(i);
    }
    return std::nullopt;
}

/// A cursor is "<priority>.<seq>" of the last task seen.
bool read_cursor(const std::string& text, ListTasks& list) {
    const size_t dot = text.find('.');
    if (dot == std::string::npos) return false;
    const char* const begin = text.data();
    const char* const end = begin + text.size();
    const auto priority = std::from_chars(begin, begin + dot, list.after_priority);
    const auto seq = std::from_chars(begin + dot + 1, end, list.after_seq);
    return priority.ec == std::errc{} && priority.ptr == begin + dot && seq.ec == std::errc{} && seq.ptr == end;
}

/// The tasks in memory that may be on a page: the first `limit` of each state behind the cursor, in order.
std::vector<std::string> live_page(const Call& call, const ListTasks& list) {
    const Indexes& indexes = call.ctx.tables.indexes();
    const auto lists = indexes.task_lists.find(list.workspace);
    if (lists == indexes.task_lists.end()) return {};
    Indexes::TaskList page;
    for (const TaskState state : list.states) {
        const std::optional<size_t> place = Indexes::live_place(state);
        if (!place) continue;
        const Indexes::TaskList& all = lists->second.at(*place);
        int64_t taken = 0;
        auto entry = all.upper_bound({list.after_priority, list.after_seq, "\x7f"});
        if (list.priority && *list.priority > list.after_priority) entry = all.lower_bound({*list.priority, 0, ""});
        for (; entry != all.end() && taken < list.limit; ++entry) {
            if (list.priority && std::get<0>(*entry) != *list.priority) break;
            if (list.assigned_to &&
                call.ctx.tables.find<TaskRow>({list.workspace, std::get<2>(*entry)})->assigned_to != list.assigned_to) {
                continue;
            }
            page.insert(*entry);
            ++taken;
        }
    }
    std::vector<std::string> ids;
    for (const auto& [priority, seq, id] : page) {
        if (static_cast<int64_t>(ids.size()) == list.limit) break;
        ids.push_back(id);
    }
    return ids;
}

std::optional<Answer> list_tasks(const Call& call, ListTasks list) {
    list.workspace = call.workspace;
    list.events = call.ctx.settings.task_events_shown;
    const int64_t limit = std::clamp<int64_t>(query_integer(call.query, "limit").value_or(kPageDefault), 1, kPageMax);
    list.limit = limit + 1;  // one more tells whether there is a next page
    if (const std::string* cursor = find_parameter(call.query, "cursor"); cursor != nullptr && !cursor->empty()) {
        if (!read_cursor(*cursor, list)) return field_error("cursor", "invalid_value", "is no cursor of this listing");
    }
    list.live = live_page(call, list);
    std::erase_if(list.states, [](TaskState state) { return Indexes::live_place(state).has_value(); });
    call.ctx.query(std::move(list), pending_request(call, "tasks", std::to_string(limit)));
    return std::nullopt;
}

/// A task from the fields of a submission. The error's code is the field that is bad; `place` stands before its name.
Result<tasks::NewTask> new_task(const Call& call, const Arguments& arguments, const std::string& place) {
    tasks::NewTask task;
    task.description = arguments.text("description");
    task.metadata = std::string(arguments.raw("metadata").value_or("{}"));
    task.priority = priority_of(arguments.text("priority"));
    task.max_retries = arguments.integer("max_retries");
    task.needed_capabilities = arguments.string_list("needed_capabilities");
    task.kind = arguments.text("kind");
    task.labels = arguments.string_list("labels");
    task.fairness_key = arguments.text("fairness_key");
    task.unique_key = arguments.text("unique_key");
    task.parent_id = arguments.string("parent_id");
    task.blocked_by = arguments.string_list("blocked_by");
    if (const auto word = arguments.string("on_blocker_failure"); word && !from_text(*word, task.on_blocker_failure)) {
        return Result<tasks::NewTask>(
            Error{place + "on_blocker_failure", 422, Blame::client, "must be hold, cancel or run"});
    }
    task.complete_by = arguments.integer("complete_by");
    task.not_before = arguments.integer("not_before");
    task.max_run_ms = arguments.integer("max_run_ms").value_or(0);
    task.origin = arguments.text("origin");
    task.requested_by = call.principal();
    task.trace = arguments.text("trace");
    return Result<tasks::NewTask>(std::move(task));
}

void submitted_members(json::Writer& out, const tasks::Submitted& submitted) {
    const TaskRow& row = submitted.task;
    out.begin_object().member("status", v11_status(row.state));
    out.member("task_id", row.id).member("priority", row.priority).member("created_at", row.created_at);
    if (submitted.duplicate) out.member("duplicate", true);
    out.end_object();
}

/// "#3" names the fourth task of the same batch; nullopt: it is no such name.
std::optional<int64_t> batch_reference(const std::string& name) {
    if (name.size() < 2 || name.front() != '#') return std::nullopt;
    int64_t number = 0;
    const auto [end, error] = std::from_chars(name.data() + 1, name.data() + name.size(), number);
    if (error != std::errc{} || end != name.data() + name.size() || number < 0) return std::nullopt;
    return number;
}

/// The field that names a task which is neither there nor earlier in the batch.
std::optional<std::string_view> unknown_reference(const Call& call, const tasks::NewTask& task, int64_t index) {
    const auto known = [&](const std::string& name) {
        if (const auto number = batch_reference(name)) return *number < index;
        return tasks::find_task(call.ctx, call.workspace, name) != nullptr;
    };
    if (task.parent_id && !known(*task.parent_id)) return "parent_id";
    if (!std::all_of(task.blocked_by.begin(), task.blocked_by.end(), known)) return "blocked_by";
    return std::nullopt;
}

void resolve(std::string& name, const std::vector<std::string>& ids) {
    if (const auto number = batch_reference(name)) name = ids.at(static_cast<size_t>(*number));
}

/// An end that was asked for: cancelled, or under way.
Reply cancelled(const Call& call, const std::string& reason, int64_t grace_ms) {
    const Result<tasks::Cancelled> done =
        tasks::cancel(call.ctx, call.workspace, call.params.at(0), call.principal(), reason, grace_ms);
    if (!done) {
        return done.error().http_status == 404 ? task_not_found(call.params.at(0)) : error_answer(done.error());
    }
    json::Writer out;
    out.begin_object().member("status", done.value().grace_until ? "cancelling" : "cancelled");
    out.member("task_id", call.params.at(0)).member("priority", done.value().task.priority);
    if (done.value().grace_until) out.member("until", *done.value().grace_until);
    out.end_object();
    return ok(out);
}

}  // namespace

Reply on_task_submit(const Call& call) {
    Result<tasks::NewTask> task = new_task(call, call.arguments, "");
    if (!task) return field_error(task.error().code, "invalid_value", task.error().text);
    const Result<tasks::Submitted> submitted = tasks::submit(call.ctx, call.workspace, std::move(task).value());
    if (!submitted) {
        const Error& error = submitted.error();
        if (error.code == "unknown_task") {
            return field_error(error.text, "not_found", "names a task that does not exist");
        }
        return error_answer(error);
    }
    json::Writer out;
    submitted_members(out, submitted.value());
    return ok(out, submitted.value().duplicate ? 200 : 201);
}

Reply on_task_batch(const Call& call) {
    const std::string_view raw = *call.arguments.raw("tasks");
    if (raw.front() != '[') return field_error("tasks", "wrong_type", "expected array of objects");
    const std::vector<json::Value> elements = json::elements(raw);
    if (elements.empty() || elements.size() > kMaxBatchTasks) {
        return field_error("tasks", "invalid_length", "must hold 1 to " + std::to_string(kMaxBatchTasks) + " tasks");
    }
    // All is checked before anything is done: none of the tasks may be refused once the first is there.
    const Operation& submit = operation(OperationId::http_task_submit);
    std::vector<tasks::NewTask> wanted;
    std::vector<FieldError> errors;
    for (size_t i = 0; i < elements.size(); ++i) {
        const std::string place = "tasks[" + std::to_string(i) + "]";
        if (elements[i].kind != json::Kind::object) return field_error(place, "wrong_type", "expected object");
        const json::Object members = json::members(elements[i].raw);
        for (FieldError& error : validate(submit, members)) {
            error.field = place + "." + error.field;
            errors.push_back(std::move(error));
        }
        if (!errors.empty()) continue;
        Result<tasks::NewTask> task = new_task(call, Arguments(submit, members), place + ".");
        if (!task) return field_error(task.error().code, "invalid_value", task.error().text);
        if (const auto field = unknown_reference(call, task.value(), static_cast<int64_t>(i))) {
            return field_error(place + "." + std::string(*field), "not_found", "names a task that does not exist");
        }
        wanted.push_back(std::move(task).value());
    }
    if (!errors.empty()) return Answer{422, http_validation_error(errors), std::nullopt, {}};
    if (call.ctx.tables.indexes().live_tasks + static_cast<int64_t>(wanted.size()) > call.ctx.settings.live_tasks_max) {
        return error_answer(503, "queue_full", "the hub holds live_tasks_max tasks that have not ended");
    }
    json::Writer out;
    out.begin_object().key("tasks").begin_array();
    std::vector<std::string> ids;
    for (tasks::NewTask& task : wanted) {
        for (std::string& id : task.blocked_by) resolve(id, ids);
        if (task.parent_id) resolve(*task.parent_id, ids);
        const Result<tasks::Submitted> submitted = tasks::submit(call.ctx, call.workspace, std::move(task));
        AGENTCOM_ASSERT(submitted, "a task of a checked batch is taken");
        ids.push_back(submitted.value().task.id);
        submitted_members(out, submitted.value());
    }
    out.end_array().member("count", static_cast<int64_t>(ids.size())).end_object();
    return ok(out, 201);
}

Reply on_task_list(const Call& call) {
    ListTasks list;
    list.states = {TaskState::held, TaskState::queued, TaskState::assigned, TaskState::working, TaskState::completed};
    if (const std::string* status = find_parameter(call.query, "status")) {
        std::optional<std::vector<TaskState>> states = states_of(*status);
        if (!states) return field_error("status", "invalid_value", "is no status of a task");
        list.states = std::move(*states);
    }
    if (const std::string* priority = find_parameter(call.query, "priority")) {
        list.priority = priority_filter(*priority);
        if (!list.priority)
            return field_error("priority", "invalid_value", "is no priority: urgent, high, normal, low");
    }
    if (const std::string* agent = find_parameter(call.query, "assigned_to")) list.assigned_to = *agent;
    return list_tasks(call, std::move(list));
}

Reply on_task_dead_letters(const Call& call) {
    ListTasks list;
    list.states = {TaskState::dead_letter};
    return list_tasks(call, std::move(list));
}

Reply on_task_get(const Call& call) {
    const TaskRow* live = call.ctx.tables.find<TaskRow>({call.workspace, call.params.at(0)});
    if (live != nullptr && live->state != TaskState::dead_letter && waits::may_wait(call)) {
        return waits::wait(call, WaitTopic::task_end, call.params.at(0));
    }
    call.ctx.query(FetchTask{call.workspace, call.params.at(0), call.ctx.settings.task_events_shown},
                   pending_request(call, "task", call.params.at(0)));
    return std::nullopt;
}

Reply on_task_stats(const Call& call) {
    call.ctx.query(CountTasks{call.workspace}, pending_request(call, "stats", ""));
    return std::nullopt;
}

Reply on_task_retry(const Call& call) {
    const Result<TaskRow> task = tasks::retry(call.ctx, call.workspace, call.params.at(0), call.principal());
    if (!task) {
        return task.error().http_status == 404 ? task_not_found(call.params.at(0)) : error_answer(task.error());
    }
    json::Writer out;
    out.begin_object().member("status", "requeued").member("task_id", call.params.at(0));
    out.member("priority", task.value().priority).end_object();
    return ok(out);
}

Reply on_task_cancel(const Call& call) { return cancelled(call, "cancelled by " + call.principal(), 0); }

Reply on_task_cancel_gently(const Call& call) {
    const int64_t grace_ms = call.arguments.integer("grace_ms").value_or(0);
    if (grace_ms < 0 || grace_ms > kMaxGraceMs) {
        return field_error("grace_ms", "invalid_value", "must be from 0 to " + std::to_string(kMaxGraceMs));
    }
    return cancelled(call, call.arguments.string("reason").value_or("cancelled by " + call.principal()), grace_ms);
}

Reply on_task_say(const Call& call) {
    const Result<tasks::Said> said =
        tasks::say(call.ctx, call.workspace, call.params.at(0), call.principal(), call.arguments.text("text"));
    if (!said) {
        return said.error().http_status == 404 ? task_not_found(call.params.at(0)) : error_answer(said.error());
    }
    json::Writer out;
    out.begin_object().member("status", "said").member("task_id", call.params.at(0));
    out.member("seq", said.value().seq).member("delivered", said.value().delivered).end_object();
    return ok(out);
}

Reply on_task_output(const Call& call) {
    const std::string& task_id = call.params.at(0);
    const int64_t since = std::max<int64_t>(0, query_integer(call.query, "since").value_or(0));
    const int64_t generation = query_integer(call.query, "generation").value_or(0);
    const TaskRow* task = call.ctx.tables.find<TaskRow>({call.workspace, task_id});
    if (task == nullptr && !call.resumption && tasks::find_task(call.ctx, call.workspace, task_id) == nullptr) {
        return task_not_found(task_id);
    }
    const bool running = task != nullptr && task->leased() && (generation <= 0 || generation == task->generation);
    if (running && waits::may_wait(call)) {
        const RunRow* run = call.ctx.tables.find<RunRow>(task->key());
        if (run == nullptr || run->output_end <= since) return waits::wait(call, WaitTopic::output, task_id);
    }
    FetchOutput query;
    query.workspace = call.workspace;
    query.task_id = task_id;
    query.generation = generation > 0 || !running ? generation : task->generation;
    query.since = since;
    query.limit_bytes = std::clamp<int64_t>(query_integer(call.query, "limit").value_or(kOutputBytes), 1, kOutputBytes);
    call.ctx.query(std::move(query), pending_request(call, "output", std::to_string(since) + " " + task_id));
    return std::nullopt;
}

Answer tasks_answer(Context& ctx, QueryResult result, int64_t limit) {
    std::optional<std::vector<TaskRecord>> records = collect_task_records(std::move(result.rows));
    if (!records) return damaged_row();
    const bool more = static_cast<int64_t>(records->size()) > limit;
    if (more) records->resize(static_cast<size_t>(limit));
    json::Writer out;
    out.begin_object().key("tasks").begin_array();
    for (const TaskRecord& record : *records) render::task(out, ctx, record, render::Detail::plain);
    out.end_array().member("count", static_cast<int64_t>(records->size()));
    if (more) {
        const TaskRow& last = records->back().task;
        out.member("next_cursor", std::to_string(last.priority) + "." + std::to_string(last.seq));
    } else {
        out.member("next_cursor", nullptr);
    }
    out.end_object();
    return ok(out);
}

Answer task_answer(Context& ctx, QueryResult result, const std::string& task_id) {
    const std::optional<std::vector<TaskRecord>> records = collect_task_records(std::move(result.rows));
    if (!records) return damaged_row();
    if (records->empty()) return task_not_found(task_id);
    json::Writer out;
    render::task(out, ctx, records->front(), render::Detail::with_reasons);
    return ok(out);
}

Answer output_answer(Context& ctx, const PendingRow& pending, QueryResult result, std::string detail) {
    const int64_t since = next_number(detail);
    const std::string& task_id = detail;
    const TaskRow* task = ctx.tables.find<TaskRow>({pending.workspace, task_id});
    std::optional<int64_t> generation;
    int64_t start = 0;
    int64_t end = 0;
    int64_t next = since;
    json::Writer chunks;
    chunks.begin_array();
    for (QueryRow& row : result.rows) {
        if (!generation) {
            if (row.values.size() != 3) return damaged_row();
            generation = row.values[0].integer;
            start = row.values[1].integer;
            end = row.values[2].integer;
            next = std::max(next, start);
            continue;
        }
        const std::optional<TaskOutputRow> piece = row_from_values<TaskOutputRow>(std::move(row.values));
        if (!piece) return damaged_row();
        const int64_t piece_end = piece->position + piece->text.size;
        if (piece_end <= next) continue;
        std::string_view text = piece->text.bytes;
        int64_t position = piece->position;
        if (position < next) {
            text.remove_prefix(static_cast<size_t>(next - position));
            // A cursor in the middle of a character: its rest is no text.
            while (!text.empty() && (static_cast<unsigned char>(text.front()) & 0xc0U) == 0x80U) text.remove_prefix(1);
            position = piece_end - static_cast<int64_t>(text.size());
        }
        chunks.begin_object().member("position", position).member("stream", piece->stream).member("text", text);
        chunks.end_object();
        next = piece_end;
    }
    chunks.end_array();
    // While it runs there may be more of it; nothing has come of a first attempt yet, then.
    const bool running = task != nullptr && task->leased() && (!generation || *generation == task->generation);
    json::Writer out;
    out.begin_object().member("task_id", task_id).member("generation", generation);
    out.member("start", start).member("end", end).raw_member("chunks", chunks.take());
    out.member("next", next).member("ended", !running && next >= end).end_object();
    return ok(out);
}

Answer stats_answer(const Context& ctx, const PendingRow& pending, const QueryResult& result) {
    std::map<std::string, int64_t> by_status;
    std::map<int64_t, int64_t> by_priority;
    for (const QueryRow& row : result.rows) {
        if (row.values.size() != 3) return damaged_row();
        const auto state = static_cast<TaskState>(row.values[0].integer);
        // v1.1 kept what has died elsewhere; a cancelled task is neither here nor there.
        if (state != TaskState::completed) continue;
        by_status[std::string(v11_status(state))] += row.values[2].integer;
        by_priority[row.values[1].integer] += row.values[2].integer;
    }
    std::array<int64_t, Indexes::kLiveStates> live{};
    const Indexes& indexes = ctx.tables.indexes();
    if (const auto counts = indexes.state_counts.find(pending.workspace); counts != indexes.state_counts.end()) {
        live = counts->second;
    }
    for (const TaskState state : {TaskState::held, TaskState::queued, TaskState::assigned, TaskState::working}) {
        const int64_t count = live.at(*Indexes::live_place(state));
        if (count > 0) by_status[std::string(v11_status(state))] += count;
    }
    if (const auto counts = indexes.priority_counts.find(pending.workspace); counts != indexes.priority_counts.end()) {
        for (size_t priority = 0; priority < counts->second.size(); ++priority) {
            if (counts->second.at(priority) > 0) {
                by_priority[static_cast<int64_t>(priority)] += counts->second.at(priority);
            }
        }
    }
    json::Writer out;
    out.begin_object().key("by_status").begin_object();
    for (const auto& [status, count] : by_status) out.member(status, count);
    out.end_object().key("by_priority").begin_object();
    for (const auto& [priority, count] : by_priority) out.member(std::to_string(priority), count);
    out.end_object().member("dead_letter", live.at(*Indexes::live_place(TaskState::dead_letter)));
    out.member("queued_index_size", live.at(*Indexes::live_place(TaskState::queued))).end_object();
    return ok(out);
}

}  // namespace agentcom::requests
