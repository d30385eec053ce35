// Whether a database file is what a hub wrote: its pages, every row, and the sums of what a start reads.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "native-server/store/backup_manifest.hpp"
#include "native-server/store/sqlite.hpp"
#include "native-server/store/storage_files.hpp"

namespace agentcom {

/// Opens a file that nobody writes to, a backup say, without leaving anything beside it.
bool open_unchanging(SqliteConnection& db, const std::string& path);
/// Lets the connection's queries rest and be stopped by `pace`, which must outlive it.
void keep_pace(SqliteConnection& db, Pace& pace);

/// Reads everything. Gives the rows of each SQL table. Errors: `corrupt_database` (SQLite's own check), `corrupt_row`,
/// `lost_rows`, `store_unavailable`.
Result<std::vector<BackupManifest::Table>> verify_database(SqliteConnection& db);

/// How many rows there should be by the sums and are not, over all tables, at one moment: they are counted, not read.
/// nullopt: it would take longer than `limit`, or `stop` is set.
Result<std::optional<int64_t>> count_missing_rows(SqliteConnection& db, std::chrono::milliseconds limit,
                                                  const std::atomic<bool>* stop = nullptr);
/// Of rows that are missing, as others of these checks say it.
Error missing_rows(int64_t rows);

/// The same as `verify_database` for the database of a data directory beside a hub that writes to it, at one moment.
Status verify_live(const std::string& data_directory, Pace& pace);

}  // namespace agentcom
