#include "native-server/store/salvage_mend.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <set>
#include <utility>

#include "core/state/rows.hpp"
#include "native-server/store/row_io.hpp"
#include "native-server/store/schema.hpp"

namespace agentcom {

namespace {

constexpr std::string_view kLostDescription =
    "(The description of this task was lost with a damaged part of the hub's database.)";
constexpr std::string_view kLostInput = "its description was lost with a damaged part of the database";
constexpr std::string_view kLostBlocker = "a task that it waits for was lost with a damaged part of the database";

class Mender {
  public:
    Mender(SqliteConnection& db, int64_t wall_ms) : db_(db), wall_ms_(wall_ms) {}

    bool run(std::vector<std::string>& lines) {
        if (!mend_workspaces() || !mend_hub() || !mend_inputs() || !mend_edges() || !mend_channels() || !drop_runs()) {
            return false;
        }
        const auto tell = [&lines](int64_t count, const char* what) {
            if (count > 0) lines.push_back(std::to_string(count) + " " + what);
        };
        tell(workspaces_, "workspaces lost their names and are called recovered-N");
        tell(inputs_, "tasks lost their descriptions and are dead letters");
        tell(blockers_, "tasks lost others that they wait for and are dead letters");
        tell(channels_, "channels lost their descriptions");
        return true;
    }

  private:
    template <class Row>
    bool put(const Row& row) {
        const TableSchema& schema = stored_table(Row::kTable);
        const RowValues values = row_values(row);
        std::string parameters;
        for (std::size_t i = 1; i <= values.size() + 1; ++i) parameters += (i > 1 ? ", ?" : "?") + std::to_string(i);
        SqliteStatement insert;
        if (!insert.prepare(db_, "INSERT OR REPLACE INTO " + sql_name(schema.name) + " VALUES (" + parameters + ")")) {
            return false;
        }
        for (std::size_t i = 0; i < values.size(); ++i) {
            const int parameter = static_cast<int>(i) + 1;
            if (values[i].type == ColumnValue::Type::integer) {
                insert.bind(parameter, values[i].integer);
            } else if (values[i].type == ColumnValue::Type::text) {
                insert.bind(parameter, values[i].text);
            } else {
                insert.bind_null(parameter);
            }
        }
        const ChecksumBytes checksum(row_hash(row));
        insert.bind_blob(static_cast<int>(values.size()) + 1, checksum.view());
        return insert.run();
    }

    /// All rows of a table that meet a condition.
    template <class Row>
    bool read(const std::string& condition, std::vector<Row>& rows) {
        const TableSchema& schema = stored_table(Row::kTable);
        SqliteStatement select;
        const std::string name = sql_name(schema.name);
        if (!select.prepare(db_, "SELECT " + select_list(schema, name + ".") + " FROM " + name + " " + condition)) {
            return false;
        }
        int code = select.step();
        for (; code == SQLITE_ROW; code = select.step()) {
            Result<RowValues> values = read_row(select, schema);
            std::optional<Row> row = values ? row_from_values<Row>(std::move(values).value()) : std::nullopt;
            if (row) rows.push_back(std::move(*row));
        }
        return code == SQLITE_DONE;
    }

    bool highest(const std::string& column, const std::string& table, int64_t workspace, int64_t& value) {
        int64_t found = 0;
        if (!db_.query_integer("SELECT coalesce(max(" + column + "), 0) FROM " + table +
                                   " WHERE workspace = " + std::to_string(workspace),
                               found)) {
            return false;
        }
        value = std::max(value, found);
        return true;
    }

    bool count_completed(WorkspaceRow& row) {
        int64_t kept = 0;
        if (!db_.query_integer("SELECT count(*) FROM tasks WHERE live = 0 AND state = 'completed' AND workspace = " +
                                   std::to_string(row.id),
                               kept)) {
            return false;
        }
        row.completed_seq = std::max(row.completed_seq, row.completed_pruned + kept);
        return true;
    }

