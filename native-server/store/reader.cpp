#include "native-server/store/reader.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/assert.hpp"
#include "native-server/store/care_tables.hpp"
#include "native-server/store/message_finder.hpp"
#include "native-server/store/row_io.hpp"
#include "native-server/store/schema.hpp"
#include "native-server/store/sqlite.hpp"

namespace agentcom {

namespace {

/// SQLite asks whether to go on after so many steps of its virtual machine: about every 0.1 ms.
constexpr int kStepsBetweenLooks = 2'000;

constexpr std::array kFinishedStates = {TaskState::completed, TaskState::cancelled};

/// The place of `kind` in EventRow::columns.
constexpr int kEventKindColumn = 3;

constexpr std::array kReceiptKinds = {ReceiptKind::pushed, ReceiptKind::delivered, ReceiptKind::read,
                                      ReceiptKind::acked, ReceiptKind::dropped};

const ColumnValue& column(const TableSchema& schema, const RowValues& values, std::string_view name) {
    for (std::size_t i = 0; i < schema.columns.size(); ++i) {
        if (schema.columns[i].name == name) return values[i];
    }
    throw CoreFault("a table was asked for a column that it does not have", __FILE__, __LINE__);
}

int64_t integer_column(const TableSchema& schema, const RowValues& values, std::string_view name) {
    return column(schema, values, name).integer;
}

}  // namespace

class StoreReader::Impl {
  public:
    Status open(const std::string& directory, ReaderOptions options);
    QueryAnswer run(int64_t query, const StoreQuery& what);

  private:
    using Clock = std::chrono::steady_clock;

    bool answer(const FetchTask& query);
    bool answer(const ListTasks& query);
    bool answer(const CountTasks& query);
    bool answer(const FetchMessages& query);
    bool answer(const FetchDeliveries& query);
    bool answer(const FetchSent& query);
    bool answer(const FetchOutput& query);
    bool answer(const FetchEvents& query);
    bool answer(const FetchAudit& query);
    bool answer(const FindMessages& query);
    bool answer(const FetchThread& query);
    bool answer(const CountRows& query);

    /// Prepared once for each text.
    SqliteStatement* statement(const std::string& sql);
    /// Adds all rows of a bound statement to the answer, and resets it.
    bool add_rows(SqliteStatement& select, const TableSchema& schema);
    bool add_task_parts(int64_t workspace, const std::string& task_id, int64_t events);
    bool open_ranges(const ListTasks& query);
    /// Adds one message, and says whether there was one.
    bool add_message(int64_t workspace, int64_t seq, bool& found);
    /// Adds what was found, as far as its payloads fit into so many bytes.
    bool add_found(int64_t workspace, int64_t bytes, MessageFinder::Found& found);
    bool read_members(int64_t workspace, const std::string& channel, std::size_t limit,
                      std::vector<std::string>& names);
    /// Adds the receipts of the message that was added last.
    bool add_receipts(const std::vector<std::string>& agents);
    bool fetch_task(int64_t workspace, const std::string& task_id, std::optional<RowValues>& row);
    /// Notes why the query failed.
    bool fail(std::string text);
    bool fail() { return fail(store_unavailable(db_, "a query").text); }

    SqliteConnection db_;
    ReaderOptions options_;
    std::map<std::string, SqliteStatement> statements_;
    MessageFinder finder_{db_};
    Clock::time_point deadline_;
    std::vector<QueryRow> rows_;
    std::string error_;

