#include "native-server/store/schema.hpp"

#include <sqlite3.h>

#include "native-server/store/archive_sums.hpp"
#include "native-server/store/load.hpp"
#include "native-server/store/row_io.hpp"

namespace agentcom {

namespace {

// How a table lies in the file. Without a rowid a table is one tree ordered by its key: half the work per write, but
// rows of more than about 200 bytes make that tree deep, since its inner pages hold whole rows
// (https://sqlite.org/withoutrowid.html). So it is for small rows, and for events: they are the most written rows,
// are always appended, and few are long. Tasks, their inputs, messages, deliveries and kept answers carry bodies, and
// tasks have secondary indexes, which hold a rowid more cheaply than a key. The rowid of a message is its key, see
// `has_place`.
bool has_rowid(TableId table) {
    switch (table) {
        case TableId::messages:
        case TableId::tasks:
        case TableId::task_inputs:
        case TableId::task_outputs:
        case TableId::idempotency:
        case TableId::deliveries:
            return true;
        default:
            return false;
    }
}

// A start reads the live tasks in key order, which is also the order in which it looks up what hangs on them. Lists
// merge one range per state, so every state has its rows in list order; the hub has the live ones in memory, so that
// only finished tasks are in these indexes and a task enters them once in its life. Retention goes by finished_seq. A
// task's history is read newest first. A mailbox is a recipient's messages in order (an index ends with the rowid,
// which orders messages by number); broadcasts have the recipient NULL, and what was published to channels is in none.
// By sender the recipient is at hand, so that a pair is found without a look at other rows. What became of a message is
// one look for each agent and kind: the last lot that begins at or before it.
constexpr std::string_view kIndexes[] = {
    "CREATE INDEX tasks_live ON tasks(workspace, id) WHERE live = 1",
    "CREATE INDEX tasks_by_state ON tasks(workspace, state, priority, seq) WHERE live = 0",
    "CREATE INDEX tasks_by_agent ON tasks(workspace, assigned_to, state, priority, seq) "
    "WHERE live = 0 AND assigned_to IS NOT NULL",
    "CREATE INDEX tasks_finished ON tasks(workspace, finished_seq) WHERE finished_seq > 0",
    "CREATE INDEX events_by_subject ON events(workspace, subject, seq)",
    "CREATE INDEX events_admin ON events(workspace, seq) WHERE cause = 'admin'",
    "CREATE INDEX messages_by_recipient ON messages(workspace, recipient) WHERE channel_seq = 0",
    "CREATE INDEX messages_by_sender ON messages(workspace, sender, place, recipient)",
    "CREATE INDEX messages_by_channel ON messages(workspace, channel) WHERE channel IS NOT NULL",
    "CREATE INDEX messages_by_parent ON messages(workspace, reply_to) WHERE reply_to IS NOT NULL",
    "CREATE INDEX receipts_by_agent ON receipts(workspace, agent, kind, first_seq)",
};

std::string_view sql_type(ColumnType type) {
    switch (type) {
        case ColumnType::integer:
            return "INTEGER NOT NULL";
        case ColumnType::integer_or_null:
            return "INTEGER";
        case ColumnType::text_or_null:
            return "TEXT";
        case ColumnType::text:
        case ColumnType::body:
            break;
    }
    return "TEXT NOT NULL";
}

std::string create_table(const TableSchema& schema) {
    std::string sql = "CREATE TABLE " + sql_name(schema.name) + " (\n";
    for (const ColumnSchema& column : schema.columns) {
        sql += "    " + sql_name(column.name) + " " + std::string(sql_type(column.type)) + ",\n";
    }
    sql += "    checksum BLOB NOT NULL,\n";
    if (has_place(schema.table)) return sql + "    place INTEGER PRIMARY KEY\n) STRICT";
    sql += "    PRIMARY KEY (";
    for (int i = 0; i < schema.key_columns; ++i) {
        if (i > 0) sql += ", ";
        sql += sql_name(schema.columns[static_cast<std::size_t>(i)].name);
    }
    sql += ")\n) STRICT";
    if (!has_rowid(schema.table)) sql += ", WITHOUT ROWID";
    return sql;
}

Error store_error(std::string code, std::string text) { return {std::move(code), 500, Blame::hub, std::move(text)}; }

// The columns in the file must be those of this version, else rows would be bound to the wrong ones.
Status check_columns(SqliteConnection& db) {
    for (const TableSchema& schema : stored_tables()) {
        SqliteStatement info;
        if (!info.prepare(db, "SELECT name FROM pragma_table_info(?) ORDER BY cid")) {
            return Status(store_unavailable(db, "reading the schema"));
        }
        info.bind(1, schema.name);
        std::vector<std::string> found;
        while (info.step() == SQLITE_ROW) found.emplace_back(info.text(0));
        std::vector<std::string> wanted;
        for (const ColumnSchema& column : schema.columns) wanted.emplace_back(column.name);
        wanted.emplace_back("checksum");
        if (has_place(schema.table)) wanted.emplace_back("place");
        if (found != wanted) {
            return Status(store_error("not_a_hub_database", "table " + std::string(schema.name) +
                                                                " of hub.db does not have the columns of schema "
                                                                "version " +
                                                                std::to_string(schema_version())));
        }
    }
    return {};
}

struct FileKind {
    int64_t application_id = 0;
    int64_t version = 0;
    int64_t objects = 0;

