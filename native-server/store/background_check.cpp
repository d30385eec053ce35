#include "native-server/store/background_check.hpp"

#include <utility>

#include "core/state/store.hpp"
#include "native-server/store/integrity.hpp"
#include "native-server/store/row_io.hpp"
#include "native-server/store/schema.hpp"

namespace agentcom {

namespace {

constexpr int64_t kRowsPerSlice = 100;

/// "(workspace, id) > (?1, ?2)".
std::string behind_sql(const TableSchema& schema) {
    std::string columns;
    std::string parameters;
    for (int i = 0; i < schema.key_columns; ++i) {
        columns += (i > 0 ? ", " : "") + sql_name(schema.columns[static_cast<std::size_t>(i)].name);
        parameters += (i > 0 ? ", ?" : "?") + std::to_string(i + 1);
    }
    return "(" + columns + ") > (" + parameters + ")";
}

std::string slice_sql(const TableSchema& schema, bool from_first) {
    std::string order;
    for (int i = 0; i < schema.key_columns; ++i) {
        order += (i > 0 ? ", " : "") + sql_name(schema.columns[static_cast<std::size_t>(i)].name);
    }
    std::string condition = from_first ? "" : " WHERE " + behind_sql(schema);
    if (has_place(schema.table)) {
        order = "place";
        condition = from_first ? "" : " WHERE place > " + place_of(1, 2);
    }
    return "SELECT " + select_list(schema) + " FROM " + sql_name(schema.name) + condition + " ORDER BY " + order +
           " LIMIT " + std::to_string(kRowsPerSlice);
}

}  // namespace

Status BackgroundCheck::open() {
    if (db_.open(database_, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, "") &&
        db_.execute("PRAGMA query_only = ON; PRAGMA busy_timeout = 1000; PRAGMA cache_size = -1024")) {
        return {};
    }
    return Status(store_unavailable(db_, "opening " + database_));
}

Status BackgroundCheck::end(Status status) {
    done_ = true;
    first_.finish();
    behind_.finish();
    db_.close();
    return status;
}

Status BackgroundCheck::compare_counts(const std::atomic<bool>* stop) {
    const Result<std::optional<int64_t>> missing = count_missing_rows(db_, kCountLimit, stop);
    if (!missing) return Status(missing.error());
    return missing.value().value_or(0) == 0 ? Status() : Status(missing_rows(*missing.value()));
}

Status BackgroundCheck::step(const std::atomic<bool>* stop) {
    if (done_) return {};
    if (!db_.is_open()) {
        if (Status opened = open(); !opened) return end(std::move(opened));
    }
    const TableSchema& schema = stored_tables()[table_];
    if (!first_.prepared() &&
        (!first_.prepare(db_, slice_sql(schema, true)) || !behind_.prepare(db_, slice_sql(schema, false)))) {
        return end(Status(store_unavailable(db_, "reading table " + std::string(schema.name))));
    }
    SqliteStatement& select = last_.empty() ? first_ : behind_;
    for (std::size_t i = 0; i < last_.size(); ++i) {
        const int parameter = static_cast<int>(i) + 1;
        if (last_[i].type == ColumnValue::Type::integer) {
            select.bind(parameter, last_[i].integer);
        } else {
            select.bind(parameter, last_[i].text);
        }
    }
    int64_t found = 0;
    RowValues key;
    int code = select.step();
    for (; code == SQLITE_ROW; code = select.step()) {
        Result<RowValues> row = read_row(select, schema);
        if (!row) return end(Status(row.error()));
        ++found;
        key = std::move(row).value();
        key.resize(static_cast<std::size_t>(schema.key_columns));
    }
    select.reset();
    if (code != SQLITE_DONE) {
        return end(Status(store_unavailable(db_, "reading table " + std::string(schema.name))));
    }
    rows_ += found;
    last_ = std::move(key);
    if (found == kRowsPerSlice) return {};
    last_.clear();
    first_.finish();
    behind_.finish();
    if (++table_ == stored_tables().size()) return end(compare_counts(stop));
    return {};
}

}  // namespace agentcom
