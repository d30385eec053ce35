#include "native-server/store/message_finder.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdio>

#include "core/messaging/message_id.hpp"
#include "core/sim/memory_store.hpp"
#include "native-server/store/reader.hpp"
#include "tests/native/store/store_world.hpp"

namespace agentcom::test {

namespace {

constexpr int64_t kWorkspace = 1;

std::string word(Prng& prng) {
    static const std::vector<std::string> kWords = {"alpha", "beta", "gamma", "delta", "alphabet", "x1"};
    return kWords[prng.index_below(kWords.size())];
}

/// A message of a small world, in which filters match often.
MessageRow random_message(Prng& prng, int64_t seq, int64_t sent_at, uint64_t agents) {
    MessageRow row;
    row.workspace = kWorkspace;
    row.seq = seq;
    row.id = make_message_id(seq, prng.next());
    row.sender = "agent" + std::to_string(prng.below(agents));
    if (prng.below(3) == 0) {
        row.channel = "chan" + std::to_string(prng.below(3));
        row.channel_seq = prng.below(4) == 0 ? 0 : seq;
    }
    if (!row.of_channel() && prng.below(4) != 0) row.recipient = "agent" + std::to_string(prng.below(agents));
    row.type = prng.below(4) == 0 ? "status" : "chat";
    row.sent_at = sent_at;
    row.payload = Body(R"({"text":")" + word(prng) + " " + word(prng) + R"(","n":)" + std::to_string(seq) + "}");
    return row;
}

std::string name_of(Prng& prng) { return "agent" + std::to_string(prng.below(50)); }

WorkspaceRow workspace_row(int64_t message_seq) {
    WorkspaceRow row;
    row.id = kWorkspace;
    row.name = "default";
    row.message_seq = message_seq;
    return row;
}

/// The same batches in both stores.
struct Pair {
    TemporaryDirectory directory;
    std::string path = directory.fresh();
    std::unique_ptr<SqliteStore> sqlite;
    sim::MemoryStore memory;
    std::vector<MessageRow> messages;
    std::vector<int64_t> clock_steps;

