#include "native-server/store/integrity.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "native-server/store/archive_sums.hpp"
#include "native-server/store/load.hpp"
#include "native-server/store/row_io.hpp"
#include "native-server/store/schema.hpp"

namespace agentcom {

namespace {

using CheckedTables = std::vector<BackupManifest::Table>;

constexpr int kStepsBetweenRests = 10'000;

Status check_pages(SqliteConnection& db) {
    std::string found;
    if (!db.query_text("PRAGMA integrity_check(1)", found)) return Status(store_unavailable(db, "checking pages"));
    if (found == "ok") return {};
    return Status(Error{"corrupt_database", 500, Blame::hub, "pages of the database are damaged: " + found});
}

/// What of a table counts in the sums of archives.
void add_archived(const TableSchema& schema, const RowValues& row, TableSum& sum) {
    if (!is_archived(schema, row)) return;
    ++sum.rows;
    if (const std::optional<Hash128> hash = checksum_of(schema.table, row)) sum.sum += *hash;
}

/// Compares every row with its checksum, and adds up those that are archived.
Result<int64_t> check_rows(SqliteConnection& db, const TableSchema& schema, TableSum& archived) {
    SqliteStatement select;
    if (!select.prepare(db, "SELECT " + select_list(schema) + " FROM " + sql_name(schema.name))) {
        return Result<int64_t>(store_unavailable(db, "reading table " + std::string(schema.name)));
    }
    int64_t rows = 0;
    int code = select.step();
    for (; code == SQLITE_ROW; code = select.step()) {
        const Result<RowValues> row = read_row(select, schema);
        if (!row) return Result<int64_t>(row.error());
        add_archived(schema, row.value(), archived);
        ++rows;
    }
    if (code != SQLITE_DONE) {
        return Result<int64_t>(store_unavailable(db, "reading table " + std::string(schema.name)));
    }
    return Result<int64_t>(rows);
}

Status check_archive(const TableSum* wanted, const TableSum& found) {
    if (wanted == nullptr || (wanted->rows == found.rows && wanted->sum == found.sum)) return {};
    return Status(Error{"lost_rows", 500, Blame::hub,
                        "table " + std::string(stored_table(found.table).name) + " should have " +
                            std::to_string(wanted->rows) + " archived rows and has " + std::to_string(found.rows) +
                            (found.rows == wanted->rows ? ", with altered contents" : "")});
}

/// Compares what a start would read with the sums that the last commit wrote.
Status check_loadable(SqliteConnection& db) {
    std::map<TableId, TableSum> found;
    LoadSink sink;
    sink.row = [&found](TableId table, RowValues values) {
        TableSum& sum = found[table];
        ++sum.rows;
        if (const std::optional<Hash128> hash = checksum_of(table, std::move(values))) sum.sum += *hash;
        return Status();
    };
    // Messages are in no sum.
    sink.mail_floor = [](int64_t, const std::optional<std::string>&) { return kMaxPlaceSeq; };
    sink.message = [](const MessageRow&) {};
    sink.sums = [&found](const std::vector<TableSum>& sums) {
        for (const TableSum& sum : sums) {
            const TableSum& mine = found[sum.table];
            if (mine.rows == sum.rows && mine.sum == sum.sum) continue;
            return Status(Error{"lost_rows", 500, Blame::hub,
                                "table " + std::string(stored_table(sum.table).name) + " should have " +
                                    std::to_string(sum.rows) + " rows in use and has " + std::to_string(mine.rows) +
                                    (mine.rows == sum.rows ? ", with altered contents" : "")});
        }
        return Status();
    };
    const Result<LoadCounts> loaded = load_rows(db, sink);
    return loaded ? Status() : Status(loaded.error());
}

/// Rows of a table that should be there, less those that are.
bool add_missing(SqliteConnection& db, int64_t wanted, const std::string& count_sql, int64_t& missing) {
    int64_t found = 0;
    if (!db.query_integer(count_sql, found)) return false;
    missing += std::max<int64_t>(0, wanted - found);
    return true;
}

bool add_all_missing(SqliteConnection& db, int64_t& missing) {
    ArchiveSums archives;
    const Result<std::vector<TableSum>> loaded = read_sums(db);
    if (!loaded || !archives.read(db)) return false;
    for (const TableSum& sum : loaded.value()) {
        const std::string rows = loaded_rows_sql(stored_table(sum.table));
        if (!add_missing(db, sum.rows, "SELECT count(*) FROM (" + rows + ")", missing)) return false;
    }
    for (const TableId table : kArchiveSumTables) {
        const TableSum* sum = archives.find(table);
        const std::string rows = sql_name(stored_table(table).name) + std::string(archive_condition(table));
        if (sum != nullptr && !add_missing(db, sum->rows, "SELECT count(*) FROM " + rows, missing)) return false;
    }
    return true;
}

/// When counting has to end.
struct CountLimit {
    std::chrono::steady_clock::time_point until;
    const std::atomic<bool>* stop;
    bool is_over() const { return std::chrono::steady_clock::now() >= until || (stop != nullptr && *stop); }
};

}  // namespace

Error missing_rows(int64_t rows) {
    return Error{"lost_rows", 500, Blame::hub,
                 std::to_string(rows) + " rows are missing that nobody deleted through the hub"};
}

Result<std::optional<int64_t>> count_missing_rows(SqliteConnection& db, std::chrono::milliseconds limit,
                                                  const std::atomic<bool>* stop) {
    CountLimit over{std::chrono::steady_clock::now() + limit, stop};
    sqlite3_progress_handler(
        db.handle(), kStepsBetweenRests, [](void* self) { return static_cast<CountLimit*>(self)->is_over() ? 1 : 0; },
        &over);
    int64_t missing = 0;
    // The sums and the rows of one moment.
    const bool counted = db.execute("BEGIN") && add_all_missing(db, missing);
    const Error error = counted ? Error{} : store_unavailable(db, "counting rows");
    sqlite3_progress_handler(db.handle(), 0, nullptr, nullptr);
    db.execute("ROLLBACK");
    if (counted) return Result<std::optional<int64_t>>(std::optional(missing));
    if (over.is_over()) return Result<std::optional<int64_t>>(std::optional<int64_t>());
    return Result<std::optional<int64_t>>(error);
}

bool open_unchanging(SqliteConnection& db, const std::string& path) {
    std::string uri = "file:";
    for (const char c : path) {
        if (c == '%' || c == '?' || c == '#') {
            static constexpr std::string_view kDigits = "0123456789ABCDEF";
            const auto byte = static_cast<unsigned char>(c);
            uri += '%';
            uri += kDigits[byte >> 4U];
            uri += kDigits[byte & 15U];
        } else {
            uri += c;
        }
    }
    return db.open(uri + "?immutable=1", SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, "") &&
           db.execute("PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384");
}

void keep_pace(SqliteConnection& db, Pace& pace) {
    sqlite3_progress_handler(
        db.handle(), kStepsBetweenRests, [](void* self) { return static_cast<Pace*>(self)->rest() ? 0 : 1; }, &pace);
}

Status verify_live(const std::string& data_directory, Pace& pace) {
    SqliteConnection db;
    if (!db.open(data_directory + "/hub.db", SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, "") ||
        !db.execute("PRAGMA query_only = ON; PRAGMA busy_timeout = 1000; PRAGMA temp_store = MEMORY; "
                    "PRAGMA cache_size = -16384; BEGIN")) {
        return Status(store_unavailable(db, "opening " + data_directory + "/hub.db"));
    }
    keep_pace(db, pace);
    const Result<CheckedTables> tables = verify_database(db);
    return tables ? Status() : Status(tables.error());
}

Result<CheckedTables> verify_database(SqliteConnection& db) {
    if (const Status ours = check_application(db); !ours) return Result<CheckedTables>(ours.error());
    if (const Status pages = check_pages(db); !pages) return Result<CheckedTables>(pages.error());
    CheckedTables tables;
    ArchiveSums archives;
    if (!archives.read(db)) return Result<CheckedTables>(store_unavailable(db, "reading the sums of archives"));
    for (const TableSchema& schema : stored_tables()) {
        TableSum archived{schema.table, 0, {}};
        const Result<int64_t> rows = check_rows(db, schema, archived);
        if (!rows) return Result<CheckedTables>(rows.error());
        if (const Status whole = check_archive(archives.find(schema.table), archived); !whole) {
            return Result<CheckedTables>(whole.error());
        }
        tables.push_back({std::string(schema.name), rows.value(), 0});
    }
    if (const Status loadable = check_loadable(db); !loadable) return Result<CheckedTables>(loadable.error());
    return Result<CheckedTables>(std::move(tables));
}

}  // namespace agentcom
