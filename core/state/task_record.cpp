#include "core/state/task_record.hpp"

namespace agentcom {

std::optional<std::vector<TaskRecord>> collect_task_records(std::vector<QueryRow> rows) {
    std::vector<TaskRecord> records;
    for (QueryRow& row : rows) {
        bool fits = row.table == TableId::tasks || !records.empty();
        const auto take = [&]<class Row>(auto&& into) {
            std::optional<Row> typed = row_from_values<Row>(std::move(row.values));
            fits = fits && typed.has_value();
            if (fits) into(std::move(*typed));
        };
        if (!fits) return std::nullopt;
        switch (row.table) {
            case TableId::tasks:
                take.operator()<TaskRow>([&](TaskRow&& task) { records.emplace_back().task = std::move(task); });
                break;
            case TableId::task_inputs:
                take.operator()<TaskInputRow>([&](TaskInputRow&& input) { records.back().input = std::move(input); });
                break;
            case TableId::task_edges:
                take.operator()<TaskEdgeRow>(
                    [&](TaskEdgeRow&& edge) { records.back().edges.push_back(std::move(edge)); });
                break;
            case TableId::attempts:
                take.operator()<AttemptRow>(
                    [&](AttemptRow&& attempt) { records.back().attempts.push_back(std::move(attempt)); });
                break;
            case TableId::events:
                take.operator()<EventRow>([&](EventRow&& event) { records.back().events.push_back(std::move(event)); });
                break;
            default:
                fits = false;
        }
        if (!fits) return std::nullopt;
    }
    return records;
}

}  // namespace agentcom
