#include "native-server/store/reader.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <map>
#include <mutex>

#include "core/sim/memory_store.hpp"
#include "native-server/store/reader_thread.hpp"
#include "native-server/store/sqlite.hpp"
#include "tests/native/store/store_world.hpp"

namespace agentcom::test {

namespace {

const std::vector<TaskState> kFinished = {TaskState::completed, TaskState::cancelled};

using Rows = std::vector<std::pair<TableId, RowValues>>;

Rows rows_of(const QueryAnswer& answer) {
    INFO(answer.error);
    REQUIRE(answer.result.ok);
    Rows rows;
    for (const QueryRow& row : answer.result.rows) rows.emplace_back(row.table, row.values);
    return rows;
}

/// The simplest store's answers.
class Model {
  public:
    explicit Model(const StoreContents& contents) : contents_(contents) {}

    Rows fetch_task(const FetchTask& query) const {
        const RowChange* task =
            contents_.find(TableId::tasks, {ColumnValue::of(query.workspace), ColumnValue::of(query.task_id)});
        if (task == nullptr) return {};
        Rows rows = {{TableId::tasks, task->values}};
        std::vector<RowValues> events;
        for (const auto& [key, row] : contents_.rows()) {
            if (row.values[0].integer != query.workspace) continue;
            const bool part =
                row.table == TableId::task_inputs || row.table == TableId::task_edges || row.table == TableId::attempts;
            if (part && row.values[1].text == query.task_id) rows.emplace_back(row.table, row.values);
            if (row.table == TableId::events && row.values[4].text == query.task_id) events.push_back(row.values);
        }
        std::sort(events.begin(), events.end(),
                  [](const RowValues& a, const RowValues& b) { return a[1].integer > b[1].integer; });
        for (std::size_t i = 0; i < events.size() && i < static_cast<std::size_t>(query.events); ++i) {
            rows.emplace_back(TableId::events, events[i]);
        }
        return rows;
    }

    Rows list_tasks(const ListTasks& query) const {
        std::vector<TaskRow> tasks;
        for (const auto& [key, row] : contents_.rows()) {
            if (row.table != TableId::tasks) continue;
            const TaskRow task = row_from_values<TaskRow>(row.values).value();
            const auto place = std::pair(task.priority, task.seq);
            if (std::find(query.live.begin(), query.live.end(), task.id) != query.live.end()) {
                tasks.push_back(task);
                continue;
            }
            if (!task.live && task.workspace == query.workspace &&
                place > std::pair(query.after_priority, query.after_seq) &&
                std::find(query.states.begin(), query.states.end(), task.state) != query.states.end() &&
                (!query.priority || task.priority == *query.priority) &&
                (!query.assigned_to || task.assigned_to == query.assigned_to)) {
                tasks.push_back(task);
            }
        }
        std::sort(tasks.begin(), tasks.end(), [](const TaskRow& a, const TaskRow& b) {
            return std::pair(a.priority, a.seq) < std::pair(b.priority, b.seq);
        });
        Rows rows;
        for (std::size_t i = 0; i < tasks.size() && i < static_cast<std::size_t>(query.limit); ++i) {
            const Rows parts = fetch_task({query.workspace, tasks[i].id, query.events});
            rows.insert(rows.end(), parts.begin(), parts.end());
        }
        return rows;
    }

    Rows count_tasks(const CountTasks& query) const {
        std::map<std::pair<int64_t, int64_t>, int64_t> counts;
        for (const auto& [key, row] : contents_.rows()) {
            if (row.table != TableId::tasks || row.values[0].integer != query.workspace) continue;
            const TaskRow task = row_from_values<TaskRow>(row.values).value();
            if (task.live) continue;
            ++counts[{static_cast<int64_t>(task.state), task.priority}];
        }
        Rows rows;
        for (const auto& [group, count] : counts) {
            rows.emplace_back(TableId::tasks, RowValues{ColumnValue::of(group.first), ColumnValue::of(group.second),
                                                        ColumnValue::of(count)});
        }
        return rows;
    }

    Rows fetch_messages(const FetchMessages& query) const {
        Rows rows;
        for (const auto& [key, row] : contents_.rows()) {
            if (row.table == TableId::messages && row.values[0].integer == query.workspace &&
                std::find(query.seqs.begin(), query.seqs.end(), row.values[1].integer) != query.seqs.end()) {
                rows.emplace_back(row.table, row.values);
            }
        }
        return rows;
    }

