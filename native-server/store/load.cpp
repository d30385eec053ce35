#include "native-server/store/load.hpp"

#include <charconv>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "native-server/store/row_io.hpp"
#include "native-server/store/schema.hpp"

namespace agentcom {

namespace {

class Loader {
  public:
    Loader(SqliteConnection& db, const LoadSink& sink) : db_(db), sink_(sink) {}

    Status run() {
        for (const TableSchema& schema : stored_tables()) {
            if (schema.row_class != RowClass::durable) continue;
            if (Status loaded = load_table(schema); !loaded) return loaded;
        }
        if (Status loaded = load_mail(); !loaded) return loaded;
        const Result<std::vector<TableSum>> sums = read_sums(db_);
        if (!sums) return Status(sums.error());
        // A database that never saw a commit has none, and no rows either.
        if (sums.value().empty() && counts_.rows == 0) return {};
        return sink_.sums(sums.value());
    }

    LoadCounts counts_;

  private:
    Status load_table(const TableSchema& schema) {
        SqliteStatement select;
        if (!select.prepare(db_, loaded_rows_sql(schema))) return failed(schema.name);
        int code = select.step();
        for (; code == SQLITE_ROW; code = select.step()) {
            Result<RowValues> row = read_row(select, schema);
            if (!row) return Status(row.error());
            if (Status taken = sink_.row(schema.table, std::move(row).value()); !taken) return taken;
            ++counts_.rows;
        }
        return code == SQLITE_DONE ? Status() : failed(schema.name);
    }

    // Recipients are found by skipping from one to the next in the index, so that old mail costs nothing.
    Status load_mail() {
        std::vector<int64_t> workspaces;
        SqliteStatement select;
        if (!select.prepare(db_, "SELECT id FROM workspaces ORDER BY id")) return failed("workspaces");
        while (select.step() == SQLITE_ROW) workspaces.push_back(select.integer(0));
        select.finish();

        const TableSchema& schema = stored_table(TableId::messages);
        const std::string columns =
            "SELECT " + select_list(schema) +
            " FROM messages INDEXED BY messages_by_recipient WHERE workspace = ?1 AND channel_seq = 0 AND recipient ";
        const std::string above = " AND place > " + place_of(1, 2) + " ORDER BY place";
        if (!next_.prepare(db_,
                           "SELECT recipient FROM messages INDEXED BY messages_by_recipient WHERE workspace = ?1 "
                           "AND channel_seq = 0 AND recipient > ?2 ORDER BY recipient LIMIT 1") ||
            !direct_.prepare(db_, columns + "= ?3" + above) || !broadcast_.prepare(db_, columns + "IS NULL" + above)) {
            return failed("messages");
        }
        if (Status loaded = load_channels(); !loaded) return loaded;
        for (const int64_t workspace : workspaces) {
            if (Status loaded = load_mail_of(workspace, std::nullopt); !loaded) return loaded;
            // Names are never empty, so "" comes before all of them.
            std::string recipient;
            for (;;) {
                next_.bind(1, workspace);
                next_.bind(2, recipient);
                const int code = next_.step();
                std::string found(code == SQLITE_ROW ? next_.text(0) : std::string_view{});
                next_.reset();
                if (code == SQLITE_DONE) break;
                if (code != SQLITE_ROW) return failed("messages");
                recipient = std::move(found);
                if (Status loaded = load_mail_of(workspace, recipient); !loaded) return loaded;
            }
        }
        return {};
    }

    // The kept history of each channel, the newest first, up to where it was cut off.
    Status load_channels() {
        SqliteStatement channels;
        SqliteStatement messages;
        const TableSchema& schema = stored_table(TableId::messages);
        if (!channels.prepare(db_, "SELECT workspace, name, dropped_seq FROM channels ORDER BY workspace, name") ||
            !messages.prepare(db_, "SELECT " + select_list(schema) +
                                       " FROM messages INDEXED BY messages_by_channel WHERE workspace = ?1 AND channel "
                                       "= ?2 ORDER BY place DESC")) {
            return failed("channels");
        }
        while (channels.step() == SQLITE_ROW) {
            const std::string name(channels.text(1));
            messages.bind(1, channels.integer(0));
            messages.bind(2, name);
            int code = messages.step();
            for (; code == SQLITE_ROW; code = messages.step()) {
                Result<RowValues> values = read_row(messages, schema);
                if (!values) return Status(values.error());
                const std::optional<MessageRow> message = row_from_values<MessageRow>(std::move(values).value());
                // Of another message's payload that names the channel it is no message.
                if (!message || !message->of_channel()) continue;
                if (message->channel_seq <= channels.integer(2)) break;
                sink_.message(*message);
                ++counts_.messages;
            }
            messages.reset();
            if (code != SQLITE_ROW && code != SQLITE_DONE) return failed("messages");
        }
        return {};
    }

