// The nine tables of storage care (kCareTables) as a hub database has them.
#pragma once

#include <array>
#include <cstdint>

#include "core/state/store.hpp"
#include "native-server/store/sqlite.hpp"

namespace agentcom {

struct CareTable {
    int64_t rows = -1;   ///< -1: not counted, the connection's progress handler stopped it
    int64_t bytes = -1;  ///< of the file; for tables that share SQL tables, and for large files, by their share of rows
};

/// Counts. `measure`: looks at every page, so that bytes are true; else only in a file of at most 64 MiB.
std::array<CareTable, kCareTables.size()> read_care_tables(SqliteConnection& db, bool measure);

}  // namespace agentcom