    /// The tasks of one state in list order; `row` is the one it is at.
    struct Range {
        SqliteStatement select;
        RowValues row;
        bool at_end = false;
    };
    bool advance(Range& range);
    std::vector<Range> ranges_;
};

Status StoreReader::Impl::open(const std::string& directory, ReaderOptions options) {
    options_ = std::move(options);
    if (!db_.open(directory + "/hub.db", SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, options_.vfs) ||
        !db_.execute(
            "PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; PRAGMA busy_timeout = 1000; PRAGMA cache_size = -" +
            std::to_string(options_.cache_bytes / 1024))) {
        return Status(store_unavailable(db_, "opening " + directory + "/hub.db for reading"));
    }
    sqlite3_progress_handler(
        db_.handle(), kStepsBetweenLooks,
        [](void* self) { return Clock::now() > static_cast<Impl*>(self)->deadline_ ? 1 : 0; }, this);
    return {};
}

QueryAnswer StoreReader::Impl::run(int64_t query, const StoreQuery& what) {
    deadline_ = Clock::now() + std::chrono::milliseconds(options_.time_limit_ms);
    rows_.clear();
    error_.clear();
    // One transaction, so that all rows of an answer are of the same moment.
    const bool done =
        (db_.execute("BEGIN") || fail()) && std::visit([this](const auto& each) { return answer(each); }, what);
    ranges_.clear();
    for (auto& [sql, each] : statements_) each.reset();
    finder_.reset();
    db_.execute("COMMIT");

    QueryAnswer answer;
    answer.result.query = query;
    answer.result.ok = done;
    if (done) answer.result.rows = std::move(rows_);
    answer.error = std::move(error_);
    rows_ = {};
    error_ = {};
    return answer;
}

bool StoreReader::Impl::fail(std::string text) {
    if (error_.empty()) {
        error_ = Clock::now() > deadline_ ? "a query took longer than " + std::to_string(options_.time_limit_ms) + " ms"
                                          : std::move(text);
    }
    return false;
}

SqliteStatement* StoreReader::Impl::statement(const std::string& sql) {
    SqliteStatement& found = statements_[sql];
    if (!found.prepared() && !found.prepare(db_, sql)) {
        fail();
        return nullptr;
    }
    return &found;
}

bool StoreReader::Impl::add_rows(SqliteStatement& select, const TableSchema& schema) {
    int code = select.step();
    for (; code == SQLITE_ROW; code = select.step()) {
        Result<RowValues> row = read_row(select, schema);
        if (!row) return fail(row.error().text);
        rows_.push_back({schema.table, std::move(row).value()});
    }
    if (code != SQLITE_DONE) return fail();
    select.reset();
    return true;
}

bool StoreReader::Impl::answer(const FetchTask& query) {
    const TableSchema& schema = stored_table(TableId::tasks);
    SqliteStatement* select =
        statement("SELECT " + select_list(schema) + " FROM tasks WHERE workspace = ?1 AND id = ?2");
    if (select == nullptr) return false;
    select->bind(1, query.workspace);
    select->bind(2, query.task_id);
    if (!add_rows(*select, schema)) return false;
    return rows_.empty() || add_task_parts(query.workspace, query.task_id, query.events);
}

bool StoreReader::Impl::add_task_parts(int64_t workspace, const std::string& task_id, int64_t events) {
    for (const TableId table : {TableId::task_inputs, TableId::task_edges, TableId::attempts}) {
        const TableSchema& schema = stored_table(table);
        // The third key column, if there is one, orders them: edges by name, attempts by generation.
        const std::string order = schema.key_columns > 2 ? " ORDER BY " + sql_name(schema.columns[2].name) : "";
        SqliteStatement* select = statement("SELECT " + select_list(schema) + " FROM " + sql_name(schema.name) +
                                            " WHERE workspace = ?1 AND task_id = ?2" + order);
        if (select == nullptr) return false;
        select->bind(1, workspace);
        select->bind(2, task_id);
        if (!add_rows(*select, schema)) return false;
    }
    const TableSchema& schema = stored_table(TableId::events);
    SqliteStatement* select =
        statement("SELECT " + select_list(schema) +
                  " FROM events INDEXED BY events_by_subject WHERE workspace = ?1 AND subject = ?2 "
                  "ORDER BY seq DESC LIMIT ?3");
    if (select == nullptr) return false;
    select->bind(1, workspace);
    select->bind(2, task_id);
    select->bind(3, std::max<int64_t>(0, events));
    return add_rows(*select, schema);
}

// One range of the index per state, each in list order already; the answer is their merge.
bool StoreReader::Impl::open_ranges(const ListTasks& query) {
    const TableSchema& schema = stored_table(TableId::tasks);
    std::string sql = "SELECT " + select_list(schema) + " FROM tasks INDEXED BY ";
    sql += query.assigned_to ? "tasks_by_agent" : "tasks_by_state";
    sql += " WHERE live = 0 AND workspace = ?1 AND state = ?2";
    sql += query.priority ? " AND priority = ?3 AND seq > ?4" : " AND (priority, seq) > (?3, ?4)";
    if (query.assigned_to) sql += " AND assigned_to = ?5";
    sql += " ORDER BY priority, seq";

    int64_t after_seq = query.after_seq;
    if (query.priority && *query.priority < query.after_priority) return true;
    if (query.priority && *query.priority > query.after_priority) after_seq = INT64_MIN;
    for (const TaskState state : kFinishedStates) {
        if (std::find(query.states.begin(), query.states.end(), state) == query.states.end()) continue;
        Range& range = ranges_.emplace_back();
        if (!range.select.prepare(db_, sql)) return fail();
        range.select.bind(1, query.workspace);
        range.select.bind(2, to_text(state));
        range.select.bind(3, query.priority.value_or(query.after_priority));
        range.select.bind(4, after_seq);
        if (query.assigned_to) range.select.bind(5, *query.assigned_to);
        if (!advance(range)) return false;
    }
    return true;
}

bool StoreReader::Impl::advance(Range& range) {
    const int code = range.select.step();
    range.at_end = code == SQLITE_DONE;
    if (range.at_end) return true;
    if (code != SQLITE_ROW) return fail();
    Result<RowValues> row = read_row(range.select, stored_table(TableId::tasks));
    if (!row) return fail(row.error().text);
    range.row = std::move(row).value();
    return true;
}

bool StoreReader::Impl::answer(const ListTasks& query) {
    const TableSchema& schema = stored_table(TableId::tasks);
    if (!open_ranges(query)) return false;
    const auto place = [&schema](const RowValues& row) {
        return std::pair(integer_column(schema, row, "priority"), integer_column(schema, row, "seq"));
    };
    auto next_live = query.live.begin();
    std::optional<RowValues> live;
    std::optional<std::pair<int64_t, int64_t>> last;
    for (int64_t count = 0; count < query.limit;) {
        while (!live && next_live != query.live.end()) {
            if (!fetch_task(query.workspace, *next_live++, live)) return false;
        }
        Range* first = nullptr;
        for (Range& range : ranges_) {
            if (!range.at_end && (first == nullptr || place(range.row) < place(first->row))) first = &range;
        }
        if (first == nullptr && !live) return true;
        const bool take_live = live && (first == nullptr || place(*live) <= place(first->row));
        RowValues row = take_live ? std::move(*live) : std::move(first->row);
        if (take_live) live.reset();
        // One that was live when the hub chose it may have finished since, and then comes twice.
        const bool again = last == place(row);
        last = place(row);
        const std::string task_id = row[1].text;
        if (!again) {
            ++count;
            rows_.push_back({TableId::tasks, std::move(row)});
            if (!add_task_parts(query.workspace, task_id, query.events)) return false;
        }
        if (!take_live && !advance(*first)) return false;
    }
    return true;
}

/// Leaves `row` empty if there is none.
bool StoreReader::Impl::fetch_task(int64_t workspace, const std::string& task_id, std::optional<RowValues>& row) {
    const TableSchema& schema = stored_table(TableId::tasks);
    SqliteStatement* select =
        statement("SELECT " + select_list(schema) + " FROM tasks WHERE workspace = ?1 AND id = ?2");
    if (select == nullptr) return false;
    select->bind(1, workspace);
    select->bind(2, task_id);
    const int code = select->step();
    if (code == SQLITE_ROW) {
        Result<RowValues> values = read_row(*select, schema);
        if (!values) return fail(values.error().text);
        row = std::move(values).value();
    }
    select->reset();
    return code == SQLITE_ROW || code == SQLITE_DONE || fail();
}

bool StoreReader::Impl::answer(const CountTasks& query) {
    SqliteStatement* select = statement(
        "SELECT state, priority, count(*) FROM tasks INDEXED BY tasks_by_state WHERE live = 0 AND workspace = ?1 "
        "GROUP BY state, priority");
    if (select == nullptr) return false;
    select->bind(1, query.workspace);
    std::map<std::pair<int64_t, int64_t>, int64_t> counts;
    int code = select->step();
    for (; code == SQLITE_ROW; code = select->step()) {
        TaskState state{};
        if (!from_text(select->text(0), state)) return fail("table tasks has a row of an unknown state");
        counts[{static_cast<int64_t>(state), select->integer(1)}] = select->integer(2);
    }
    if (code != SQLITE_DONE) return fail();
    for (const auto& [group, count] : counts) {
        rows_.push_back(
            {TableId::tasks, {ColumnValue::of(group.first), ColumnValue::of(group.second), ColumnValue::of(count)}});
    }
    return true;
}

bool StoreReader::Impl::answer(const FetchMessages& query) {
    std::vector<int64_t> seqs = query.seqs;
    std::sort(seqs.begin(), seqs.end());
    seqs.erase(std::unique(seqs.begin(), seqs.end()), seqs.end());
    for (const int64_t seq : seqs) {
        bool found = false;
        if (!add_message(query.workspace, seq, found)) return false;
    }
    return true;
}

bool StoreReader::Impl::add_message(int64_t workspace, int64_t seq, bool& found) {
    const TableSchema& schema = stored_table(TableId::messages);
    SqliteStatement* select =
        statement("SELECT " + select_list(schema) + " FROM messages WHERE " + key_condition(schema, 1));
    if (select == nullptr) return false;
    select->bind(1, workspace);
    select->bind(2, seq);
    const std::size_t before = rows_.size();
    if (!add_rows(*select, schema)) return false;
    found = rows_.size() > before;
    return true;
}

bool StoreReader::Impl::add_receipts(const std::vector<std::string>& agents) {
    const TableSchema& messages = stored_table(TableId::messages);
    const RowValues& message = rows_.back().values;
    const int64_t workspace = integer_column(messages, message, "workspace");
    const int64_t seq = integer_column(messages, message, "seq");
    const ColumnValue recipient = column(messages, message, "recipient");
    const bool direct = recipient.type == ColumnValue::Type::text;
    std::vector<std::string> those = agents;
    if (direct) those = {recipient.text};
    const bool of_channel = column(messages, message, "channel").type == ColumnValue::Type::text &&
                            integer_column(messages, message, "channel_seq") > 0;
    if (of_channel && !read_members(workspace, column(messages, message, "channel").text, agents.size(), those)) {
        return false;
    }
    const TableSchema& schema = stored_table(TableId::receipts);
    SqliteStatement* select =
        statement("SELECT " + select_list(schema) +
                  " FROM receipts INDEXED BY receipts_by_agent WHERE workspace = ?1 AND agent = ?2 AND kind = ?3 AND "
                  "first_seq <= ?4 ORDER BY first_seq DESC LIMIT 1");
    if (select == nullptr) return false;
    for (const std::string& agent : those) {
        for (const ReceiptKind kind : kReceiptKinds) {
            select->bind(1, workspace);
            select->bind(2, agent);
            select->bind(3, to_text(kind));
            select->bind(4, seq);
            const std::size_t before = rows_.size();
            if (!add_rows(*select, schema)) return false;
            // Lots do not overlap: if the last that begins before the message ends before it, none holds it.
            if (rows_.size() > before && integer_column(schema, rows_.back().values, "last_seq") < seq) {
                rows_.pop_back();
            }
        }
    }
    return true;
}

bool StoreReader::Impl::read_members(int64_t workspace, const std::string& channel, std::size_t limit,
                                     std::vector<std::string>& names) {
    SqliteStatement* select =
        statement("SELECT agent FROM memberships WHERE workspace = ?1 AND channel = ?2 ORDER BY agent LIMIT ?3");
    if (select == nullptr) return false;
    select->bind(1, workspace);
    select->bind(2, channel);
    select->bind(3, static_cast<int64_t>(limit));
    names.clear();
    int code = select->step();
    for (; code == SQLITE_ROW; code = select->step()) names.emplace_back(select->text(0));
    select->reset();
    return code == SQLITE_DONE || fail();
}

bool StoreReader::Impl::answer(const FindMessages& query) {
    MessageFinder::Found found;
    if (!finder_.find(query, found)) return fail();
    rows_.push_back({TableId::messages, {}});
    if (!add_found(query.workspace, query.bytes, found)) return false;
    rows_.front().values = {ColumnValue::of(found.reached), ColumnValue::of(int64_t{found.more ? 1 : 0}),
                            ColumnValue::of(found.searchable)};
    return true;
}

bool StoreReader::Impl::answer(const FetchThread& query) {
    MessageFinder::Found found;
    if (!finder_.thread(query, found)) return fail();
    rows_.push_back({TableId::messages, {}});
    if (!add_found(query.workspace, query.bytes, found)) return false;
    rows_.front().values = {ColumnValue::of(found.root), ColumnValue::of(int64_t{found.more ? 1 : 0})};
    return true;
}

bool StoreReader::Impl::add_found(int64_t workspace, int64_t bytes, MessageFinder::Found& found) {
    for (const int64_t seq : found.seqs) {
        if (bytes <= 0) {
            found.reached = rows_.back().values[1].integer;
            found.more = true;
            return true;
        }
        bool there = false;
        if (!add_message(workspace, seq, there)) return false;
        if (!there) return fail("an index of messages names one that is not there");
        bytes -=
            static_cast<int64_t>(column(stored_table(TableId::messages), rows_.back().values, "payload").text.size());
    }
    return true;
}

bool StoreReader::Impl::answer(const FetchDeliveries& query) {
    for (const int64_t seq : query.seqs) {
        bool found = false;
        if (!add_message(query.workspace, seq, found)) return false;
        if (found && !add_receipts(query.agents)) return false;
    }
    return true;
}

bool StoreReader::Impl::answer(const FetchSent& query) {
    // The index alone gives the numbers, newest first; the rows are fetched one by one, as far as they may.
    SqliteStatement* select = statement(
        "SELECT place FROM messages INDEXED BY messages_by_sender WHERE workspace = ?1 AND sender = ?2 AND place < " +
        place_of(1, 3) + " ORDER BY place DESC LIMIT ?4");
    if (select == nullptr) return false;
    select->bind(1, query.workspace);
    select->bind(2, query.sender);
    select->bind(3, std::clamp<int64_t>(query.before, 0, kMaxPlaceSeq));
    select->bind(4, std::max<int64_t>(0, query.limit));
    int64_t bytes = 0;
    int code = select->step();
    for (; code == SQLITE_ROW && bytes < query.bytes; code = select->step()) {
        bool found = false;
        if (!add_message(query.workspace, select->integer(0) & kMaxPlaceSeq, found)) return false;
        if (!found) return fail("messages_by_sender names a message that is not there");
        bytes +=
            static_cast<int64_t>(column(stored_table(TableId::messages), rows_.back().values, "payload").text.size());
        if (!add_receipts(query.agents)) return false;
    }
    return code == SQLITE_ROW || code == SQLITE_DONE || fail();
}

bool StoreReader::Impl::answer(const FetchOutput& query) {
    const TableSchema& schema = stored_table(TableId::task_outputs);
    const std::string of_attempt = " FROM task_outputs WHERE workspace = ?1 AND task_id = ?2 AND generation = ?3";
    const auto integer = [&](const std::string& sql, int64_t generation, int64_t& value) {
        SqliteStatement* select = statement(sql);
        if (select == nullptr) return false;
        select->bind(1, query.workspace);
        select->bind(2, query.task_id);
        if (generation > 0) select->bind(3, generation);
        const int code = select->step();
        value = code == SQLITE_ROW ? select->integer(0) : -1;
        select->reset();
        return code == SQLITE_ROW || code == SQLITE_DONE || fail();
    };
    int64_t generation = query.generation;
    if (generation <= 0 &&
        !integer("SELECT max(generation) FROM task_outputs WHERE workspace = ?1 AND task_id = ?2", 0, generation)) {
        return false;
    }
    if (generation <= 0) return true;
    int64_t start = 0;
    int64_t end = 0;
    if (!integer("SELECT position" + of_attempt + " ORDER BY position LIMIT 1", generation, start)) return false;
    if (start < 0) return true;
    if (!integer("SELECT position + length(CAST(text AS BLOB))" + of_attempt + " ORDER BY position DESC LIMIT 1",
                 generation, end)) {
        return false;
    }
    rows_.push_back(
        {TableId::task_outputs, {ColumnValue::of(generation), ColumnValue::of(start), ColumnValue::of(end)}});
    SqliteStatement* select = statement(
        "SELECT " + select_list(schema) + of_attempt +
        " AND position >= coalesce((SELECT max(position) FROM task_outputs WHERE workspace = ?1 AND task_id = ?2 AND "
        "generation = ?3 AND position <= ?4), 0) ORDER BY position");
    if (select == nullptr) return false;
    select->bind(1, query.workspace);
    select->bind(2, query.task_id);
    select->bind(3, generation);
    select->bind(4, query.since);
    int64_t bytes = 0;
    int code = select->step();
    for (; code == SQLITE_ROW && bytes < query.limit_bytes; code = select->step()) {
        Result<RowValues> row = read_row(*select, schema);
        if (!row) return fail(row.error().text);
        bytes += static_cast<int64_t>(row.value().back().text.size());
        rows_.push_back({schema.table, std::move(row).value()});
    }
    select->reset();
    return code == SQLITE_ROW || code == SQLITE_DONE || fail();
}

bool StoreReader::Impl::answer(const FetchEvents& query) {
    const TableSchema& schema = stored_table(TableId::events);
    const bool by_subject = !query.subject.empty();
    SqliteStatement* select =
        statement("SELECT " + select_list(schema) + " FROM events" +
                  (by_subject ? " INDEXED BY events_by_subject WHERE subject = ?4 AND" : " WHERE") +
                  " workspace = ?1 AND seq > ?2 AND seq <= ?3 ORDER BY seq");
    if (select == nullptr) return false;
    select->bind(1, query.workspace);
    select->bind(2, query.after_seq);
    select->bind(3, query.up_to_seq);
    if (by_subject) select->bind(4, query.subject);
    while (static_cast<int64_t>(rows_.size()) < query.limit) {
        const int code = select->step();
        if (code == SQLITE_DONE) break;
        if (code != SQLITE_ROW) return fail();
        // Only rows that match are worth a look at their checksum.
        if (!matches_kind(query.kinds, select->text(kEventKindColumn))) continue;
        Result<RowValues> row = read_row(*select, schema);
        if (!row) return fail(row.error().text);
        rows_.push_back({TableId::events, std::move(row).value()});
    }
    select->reset();
    return true;
}

bool StoreReader::Impl::answer(const FetchAudit& query) {
    const TableSchema& schema = stored_table(TableId::events);
    // The condition must be that of the partial index, word for word.
    SqliteStatement* select =
        statement("SELECT " + select_list(schema) +
                  " FROM events INDEXED BY events_admin WHERE cause = 'admin' AND workspace = ?1 AND seq > ?2 AND "
                  "seq < ?3 AND (?4 = '' OR principal = ?4) ORDER BY seq" +
                  (query.ascending ? "" : " DESC"));
    if (select == nullptr) return false;
    select->bind(1, query.workspace);
    select->bind(2, query.after_seq);
    select->bind(3, query.before_seq);
    select->bind(4, query.principal);
    while (static_cast<int64_t>(rows_.size()) < query.limit) {
        const int code = select->step();
        if (code == SQLITE_DONE) break;
        if (code != SQLITE_ROW) return fail();
        if (!matches_kind(query.kinds, select->text(kEventKindColumn))) continue;
        Result<RowValues> row = read_row(*select, schema);
        if (!row) return fail(row.error().text);
        rows_.push_back({TableId::events, std::move(row).value()});
    }
    select->reset();
    return true;
}

bool StoreReader::Impl::answer(const CountRows&) {
    for (const CareTable& table : read_care_tables(db_, false)) {
        rows_.push_back({TableId::hub, {ColumnValue::of(table.rows), ColumnValue::of(table.bytes)}});
    }
    return true;
}

StoreReader::StoreReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StoreReader::~StoreReader() = default;

Result<std::unique_ptr<StoreReader>> StoreReader::open(const std::string& directory, ReaderOptions options) {
    auto impl = std::make_unique<Impl>();
    if (const Status opened = impl->open(directory, std::move(options)); !opened) {
        return Result<std::unique_ptr<StoreReader>>(opened.error());
    }
    return Result<std::unique_ptr<StoreReader>>(std::unique_ptr<StoreReader>(new StoreReader(std::move(impl))));
}

QueryAnswer StoreReader::run(int64_t query, const StoreQuery& what) { return impl_->run(query, what); }

}  // namespace agentcom
