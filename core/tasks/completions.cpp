#include "core/tasks/completions.hpp"

#include <algorithm>

#include "core/base/json.hpp"
#include "core/base/utf8.hpp"

namespace agentcom::tasks {

namespace {

constexpr size_t kUrlCodePoints = 500;

/// Agents put anything there: what is no whole number is none.
std::optional<int64_t> tokens_of(const TaskRow& task) {
    if (!task.tokens_used) return std::nullopt;
    const json::Value value = json::parse_value(*task.tokens_used);
    if (value.kind != json::Kind::integer) return std::nullopt;
    const std::optional<int64_t> tokens = json::to_int64(value);
    return tokens && *tokens >= 0 ? tokens : std::nullopt;
}

std::optional<std::string> pr_url_of(const TaskRow& task) {
    // Most results have none, and may be long.
    if (task.result.bytes.find("\"pr_url\"") == std::string::npos) return std::nullopt;
    if (json::parse_value(task.result.bytes).kind != json::Kind::object) return std::nullopt;
    const json::Object result = json::members(task.result.bytes);
    const json::Value* url = result.find("pr_url");
    if (url == nullptr || url->kind != json::Kind::string) return std::nullopt;
    std::string text = json::decode_string(*url);
    if (exceeds_code_points(text, kUrlCodePoints)) return std::nullopt;
    return text;
}

}  // namespace

std::string label(const Tables& tables, const TaskRow& task) {
    const TaskInputRow* input = tables.find<TaskInputRow>({task.workspace, task.id});
    if (input != nullptr && input->description.resident && !input->description.bytes.empty()) {
        return std::string(truncate_code_points(input->description.bytes, kLabelCodePoints));
    }
    return std::string(truncate_code_points(task.kind.empty() ? task.id : task.kind, kLabelCodePoints));
}

void note_completion(Context& ctx, const TaskRow& task) {
    const WorkspaceRow& counts = *ctx.tables.find<WorkspaceRow>({task.workspace});
    const int64_t cancelled_seq = counts.finished_seq - counts.completed_seq;
    CompletionRow row;
    row.workspace = task.workspace;
    row.place = task.state == TaskState::completed
                    ? counts.completed_seq % CompletionRow::kCompletedPlaces
                    : CompletionRow::kCompletedPlaces + cancelled_seq % CompletionRow::kCancelledPlaces;
    row.number = task.finished_seq;
    row.task_id = task.id;
    row.agent = task.assigned_to.value_or("");
    row.label = label(ctx.tables, task);
    row.state = task.state;
    row.ended_at = task.finished_at.value_or(ctx.now.wall_ms);
    row.duration_ms = std::max<int64_t>(0, row.ended_at - task.assigned_at.value_or(row.ended_at));
    row.tokens_used = tokens_of(task);
    row.pr_url = pr_url_of(task);
    if (task.state == TaskState::completed && row.tokens_used) {
        ctx.facts.push_back({Fact::What::tokens_used, task.workspace, "", *row.tokens_used, Outcome::completed});
    }
    ctx.tables.put(std::move(row));
}

std::vector<const CompletionRow*> completions(const Tables& tables, int64_t workspace) {
    std::vector<const CompletionRow*> rows;
    for (int64_t place = 0; place < CompletionRow::kPlaces; ++place) {
        if (const CompletionRow* row = tables.find<CompletionRow>({workspace, place})) rows.push_back(row);
    }
    std::sort(rows.begin(), rows.end(),
              [](const CompletionRow* a, const CompletionRow* b) { return a->number > b->number; });
    return rows;
}

}  // namespace agentcom::tasks