    Pair(Prng& prng, int64_t count) {
        auto opened = SqliteStore::open(path, {StoreOptions::Synchronous::off, {}, 64 * 1024 * 1024, 200, {}});
        REQUIRE(opened);
        sqlite = std::move(opened).value();
        Batch batch;
        batch.turn = 1;
        batch.changes.push_back(change_of(workspace_row(count)));
        int64_t now_ms = 1'000;
        for (int64_t seq = 1; seq <= count; ++seq) {
            const bool back = prng.below(50) == 0;
            now_ms += back ? -static_cast<int64_t>(1 + prng.below(40)) : static_cast<int64_t>(prng.below(4));
            if (back) clock_steps.push_back(seq);
            MessageRow row = random_message(prng, seq, now_ms, 4);
            if (seq > 1 && prng.below(2) == 0) row.reply_to = messages[prng.index_below(messages.size())].id;
            if (prng.below(30) == 0) row.reply_to = "nobody";
            batch.changes.push_back(change_of(row));
            messages.push_back(std::move(row));
        }
        REQUIRE_FALSE(sqlite->commit({&batch, 1}));
        REQUIRE(memory.commit(batch));
        finish_upkeep(*sqlite);
    }
};

std::vector<std::string> ids_of(const std::vector<QueryRow>& rows) {
    std::vector<std::string> ids;
    for (std::size_t i = 1; i < rows.size(); ++i) ids.push_back(rows[i].values[2].text);
    return ids;
}

FindMessages random_query(Prng& prng, const Pair& pair) {
    FindMessages query;
    query.workspace = kWorkspace;
    query.clock_steps = pair.clock_steps;
    if (prng.below(3) == 0) query.from = "agent" + std::to_string(prng.below(5));
    if (prng.below(3) == 0) query.to = "agent" + std::to_string(prng.below(5));
    if (prng.below(4) == 0) query.channels = {"chan" + std::to_string(prng.below(4))};
    if (!query.channels.empty() && prng.below(2) == 0) query.channels.push_back("chan" + std::to_string(4));
    if (prng.below(4) == 0) query.type = "status";
    if (prng.below(3) == 0)
        query.search = word(prng) + (prng.below(2) == 0 ? "*" : " ") + (prng.below(3) == 0 ? word(prng) : "");
    const int64_t last_ms = pair.messages.back().sent_at;
    if (prng.below(4) == 0) query.start_ms = last_ms - static_cast<int64_t>(prng.below(600));
    if (prng.below(4) == 0) query.end_ms = last_ms - static_cast<int64_t>(prng.below(600));
    query.newest_first = prng.below(2) == 0;
    query.limit = static_cast<int64_t>(prng.below(40));
    return query;
}

}  // namespace

TEST_CASE("SQLite finds the same messages as a plain look at all of them", "[history]") {
    const uint64_t seed = 20'261'121;
    CAPTURE(seed);
    Prng prng(seed);
    const Pair pair(prng, 600);
    auto reader = StoreReader::open(pair.path);
    REQUIRE(reader);
    int64_t found = 0;
    for (int round = 0; round < 400; ++round) {
        FindMessages query = random_query(prng, pair);
        CAPTURE(round, query.newest_first, query.limit, query.search.value_or("-"), query.from.value_or("-"));
        for (int page = 0; page < 3; ++page) {
            const QueryAnswer answer = reader.value()->run(1, query);
            INFO(answer.error);
            REQUIRE(answer.result.ok);
            const QueryResult expected = pair.memory.run(1, query);
            REQUIRE(ids_of(answer.result.rows) == ids_of(expected.rows));
            REQUIRE(answer.result.rows[0].values[0] == expected.rows[0].values[0]);
            REQUIRE(answer.result.rows[0].values[1] == expected.rows[0].values[1]);
            found += static_cast<int64_t>(expected.rows.size()) - 1;
            if (expected.rows[0].values[1].integer == 0) break;
            (query.newest_first ? query.before_seq : query.after_seq) = expected.rows[0].values[0].integer;
        }
    }
    CHECK(found > 1'000);
}

TEST_CASE("threads are the same in both stores", "[threads]") {
    const uint64_t seed = 7;
    CAPTURE(seed);
    Prng prng(seed);
    const Pair pair(prng, 300);
    auto reader = StoreReader::open(pair.path);
    REQUIRE(reader);
    for (int round = 0; round < 300; ++round) {
        FetchThread query;
        query.workspace = kWorkspace;
        query.what = static_cast<FetchThread::What>(prng.below(3));
        query.message_id = round == 0 ? "nobody" : pair.messages[prng.index_below(pair.messages.size())].id;
        if (prng.below(3) == 0) query.limit = static_cast<int64_t>(1 + prng.below(5));
        CAPTURE(round, static_cast<int>(query.what), query.message_id, query.limit);
        const QueryAnswer answer = reader.value()->run(1, query);
        INFO(answer.error);
        REQUIRE(answer.result.ok);
        const QueryResult expected = pair.memory.run(1, query);
        REQUIRE(answer.result.rows[0].values == expected.rows[0].values);
        REQUIRE(ids_of(answer.result.rows) == ids_of(expected.rows));
    }
}

TEST_CASE("the search forgets pruned messages a table at a time, and goes on where it was", "[history]") {
    Prng prng(static_cast<uint64_t>(3));
    Pair pair(prng, 10);
    Batch later;
    later.turn = 2;
    const int64_t far = 3 * 65'536;
    MessageRow message = random_message(prng, far, 10'000, 2);
    message.payload = Body(R"({"text":"far away"})");
    WorkspaceRow workspace = workspace_row(far);
    workspace.messages_pruned = far - 1;
    later.changes = {change_of(message), change_of(workspace)};
    later.prunes.push_back({Prune::What::messages, kWorkspace, far - 1, {}});
    REQUIRE_FALSE(pair.sqlite->commit({&later, 1}));
    finish_upkeep(*pair.sqlite);
    SqliteConnection db;
    REQUIRE(db.open(pair.path + "/hub.db", SQLITE_OPEN_READONLY, ""));
    std::string tables;
    REQUIRE(db.query_text("SELECT group_concat(name) FROM sqlite_schema WHERE sql LIKE 'CREATE VIRTUAL%'", tables));
    CHECK(tables == "search_1_3");
    auto reader = StoreReader::open(pair.path);
    REQUIRE(reader);
    FindMessages query;
    query.workspace = kWorkspace;
    query.search = "\"far away\"";
    CHECK(reader.value()->run(1, query).result.rows.size() == 2);
}

TEST_CASE("a search goes over a gap of numbers as if it were not there", "[history]") {
    Prng prng(static_cast<uint64_t>(4));
    Pair pair(prng, 10);
    const int64_t far = int64_t{1} << 38;
    Batch later;
    later.turn = 2;
    for (const int64_t seq : {far, far + 1}) {
        MessageRow message = random_message(prng, seq, 10'000, 2);
        message.payload = Body(R"({"text":"alpha far away"})");
        later.changes.push_back(change_of(message));
    }
    later.changes.push_back(change_of(workspace_row(far + 1)));
    REQUIRE_FALSE(pair.sqlite->commit({&later, 1}));
    REQUIRE(pair.memory.commit(later));
    finish_upkeep(*pair.sqlite);
    auto reader = StoreReader::open(pair.path);
    REQUIRE(reader);
    for (const bool newest_first : {false, true}) {
        FindMessages query;
        query.workspace = kWorkspace;
        query.search = "alpha";
        query.newest_first = newest_first;
        const QueryAnswer answer = reader.value()->run(1, query);
        INFO(answer.error);
        REQUIRE(answer.result.ok);
        const std::vector<std::string> found = ids_of(answer.result.rows);
        CHECK(found == ids_of(pair.memory.run(1, query).rows));
        CHECK(found.size() > 2);
    }
}

TEST_CASE("a million messages answer every filter within milliseconds", "[history][.slow]") {
    TemporaryDirectory directory;
    const std::string path = directory.fresh();
    auto store = SqliteStore::open(path, {StoreOptions::Synchronous::off, {}, 64 * 1024 * 1024, 200, {}});
    REQUIRE(store);
    Prng prng(static_cast<uint64_t>(1));
    constexpr int64_t kMessages = 1'000'000;
    int64_t seq = 0;
    for (int64_t turn = 1; seq < kMessages; ++turn) {
        Batch batch;
        batch.turn = turn;
        for (int i = 0; i < 5'000; ++i) {
            ++seq;
            MessageRow row = random_message(prng, seq, seq * 10, 50);
            if (prng.below(10) != 0) row.payload = Body(R"({"text":"w)" + std::to_string(prng.below(20'000)) + "\"}");
            batch.changes.push_back(change_of(row));
        }
        batch.changes.push_back(change_of(workspace_row(seq)));
        REQUIRE_FALSE(store.value()->commit({&batch, 1}));
    }
    finish_upkeep(*store.value());
    REQUIRE_FALSE(store.value()->checkpoint());
    auto reader = StoreReader::open(path);
    REQUIRE(reader);
    struct Filter {
        const char* name;
        void (*set)(FindMessages&, Prng&);
    };
    const std::vector<Filter> filters = {
        {"none", [](FindMessages&, Prng&) {}},
        {"from", [](FindMessages& q, Prng& random) { q.from = name_of(random); }},
        {"to", [](FindMessages& q, Prng& random) { q.to = name_of(random); }},
        {"from+to", [](FindMessages& q, Prng& random) { q.from = name_of(random), q.to = name_of(random); }},
        {"channel", [](FindMessages& q, Prng& random) { q.channels = {"chan" + std::to_string(random.below(3))}; }},
        {"type", [](FindMessages& q, Prng&) { q.type = "status"; }},
        {"type nobody sent", [](FindMessages& q, Prng&) { q.type = "none"; }},
        {"time", [](FindMessages& q, Prng& random) { q.start_ms = static_cast<int64_t>(random.below(10'000'000)); }},
        {"from+time",
         [](FindMessages& q, Prng& random) {
             q.from = name_of(random);
             q.end_ms = static_cast<int64_t>(random.below(10'000'000));
         }},
        {"q rare", [](FindMessages& q, Prng& random) { q.search = "w" + std::to_string(random.below(20'000)); }},
        {"q common", [](FindMessages& q, Prng&) { q.search = "alpha"; }},
        {"q+from", [](FindMessages& q, Prng& random) { q.search = "beta", q.from = name_of(random); }},
    };
    for (const Filter& filter : filters) {
        std::vector<int64_t> micros;
        for (int round = 0; round < 300; ++round) {
            FindMessages query;
            query.workspace = kWorkspace;
            query.after_seq = static_cast<int64_t>(prng.below(900'000));
            query.newest_first = prng.below(2) == 0;
            if (query.newest_first) query.before_seq = std::exchange(query.after_seq, 0);
            filter.set(query, prng);
            const auto began = std::chrono::steady_clock::now();
            const QueryAnswer answer = reader.value()->run(1, query);
            micros.push_back(
                std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began)
                    .count());
            INFO(answer.error);
            REQUIRE(answer.result.ok);
        }
        std::sort(micros.begin(), micros.end());
        std::printf("%-18s p50 %6lld us  p99 %6lld us\n", filter.name, static_cast<long long>(micros[150]),
                    static_cast<long long>(micros[296]));
    }
}

}  // namespace agentcom::test