    /// Empty, or left by a start that was killed before the tables were made.
    bool is_new() const { return objects == 0 && application_id == 0; }
};

Status read_kind(SqliteConnection& db, FileKind& kind) {
    if (db.query_integer("PRAGMA application_id", kind.application_id) &&
        db.query_integer("PRAGMA user_version", kind.version) &&
        db.query_integer("SELECT count(*) FROM sqlite_schema", kind.objects)) {
        return {};
    }
    if (db.error().primary() == SQLITE_NOTADB) {
        return Status(store_error("not_a_hub_database", "hub.db is not an SQLite database"));
    }
    return Status(store_unavailable(db, "reading hub.db"));
}

bool run_all(SqliteConnection& db, const std::vector<std::string>& statements) {
    if (!db.execute("BEGIN IMMEDIATE")) return false;
    for (const std::string& statement : statements) {
        if (!db.execute(statement)) return false;
    }
    return db.execute("COMMIT");
}

}  // namespace

std::span<const Migration> migrations() {
    static const std::vector<Migration> steps;
    return steps;
}

int64_t schema_version(std::span<const Migration> steps) { return steps.empty() ? 1 : steps.back().version; }

std::vector<std::string> schema_statements() {
    std::vector<std::string> statements;
    statements.emplace_back(
        "CREATE TABLE meta (\n    key TEXT NOT NULL,\n    value ANY NOT NULL,\n    PRIMARY KEY (key)\n) STRICT, "
        "WITHOUT ROWID");
    for (const TableSchema& schema : stored_tables()) statements.push_back(create_table(schema));
    for (const std::string_view index : kIndexes) statements.emplace_back(index);
    return statements;
}

std::string sql_name(std::string_view name) {
    if (sqlite3_keyword_check(name.data(), static_cast<int>(name.size())) == 0) return std::string(name);
    return "\"" + std::string(name) + "\"";
}

std::string column_list(const TableSchema& schema, std::string_view prefix) {
    std::string list;
    for (const ColumnSchema& column : schema.columns) {
        if (!list.empty()) list += ", ";
        list += std::string(prefix) + sql_name(column.name);
    }
    return list;
}

bool has_place(TableId table) { return table == TableId::messages; }

std::string place_of(int workspace_parameter, int seq_parameter) {
    return "(?" + std::to_string(workspace_parameter) + " << " + std::to_string(kPlaceShift) + " | ?" +
           std::to_string(seq_parameter) + ")";
}

std::string key_condition(const TableSchema& schema, int first_parameter) {
    if (has_place(schema.table)) return "place = " + place_of(first_parameter, first_parameter + 1);
    std::string condition;
    for (int i = 0; i < schema.key_columns; ++i) {
        if (i > 0) condition += " AND ";
        condition +=
            sql_name(schema.columns[static_cast<std::size_t>(i)].name) + " = ?" + std::to_string(first_parameter + i);
    }
    return condition;
}

Status check_application(SqliteConnection& db, std::span<const Migration> steps) {
    FileKind kind;
    if (Status read = read_kind(db, kind); !read) return read;
    if (kind.is_new()) return {};
    if (kind.application_id != kApplicationId) {
        return Status(store_error("not_a_hub_database", "hub.db belongs to another application (application_id " +
                                                            std::to_string(kind.application_id) + ")"));
    }
    const int64_t newest = schema_version(steps);
    if (kind.version > newest) {
        return Status(
            store_error("newer_schema", "hub.db has schema version " + std::to_string(kind.version) +
                                            ", this hub knows versions up to " + std::to_string(newest) +
                                            ": start a newer agentcom-hub, or restore a backup made by this one"));
    }
    return {};
}

Status prepare_schema(SqliteConnection& db, bool& created, std::span<const Migration> steps) {
    if (Status ours = check_application(db, steps); !ours) return ours;
    FileKind kind;
    if (Status read = read_kind(db, kind); !read) return read;
    created = kind.is_new();
    if (created) {
        std::vector<std::string> statements = schema_statements();
        statements.push_back("PRAGMA application_id = " + std::to_string(kApplicationId));
        statements.push_back("PRAGMA user_version = " + std::to_string(schema_version(steps)));
        statements.emplace_back("INSERT INTO meta VALUES ('commit', 0), ('last_turn', 0)");
        for (const TableId table : kArchiveSumTables) {
            statements.push_back("INSERT INTO meta VALUES ('" + std::string(kArchiveSumPrefix) +
                                 std::string(stored_table(table).name) + "', '" + sum_text({table, 0, {}}) + "')");
        }
        if (!run_all(db, statements)) return Status(store_unavailable(db, "creating the tables"));
        return {};
    }
    for (const Migration& step : steps) {
        if (step.version <= kind.version) continue;
        std::vector<std::string> statements(step.statements.begin(), step.statements.end());
        statements.push_back("PRAGMA user_version = " + std::to_string(step.version));
        if (!run_all(db, statements)) {
            const Error error =
                store_unavailable(db, "migrating hub.db to schema version " + std::to_string(step.version));
            db.execute("ROLLBACK");
            return Status(error);
        }
    }
    return check_columns(db);
}

}  // namespace agentcom
