#include "native-server/store/row_writer.hpp"

#include <algorithm>
#include <optional>

#include "core/base/assert.hpp"
#include "native-server/store/row_io.hpp"
#include "native-server/store/schema.hpp"

namespace agentcom {

namespace {

bool is_kept(const TableLayout& layout, unsigned kept_bodies, int column) {
    for (std::size_t i = 0; i < layout.bodies.size(); ++i) {
        if (layout.bodies[i] == column) return (kept_bodies >> i & 1U) != 0;
    }
    return false;
}

// A row with all its columns is inserted or replaced in place (ON CONFLICT keeps the rowid and the key's index as they
// are, which INSERT OR REPLACE would not). A row that keeps a stored body must be there already.
std::string upsert_sql(const TableLayout& layout, unsigned kept_bodies) {
    const TableSchema& schema = *layout.schema;
    const int columns = static_cast<int>(schema.columns.size());
    std::string assignments;
    for (int i = schema.key_columns; i < columns; ++i) {
        if (is_kept(layout, kept_bodies, i)) continue;
        assignments +=
            sql_name(schema.columns[static_cast<std::size_t>(i)].name) + " = ?" + std::to_string(i + 1) + ", ";
    }
    assignments += "checksum = ?" + std::to_string(columns + 1);
    if (kept_bodies != 0) {
        return "UPDATE " + sql_name(schema.name) + " SET " + assignments + " WHERE " + key_condition(schema, 1);
    }
    std::string parameters;
    for (int i = 0; i < columns + 1; ++i) parameters += (i > 0 ? ", ?" : "?") + std::to_string(i + 1);
    std::string key;
    if (has_place(schema.table)) {
        parameters += ", " + place_of(1, 2);
        key = "place";
    } else {
        for (int i = 0; i < schema.key_columns; ++i) {
            key += (i > 0 ? ", " : "") + sql_name(schema.columns[static_cast<std::size_t>(i)].name);
        }
    }
    return "INSERT INTO " + sql_name(schema.name) + " VALUES (" + parameters + ") ON CONFLICT (" + key +
           ") DO UPDATE SET " + assignments;
}

void bind_value(SqliteStatement& statement, int parameter, const ColumnValue& value) {
    switch (value.type) {
        case ColumnValue::Type::integer:
            statement.bind(parameter, value.integer);
            return;
        case ColumnValue::Type::text:
            statement.bind(parameter, value.text);
            return;
        case ColumnValue::Type::null:
        case ColumnValue::Type::unchanged:
            statement.bind_null(parameter);
            return;
    }
}

}  // namespace

void RowWriter::finish() {
    upserts_.clear();
    erasures_.clear();
    statements_.clear();
}

SqliteStatement* RowWriter::upsert(const TableLayout& layout, unsigned kept_bodies) {
    SqliteStatement& found = upserts_[{layout.schema->table, kept_bodies}];
    if (!found.prepared() && !found.prepare(db_, upsert_sql(layout, kept_bodies))) return nullptr;
    return &found;
}

SqliteStatement* RowWriter::statement(const std::string& sql) {
    SqliteStatement& found = statements_[sql];
    if (!found.prepared() && !found.prepare(db_, sql)) return nullptr;
    return &found;
}

bool RowWriter::apply(const MergedChange& change) {
    if (change.last->erase) return erase(change);

    const TableLayout& layout = *change.layout;
    unsigned kept_bodies = 0;
    for (std::size_t i = 0; i < layout.bodies.size(); ++i) {
        if (change.bodies[i] == nullptr) kept_bodies |= 1U << i;
    }
    SqliteStatement* statement = upsert(layout, kept_bodies);
    if (statement == nullptr) return false;

    const RowValues& values = change.last->values;
    for (std::size_t i = 0; i < values.size(); ++i) bind_value(*statement, static_cast<int>(i) + 1, values[i]);
    for (std::size_t i = 0; i < layout.bodies.size(); ++i) {
        if (change.bodies[i] != nullptr) bind_value(*statement, layout.bodies[i] + 1, *change.bodies[i]);
    }
    const ChecksumBytes checksum(change.last->checksum);
    statement->bind_blob(static_cast<int>(values.size()) + 1, checksum.view());
    if (!statement->run()) return false;
    if (is_archived(*layout.schema, values)) archive_.add(layout.schema->table, checksum.view());
    if (kept_bodies != 0 && sqlite3_changes(db_.handle()) != 1) {
        failure_ = corrupt_row(*layout.schema, values, "its stored body was to be kept, but the row is gone").text;
        return false;
    }
    return true;
}

bool RowWriter::erase(const MergedChange& change) {
    const TableSchema& schema = *change.layout->schema;
    SqliteStatement& statement = erasures_[schema.table];
    if (!statement.prepared() &&
        !statement.prepare(db_, "DELETE FROM " + sql_name(schema.name) + " WHERE " + key_condition(schema, 1))) {
        return false;
    }
    for (int i = 0; i < schema.key_columns; ++i) {
        bind_value(statement, i + 1, change.last->values[static_cast<std::size_t>(i)]);
    }
    return statement.run();
}

bool RowWriter::set_meta(std::string_view key, std::string_view value) {
    SqliteStatement* set = statement("INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2");
    if (set == nullptr) return false;
    set->bind(1, key);
    set->bind(2, value);
    return set->run();
}

bool RowWriter::set_meta(std::string_view key, int64_t value) {
    SqliteStatement* set = statement("INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2");
    if (set == nullptr) return false;
    set->bind(1, key);
    set->bind(2, value);
    return set->run();
}

bool RowWriter::keep_archived(const MergedChange& change, std::vector<RowChange>& rows, bool correcting) {
    const TableSchema& schema = *change.layout->schema;
    const RowChange& last = *change.last;
    std::string condition;
    if (schema.row_class == RowClass::archive) {
        // Archive rows are written once, so only a deletion meets one.
        if (!last.erase && !correcting) return true;
    } else if (schema.table == TableId::tasks && (!last.erase || correcting)) {
        if (!correcting && last.values[kLiveColumn].integer != 0) return true;
        condition = " AND live = 0";
    } else {
        return true;
    }
    SqliteStatement* select = statement("SELECT " + select_list(schema) + " FROM " + sql_name(schema.name) + " WHERE " +
                                        key_condition(schema, 1) + condition);
    if (select == nullptr) return false;
    for (int i = 0; i < schema.key_columns; ++i) bind_value(*select, i + 1, last.values[static_cast<std::size_t>(i)]);
    const int code = select->step();
    if (code == SQLITE_ROW) {
        archive_.subtract(schema.table, select->text(static_cast<int>(schema.columns.size())));
        // An altered row has no checksum to be put back with; a reader finds it out as well.
        if (Result<RowValues> row = read_row(*select, schema)) {
            const std::optional<Hash128> checksum = checksum_of(schema.table, row.value());
            rows.push_back({schema.table, false, std::move(row).value(), checksum.value_or(Hash128{})});
        }
    }
    select->reset();
    return code == SQLITE_ROW || code == SQLITE_DONE;
}

bool RowWriter::remove_archived(SqliteStatement& remove, TableId table, int64_t* deleted) {
    int code = remove.step();
    for (; code == SQLITE_ROW; code = remove.step()) {
        archive_.subtract(table, remove.text(0));
        if (deleted != nullptr) ++*deleted;
    }
    remove.reset();
    return code == SQLITE_DONE;
}

bool RowWriter::prune(Prune::What what, int64_t workspace, int64_t up_to, int64_t& limit, bool& done) {
    switch (what) {
        case Prune::What::events:
            return prune_numbered(TableId::events, workspace, up_to, limit, done);
        case Prune::What::receipts:
            return prune_numbered(TableId::receipts, workspace, up_to, limit, done);
        case Prune::What::finished_tasks:
            return prune_finished(workspace, up_to, limit, done);
        case Prune::What::messages:
        case Prune::What::output:
            break;
    }
    AGENTCOM_ASSERT(false, "messages and output are pruned whole, by functions of their own");
    return false;
}

bool RowWriter::prune_messages(int64_t workspace, int64_t above, int64_t up_to, std::vector<int64_t> keep) {
    SqliteStatement* remove = statement("DELETE FROM messages WHERE place > " + place_of(1, 2) + " AND place < " +
                                        place_of(1, 3) + " RETURNING checksum");
    if (remove == nullptr) return false;
    // The gaps between those that stay.
    std::sort(keep.begin(), keep.end());
    keep.push_back(up_to + 1);
    int64_t gap_above = above;
    for (const int64_t next : keep) {
        if (next <= gap_above) continue;
        const int64_t end = std::min(next, up_to + 1);
        remove->bind(1, workspace);
        remove->bind(2, gap_above);
        remove->bind(3, end);
        if (!remove_archived(*remove, TableId::messages)) return false;
        gap_above = end;
    }
    return true;
}

bool RowWriter::prune_output(const Prune& prune) {
    SqliteStatement* remove = statement(
        "DELETE FROM task_outputs WHERE workspace = ?1 AND task_id = ?2 AND generation = ?3 AND position < (SELECT "
        "max(position) FROM task_outputs WHERE workspace = ?1 AND task_id = ?2 AND generation = ?3 AND position <= "
        "?4)");
    if (remove == nullptr) return false;
    remove->bind(1, prune.workspace);
    remove->bind(2, prune.subject);
    remove->bind(3, prune.generation);
    remove->bind(4, prune.up_to);
    return remove->run();
}

// Events and receipts have no gaps in their numbers, so a range of numbers is a good bound for a number of rows.
bool RowWriter::prune_numbered(TableId table, int64_t workspace, int64_t up_to, int64_t& limit, bool& done) {
    const std::string rows = std::string(stored_table(table).name) + " WHERE workspace = ?1 AND seq <= ?2";
    SqliteStatement* first = statement("SELECT seq FROM " + rows + " ORDER BY seq LIMIT 1");
    SqliteStatement* remove = statement("DELETE FROM " + rows + " RETURNING checksum");
    if (first == nullptr || remove == nullptr) return false;
    while (limit > 0) {
        first->bind(1, workspace);
        first->bind(2, up_to);
        const int code = first->step();
        const int64_t lowest = code == SQLITE_ROW ? first->integer(0) : 0;
        first->reset();
        done = code == SQLITE_DONE;
        if (done) return true;
        if (code != SQLITE_ROW) return false;
        remove->bind(1, workspace);
        remove->bind(2, std::min(up_to, lowest + limit - 1));
        int64_t deleted = 0;
        if (!remove_archived(*remove, table, &deleted)) return false;
        limit -= std::max<int64_t>(1, deleted);
    }
    return true;
}

bool RowWriter::prune_finished(int64_t workspace, int64_t up_to, int64_t& limit, bool& done) {
    SqliteStatement* find = statement(
        "SELECT id FROM tasks INDEXED BY tasks_finished WHERE workspace = ?1 AND finished_seq > 0 AND "
        "finished_seq <= ?2 AND live = 0 ORDER BY finished_seq LIMIT ?3");
    if (find == nullptr) return false;
    find->bind(1, workspace);
    find->bind(2, up_to);
    find->bind(3, limit);
    std::vector<std::string> ids;
    int code = find->step();
    for (; code == SQLITE_ROW; code = find->step()) ids.emplace_back(find->text(0));
    find->reset();
    if (code != SQLITE_DONE) return false;

    for (const std::string& id : ids) {
        for (const char* table :
             {"task_inputs WHERE workspace = ?1 AND task_id", "task_edges WHERE workspace = ?1 AND task_id",
              "attempts WHERE workspace = ?1 AND task_id", "task_outputs WHERE workspace = ?1 AND task_id"}) {
            SqliteStatement* remove = statement("DELETE FROM " + std::string(table) + " = ?2");
            if (remove == nullptr) return false;
            remove->bind(1, workspace);
            remove->bind(2, id);
            if (!remove->run()) return false;
        }
        SqliteStatement* remove =
            statement("DELETE FROM tasks WHERE workspace = ?1 AND id = ?2 AND live = 0 RETURNING checksum");
        if (remove == nullptr) return false;
        remove->bind(1, workspace);
        remove->bind(2, id);
        if (!remove_archived(*remove, TableId::tasks)) return false;
    }
    done = static_cast<int64_t>(ids.size()) < limit;
    limit -= static_cast<int64_t>(ids.size());
    return true;
}

}  // namespace agentcom