    bool referred_workspaces(std::set<int64_t>& ids) {
        for (const TableSchema& schema : stored_tables()) {
            if (schema.columns.front().name != "workspace") continue;
            SqliteStatement select;
            if (!select.prepare(db_, "SELECT DISTINCT workspace FROM " + sql_name(schema.name))) return false;
            int code = select.step();
            for (; code == SQLITE_ROW; code = select.step()) {
                // 0 is the hub itself.
                if (select.integer(0) > 0) ids.insert(select.integer(0));
            }
            if (code != SQLITE_DONE) return false;
        }
        return true;
    }

    // Numbers must go on above every one that was given out: also when the row is an older one than the others.
    bool mend_workspaces() {
        std::vector<WorkspaceRow> rows;
        std::set<int64_t> ids;
        if (!read<WorkspaceRow>("", rows) || !referred_workspaces(ids)) return false;
        std::set<std::string> names;
        for (const WorkspaceRow& row : rows) {
            ids.erase(row.id);
            names.insert(row.name);
        }
        for (const int64_t id : ids) {
            WorkspaceRow row;
            row.id = id;
            // The first one that a hub makes.
            row.name = id == 1 && !names.contains("default") ? "default" : "recovered-" + std::to_string(id);
            row.created_at = wall_ms_;
            rows.push_back(std::move(row));
            ++workspaces_;
        }
        for (WorkspaceRow& row : rows) {
            highest_workspace_ = std::max(highest_workspace_, row.id);
            if (!highest("seq", "events", row.id, row.event_seq) ||
                !highest("seq", "messages", row.id, row.message_seq) ||
                !highest("seq", "tasks", row.id, row.task_seq) ||
                !highest("finished_seq", "tasks", row.id, row.finished_seq) || !count_completed(row) ||
                !highest("seq", "receipts", row.id, row.receipt_seq) ||
                !highest("last_seq", "receipts", row.id, row.message_seq) ||
                !highest("seen_seq", "mailboxes", row.id, row.message_seq) || !put(row)) {
                return false;
            }
        }
        return true;
    }

    bool mend_hub() {
        std::vector<HubRow> rows;
        if (!read<HubRow>("", rows)) return false;
        if (rows.empty()) {
            rows.emplace_back();
            rows.back().created_at = wall_ms_;
        }
        for (HubRow& row : rows) {
            row.next_workspace = std::max(row.next_workspace, highest_workspace_ + 1);
            if (!put(row)) return false;
        }
        return true;
    }

    bool bury(TaskRow task, std::string_view error) {
        task.state = TaskState::dead_letter;
        task.hold = HoldReason::none;
        task.lease_ms = 0;
        task.last_error = std::string(error);
        task.updated_at = wall_ms_;
        return put(task);
    }

    bool mend_inputs() {
        std::vector<TaskRow> tasks;
        if (!read<TaskRow>("WHERE live = 1 AND NOT EXISTS (SELECT 1 FROM task_inputs WHERE task_inputs.workspace = "
                           "tasks.workspace AND task_inputs.task_id = tasks.id)",
                           tasks)) {
            return false;
        }
        for (TaskRow& task : tasks) {
            TaskInputRow input;
            input.workspace = task.workspace;
            input.task_id = task.id;
            input.description = Body(std::string(kLostDescription));
            input.metadata = Body("{}");
            if (!put(input) || !bury(std::move(task), kLostInput)) return false;
            ++inputs_;
        }
        return true;
    }

