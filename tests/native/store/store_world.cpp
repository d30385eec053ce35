#include "tests/native/store/store_world.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <tuple>

#include "native-server/store/row_io.hpp"
#include "native-server/store/schema.hpp"
#include "native-server/store/sqlite.hpp"

namespace agentcom::test {

namespace {

/// Bodies above this are shed once they have been handed over.
constexpr int64_t kInlineBodyBytes = 100;

RowValues key_of(const RowChange& change) {
    const int columns = stored_table(change.table).key_columns;
    return {change.values.begin(), change.values.begin() + columns};
}

int64_t column(const RowChange& row, std::string_view name) {
    const TableSchema& schema = stored_table(row.table);
    for (std::size_t i = 0; i < schema.columns.size(); ++i) {
        if (schema.columns[i].name == name) return row.values[i].integer;
    }
    throw std::logic_error("no such column");
}

bool hangs_on_task(TableId table) {
    return table == TableId::task_inputs || table == TableId::task_edges || table == TableId::attempts;
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
    // In memory where the system has that: none of these tests is about the disk under them, and each start syncs it.
    const std::filesystem::path memory = "/dev/shm";
    const bool in_memory = access(memory.c_str(), W_OK) == 0;
    std::string name =
        ((in_memory ? memory : std::filesystem::temp_directory_path()) / "agentcom-test-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a temporary directory");
    path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

bool RowKeyLess::operator()(const RowKey& a, const RowKey& b) const {
    if (a.first != b.first) return a.first < b.first;
    return std::lexicographical_compare(a.second.begin(), a.second.end(), b.second.begin(), b.second.end(),
                                        [](const ColumnValue& x, const ColumnValue& y) {
                                            return std::tie(x.integer, x.text) < std::tie(y.integer, y.text);
                                        });
}

// ---------------------------------------------------------------------------------------------------------------

void StoreContents::apply(const Batch& batch) {
    for (const RowChange& change : batch.changes) {
        const RowKey key{change.table, key_of(change)};
        if (change.erase) {
            rows_.erase(key);
            continue;
        }
        RowChange row = change;
        for (std::size_t i = 0; i < row.values.size(); ++i) {
            if (row.values[i].type == ColumnValue::Type::unchanged) row.values[i] = rows_.at(key).values[i];
        }
        rows_[key] = std::move(row);
    }
    for (const Prune& each : batch.prunes) prune(each);
}

void StoreContents::prune(const Prune& prune) {
    int64_t& messages_pruned = messages_pruned_[prune.workspace];
    std::set<std::string> tasks;
    std::erase_if(rows_, [&](const auto& entry) {
        const auto& [key, row] = entry;
        if (row.values[0].integer != prune.workspace) return false;
        switch (prune.what) {
            case Prune::What::events:
                return row.table == TableId::events && row.values[1].integer <= prune.up_to;
            case Prune::What::receipts:
                return row.table == TableId::receipts && row.values[1].integer <= prune.up_to;
            case Prune::What::messages: {
                if (row.table != TableId::messages) return false;
                const int64_t seq = row.values[1].integer;
                return seq > messages_pruned && seq <= prune.up_to &&
                       std::find(prune.keep.begin(), prune.keep.end(), seq) == prune.keep.end();
            }
            case Prune::What::output:
                return row.table == TableId::task_outputs && row.values[1].text == prune.subject &&
                       row.values[2].integer == prune.generation && row.values[3].integer < prune.up_to;
            case Prune::What::finished_tasks: {
                if (row.table != TableId::tasks) return false;
                const int64_t finished_seq = column(row, "finished_seq");
                if (finished_seq == 0 || finished_seq > prune.up_to) return false;
                tasks.insert(row.values[1].text);
                return true;
            }
        }
        return false;
    });
    if (prune.what == Prune::What::messages) messages_pruned = std::max(messages_pruned, prune.up_to);
    std::erase_if(rows_, [&](const auto& entry) {
        const RowChange& row = entry.second;
        return hangs_on_task(row.table) && row.values[0].integer == prune.workspace &&
               tasks.contains(row.values[1].text);
    });
}

const RowChange* StoreContents::find(TableId table, const RowValues& key) const {
    const auto found = rows_.find({table, key});
    return found == rows_.end() ? nullptr : &found->second;
}

bool StoreContents::is_resident(const RowChange& row) const {
    if (stored_table(row.table).row_class != RowClass::durable) return false;
    if (row.table == TableId::tasks) return column(row, "live") == 1;
    if (!hangs_on_task(row.table)) return true;
    const RowChange* task = find(TableId::tasks, {row.values[0], row.values[1]});
    return task != nullptr && column(*task, "live") == 1;
}

std::vector<TableSum> StoreContents::resident_sums() const {
    std::vector<TableSum> sums;
    for (const TableSchema& schema : stored_tables()) {
        if (schema.row_class != RowClass::durable) continue;
        TableSum sum{schema.table, 0, {}};
        for (const auto& [key, row] : rows_) {
            if (key.first != schema.table || !is_resident(row)) continue;
            ++sum.rows;
            sum.sum += row.checksum;
        }
        sums.push_back(sum);
    }
    return sums;
}

Fingerprint StoreContents::fingerprint() const {
    std::map<TableId, TableSum> sums;
    for (const auto& [key, row] : rows_) {
        ++sums[key.first].rows;
        sums[key.first].sum += row.checksum;
    }
    Fingerprint fingerprint;
    for (const auto& [table, sum] : sums) fingerprint[table] = {sum.rows, sum.sum.to_hex()};
    return fingerprint;
}

// ---------------------------------------------------------------------------------------------------------------

StoreWorld::StoreWorld(uint64_t seed, WorldOptions options) : options_(options), prng_(seed) {
    workspace_.id = 1;
    workspace_.name = "default";
}

template <class Row>
void StoreWorld::put(const Row& row) {
    batch_.changes.push_back(change_of(row));
}

template <class Row>
void StoreWorld::erase(const typename Row::Key& key) {
    batch_.changes.push_back(erasure_of<Row>(key));
}

std::string StoreWorld::random_body() {
    // Every byte that JSON or text may carry, a NUL too.
    std::string text(prng_.below(static_cast<uint64_t>(options_.body_bytes)), ' ');
    for (char& each : text) each = static_cast<char>(prng_.below(128));
    return text;
}

std::string StoreWorld::random_name() { return "agent-" + std::to_string(prng_.below(8)); }

void StoreWorld::event(const std::string& kind, const std::string& subject) {
    EventRow row;
    row.workspace = workspace_.id;
    row.seq = ++workspace_.event_seq;
    row.at = 1'700'000'000'000 + turn_;
    row.kind = kind;
    row.subject = subject;
    row.principal = random_name();
    row.data = R"({"turn":)" + std::to_string(turn_) + "}";
    put(row);
}

void StoreWorld::submit_task() {
    TaskRow task;
    task.workspace = workspace_.id;
    task.id = prng_.hex16();
    task.root_id = task.id;
    task.seq = ++workspace_.task_seq;
    task.priority = static_cast<int64_t>(prng_.below(4));
    task.state = chance(4) ? TaskState::held : TaskState::queued;
    task.labels = {"a", "b \"quoted\""};
    if (chance(2)) task.complete_by = -1 - static_cast<int64_t>(prng_.below(1'000));
    put(task);
    TaskInputRow input;
    input.workspace = task.workspace;
    input.task_id = task.id;
    input.description = Body(random_body());
    input.metadata = Body(random_body());
    put(input);
    if (!live_.empty() && chance(3)) {
        TaskEdgeRow edge;
        edge.workspace = task.workspace;
        edge.task_id = task.id;
        edge.blocked_by = live_.begin()->first;
        put(edge);
    }
    event("task_submitted", task.id);
    live_[task.id] = task;
}

void StoreWorld::change_task() {
    if (live_.empty()) return;
    auto chosen = std::next(live_.begin(), static_cast<std::ptrdiff_t>(prng_.below(live_.size())));
    TaskRow& task = chosen->second;
    task.state = chance(2) ? TaskState::assigned : TaskState::dead_letter;
    task.assigned_to = random_name();
    ++task.generation;
    // Once set it stays, as in the core: a refused commit must not leave another body than the hub has shed.
    if (task.result.size == 0 && chance(4)) task.result = Body(random_body());
    put(task);
    task.result.shed(kInlineBodyBytes);
    if (chance(2)) {
        AttemptRow attempt;
        attempt.workspace = task.workspace;
        attempt.task_id = task.id;
        attempt.generation = task.generation;
        attempt.agent = *task.assigned_to;
        attempt.outcome = Outcome::released;
        put(attempt);
    }
    event("task_assigned", task.id);
}

void StoreWorld::finish_task() {
    if (live_.empty()) return;
    auto chosen = std::next(live_.begin(), static_cast<std::ptrdiff_t>(prng_.below(live_.size())));
    TaskRow task = chosen->second;
    live_.erase(chosen);
    // As the core archives: what hangs on the task is handed over once more, with shed bodies.
    if (const RowChange* input =
            contents_.find(TableId::task_inputs, {ColumnValue::of(task.workspace), ColumnValue::of(task.id)})) {
        RowChange again = *input;
        again.values[2] = ColumnValue::unchanged();
        again.values[3] = ColumnValue::unchanged();
        batch_.changes.push_back(std::move(again));
    }
    task.live = false;
    task.state = chance(3) ? TaskState::cancelled : TaskState::completed;
    task.finished_seq = ++workspace_.finished_seq;
    task.finished_at = 1'700'000'000'000 + turn_;
    if (task.result.size == 0) task.result = Body(random_body());
    put(task);
    task.result.shed(kInlineBodyBytes);
    event("task_finished", task.id);
    finished_[task.id] = task;
}

void StoreWorld::rewrite_finished_task() {
    if (finished_.empty()) return;
    TaskRow& task = finished_.begin()->second;
    if (task.finished_seq <= workspace_.finished_pruned) {
        finished_.erase(finished_.begin());
        return;
    }
    ++task.updated_at;
    put(task);
}

void StoreWorld::add_message() {
    MessageRow message;
    message.workspace = workspace_.id;
    message.seq = ++workspace_.message_seq;
    message.id = prng_.hex16();
    message.sender = random_name();
    if (!chance(4)) message.recipient = random_name();
    message.type = "chat";
    message.payload = Body(random_body());
    put(message);
}

void StoreWorld::add_receipt() {
    ReceiptRow receipt;
    receipt.workspace = workspace_.id;
    receipt.agent = random_name();
    receipt.kind = static_cast<ReceiptKind>(prng_.below(5));
    int64_t& noted = noted_[{receipt.agent, receipt.kind}];
    if (noted >= workspace_.message_seq) return;
    receipt.first_seq = noted + 1 + static_cast<int64_t>(prng_.below(2));
    receipt.last_seq = receipt.first_seq + static_cast<int64_t>(prng_.below(20));
    receipt.seq = ++workspace_.receipt_seq;
    receipt.at = 1'700'000'000'000 + turn_;
    noted = receipt.last_seq;
    put(receipt);
}

void StoreWorld::change_access() {
    PrincipalRow principal;
    principal.workspace = workspace_.id;
    principal.id = random_name();
    principal.created_at = turn_;
    put(principal);
    MailboxRow mailbox;
    mailbox.workspace = workspace_.id;
    mailbox.agent = principal.id;
    mailbox.seen_seq = static_cast<int64_t>(prng_.below(100));
    put(mailbox);
    if (chance(3)) {
        TokenRow token;
        token.sha256 = prng_.hex16();
        token.workspace = workspace_.id;
        token.principal = principal.id;
        put(token);
    }
}

void StoreWorld::change_idempotency() {
    if (!idempotency_.empty() && chance(2)) {
        erase<IdempotencyRow>(idempotency_.back());
        idempotency_.pop_back();
        return;
    }
    IdempotencyRow row;
    row.workspace = workspace_.id;
    row.principal = random_name();
    row.operation = "submit_task";
    row.idempotency_key = prng_.hex16();
    row.answer = random_body();
    put(row);
    idempotency_.push_back(row.key());
}

void StoreWorld::retain() {
    if (workspace_.event_seq - workspace_.events_pruned > 60) {
        workspace_.events_pruned += 20;
        batch_.prunes.push_back({Prune::What::events, workspace_.id, workspace_.events_pruned, {}});
    }
    if (workspace_.receipt_seq - workspace_.receipts_pruned > 40) {
        workspace_.receipts_pruned += 10;
        batch_.prunes.push_back({Prune::What::receipts, workspace_.id, workspace_.receipts_pruned, {}});
    }
    if (workspace_.finished_seq - workspace_.finished_pruned > 12) {
        workspace_.finished_pruned += 4;
        batch_.prunes.push_back({Prune::What::finished_tasks, workspace_.id, workspace_.finished_pruned, {}});
    }
    if (options_.prunes_messages && workspace_.message_seq - workspace_.messages_pruned > 30) {
        Prune prune{Prune::What::messages, workspace_.id, workspace_.messages_pruned + 10, {}};
        for (int64_t seq = workspace_.messages_pruned + 1; seq <= prune.up_to; ++seq) {
            if (!chance(4)) continue;
            prune.keep.push_back(seq);
            kept_messages_.insert(seq);
        }
        workspace_.messages_pruned = prune.up_to;
        batch_.prunes.push_back(std::move(prune));
    } else if (!kept_messages_.empty() && chance(2)) {
        erase<MessageRow>({workspace_.id, *kept_messages_.begin()});
        kept_messages_.erase(kept_messages_.begin());
    }
}

Batch StoreWorld::next_turn() {
    batch_ = {};
    batch_.turn = ++turn_;
    if (turn_ == 1) {
        HubRow hub;
        hub.id = 1;
        hub.epoch = "00112233445566778899aabbccddeeff";
        put(hub);
    }
    using Action = void (StoreWorld::*)();
    constexpr std::array<Action, 11> kActions = {
        &StoreWorld::submit_task,   &StoreWorld::submit_task,        &StoreWorld::submit_task, &StoreWorld::change_task,
        &StoreWorld::change_task,   &StoreWorld::finish_task,        &StoreWorld::add_message, &StoreWorld::add_message,
        &StoreWorld::change_access, &StoreWorld::change_idempotency, &StoreWorld::add_receipt};
    const uint64_t actions = 1 + prng_.below(6);
    for (uint64_t i = 0; i < actions; ++i) (this->*kActions[prng_.below(kActions.size())])();
    if (chance(8)) rewrite_finished_task();
    retain();
    put(workspace_);
    contents_.apply(batch_);
    batch_.sums = contents_.resident_sums();
    return std::move(batch_);
}

RowChange StoreWorld::current(TableId table, const RowValues& key) const {
    const RowChange* row = contents_.find(table, key);
    if (row == nullptr || !contents_.is_resident(*row)) return {table, true, key, {}};
    RowChange change = *row;
    const TableSchema& schema = stored_table(table);
    for (std::size_t i = 0; i < change.values.size(); ++i) {
        if (schema.columns[i].type == ColumnType::body &&
            static_cast<int64_t>(change.values[i].text.size()) > kInlineBodyBytes) {
            change.values[i] = ColumnValue::unchanged();
        }
    }
    return change;
}

// ---------------------------------------------------------------------------------------------------------------

LoadSink LoadedRows::sink() {
    LoadSink sink;
    sink.row = [this](TableId table, RowValues values) {
        const RowChange change{table, false, values, {}};
        rows[{table, key_of(change)}] = std::move(values);
        return Status();
    };
    sink.mail_floor = [this](int64_t, const std::optional<std::string>& recipient) {
        const auto found = floors.find(recipient);
        return found == floors.end() ? 0 : found->second;
    };
    sink.message = [this](const MessageRow& row) { messages.push_back(row); };
    sink.sums = [this](const std::vector<TableSum>& sums) {
        for (const TableSum& wanted : sums) {
            TableSum found{wanted.table, 0, {}};
            for (const auto& [key, values] : rows) {
                if (key.first != wanted.table) continue;
                ++found.rows;
                found.sum += checksum_of(key.first, values).value();
            }
            if (found.rows != wanted.rows || !(found.sum == wanted.sum)) {
                return Status(Error{"lost_rows", 500, Blame::hub,
                                    "table " + std::string(stored_table(wanted.table).name) + " has lost rows"});
            }
        }
        return Status();
    };
    return sink;
}

Result<Fingerprint> fingerprint_of(const std::string& database) {
    SqliteConnection db;
    if (!db.open(database, SQLITE_OPEN_READWRITE, "")) return Result<Fingerprint>(store_unavailable(db, "opening"));
    sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    Fingerprint fingerprint;
    for (const TableSchema& schema : stored_tables()) {
        SqliteStatement select;
        if (!select.prepare(db, "SELECT " + select_list(schema) + " FROM " + sql_name(schema.name))) {
            return Result<Fingerprint>(store_unavailable(db, "reading"));
        }
        TableSum sum{schema.table, 0, {}};
        int code = select.step();
        for (; code == SQLITE_ROW; code = select.step()) {
            const Result<RowValues> row = read_row(select, schema);
            if (!row) return Result<Fingerprint>(row.error());
            ++sum.rows;
            sum.sum += checksum_of(schema.table, row.value()).value();
        }
        if (code != SQLITE_DONE) return Result<Fingerprint>(store_unavailable(db, "reading"));
        if (sum.rows > 0) fingerprint[schema.table] = {sum.rows, sum.sum.to_hex()};
    }
    return Result<Fingerprint>(std::move(fingerprint));
}

bool killed_at(int step, const std::function<void(const StepObserver&)>& work) {
    const pid_t child = fork();
    if (child == 0) {
        int left = step;
        work([&left](std::string_view) {
            if (--left <= 0) kill(getpid(), SIGKILL);
        });
        _exit(0);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) throw std::runtime_error("cannot run a process");
    return WIFSIGNALED(status);
}

void finish_upkeep(SqliteStore& store) {
    bool more = true;
    while (more) {
        if (store.upkeep(more)) return;
    }
}

}  // namespace agentcom::test
