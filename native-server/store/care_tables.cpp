#include "native-server/store/care_tables.hpp"

#include <algorithm>
#include <numeric>
#include <string_view>

namespace agentcom {

namespace {

constexpr int64_t kPagesMeasuredAtOnce = 16'384;

struct Source {
    std::string_view count;   // SQL that gives the number of rows
    std::string_view tables;  // SQL tables whose pages are shared out among the sources that name them
};

constexpr std::string_view kTaskTables =
    "'tasks', 'task_inputs', 'task_edges', 'attempts', 'task_runs', 'task_outputs'";
constexpr std::string_view kMessageTables = "'messages'";

// In the order of kCareTables.
constexpr std::array<Source, kCareTables.size()> kSources = {{
    {"SELECT (SELECT count(*) FROM tasks) - "
     "(SELECT count(*) FROM tasks INDEXED BY tasks_live WHERE live = 1 AND state = 'dead_letter')",
     kTaskTables},
    {"SELECT count(*) FROM tasks INDEXED BY tasks_live WHERE live = 1 AND state = 'dead_letter'", kTaskTables},
    {"SELECT count(*) FROM mailboxes CROSS JOIN messages INDEXED BY messages_by_recipient ON "
     "messages.workspace = mailboxes.workspace AND messages.recipient = mailboxes.agent AND "
     "messages.channel_seq = 0 AND messages.place > (mailboxes.workspace << 40 | mailboxes.seen_seq)",
     "'mailboxes', 'receipts'"},
    {"SELECT (SELECT count(*) FROM messages) - "
     "(SELECT count(*) FROM messages INDEXED BY messages_by_channel WHERE channel IS NOT NULL)",
     kMessageTables},
    {"SELECT count(*) FROM channels", "'channels', 'memberships'"},
    {"SELECT count(*) FROM messages INDEXED BY messages_by_channel WHERE channel IS NOT NULL", kMessageTables},
    {"SELECT count(*) FROM config", "'config'"},
    {"SELECT count(*) FROM messages", kMessageTables},
    {"SELECT count(*) FROM messages INDEXED BY messages_by_parent WHERE reply_to IS NOT NULL", kMessageTables},
}};

/// Bytes of these tables and their indexes.
bool measure_tables(SqliteConnection& db, std::string_view tables, int64_t& bytes) {
    return db.query_integer(
        "SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE aggregate = TRUE AND name IN "
        "(SELECT name FROM sqlite_schema WHERE tbl_name IN (" +
            std::string(tables) + "))",
        bytes);
}

int64_t share(int64_t bytes, int64_t rows, int64_t all_rows) {
    if (all_rows <= 0 || rows <= 0) return 0;
    return static_cast<int64_t>(static_cast<double>(bytes) * static_cast<double>(rows) / static_cast<double>(all_rows));
}

}  // namespace

std::array<CareTable, kCareTables.size()> read_care_tables(SqliteConnection& db, bool measure) {
    std::array<CareTable, kCareTables.size()> tables;
    for (std::size_t i = 0; i < kSources.size(); ++i) {
        int64_t rows = 0;
        if (db.query_integer(std::string(kSources[i].count), rows)) tables[i].rows = rows;
    }
    int64_t pages = 0;
    int64_t page_bytes = 0;
    if (!db.query_integer("PRAGMA page_count", pages) || !db.query_integer("PRAGMA page_size", page_bytes)) {
        return tables;
    }
    const bool exact = measure || pages <= kPagesMeasuredAtOnce;
    const auto rows_where = [&](std::string_view of) {
        int64_t rows = 0;
        for (std::size_t i = 0; i < kSources.size(); ++i) {
            if (of.empty() || kSources[i].tables == of) rows += std::max<int64_t>(0, tables[i].rows);
        }
        return rows;
    };
    for (std::size_t i = 0; i < kSources.size(); ++i) {
        int64_t bytes = 0;
        if (exact && measure_tables(db, kSources[i].tables, bytes)) {
            const int64_t all_rows = rows_where(kSources[i].tables);
            const bool shared = kSources[i].tables == kTaskTables || kSources[i].tables == kMessageTables;
            tables[i].bytes = shared ? share(bytes, tables[i].rows, all_rows) : bytes;
        } else {
            tables[i].bytes = share(pages * page_bytes, tables[i].rows, rows_where({}));
        }
    }
    return tables;
}

}  // namespace agentcom