    Status load_mail_of(int64_t workspace, const std::optional<std::string>& recipient) {
        const TableSchema& schema = stored_table(TableId::messages);
        SqliteStatement& select = recipient ? direct_ : broadcast_;
        select.bind(1, workspace);
        select.bind(2, sink_.mail_floor(workspace, recipient));
        if (recipient) select.bind(3, *recipient);
        int code = select.step();
        for (; code == SQLITE_ROW; code = select.step()) {
            Result<RowValues> values = read_row(select, schema);
            if (!values) return Status(values.error());
            const std::optional<MessageRow> message = row_from_values<MessageRow>(std::move(values).value());
            if (message) sink_.message(*message);
            ++counts_.messages;
        }
        select.reset();
        return code == SQLITE_DONE ? Status() : failed("messages");
    }

    Status failed(std::string_view table) const {
        return Status(store_unavailable(db_, "reading table " + std::string(table)));
    }

    SqliteConnection& db_;
    const LoadSink& sink_;
    SqliteStatement next_;
    SqliteStatement direct_;
    SqliteStatement broadcast_;
};

}  // namespace

Result<LoadCounts> load_rows(SqliteConnection& db, const LoadSink& sink) {
    Loader loader(db, sink);
    if (const Status done = loader.run(); !done) return Result<LoadCounts>(done.error());
    return Result<LoadCounts>(loader.counts_);
}

std::string sum_text(const TableSum& sum) { return std::to_string(sum.rows) + " " + sum.sum.to_hex(); }

std::optional<TableSum> parse_sum(TableId table, std::string_view text) {
    TableSum sum{table, 0, {}};
    const char* const end = text.data() + text.size();
    const auto [rest, failure] = std::from_chars(text.data(), end, sum.rows);
    if (failure != std::errc() || rest == end || *rest != ' ' ||
        !hash128_from_hex(std::string_view(rest + 1, static_cast<std::size_t>(end - rest - 1)), sum.sum)) {
        return std::nullopt;
    }
    return sum;
}

// Of the tasks only the live ones, and of what hangs on tasks only what hangs on those. The index gives them in key
// order, in which the joined tables are cheap to search.
std::string loaded_rows_sql(const TableSchema& schema) {
    switch (schema.table) {
        case TableId::tasks:
            return "SELECT " + select_list(schema) + " FROM tasks INDEXED BY tasks_live WHERE live = 1";
        case TableId::task_inputs:
        case TableId::task_edges:
        case TableId::attempts: {
            const std::string name(schema.name);
            return "SELECT " + select_list(schema, name + ".") + " FROM tasks AS t INDEXED BY tasks_live CROSS JOIN " +
                   name + " ON " + name + ".workspace = t.workspace AND " + name + ".task_id = t.id WHERE t.live = 1";
        }
        default:
            return "SELECT " + select_list(schema) + " FROM " + sql_name(schema.name);
    }
}

Result<std::vector<TableSum>> read_sums(SqliteConnection& db) {
    std::vector<TableSum> sums;
    SqliteStatement select;
    if (!select.prepare(db, "SELECT value FROM meta WHERE key = ?1")) {
        return Result<std::vector<TableSum>>(store_unavailable(db, "reading meta"));
    }
    for (const TableSchema& schema : stored_tables()) {
        const std::string key = "sum." + std::string(schema.name);
        select.bind(1, key);
        const int code = select.step();
        if (code == SQLITE_ROW) {
            const std::optional<TableSum> sum = parse_sum(schema.table, select.text(0));
            if (!sum) {
                return Result<std::vector<TableSum>>(
                    Error{"corrupt_row", 500, Blame::hub, "table meta, row with key " + key + ": it is no sum"});
            }
            sums.push_back(*sum);
        } else if (code != SQLITE_DONE) {
            return Result<std::vector<TableSum>>(store_unavailable(db, "reading meta"));
        }
        select.reset();
    }
    return Result<std::vector<TableSum>>(std::move(sums));
}

}  // namespace agentcom
