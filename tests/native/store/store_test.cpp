#include "native-server/store/store.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "native-server/store/sqlite.hpp"
#include "tests/native/store/store_world.hpp"

namespace agentcom::test {

namespace {

std::unique_ptr<SqliteStore> open_store(const std::string& directory, StoreOptions options = {}) {
    auto opened = SqliteStore::open(directory, std::move(options));
    INFO((opened ? std::string() : opened.error().text));
    REQUIRE(opened);
    return std::move(opened).value();
}

void commit(SqliteStore& store, const Batch& batch) {
    const auto error = store.commit({&batch, 1});
    INFO((error ? error->text : std::string()));
    REQUIRE_FALSE(error);
}

Error load_error(SqliteStore& store) {
    LoadedRows loaded;
    const auto counts = store.load(loaded.sink());
    REQUIRE_FALSE(counts);
    return counts.error();
}

void run_sql(const std::string& directory, const std::string& sql) {
    SqliteConnection db;
    REQUIRE(db.open(directory + "/hub.db", SQLITE_OPEN_READWRITE, ""));
    const bool done = db.execute(sql);
    INFO(db.error().text);
    REQUIRE(done);
}

std::string sql_text(const std::string& directory, const std::string& sql) {
    SqliteConnection db;
    std::string text;
    REQUIRE(db.open(directory + "/hub.db", SQLITE_OPEN_READONLY, ""));
    db.query_text(sql, text);
    return text;
}

/// One row of each kind, every optional column once with and once without a value.
Batch one_of_each() {
    Batch batch;
    batch.turn = 1;
    const auto add = [&batch](const auto& row) { batch.changes.push_back(change_of(row)); };
    HubRow hub;
    hub.epoch = "0123";
    hub.created_at = 1;
    add(hub);
    WorkspaceRow workspace;
    workspace.id = 1;
    workspace.name = "default";
    workspace.task_seq = 2;
    add(workspace);
    PrincipalRow principal;
    principal.workspace = 1;
    principal.id = "größe \xF0\x9F\x90\x9D";
    principal.kind = PrincipalKind::human;
    add(principal);
    TokenRow token;
    token.sha256 = std::string(64, 'a');
    token.principal = "x";
    add(token);
    MailboxRow mailbox;
    mailbox.workspace = 1;
    mailbox.agent = "x";
    mailbox.unread = "3-7,9-9";
    add(mailbox);
    for (const bool optional : {false, true}) {
        MessageRow message;
        message.workspace = 1;
        message.seq = optional ? 2 : 1;
        message.payload = Body(std::string("a\0b", 3));
        TaskRow task;
        task.workspace = 1;
        task.id = optional ? "t2" : "t1";
        task.seq = optional ? 2 : 1;
        task.labels = {"with \"quotes\"", ""};
        AttemptRow attempt;
        attempt.workspace = 1;
        attempt.task_id = task.id;
        attempt.generation = 1;
        if (optional) {
            message.recipient = "ann";
            message.reply_to = "id";
            task.parent_id = "t1";
            task.complete_by = INT64_MIN;
            task.not_before = INT64_MAX;
            task.assigned_to = "x";
            task.last_error = "";
            task.usage = "{}";
            task.result = Body(R"({"a":1e400})");
            attempt.accepted_at = 0;
            attempt.error = "e";
        }
        add(message);
        add(task);
        add(attempt);
    }
    TaskInputRow input;
    input.workspace = 1;
    input.task_id = "t1";
    input.description = Body(std::string(100'000, 'd'));
    input.metadata = Body("{}");
    add(input);
    TaskEdgeRow edge;
    edge.workspace = 1;
    edge.task_id = "t2";
    edge.blocked_by = "t1";
    edge.satisfied = true;
    add(edge);
    EventRow event;
    event.workspace = 1;
    event.seq = 1;
    add(event);
    IdempotencyRow idempotency;
    idempotency.workspace = 1;
    idempotency.idempotency_key = "k";
    add(idempotency);
    return batch;
}

}  // namespace

TEST_CASE("Every kind of row comes back as it was written", "[store]") {
    TemporaryDirectory directory;
    const std::string path = directory.fresh();
    Batch batch = one_of_each();
    StoreContents contents;
    contents.apply(batch);
    batch.sums = contents.resident_sums();
    {
        const auto store = open_store(path);
        CHECK(store->was_created());
        CHECK_FALSE(store->was_unclean());
        commit(*store, batch);
    }
    const auto store = open_store(path);
    CHECK_FALSE(store->was_created());
    CHECK_FALSE(store->was_unclean());
    CHECK(store->last_turn() == 1);
    LoadedRows loaded;
    const auto counts = store->load(loaded.sink());
    REQUIRE(counts);
    CHECK(counts.value().messages == 2);
    REQUIRE(loaded.messages.size() == 2);
    CHECK(loaded.messages[0].payload.bytes == std::string("a\0b", 3));
    for (const auto& [key, row] : contents.rows()) {
        if (stored_table(row.table).row_class != RowClass::durable) continue;
        INFO("table " << stored_table(row.table).name);
        REQUIRE(loaded.rows.contains(key));
        CHECK(loaded.rows.at(key) == row.values);
    }
    CHECK(fingerprint_of(path + "/hub.db").value() == contents.fingerprint());
}

TEST_CASE("A long random history is kept, whatever is joined into one commit", "[store]") {
    for (uint64_t seed = 1; seed <= 6; ++seed) {
        INFO("seed " << seed);
        TemporaryDirectory directory;
        const std::string path = directory.fresh();
        StoreWorld world(seed);
        Prng prng(seed + 1);
        for (int run = 0; run < 4; ++run) {
            const auto store = open_store(path);
            LoadedRows loaded;
            const auto counts = store->load(loaded.sink());
            INFO((counts ? std::string() : counts.error().text));
            REQUIRE(counts);
            int64_t resident = 0;
            for (const auto& [key, row] : world.contents().rows()) {
                if (!world.contents().is_resident(row)) continue;
                ++resident;
                REQUIRE(loaded.rows.contains(key));
                CHECK(loaded.rows.at(key) == row.values);
            }
            CHECK(resident == counts.value().rows);
            for (int i = 0; i < 30; ++i) {
                std::vector<Batch> batches;
                for (uint64_t k = 0; k <= prng.below(8); ++k) batches.push_back(world.next_turn());
                const auto error = store->commit(batches);
                INFO((error ? error->text : std::string()));
                REQUIRE_FALSE(error);
            }
            // What retention has not got to yet is found again by the next start.
            if (run % 2 == 0) finish_upkeep(*store);
        }
        const auto store = open_store(path);
        LoadedRows loaded;
        REQUIRE(store->load(loaded.sink()));
        finish_upkeep(*store);
        CHECK(fingerprint_of(path + "/hub.db").value() == world.contents().fingerprint());
    }
}

TEST_CASE("A shed body leaves the stored bytes as they are", "[store]") {
    TemporaryDirectory directory;
    const std::string path = directory.fresh();
    TaskInputRow input;
    input.workspace = 1;
    input.task_id = "t";
    input.description = Body("a long text");
    input.metadata = Body("{}");
    TaskRow task;
    task.workspace = 1;
    task.id = "t";
    const auto store = open_store(path);
    const auto batch_of = [](int64_t turn, std::vector<RowChange> changes) {
        Batch batch;
        batch.turn = turn;
        batch.changes = std::move(changes);
        return batch;
    };
    const auto stored = [&path](const char* column) {
        return sql_text(path, std::string("SELECT ") + column + " FROM task_inputs");
    };
    SECTION("in a later commit") {
        commit(*store, batch_of(1, {change_of(task), change_of(input)}));
        input.description.shed(0);
        commit(*store, batch_of(2, {change_of(input)}));
        CHECK(stored("description") == "a long text");
    }
    SECTION("in the same commit") {
        std::vector<Batch> batches;
        batches.push_back(batch_of(1, {change_of(task), change_of(input)}));
        input.description.shed(0);
        batches.push_back(batch_of(2, {change_of(input)}));
        REQUIRE_FALSE(store->commit(batches));
        CHECK(stored("description") == "a long text");
    }
    SECTION("one of two") {
        commit(*store, batch_of(1, {change_of(task), change_of(input)}));
        input.description.shed(0);
        input.metadata = Body(R"({"new":1})");
        commit(*store, batch_of(2, {change_of(input)}));
        CHECK(stored("description") == "a long text");
        CHECK(stored("metadata") == R"({"new":1})");
    }
    SECTION("of a row that is gone: an error, since there is nothing to keep") {
        input.description.shed(0);
        const Batch batch = batch_of(1, {change_of(input)});
        const auto error = store->commit({&batch, 1});
        REQUIRE(error);
        CHECK_THAT(error->text, Catch::Matchers::Contains("task_inputs") && Catch::Matchers::Contains("task_id t"));
    }
}

TEST_CASE("Only mail above the floor is loaded", "[store]") {
    TemporaryDirectory directory;
    const std::string path = directory.fresh();
    const auto store = open_store(path);
    Batch batch;
    batch.turn = 1;
    for (const int64_t workspace : {1, 2}) {
        WorkspaceRow row;
        row.id = workspace;
        batch.changes.push_back(change_of(row));
        for (int64_t seq = 1; seq <= 12; ++seq) {
            MessageRow message;
            message.workspace = workspace;
            message.seq = seq;
            if (seq % 3 != 0) message.recipient = seq % 3 == 1 ? "ann" : "bob";
            batch.changes.push_back(change_of(message));
        }
    }
    commit(*store, batch);
    LoadedRows loaded;
    loaded.floors = {{std::nullopt, 6}, {"ann", 12}, {"bob", 5}};
    const auto sink = [&loaded] {
        LoadSink made = loaded.sink();
        made.sums = [](const std::vector<TableSum>&) { return Status(); };
        return made;
    }();
    REQUIRE(store->load(sink));
    std::vector<int64_t> found;
    for (const MessageRow& message : loaded.messages) {
        if (message.workspace == 1) found.push_back(message.seq);
    }
    CHECK(found == std::vector<int64_t>{9, 12, 8, 11});
    CHECK(loaded.messages.size() == 8);
}

TEST_CASE("Message retention keeps what it is told to keep, and never looks back", "[store]") {
    TemporaryDirectory directory;
    const std::string path = directory.fresh();
    const auto store = open_store(path);
    Batch batch;
    batch.turn = 1;
    for (int64_t seq = 1; seq <= 30; ++seq) {
        MessageRow message;
        message.workspace = 1;
        message.seq = seq;
        batch.changes.push_back(change_of(message));
    }
    commit(*store, batch);
    const auto numbers = [&path] { return sql_text(path, "SELECT group_concat(seq) FROM messages WHERE seq <= 21"); };
    Batch first;
    first.turn = 2;
    first.prunes.push_back({Prune::What::messages, 1, 10, {7, 3}});
    commit(*store, first);
    CHECK(numbers() == "3,7,11,12,13,14,15,16,17,18,19,20,21");
    Batch second;
    second.turn = 3;
    second.prunes.push_back({Prune::What::messages, 1, 20, {20}});
    commit(*store, second);
    CHECK(numbers() == "3,7,20,21");
}

TEST_CASE("Events and finished tasks are pruned in slices", "[store]") {
    TemporaryDirectory directory;
    const std::string path = directory.fresh();
    StoreOptions options;
    options.prune_slice_rows = 10;
    const auto store = open_store(path, options);
    Batch batch;
    batch.turn = 1;
    for (int64_t seq = 1; seq <= 50; ++seq) {
        EventRow event;
        event.workspace = 1;
        event.seq = seq;
        batch.changes.push_back(change_of(event));
        TaskRow task;
        task.workspace = 1;
        task.id = std::to_string(seq);
        task.live = seq > 45;
        task.finished_seq = task.live ? 0 : seq;
        batch.changes.push_back(change_of(task));
        TaskInputRow input;
        input.workspace = 1;
        input.task_id = task.id;
        batch.changes.push_back(change_of(input));
    }
    batch.prunes.push_back({Prune::What::events, 1, 25, {}});
    batch.prunes.push_back({Prune::What::finished_tasks, 1, 40, {}});
    commit(*store, batch);
    const auto count = [&path](const std::string& table) { return sql_text(path, "SELECT count(*) FROM " + table); };
    CHECK(count("events") == "50");
    bool more = false;
    REQUIRE_FALSE(store->upkeep(more));
    CHECK(more);
    CHECK(count("events") == "40");
    finish_upkeep(*store);
    CHECK(count("events") == "25");
    CHECK(count("tasks") == "10");
    CHECK(count("task_inputs") == "10");
    CHECK(sql_text(path, "SELECT min(seq) FROM events") == "26");
    CHECK(sql_text(path, "SELECT count(*) FROM tasks WHERE live = 1") == "5");
}

TEST_CASE("A data directory belongs to one process", "[store]") {
    TemporaryDirectory directory;
    const std::string path = directory.fresh();
    auto store = open_store(path);

    const auto second = SqliteStore::open(path);
    REQUIRE_FALSE(second);
    CHECK(second.error().code == "data_directory_in_use");
    CHECK_THAT(second.error().text, Catch::Matchers::Contains(std::to_string(getpid())));

    const pid_t child = fork();
    if (child == 0) {
        const auto other = SqliteStore::open(path);
        _exit(!other && other.error().code == "data_directory_in_use" ? 0 : 1);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(status == 0);

    store.reset();
    CHECK(SqliteStore::open(path));
}

TEST_CASE("Nobody else can read a data directory", "[store]") {
    TemporaryDirectory directory;
    const std::string path = directory.fresh() + "/deeper";
    const auto store = open_store(path);
    const auto mode = [](const std::string& file) {
        struct stat info {};
        REQUIRE(stat(file.c_str(), &info) == 0);
        return info.st_mode & 0777U;
    };
    CHECK(mode(path) == 0700U);
    for (const char* name : {"/hub.db", "/hub.db-wal", "/hub.db-shm", "/hub.lock", "/running"}) {
        INFO(name);
        CHECK(mode(path + name) == 0600U);
    }
}

TEST_CASE("What is set once and for all is set when the database is made", "[store]") {
    TemporaryDirectory directory;
    const std::string path = directory.fresh();
    StoreOptions options;
    options.hub_version = "1.2.3";
    const auto store = open_store(path, options);
    CHECK(sql_text(path, "PRAGMA page_size") == "4096");
    CHECK(sql_text(path, "PRAGMA auto_vacuum") == "2");
    CHECK(sql_text(path, "PRAGMA application_id") == std::to_string(0x4167436d));
    CHECK(sql_text(path, "PRAGMA user_version") == "1");
    CHECK(sql_text(path, "PRAGMA journal_mode") == "wal");
    CHECK(sql_text(path, "SELECT value FROM meta WHERE key = 'hub_version'") == "1.2.3");
}

TEST_CASE("A file of another kind is refused and left as it is", "[store]") {
    TemporaryDirectory directory;
    const std::string path = directory.fresh();
    std::filesystem::create_directory(path);
    std::string wanted;
    SECTION("a newer schema") {
        open_store(path).reset();
        run_sql(path, "PRAGMA user_version = 99");
        wanted = "newer_schema";
    }
    SECTION("another application") {
        std::ofstream(path + "/hub.db").close();
        run_sql(path, "CREATE TABLE t (a); PRAGMA application_id = 77");
        wanted = "not_a_hub_database";
    }
    SECTION("an application without a number") {
        std::ofstream(path + "/hub.db").close();
        run_sql(path, "CREATE TABLE t (a)");
        wanted = "not_a_hub_database";
    }
    SECTION("no database at all") {
        std::ofstream(path + "/hub.db") << std::string(10'000, 'x');
        wanted = "not_a_hub_database";
    }
    SECTION("other columns") {
        open_store(path).reset();
        run_sql(path, "ALTER TABLE tokens ADD COLUMN extra TEXT");
        wanted = "not_a_hub_database";
    }
    std::ifstream before(path + "/hub.db", std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(before), {});
    const auto opened = SqliteStore::open(path);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == wanted);
    if (wanted == "not_a_hub_database" && bytes.find("checksum") == std::string::npos) {
        std::ifstream after(path + "/hub.db", std::ios::binary);
        CHECK(bytes == std::string(std::istreambuf_iterator<char>(after), {}));
    }
}

TEST_CASE("Rows that were altered or lost are found at load", "[store]") {
    TemporaryDirectory directory;
    const std::string path = directory.fresh();
    Batch batch = one_of_each();
    StoreContents contents;
    contents.apply(batch);
    batch.sums = contents.resident_sums();
    {
        const auto store = open_store(path);
        commit(*store, batch);
    }
    struct Damage {
        const char* sql;
        const char* code;
        const char* text;
    };
    const Damage damage =
        GENERATE(Damage{"UPDATE tasks SET priority = 0 WHERE id = 't1'", "corrupt_row",
                        "table tasks, row with workspace 1, id t1"},
                 Damage{"UPDATE task_inputs SET metadata = '[]'", "corrupt_row", "table task_inputs"},
                 Damage{"UPDATE tokens SET role = 'king'", "corrupt_row", "table tokens"},
                 Damage{"UPDATE tasks SET labels = 'no json' WHERE id = 't2'", "corrupt_row", "id t2"},
                 Damage{"UPDATE mailboxes SET checksum = x'00'", "corrupt_row",
                        "table mailboxes, row with workspace 1, agent x"},
                 Damage{"UPDATE messages SET sender = 'eve' WHERE seq = 2", "corrupt_row", "table messages"},
                 Damage{"DELETE FROM task_edges", "lost_rows", "task_edges"},
                 Damage{"DELETE FROM tasks WHERE id = 't2'", "lost_rows", "tasks"},
                 Damage{"UPDATE tasks SET live = 0 WHERE id = 't2'", "lost_rows", "tasks"},
                 Damage{"UPDATE meta SET value = 'x' WHERE key = 'sum.tokens'", "corrupt_row", "sum.tokens"});
    INFO(damage.sql);
    run_sql(path, damage.sql);
    auto opened = SqliteStore::open(path);
    const Error error = opened ? load_error(*opened.value()) : opened.error();
    CHECK(error.code == damage.code);
    CHECK_THAT(error.text, Catch::Matchers::Contains(damage.text));
}

TEST_CASE("A WAL that vanished after a crash is missed", "[store]") {
    TemporaryDirectory directory;
    const std::string path = directory.fresh();
    const std::string crashed = directory.fresh();
    StoreWorld world(3);
    {
        const auto store = open_store(path);
        commit(*store, world.next_turn());
        std::filesystem::copy(path, crashed);
        CHECK(std::filesystem::exists(path + "/running"));
    }
    CHECK_FALSE(std::filesystem::exists(path + "/running"));
    SECTION("with its WAL it goes on") {
        const auto store = open_store(crashed);
        CHECK(store->was_unclean());
        CHECK(store->last_turn() == 1);
    }
    SECTION("without it does not") {
        std::filesystem::remove(crashed + "/hub.db-wal");
        const auto opened = SqliteStore::open(crashed);
        REQUIRE_FALSE(opened);
        CHECK(opened.error().code == "lost_wal");
    }
}

TEST_CASE("A file in no known state is beyond recovery", "[store]") {
    TemporaryDirectory directory;
    const std::string path = directory.fresh();
    const auto store = open_store(path);
    StoreWorld world(4);
    commit(*store, world.next_turn());
    // A change that cannot be written: its stored body is to be kept, and there is none.
    TaskInputRow input;
    input.task_id = "t";
    input.description = Body("text");
    input.description.shed(0);
    Batch batch;
    batch.turn = 2;
    batch.changes.push_back(change_of(input));
    REQUIRE(store->commit({&batch, 1}));
    run_sql(path, "UPDATE meta SET value = value + 10 WHERE key = 'commit'");
    const auto error = store->recover({});
    REQUIRE(error);
    CHECK(store->beyond_recovery());
    CHECK_THAT(error->text, Catch::Matchers::Contains("another program"));
}

}  // namespace agentcom::test
