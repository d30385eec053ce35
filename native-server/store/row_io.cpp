#include "native-server/store/row_io.hpp"

#include "native-server/store/schema.hpp"

namespace agentcom {

namespace {

ColumnValue read_value(const SqliteStatement& statement, int column) {
    switch (statement.type(column)) {
        case SQLITE_INTEGER:
            return ColumnValue::of(statement.integer(column));
        case SQLITE_NULL:
            return {};
        default:
            return ColumnValue::of(std::string(statement.text(column)));
    }
}

}  // namespace

ChecksumBytes::ChecksumBytes(const Hash128& hash) {
    for (unsigned i = 0; i < 8; ++i) {
        bytes[i] = static_cast<char>(hash.hi >> (56U - 8U * i));
        bytes[8 + i] = static_cast<char>(hash.lo >> (56U - 8U * i));
    }
}

Error corrupt_row(const TableSchema& schema, const RowValues& values, std::string_view what) {
    std::string key;
    for (std::size_t i = 0; i < static_cast<std::size_t>(schema.key_columns) && i < values.size(); ++i) {
        if (!key.empty()) key += ", ";
        key += std::string(schema.columns[i].name) + " " +
               (values[i].type == ColumnValue::Type::integer ? std::to_string(values[i].integer) : values[i].text);
    }
    return {"corrupt_row", 500, Blame::hub,
            "table " + std::string(schema.name) + ", row with " + key + ": " + std::string(what)};
}

Error store_unavailable(const SqliteConnection& db, std::string_view what) {
    const SqliteError error = db.error();
    return {"store_unavailable", 500, Blame::hub,
            std::string(what) + ": " + error.text + " (SQLite code " + std::to_string(error.code) + ")"};
}

std::string select_list(const TableSchema& schema, std::string_view prefix) {
    return column_list(schema, prefix) + ", " + std::string(prefix) + "checksum";
}

Result<RowValues> read_row(const SqliteStatement& statement, const TableSchema& schema) {
    RowValues values;
    values.reserve(schema.columns.size());
    const int columns = static_cast<int>(schema.columns.size());
    for (int i = 0; i < columns; ++i) values.push_back(read_value(statement, i));
    const std::optional<Hash128> found = checksum_of(schema.table, values);
    if (!found) return Result<RowValues>(corrupt_row(schema, values, "a value does not fit its column"));
    if (statement.text(columns) != ChecksumBytes(*found).view()) {
        return Result<RowValues>(corrupt_row(schema, values, "its checksum does not match: it was altered"));
    }
    return Result<RowValues>(std::move(values));
}

}  // namespace agentcom
