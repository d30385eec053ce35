// Rows between SQL and the core's `RowValues`, with their checksums.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.hpp"
#include "core/state/store.hpp"
#include "native-server/store/sqlite.hpp"

namespace agentcom {

Error corrupt_row(const TableSchema& schema, const RowValues& values, std::string_view what);
/// An error made of what SQLite said last.
Error store_unavailable(const SqliteConnection& db, std::string_view what);

/// The text of a column_list() plus the checksum, as `read_row` expects them.
std::string select_list(const TableSchema& schema, std::string_view prefix = {});

/// Reads the present row of a statement that selects `select_list`, from column 0 on. Error `corrupt_row` when the
/// values are not those that the checksum was made of.
Result<RowValues> read_row(const SqliteStatement& statement, const TableSchema& schema);

/// The 16 bytes of a checksum column.
struct ChecksumBytes {
    explicit ChecksumBytes(const Hash128& hash);
    std::string_view view() const { return {bytes, sizeof bytes}; }
    char bytes[16];
};

}  // namespace agentcom
