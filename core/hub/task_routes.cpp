#include "core/hub/task_routes.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "core/hub/render.hpp"
#include "core/tasks/tasks.hpp"

namespace agentcom::requests {

namespace {

constexpr int64_t kTaskEvents = 50;

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

std::optional<Answer> list_tasks(const Call& call, ListTasks list) {
    list.workspace = call.workspace;
    list.events = kTaskEvents;
    const int64_t limit = std::clamp<int64_t>(query_integer(call.query, "limit").value_or(kPageDefault), 1, kPageMax);
    list.limit = limit + 1;  // one more tells whether there is a next page
    if (const std::string* cursor = find_parameter(call.query, "cursor"); cursor != nullptr && !cursor->empty()) {
        if (!read_cursor(*cursor, list)) return field_error("cursor", "invalid_value", "is no cursor of this listing");
    }
    call.ctx.query(std::move(list), pending_request(call, "tasks", std::to_string(limit)));
    return std::nullopt;
}

}  // namespace

Reply on_task_submit(const Call& call) {
    const Arguments& arguments = call.arguments;
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
    task.complete_by = arguments.integer("complete_by");
    task.not_before = arguments.integer("not_before");
    task.max_run_ms = arguments.integer("max_run_ms").value_or(0);
    task.origin = arguments.text("origin");
    task.requested_by = call.principal();
    task.trace = arguments.text("trace");
    const Result<tasks::Submitted> submitted = tasks::submit(call.ctx, call.workspace, std::move(task));
    if (!submitted) {
        const Error& error = submitted.error();
        if (error.code == "unknown_task")
            return field_error(error.text, "not_found", "names a task that does not exist");
        return error_answer(error);
    }
    const TaskRow& row = submitted.value().task;
    json::Writer out;
    out.begin_object().member("status", submitted.value().duplicate ? v11_status(row.state) : "queued");
    out.member("task_id", row.id).member("priority", row.priority).member("created_at", row.created_at);
    if (submitted.value().duplicate) out.member("duplicate", true);
    out.end_object();
    return ok(out, submitted.value().duplicate ? 200 : 201);
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
    call.ctx.query(FetchTask{call.workspace, call.params.at(0), kTaskEvents},
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

Reply on_task_cancel(const Call& call) {
    const Result<TaskRow> task = tasks::cancel(call.ctx, call.workspace, call.params.at(0), call.principal(),
                                               "cancelled by " + call.principal());
    if (!task) {
        return task.error().http_status == 404 ? task_not_found(call.params.at(0)) : error_answer(task.error());
    }
    json::Writer out;
    out.begin_object().member("status", "cancelled").member("task_id", call.params.at(0));
    out.member("priority", task.value().priority).end_object();
    return ok(out);
}

Answer tasks_answer(Context& ctx, QueryResult result, int64_t limit) {
    std::optional<std::vector<TaskRecord>> records = collect_task_records(std::move(result.rows));
    if (!records) return damaged_row();
    const bool more = static_cast<int64_t>(records->size()) > limit;
    if (more) records->resize(static_cast<size_t>(limit));
    json::Writer out;
    out.begin_object().key("tasks").begin_array();
    for (const TaskRecord& record : *records) render::task(out, ctx, record);
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
    render::task(out, ctx, records->front());
    return ok(out);
}

Answer stats_answer(const Context& ctx, const PendingRow& pending, const QueryResult& result) {
    std::map<std::string, int64_t> by_status;
    std::map<int64_t, int64_t> by_priority;
    int64_t dead = 0;
    for (const QueryRow& row : result.rows) {
        if (row.values.size() != 3) return damaged_row();
        const auto state = static_cast<TaskState>(row.values[0].integer);
        const int64_t count = row.values[2].integer;
        if (state == TaskState::dead_letter) dead += count;
        // v1.1 kept what has died elsewhere; a cancelled task is neither here nor there.
        if (state == TaskState::dead_letter || state == TaskState::cancelled) continue;
        by_status[std::string(v11_status(state))] += count;
        by_priority[row.values[1].integer] += count;
    }
    const auto& counts = ctx.tables.indexes().state_counts;
    const auto live = counts.find(pending.workspace);
    json::Writer out;
    out.begin_object().key("by_status").begin_object();
    for (const auto& [status, count] : by_status) out.member(status, count);
    out.end_object().key("by_priority").begin_object();
    for (const auto& [priority, count] : by_priority) out.member(std::to_string(priority), count);
    out.end_object().member("dead_letter", dead);
    out.member("queued_index_size", live == counts.end() ? 0 : live->second[1]).end_object();
    return ok(out);
}

}  // namespace agentcom::requests
