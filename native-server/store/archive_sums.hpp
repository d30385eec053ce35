// Count and sum of what is archived, so that a row that was lost is missed although no start reads it.
//
// Kept as `archive.TABLE` in meta, "ROWS HEX" like the sums of what a start loads, of messages, events, receipts and
// finished tasks (rows of `tasks` with live = 0). Written with each transaction that changes them. A file that has none
// was made before they were kept, and is not compared.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/state/store.hpp"
#include "native-server/store/sqlite.hpp"

namespace agentcom {

inline constexpr std::string_view kArchiveSumPrefix = "archive.";
inline constexpr std::array kArchiveSumTables = {TableId::messages, TableId::events, TableId::receipts, TableId::tasks};

class ArchiveSums {
  public:
    /// As meta has them. False: an error, or what stands there is no sum.
    bool read(SqliteConnection& db);
    /// Hands over those that have changed since `read` or the last `write`, as lines of meta, within the transaction of
    /// the change. False: `set` was.
    bool write(const std::function<bool(const std::string& key, const std::string& value)>& set);

    void add(TableId table, std::string_view checksum);
    void subtract(TableId table, std::string_view checksum);

    /// nullptr: nothing is known of it.
    const TableSum* find(TableId table) const;

  private:
    struct Entry {
        bool known = false;
        bool changed = false;
        TableSum sum;
    };
    Entry* entry(TableId table);
    std::array<Entry, kArchiveSumTables.size()> entries_;
};

/// The same for what is in the file now, and written there.
bool rewrite_archive_sums(SqliteConnection& db);
/// The place of `live` in TaskRow::columns.
inline constexpr std::size_t kLiveColumn = 3;
/// Whether a row is one that a table's sum is about.
bool is_archived(const TableSchema& schema, const RowValues& values);
/// The condition of the rows that a table's sum is about, for SQL; "" = all.
std::string_view archive_condition(TableId table);

}  // namespace agentcom
