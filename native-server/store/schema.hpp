// The SQL of a hub database: tables from the row types, indexes for the queries, and the schema's version.
//
// Every stored table of the core (`stored_tables()`) becomes a STRICT table of the same name with the same columns and
// one more, `checksum`: 16 bytes, the 128-bit hash of the row, most significant byte first, so that hex(checksum)
// reads like Hash128::to_hex. `meta` holds what concerns the file as a whole:
//
//     commit         number of the last transaction: which of two states a file is in after a failure
//     last_turn      the turn that the last transaction ended with
//     hub_version    the hub that opened the file last
//     sum.TABLE      "ROWS HEX": count and sum of hashes of the rows that a start must find again
//     archive.TABLE  the same of messages, events, receipts and finished tasks (archive_sums.hpp)
//
// The schema's version is PRAGMA user_version; PRAGMA application_id tells a hub database from any other.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/state/store.hpp"
#include "native-server/store/sqlite.hpp"

namespace agentcom {

/// "AgCm" in ASCII.
inline constexpr int64_t kApplicationId = 0x4167436d;

/// One step from the version before to `version`, run in one transaction with the change of user_version.
struct Migration {
    int64_t version = 0;
    std::vector<std::string_view> statements;
};

/// Every step since version 1, ascending without gaps. A new database is made at the newest version directly.
std::span<const Migration> migrations();
/// The version that this hub reads and writes.
int64_t schema_version(std::span<const Migration> steps = migrations());

/// The CREATE statements of a new database.
std::vector<std::string> schema_statements();

/// A name as it must stand in SQL: in double quotes if it is a keyword.
std::string sql_name(std::string_view name);
/// "a, b, c": all columns of the table in declared order, each with `prefix` before it.
std::string column_list(const TableSchema& schema, std::string_view prefix = {});
/// Whether the table's key (workspace, seq) lies in its rowid, as the column `place` behind all others: workspace *
/// 2^40 + seq. Messages are the most written rows with bodies; so they need no tree for their key, and their indexes
/// are in the order of numbers without naming them.
bool has_place(TableId table);
inline constexpr int kPlaceShift = 40;
inline constexpr int64_t kMaxPlaceSeq = (int64_t{1} << kPlaceShift) - 1;
/// The place of a workspace and number that are parameters.
std::string place_of(int workspace_parameter, int seq_parameter);
/// The condition that a row has this primary key, whose columns are parameters numbered from `first_parameter`.
std::string key_condition(const TableSchema& schema, int first_parameter);

/// Refuses a file that is neither empty nor a hub's (`not_a_hub_database`), or a newer hub's (`newer_schema`). Reads
/// only.
Status check_application(SqliteConnection& db, std::span<const Migration> steps = migrations());

/// Makes the tables in an empty file, or brings an older one up to date; errors as `check_application`, and
/// `store_unavailable`. `created` tells whether the file was empty.
Status prepare_schema(SqliteConnection& db, bool& created, std::span<const Migration> steps = migrations());

}  // namespace agentcom