    Rows fetch_events(const FetchEvents& query) const {
        std::map<int64_t, RowValues> found;
        for (const auto& [key, row] : contents_.rows()) {
            if (row.table != TableId::events) continue;
            const EventRow event = row_from_values<EventRow>(row.values).value();
            if (event.workspace == query.workspace && event.seq > query.after_seq && event.seq <= query.up_to_seq &&
                matches_kind(query.kinds, event.kind) && (query.subject.empty() || event.subject == query.subject)) {
                found.emplace(event.seq, row.values);
            }
        }
        Rows rows;
        for (const auto& [seq, values] : found) {
            if (static_cast<int64_t>(rows.size()) < query.limit) rows.emplace_back(TableId::events, values);
        }
        return rows;
    }

    /// Of a direct message its recipient's receipts, of a broadcast those of `agents`.
    Rows fetch_deliveries(const FetchDeliveries& query) const {
        Rows rows;
        for (const int64_t seq : query.seqs) {
            const RowChange* found =
                contents_.find(TableId::messages, {ColumnValue::of(query.workspace), ColumnValue::of(seq)});
            if (found == nullptr) continue;
            rows.emplace_back(found->table, found->values);
            const MessageRow message = row_from_values<MessageRow>(found->values).value();
            std::vector<std::string> agents = query.agents;
            if (message.recipient) agents = {*message.recipient};
            for (const std::string& agent : agents) {
                for (uint8_t kind = 0; kind < 5; ++kind) add_receipt(rows, message, agent, ReceiptKind{kind});
            }
        }
        return rows;
    }

    Rows fetch_sent(const FetchSent& query) const {
        FetchDeliveries seqs{query.workspace, {}, query.agents};
        for (auto each = contents_.rows().rbegin(); each != contents_.rows().rend(); ++each) {
            if (each->second.table != TableId::messages) continue;
            const MessageRow message = row_from_values<MessageRow>(each->second.values).value();
            if (message.workspace != query.workspace || message.sender != query.sender) continue;
            if (message.seq < query.before) seqs.seqs.push_back(message.seq);
        }
        seqs.seqs.resize(std::min(seqs.seqs.size(), static_cast<std::size_t>(query.limit)));
        return fetch_deliveries(seqs);
    }

  private:
    void add_receipt(Rows& rows, const MessageRow& message, const std::string& agent, ReceiptKind kind) const {
        for (const auto& [key, row] : contents_.rows()) {
            if (row.table != TableId::receipts) continue;
            const ReceiptRow receipt = row_from_values<ReceiptRow>(row.values).value();
            if (receipt.workspace == message.workspace && receipt.agent == agent && receipt.kind == kind &&
                receipt.first_seq <= message.seq && message.seq <= receipt.last_seq) {
                rows.emplace_back(row.table, row.values);
            }
        }
    }

