// What a start reads: every row that lives in memory, and every message that may be unread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "native-server/store/sqlite.hpp"
#include "native-server/store/store.hpp"

namespace agentcom {

/// See SqliteStore::load.
Result<LoadCounts> load_rows(SqliteConnection& db, const LoadSink& sink);

/// The SELECT of those rows of a table, all columns in order.
std::string loaded_rows_sql(const TableSchema& schema);

/// The "sum.TABLE" values of meta. A table without one is left out; an unreadable one is an error.
Result<std::vector<TableSum>> read_sums(SqliteConnection& db);
/// "ROWS HEX", as it is kept in meta; and back, nullopt for a text that is no sum.
std::string sum_text(const TableSum& sum);
std::optional<TableSum> parse_sum(TableId table, std::string_view text);

}  // namespace agentcom