    // `blocked_count` says how many open edges there must be.
    bool mend_edges() {
        static const std::string kOf =
            " WHERE task_edges.workspace = tasks.workspace AND task_edges.task_id = tasks.id";
        static const std::string kGone =
            " AND NOT EXISTS (SELECT 1 FROM tasks AS other WHERE other.workspace = task_edges.workspace AND other.id = "
            "task_edges.blocked_by)";
        std::vector<TaskRow> tasks;
        if (!read<TaskRow>("WHERE live = 1 AND blocked_count != (SELECT count(*) FROM task_edges" + kOf +
                               " AND satisfied = 0 AND EXISTS (SELECT 1 FROM tasks AS other WHERE other.workspace = "
                               "task_edges.workspace AND other.id = task_edges.blocked_by))",
                           tasks)) {
            return false;
        }
        if (!db_.execute("DELETE FROM task_edges WHERE satisfied = 0 AND EXISTS (SELECT 1 FROM tasks" + kOf +
                         " AND live = 1)" + kGone)) {
            return false;
        }
        for (TaskRow& task : tasks) {
            SqliteStatement count;
            if (!count.prepare(db_,
                               "SELECT count(*) FROM task_edges WHERE workspace = ?1 AND task_id = ?2 AND "
                               "satisfied = 0")) {
                return false;
            }
            count.bind(1, task.workspace);
            count.bind(2, task.id);
            if (count.step() != SQLITE_ROW) return false;
            task.blocked_count = count.integer(0);
            count.reset();
            if (!bury(std::move(task), kLostBlocker)) return false;
            ++blockers_;
        }
        return true;
    }

    bool mend_channels() {
        std::set<std::pair<int64_t, std::string>> wanted;
        SqliteStatement select;
        if (!select.prepare(db_,
                            "SELECT workspace, channel FROM memberships UNION SELECT workspace, channel FROM "
                            "messages INDEXED BY messages_by_channel WHERE channel IS NOT NULL AND channel_seq > "
                            "0")) {
            return false;
        }
        int code = select.step();
        for (; code == SQLITE_ROW; code = select.step()) wanted.emplace(select.integer(0), select.text(1));
        select.finish();
        std::vector<ChannelRow> rows;
        if (code != SQLITE_DONE || !read<ChannelRow>("", rows)) return false;
        for (const ChannelRow& row : rows) wanted.erase({row.workspace, row.name});
        for (const auto& [workspace, name] : wanted) {
            ChannelRow row;
            row.workspace = workspace;
            row.name = name;
            row.created_at = wall_ms_;
            rows.push_back(std::move(row));
            ++channels_;
        }
        for (ChannelRow& row : rows) {
            if (!highest_in_channel("SELECT coalesce(max(channel_seq), 0) FROM messages INDEXED BY messages_by_channel "
                                    "WHERE workspace = ?1 AND channel = ?2",
                                    row, row.last_seq) ||
                !highest_in_channel("SELECT coalesce(max(\"join\"), 0) FROM memberships WHERE workspace = ?1 AND "
                                    "channel = ?2",
                                    row, row.joins) ||
                !put(row)) {
                return false;
            }
        }
        return true;
    }

    bool highest_in_channel(const std::string& sql, const ChannelRow& row, int64_t& value) {
        SqliteStatement select;
        if (!select.prepare(db_, sql)) return false;
        select.bind(1, row.workspace);
        select.bind(2, row.name);
        if (select.step() != SQLITE_ROW) return false;
        value = std::max(value, select.integer(0));
        return true;
    }

    /// What passed between a holder and people, of tasks that nobody holds.
    bool drop_runs() {
        return db_.execute(
            "DELETE FROM task_runs WHERE NOT EXISTS (SELECT 1 FROM tasks WHERE tasks.workspace = task_runs.workspace "
            "AND tasks.id = task_runs.task_id AND live = 1 AND state IN ('assigned', 'working'))");
    }

    SqliteConnection& db_;
    int64_t wall_ms_;
    int64_t highest_workspace_ = 0;
    int64_t workspaces_ = 0;
    int64_t inputs_ = 0;
    int64_t blockers_ = 0;
    int64_t channels_ = 0;
};

}  // namespace

bool mend_salvaged(SqliteConnection& db, int64_t wall_ms, std::vector<std::string>& lines) {
    return Mender(db, wall_ms).run(lines);
}

}  // namespace agentcom
