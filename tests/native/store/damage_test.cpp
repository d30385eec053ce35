// Damage of every kind is noticed by a start, or nothing else is read than what was written; and what is put in place
// of a damaged database holds every row that can still be read, and none that no hub wrote.
#include "native-server/store/damage.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "core/base/prng.hpp"
#include "core/hub/hub.hpp"
#include "native-server/server/files.hpp"
#include "native-server/store/database_pages.hpp"
#include "native-server/store/integrity.hpp"
#include "native-server/store/restore.hpp"
#include "native-server/store/row_io.hpp"
#include "native-server/store/salvage.hpp"
#include "native-server/store/schema.hpp"
#include "native-server/store/store.hpp"
#include "tests/native/store/store_world.hpp"

namespace agentcom::test {

namespace {

namespace fs = std::filesystem;

constexpr int64_t kDamagedAt = 1'795'000'000'000;
constexpr std::size_t kDamagedPageBytes = DatabasePages::kPageBytes;

/// A row by its table and checksum: what it holds is in the checksum.
using RowMark = std::pair<TableId, std::string>;

/// The rows of a file, each with the pages that it lies on.
std::map<RowMark, std::set<int64_t>> marks_by_page(const std::string& directory) {
    DatabasePages pages;
    REQUIRE(pages.open(directory + "/hub.db", directory + "/hub.db-wal"));
    std::map<RowMark, std::set<int64_t>> rows;
    for (int64_t page = 1; page <= pages.count(); ++page) {
        const DatabasePages::Place::Kind kind = pages.place_of(page).kind;
        if (kind != DatabasePages::Place::Kind::root && kind != DatabasePages::Place::Kind::tree) continue;
        pages.read_records(page, pages.read(page), [&](const RowValues& values) {
            for (const TableSchema& schema : stored_tables()) {
                const std::size_t columns = schema.columns.size();
                if (values.size() != columns + (has_place(schema.table) ? 2 : 1)) continue;
                const RowValues row(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(columns));
                const std::optional<Hash128> hash = checksum_of(schema.table, row);
                if (hash && ChecksumBytes(*hash).view() == values[columns].text) {
                    rows[{schema.table, values[columns].text}].insert(page);
                }
            }
        });
    }
    return rows;
}

std::set<RowMark> row_marks(const std::string& database) {
    std::set<RowMark> rows;
    SqliteConnection db;
    REQUIRE(open_unchanging(db, database));
    for (const TableSchema& schema : stored_tables()) {
        SqliteStatement select;
        REQUIRE(select.prepare(db, "SELECT checksum FROM " + sql_name(schema.name)));
        while (select.step() == SQLITE_ROW) rows.emplace(schema.table, select.text(0));
    }
    return rows;
}

/// Whose rows the mending may change: they need not be those that were there.
bool is_mended(TableId table) {
    return table == TableId::workspaces || table == TableId::hub || table == TableId::tasks ||
           table == TableId::task_inputs || table == TableId::task_edges || table == TableId::task_runs;
}

/// A store that has worked, as a clean stop leaves it or as a kill does.
struct Base {
    std::string path;
    bool killed = false;
    Fingerprint contents;
    std::map<RowMark, std::set<int64_t>> rows;
};

Base make_base(const std::string& path, uint64_t seed, bool killed, TemporaryDirectory& temporary) {
    Base base{killed ? temporary.fresh() : path, killed, {}, {}};
    StoreWorld world(seed);
    auto store = SqliteStore::open(path);
    REQUIRE(store);
    for (int turn = 0; turn < 80; ++turn) {
        const Batch batch = world.next_turn();
        REQUIRE_FALSE(store.value()->commit({&batch, 1}));
        if (turn == 40) REQUIRE_FALSE(store.value()->checkpoint());
    }
    finish_upkeep(*store.value());
    // What is copied while it runs is what a kill would leave.
    if (killed) fs::copy(path, base.path);
    store.value()->close();
    base.contents = world.contents().fingerprint();
    base.rows = marks_by_page(base.path);
    return base;
}

std::string content_of(const std::string& file) { return read_file(file).value_or(""); }

void put_content(const std::string& file, const std::string& bytes) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

void change_by_sql(const std::string& directory, const std::string& sql) {
    SqliteConnection db;
    REQUIRE(db.open(directory + "/hub.db", SQLITE_OPEN_READWRITE, ""));
    sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    INFO(sql);
    REQUIRE(db.execute(sql));
}

/// Some rows of some table, chosen by `prng`.
std::string some_rows(Prng& prng) {
    const char* const kTables[] = {"tasks",      "task_inputs", "attempts",  "messages",   "events",     "receipts",
                                   "principals", "tokens",      "mailboxes", "workspaces", "idempotency"};
    const std::string table = kTables[prng.below(std::size(kTables))];
    const std::string checksum =
        "(SELECT checksum FROM " + table + " ORDER BY checksum LIMIT 1 OFFSET " + std::to_string(prng.below(4)) + ")";
    return table + " WHERE checksum = " + checksum;
}

struct Harm {
    std::string what;
    bool whole_file = true;     ///< pages can be told that are as they were
    std::set<int64_t> pages{};  ///< that are not
};

void spoil(std::string& bytes, std::size_t from, std::size_t size, Prng& prng) {
    for (std::size_t i = 0; i < size && from + i < bytes.size(); ++i) {
        bytes[from + i] = static_cast<char>(prng.below(256));
    }
}

Harm harm_pages(const std::string& directory, Prng& prng) {
    Harm harm{"random bytes over pages", true, {}};
    const std::string file = directory + "/hub.db";
    std::string bytes = content_of(file);
    const uint64_t count = bytes.size() / kDamagedPageBytes;
    for (uint64_t i = 0; i < 1 + prng.below(4); ++i) {
        const uint64_t page = prng.below(count);
        const std::size_t size = prng.below(3) == 0 ? kDamagedPageBytes : 1 + prng.below(64);
        const std::size_t within = size == kDamagedPageBytes ? 0 : prng.below(kDamagedPageBytes - 64);
        spoil(bytes, page * kDamagedPageBytes + within, size, prng);
        harm.pages.insert(static_cast<int64_t>(page) + 1);
    }
    put_content(file, bytes);
    return harm;
}

Harm cut_file(const std::string& directory, Prng& prng) {
    Harm harm{"a file cut short", true, {}};
    const std::string file = directory + "/hub.db";
    const uint64_t size = fs::file_size(file);
    const uint64_t left = prng.below(size);
    fs::resize_file(file, left);
    for (uint64_t page = left / kDamagedPageBytes; page < size / kDamagedPageBytes; ++page)
        harm.pages.insert(static_cast<int64_t>(page) + 1);
    return harm;
}

Harm harm_wal(const std::string& directory, Prng& prng) {
    const std::string file = directory + "/hub.db-wal";
    if (prng.below(3) == 0) {
        fs::remove(file);
        return {"no WAL", false, {}};
    }
    std::string bytes = content_of(file);
    REQUIRE(bytes.size() > 64);
    if (prng.below(2) == 0) {
        bytes.resize(prng.below(bytes.size()));
        put_content(file, bytes);
        return {"a WAL cut short", false, {}};
    }
    spoil(bytes, prng.below(bytes.size()), 1 + prng.below(100), prng);
    put_content(file, bytes);
    return {"random bytes in the WAL", false, {}};
}

Harm harm_rows(const std::string& directory, Prng& prng) {
    if (prng.below(3) == 0) {
        const std::string rows = some_rows(prng);
        change_by_sql(directory, "UPDATE " + rows.substr(0, rows.find(' ')) + " SET checksum = x'" +
                                     std::string(32, static_cast<char>('0' + prng.below(10))) + "'" +
                                     rows.substr(rows.find(' ')));
        return {"altered rows", false, {}};
    }
    change_by_sql(directory, "DELETE FROM " + some_rows(prng));
    return {"lost rows", false, {}};
}

Harm do_harm(const Base& base, const std::string& directory, Prng& prng) {
    switch (prng.below(base.killed ? 4 : 3)) {
        case 0:
            return cut_file(directory, prng);
        case 1:
            return harm_rows(directory, prng);
        case 2:
            return harm_pages(directory, prng);
        default:
            return harm_wal(directory, prng);
    }
}

/// As a start does it: opens, loads, and reads a small database whole.
Status start_on(const std::string& directory) {
    auto store = SqliteStore::open(directory);
    if (!store) return Status(store.error());
    LoadedRows loaded;
    Status good;
    if (const auto counts = store.value()->load(loaded.sink()); !counts) good = Status(counts.error());
    Pace pace;
    if (good) good = verify_live(directory, pace);
    if (store.value()->was_unclean()) store.value()->abandon();
    return good;
}

/// A hub that is started on it does not break, and neither does its next moment.
void run_hub(const std::string& directory) {
    auto store = SqliteStore::open(directory);
    REQUIRE(store);
    Hub hub{Settings{}};
    const auto loaded = store.value()->load(hub);
    INFO((loaded ? std::string() : loaded.error().text));
    REQUIRE(loaded);
    Started started;
    started.seed = 7;
    started.epoch = std::string(32, 'f');
    started.last_turn = store.value()->last_turn();
    started.restored_from = "salvage";
    started.lost_messages = 1'000;
    started.admin_token_sha256 = std::string(64, '0');
    started.admin_token_prefix = "admin";
    Time now{kDamagedAt, 1'000'000};
    const auto apply = [&](InputBody body) {
        const std::optional<Fault> fault = hub.apply({now, std::move(body)});
        INFO((fault ? fault->text + " at " + fault->file + ":" + std::to_string(fault->line) : std::string()));
        REQUIRE_FALSE(fault);
        const TurnResult turn = hub.end_turn();
        REQUIRE_FALSE(store.value()->commit({&turn.batch, 1}));
    };
    apply(std::move(started));
    now = {kDamagedAt + 3'600'000, now.mono_us + 3'600 * kUsPerSecond};
    apply(Tick{});
    Pace pace;
    const Status whole = verify_live(directory, pace);
    INFO((whole ? std::string() : whole.error().text));
    CHECK(whole);
}

Result<SalvageReport> salvage(const std::string& directory, const StepObserver& step = {}) {
    DataDirectory data;
    if (const Status acquired = data.acquire(directory); !acquired) return Result<SalvageReport>(acquired.error());
    RestoreOptions options;
    options.backups = directory + "/backups";
    options.wall_ms = kDamagedAt;
    options.step = step;
    return salvage_damaged(data, "found by a test", options);
}

}  // namespace

TEST_CASE("W-29: 200 kinds of damage: noticed by the start, and salvaged as far as it can be read", "[damage]") {
    const uint64_t seed = 20'261'121;
    TemporaryDirectory temporary;
    std::vector<Base> bases;
    for (uint64_t i = 0; i < 6; ++i) {
        bases.push_back(make_base(temporary.fresh(), 100 + i, i % 2 == 1, temporary));
    }
    std::map<std::string, int> noticed;
    int salvaged = 0;
    for (uint64_t round = 0; round < 200; ++round) {
        Prng prng(seed + round);
        const Base& base = bases[round % bases.size()];
        const std::string path = temporary.fresh();
        fs::copy(base.path, path);
        const Harm harm = do_harm(base, path, prng);
        INFO("seed " << seed << ", round " << round << ": " << harm.what << (base.killed ? ", killed" : ", stopped"));
        const Status started = start_on(path);
        if (started) {
            // Nothing was noticed: then nothing may be different.
            const Result<Fingerprint> found = fingerprint_of(path + "/hub.db");
            INFO((found ? std::string() : found.error().text));
            REQUIRE(found);
            REQUIRE(found.value() == base.contents);
            fs::remove_all(path);
            continue;
        }
        INFO(started.error().code << ": " << started.error().text);
        REQUIRE(is_damage(started.error()));
        ++noticed[harm.what];
        const Result<SalvageReport> report = salvage(path);
        if (!report) {
            // Only when hardly anything is left.
            INFO(report.error().text);
            REQUIRE(report.error().code == "not_a_hub_database");
            REQUIRE(harm.what == "a file cut short");
            continue;
        }
        ++salvaged;
        const std::set<RowMark> kept = row_marks(path + "/hub.db");
        if (harm.whole_file) {
            for (const auto& [row, pages] : base.rows) {
                if (is_mended(row.first)) continue;
                const bool harmed =
                    std::any_of(pages.begin(), pages.end(), [&](int64_t page) { return harm.pages.contains(page); });
                // Page 2 and those like it say which pages hold rows, when the trees above them are gone.
                const bool map_harmed = harm.pages.contains(2);
                if (!harmed && !map_harmed) REQUIRE(kept.contains(row));
            }
        }
        if (harm.what.find("WAL") == std::string::npos) {
            for (const RowMark& row : kept) {
                if (!is_mended(row.first)) REQUIRE(base.rows.contains(row));
            }
        }
        run_hub(path);
        CHECK(read_damage(path).text.find("found by a test") != std::string::npos);
        CHECK(read_damage(path).lost_rows == report.value().lost_rows);
        fs::remove_all(path);
    }
    WARN("seed " << seed << ": " << salvaged << " salvaged");
    for (const auto& [what, count] : noticed) WARN(what << ": noticed " << count << " times");
    CHECK(noticed.size() >= 6);
}

TEST_CASE("a salvage keeps what is readable, counts what is not, and brings nothing back", "[damage]") {
    TemporaryDirectory temporary;
    const std::string path = temporary.fresh();
    StoreWorld world(5);
    {
        auto store = SqliteStore::open(path);
        REQUIRE(store);
        for (int turn = 0; turn < 150; ++turn) {
            const Batch batch = world.next_turn();
            REQUIRE_FALSE(store.value()->commit({&batch, 1}));
        }
        finish_upkeep(*store.value());
    }
    SECTION("of a whole database everything, and nothing that was deleted") {
        const std::set<RowMark> before = row_marks(path + "/hub.db");
        const Result<SalvageReport> report = salvage_database(path, path + "/salvaged.db", 0, kDamagedAt);
        REQUIRE(report);
        CHECK(report.value().lost_rows == 0);
        CHECK(report.value().unreadable_pages == 0);
        CHECK(report.value().kept_rows == static_cast<int64_t>(before.size()));
        for (const RowMark& row : row_marks(path + "/salvaged.db")) {
            if (row.first == TableId::tasks || row.first == TableId::task_edges || row.first == TableId::task_runs ||
                row.first == TableId::hub || row.first == TableId::workspaces) {
                continue;  // mended: this world's tasks are no hub's
            }
            CHECK(before.contains(row));
        }
    }
    SECTION("rows that another program deleted are counted by table") {
        change_by_sql(path,
                      "DELETE FROM events WHERE seq IN (SELECT seq FROM events ORDER BY seq DESC LIMIT 3);"
                      "DELETE FROM messages WHERE seq = (SELECT max(seq) FROM messages);"
                      "DELETE FROM principals WHERE id = (SELECT min(id) FROM principals)");
        Pace pace;
        CHECK(verify_live(path, pace).error().code == "lost_rows");
        const Result<SalvageReport> report = salvage_database(path, path + "/salvaged.db", 0, kDamagedAt);
        REQUIRE(report);
        CHECK(report.value().lost_rows == 5);
        for (const SalvageReport::Table& table : report.value().tables) {
            const int64_t lost = table.name == "events" ? 3 : table.name == "messages" || table.name == "principals";
            CHECK(table.lost == lost);
        }
        CHECK(report.value().summary().find("5 are lost (") != std::string::npos);
    }
    SECTION("of something else nothing") {
        put_content(path + "/hub.db", std::string(100'000, 'x'));
        const Result<SalvageReport> report = salvage(path);
        REQUIRE_FALSE(report);
        CHECK(report.error().code == "not_a_hub_database");
        CHECK(content_of(path + "/hub.db") == std::string(100'000, 'x'));
        CHECK_FALSE(fs::exists(path + "/quarantine"));
        CHECK_FALSE(fs::exists(path + "/restore.staged"));
    }
}

TEST_CASE("what would rest on lost rows waits for a person", "[damage]") {
    TemporaryDirectory temporary;
    const std::string path = temporary.fresh();
    {
        auto store = SqliteStore::open(path);
        REQUIRE(store);
        Hub hub{Settings{}};
        REQUIRE(store.value()->load(hub));
        Batch batch;
        batch.turn = 1;
        WorkspaceRow workspace;
        workspace.id = 1;
        workspace.name = "default";
        workspace.task_seq = 3;
        batch.changes.push_back(change_of(workspace));
        for (int64_t seq = 1; seq <= 3; ++seq) {
            TaskRow task;
            task.workspace = 1;
            task.id = "t" + std::to_string(seq);
            task.root_id = task.id;
            task.seq = seq;
            if (seq == 3) {
                task.state = TaskState::held;
                task.hold = HoldReason::blocked_by;
                task.blocked_count = 1;
            }
            TaskInputRow input;
            input.workspace = 1;
            input.task_id = task.id;
            input.description = Body("do it");
            input.metadata = Body("{}");
            batch.changes.push_back(change_of(task));
            batch.changes.push_back(change_of(input));
        }
        TaskEdgeRow edge;
        edge.workspace = 1;
        edge.task_id = "t3";
        edge.blocked_by = "t2";
        batch.changes.push_back(change_of(edge));
        REQUIRE_FALSE(store.value()->commit({&batch, 1}));
    }
    change_by_sql(path,
                  "DELETE FROM task_inputs WHERE task_id = 't1'; DELETE FROM tasks WHERE id = 't2';"
                  "DELETE FROM workspaces");
    REQUIRE(salvage(path));
    auto store = SqliteStore::open(path);
    REQUIRE(store);
    LoadedRows loaded;
    REQUIRE(store.value()->load(loaded.sink()));
    std::map<std::string, TaskRow> tasks;
    std::vector<WorkspaceRow> workspaces;
    for (const auto& [key, values] : loaded.rows) {
        if (key.first == TableId::workspaces) workspaces.push_back(*row_from_values<WorkspaceRow>(values));
        if (key.first != TableId::tasks) continue;
        const TaskRow task = *row_from_values<TaskRow>(values);
        tasks[task.id] = task;
    }
    REQUIRE(tasks.size() == 2);
    for (const auto& [id, task] : tasks) {
        CAPTURE(id);
        CHECK(task.state == TaskState::dead_letter);
        CHECK(task.last_error->find("lost") != std::string::npos);
        CHECK(task.blocked_count == 0);
    }
    REQUIRE(workspaces.size() == 1);
    CHECK(workspaces[0].name == "default");
    CHECK(workspaces[0].task_seq == 3);
    store.value().reset();
    run_hub(path);
}

TEST_CASE("killed at 50 random points, a salvage leaves the damaged files or what it salvaged", "[damage][kill]") {
    TemporaryDirectory temporary;
    const std::string original = temporary.fresh();
    {
        StoreWorld world(9);
        auto store = SqliteStore::open(original);
        REQUIRE(store);
        for (int turn = 0; turn < 30; ++turn) {
            const Batch batch = world.next_turn();
            REQUIRE_FALSE(store.value()->commit({&batch, 1}));
        }
    }
    change_by_sql(original, "DELETE FROM principals WHERE id = (SELECT min(id) FROM principals)");
    const std::set<RowMark> damaged = row_marks(original + "/hub.db");
    Prng prng(0x5a1);
    int kills = 0;
    for (int round = 0; kills < 50 && round < 200; ++round) {
        CAPTURE(round);
        const std::string path = temporary.fresh();
        fs::copy(original, path);
        const bool killed = killed_at(1 + static_cast<int>(prng.below(8)),
                                      [&](const StepObserver& step) { static_cast<void>(salvage(path, step).ok()); });
        kills += killed ? 1 : 0;
        DataDirectory data;
        REQUIRE(data.acquire(path));
        RestoreOptions options;
        options.backups = path + "/backups";
        options.wall_ms = kDamagedAt;
        REQUIRE(finish_restore(data, options));
        if (fs::exists(path + "/restored")) {
            Pace pace;
            CHECK(verify_live(path, pace));
            CHECK(read_damage(path).lost_rows == 1);
        } else {
            CHECK(row_marks(path + "/hub.db") == damaged);
        }
        fs::remove_all(path);
    }
    CHECK(kills == 50);
}

}  // namespace agentcom::test