    const StoreContents& contents_;
};

/// Some of the tasks that have not finished, as the hub would choose them: in the order of lists.
std::vector<std::string> some_live(const StoreContents& contents, Prng& prng, uint64_t one_in) {
    std::map<std::pair<int64_t, int64_t>, std::string> chosen;
    for (const auto& [key, row] : contents.rows()) {
        if (row.table != TableId::tasks || prng.below(one_in) != 0) continue;
        const TaskRow task = row_from_values<TaskRow>(row.values).value();
        if (task.live) chosen.emplace(std::pair(task.priority, task.seq), task.id);
    }
    std::vector<std::string> ids;
    for (const auto& [place, id] : chosen) ids.push_back(id);
    return ids;
}

/// Any part of the log, by what really occurs in it.
FetchEvents random_events(Prng& prng, const StoreContents& contents) {
    FetchEvents query;
    query.workspace = 1;
    query.after_seq = static_cast<int64_t>(prng.below(100));
    query.up_to_seq = query.after_seq + static_cast<int64_t>(prng.below(200));
    query.limit = static_cast<int64_t>(prng.below(50));
    std::vector<EventRow> events;
    for (const auto& [key, row] : contents.rows()) {
        if (row.table == TableId::events) events.push_back(row_from_values<EventRow>(row.values).value());
    }
    if (events.empty()) return query;
    const EventRow& one = events[prng.index_below(events.size())];
    if (prng.below(3) == 0) query.kinds.push_back(one.kind);
    if (prng.below(3) == 0) query.kinds.push_back(one.kind.substr(0, 1 + prng.below(4)) + "*");
    if (prng.below(3) == 0) query.subject = one.subject;
    return query;
}

ListTasks random_list(const StoreContents& contents, Prng& prng) {
    ListTasks query;
    query.workspace = 1;
    for (const TaskState state : {TaskState::completed, TaskState::cancelled}) {
        if (prng.below(2) == 0) query.states.push_back(state);
    }
    query.live = some_live(contents, prng, 1 + prng.below(4));
    if (prng.below(3) == 0) query.priority = static_cast<int64_t>(prng.below(4));
    if (prng.below(3) == 0) query.assigned_to = "agent-" + std::to_string(prng.below(8));
    if (prng.below(2) == 0) {
        query.after_priority = static_cast<int64_t>(prng.below(4));
        query.after_seq = static_cast<int64_t>(prng.below(60));
    }
    query.limit = static_cast<int64_t>(prng.below(12));
    query.events = static_cast<int64_t>(prng.below(4));
    return query;
}

}  // namespace

TEST_CASE("Queries answer as the simplest store would", "[store]") {
    for (uint64_t seed = 31; seed <= 34; ++seed) {
        INFO("seed " << seed);
        TemporaryDirectory directory;
        const std::string path = directory.fresh();
        auto store = SqliteStore::open(path);
        REQUIRE(store);
        auto opened = StoreReader::open(path);
        REQUIRE(opened);
        StoreReader& reader = *opened.value();
        StoreWorld world(seed);
        Prng prng(seed + 1);
        for (int round = 0; round < 10; ++round) {
            std::vector<Batch> batches;
            for (int i = 0; i < 15; ++i) batches.push_back(world.next_turn());
            REQUIRE_FALSE(store.value()->commit(batches));
            finish_upkeep(*store.value());

            const Model model(world.contents());
            for (int i = 0; i < 20; ++i) {
                const ListTasks list = random_list(world.contents(), prng);
                CHECK(rows_of(reader.run(1, list)) == model.list_tasks(list));
            }
            for (int i = 0; i < 20; ++i) {
                const FetchEvents events = random_events(prng, world.contents());
                CHECK(rows_of(reader.run(1, events)) == model.fetch_events(events));
            }
            CHECK(rows_of(reader.run(1, CountTasks{1})) == model.count_tasks({1}));
            CHECK(rows_of(reader.run(1, CountTasks{2})).empty());
            FetchMessages messages{1, {}};
            for (int i = 0; i < 10; ++i) messages.seqs.push_back(static_cast<int64_t>(prng.below(200)));
            CHECK(rows_of(reader.run(1, messages)) == model.fetch_messages(messages));
            const std::vector<std::string> agents = {"agent-3", "", "agent-1"};
            FetchDeliveries deliveries{1, {}, agents};
            for (int i = 0; i < 10; ++i) deliveries.seqs.push_back(static_cast<int64_t>(prng.below(200)));
            CHECK(rows_of(reader.run(1, deliveries)) == model.fetch_deliveries(deliveries));
            for (int i = 0; i < 5; ++i) {
                FetchSent sent;
                sent.workspace = 1;
                sent.sender = "agent-" + std::to_string(prng.below(9));
                if (prng.below(2) == 0) sent.before = static_cast<int64_t>(prng.below(200));
                sent.limit = static_cast<int64_t>(prng.below(20));
                sent.agents = agents;
                CHECK(rows_of(reader.run(1, sent)) == model.fetch_sent(sent));
            }
            for (const auto& [key, row] : world.contents().rows()) {
                if (row.table != TableId::tasks) continue;
                const FetchTask fetch{1, row.values[1].text, static_cast<int64_t>(prng.below(5))};
                CHECK(rows_of(reader.run(1, fetch)) == model.fetch_task(fetch));
            }
            CHECK(rows_of(reader.run(1, FetchTask{1, "nothing", 5})).empty());
        }
    }
}

TEST_CASE("Pages of a list join without gap or repeat", "[store]") {
    TemporaryDirectory directory;
    const std::string path = directory.fresh();
    auto store = SqliteStore::open(path);
    REQUIRE(store);
    StoreWorld world(41);
    std::vector<Batch> batches;
    for (int i = 0; i < 60; ++i) batches.push_back(world.next_turn());
    REQUIRE_FALSE(store.value()->commit(batches));
    finish_upkeep(*store.value());
    auto reader = StoreReader::open(path);
    REQUIRE(reader);

    ListTasks query;
    query.workspace = 1;
    query.states = kFinished;
    query.limit = 7;
    query.events = 0;
    Rows joined;
    for (;;) {
        Rows page = rows_of(reader.value()->run(1, query));
        if (page.empty()) break;
        for (auto& row : page) {
            if (row.first == TableId::tasks) {
                const TaskRow task = row_from_values<TaskRow>(row.second).value();
                query.after_priority = task.priority;
                query.after_seq = task.seq;
            }
            joined.push_back(std::move(row));
        }
    }
    ListTasks whole;
    whole.workspace = 1;
    whole.states = kFinished;
    whole.limit = 1'000;
    whole.events = 0;
    CHECK(joined.size() > 20);
    CHECK(joined == Model(world.contents()).list_tasks(whole));
}

TEST_CASE("A page of sent messages ends where their payloads become many", "[store]") {
    TemporaryDirectory directory;
    const std::string path = directory.fresh();
    auto store = SqliteStore::open(path);
    REQUIRE(store);
    Batch batch;
    batch.turn = 1;
    for (int64_t seq = 1; seq <= 10; ++seq) {
        MessageRow message;
        message.workspace = 1;
        message.seq = seq;
        message.sender = "ann";
        message.recipient = "bob";
        message.payload = Body(std::string(1'000, 'x'));
        batch.changes.push_back(change_of(message));
    }
    REQUIRE_FALSE(store.value()->commit({&batch, 1}));
    auto reader = StoreReader::open(path);
    REQUIRE(reader);
    FetchSent sent;
    sent.workspace = 1;
    sent.sender = "ann";
    CHECK(rows_of(reader.value()->run(1, sent)).size() == 10);
    sent.bytes = 2'500;
    CHECK(rows_of(reader.value()->run(1, sent)).size() == 3);
    sent.bytes = 1;
    sent.before = 5;
    const Rows one = rows_of(reader.value()->run(1, sent));
    REQUIRE(one.size() == 1);
    CHECK(one[0].second[1].integer == 4);
}

TEST_CASE("Output is read from the piece that holds a position, and loses the pieces before one", "[store]") {
    TemporaryDirectory directory;
    const std::string path = directory.fresh();
    auto store = SqliteStore::open(path);
    REQUIRE(store);
    sim::MemoryStore memory;
    const auto commit = [&](Batch batch) {
        REQUIRE_FALSE(store.value()->commit({&batch, 1}));
        REQUIRE(memory.commit(batch));
    };
    Batch pieces;
    pieces.turn = 1;
    for (const int64_t generation : {1, 3}) {
        for (int64_t position = 0; position < 100; position += 10) {
            TaskOutputRow piece;
            piece.workspace = 1;
            piece.task_id = "t";
            piece.generation = generation;
            piece.position = position;
            piece.stream = "stdout";
            piece.text = Body(std::string("012345678") + (generation == 3 ? "b" : "a"));
            pieces.changes.push_back(change_of(piece));
        }
    }
    commit(pieces);
    Batch cut;
    cut.turn = 2;
    Prune prune{Prune::What::output, 1, 35, {}};
    prune.subject = "t";
    prune.generation = 3;
    cut.prunes.push_back(prune);
    commit(cut);

    auto reader = StoreReader::open(path);
    REQUIRE(reader);
    struct Case {
        int64_t generation;
        int64_t since;
        int64_t limit_bytes;
        std::vector<int64_t> numbers;  // generation, start, end
        std::vector<int64_t> positions;
    };
    const std::vector<Case> cases{
        {0, 0, 1'000, {3, 30, 100}, {30, 40, 50, 60, 70, 80, 90}},
        {3, 47, 20, {3, 30, 100}, {40, 50}},
        {3, 40, 1, {3, 30, 100}, {40}},
        {3, 39, 1, {3, 30, 100}, {30}},
        {3, 500, 1'000, {3, 30, 100}, {90}},
        {1, 95, 1'000, {1, 0, 100}, {90}},
        {2, 0, 1'000, {}, {}},
    };
    for (const Case& each : cases) {
        INFO("generation " << each.generation << " since " << each.since << " limit " << each.limit_bytes);
        const FetchOutput query{1, "t", each.generation, each.since, each.limit_bytes};
        const Rows rows = rows_of(reader.value()->run(1, query));
        std::vector<int64_t> numbers;
        std::vector<int64_t> positions;
        for (size_t i = 0; i < rows.size(); ++i) {
            if (i == 0) {
                for (const ColumnValue& value : rows[i].second) numbers.push_back(value.integer);
            } else {
                positions.push_back(row_from_values<TaskOutputRow>(rows[i].second).value().position);
            }
        }
        CHECK(numbers == each.numbers);
        CHECK(positions == each.positions);
        QueryAnswer of_memory;
        of_memory.result = memory.run(1, query);
        CHECK(rows_of(of_memory) == rows);
    }
}

TEST_CASE("A corrupt row is an error, not an answer", "[store]") {
    TemporaryDirectory directory;
    const std::string path = directory.fresh();
    auto store = SqliteStore::open(path);
    REQUIRE(store);
    StoreWorld world(42);
    std::vector<Batch> batches;
    for (int i = 0; i < 20; ++i) batches.push_back(world.next_turn());
    REQUIRE_FALSE(store.value()->commit(batches));
    {
        SqliteConnection db;
        REQUIRE(db.open(path + "/hub.db", SQLITE_OPEN_READWRITE, ""));
        REQUIRE(db.execute("UPDATE messages SET payload = payload || 'x'; UPDATE events SET kind = 'other'"));
    }
    auto reader = StoreReader::open(path);
    REQUIRE(reader);
    const QueryAnswer messages = reader.value()->run(7, FetchMessages{1, {1, 2}});
    CHECK(messages.result.query == 7);
    CHECK_FALSE(messages.result.ok);
    CHECK(messages.result.rows.empty());
    CHECK_THAT(messages.error, Catch::Matchers::Contains("messages") && Catch::Matchers::Contains("seq 1"));
    ListTasks list;
    list.workspace = 1;
    list.states = kFinished;
    Prng prng(43);
    list.live = some_live(world.contents(), prng, 1);
    CHECK_FALSE(reader.value()->run(8, list).result.ok);
    list.events = 0;
    CHECK(reader.value()->run(9, list).result.ok);
}

TEST_CASE("A query that takes too long is given up, and the next one works", "[store]") {
    TemporaryDirectory directory;
    const std::string path = directory.fresh();
    auto store = SqliteStore::open(path);
    REQUIRE(store);
    Batch batch;
    batch.turn = 1;
    for (int64_t seq = 1; seq <= 20'000; ++seq) {
        TaskRow task;
        task.workspace = 1;
        task.id = std::to_string(seq);
        task.seq = seq;
        task.live = false;
        task.state = TaskState::completed;
        batch.changes.push_back(change_of(task));
    }
    REQUIRE_FALSE(store.value()->commit({&batch, 1}));
    ReaderOptions options;
    options.time_limit_ms = 0;
    auto reader = StoreReader::open(path, options);
    REQUIRE(reader);
    const QueryAnswer answer = reader.value()->run(1, CountTasks{1});
    CHECK_FALSE(answer.result.ok);
    CHECK_THAT(answer.error, Catch::Matchers::Contains("longer than 0 ms"));
    // Few enough steps to end before the clock is looked at.
    CHECK(reader.value()->run(2, FetchTask{1, "5", 1}).result.ok);
}

TEST_CASE("The reader thread answers in order", "[store]") {
    TemporaryDirectory directory;
    const std::string path = directory.fresh();
    auto store = SqliteStore::open(path);
    REQUIRE(store);
    StoreWorld world(43);
    const Batch batch = world.next_turn();
    REQUIRE_FALSE(store.value()->commit({&batch, 1}));
    auto reader = StoreReader::open(path);
    REQUIRE(reader);

    std::mutex mutex;
    std::condition_variable changed;
    std::vector<int64_t> answered;
    ReaderThread thread(std::move(reader).value(), [&](QueryAnswer answer) {
        const std::lock_guard lock(mutex);
        answered.push_back(answer.result.ok ? answer.result.query : -1);
        changed.notify_one();
    });
    for (int64_t query = 1; query <= 100; ++query) thread.submit(query, CountTasks{1});
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return answered.size() == 100; });
    for (int64_t query = 1; query <= 100; ++query) CHECK(answered[static_cast<std::size_t>(query - 1)] == query);
}

}  // namespace agentcom::test
