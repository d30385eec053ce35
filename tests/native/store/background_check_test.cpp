#include "native-server/store/background_check.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "native-server/store/damage.hpp"
#include "native-server/store/integrity.hpp"
#include "native-server/store/store.hpp"
#include "tests/native/store/store_world.hpp"

namespace agentcom::test {

TEST_CASE("a background check sees every row of a store that goes on", "[background_check]") {
    TemporaryDirectory temporary;
    const std::string path = temporary.fresh();
    StoreWorld world(41);
    auto store = SqliteStore::open(path);
    REQUIRE(store);
    const auto turns = [&](int count) {
        for (int turn = 0; turn < count; ++turn) {
            const Batch batch = world.next_turn();
            REQUIRE_FALSE(store.value()->commit({&batch, 1}));
        }
        finish_upkeep(*store.value());
    };
    turns(400);
    SECTION("all of them, when nothing changes meanwhile") {
        BackgroundCheck check(path + "/hub.db");
        while (!check.is_done()) REQUIRE(check.step());
        CHECK(check.rows() == static_cast<int64_t>(world.contents().rows().size()));
    }
    SECTION("without taking a change for damage, and without keeping the WAL") {
        BackgroundCheck check(path + "/hub.db");
        while (!check.is_done()) {
            REQUIRE(check.step());
            turns(1);
            REQUIRE_FALSE(store.value()->checkpoint());
        }
        turns(1);
        CHECK(store.value()->wal_pages() < 2'000);
    }
    SECTION("and finds an altered one, wherever it is") {
        const char* const sql =
            GENERATE("UPDATE messages SET sender = 'eve' WHERE seq = (SELECT max(seq) FROM messages)",
                     "UPDATE events SET data = '{}' WHERE seq = (SELECT min(seq) FROM events)",
                     "UPDATE tasks SET priority = 9 WHERE id = (SELECT max(id) FROM tasks)",
                     "UPDATE task_inputs SET description = 'x' WHERE task_id = (SELECT min(task_id) "
                     "FROM task_inputs)");
        INFO(sql);
        SqliteConnection db;
        REQUIRE(db.open(path + "/hub.db", SQLITE_OPEN_READWRITE, ""));
        REQUIRE(db.execute(sql));
        BackgroundCheck check(path + "/hub.db");
        Status status;
        while (status && !check.is_done()) status = check.step();
        REQUIRE_FALSE(status);
        CHECK(check.is_done());
        CHECK(status.error().code == "corrupt_row");
        CHECK(is_damage(status.error()));
    }
    SECTION("and misses those that another program has deleted, which it counts") {
        struct Case {
            const char* sql;
            bool is_archive;
        };
        const Case each = GENERATE(
            Case{"DELETE FROM messages WHERE seq IN (SELECT seq FROM messages ORDER BY seq DESC LIMIT 3)", true},
            Case{"DELETE FROM events WHERE seq IN (SELECT seq FROM events ORDER BY seq LIMIT 3)", true},
            Case{"DELETE FROM tasks WHERE live = 0 AND id IN (SELECT id FROM tasks WHERE live = 0 LIMIT 3)", true},
            Case{"DELETE FROM task_inputs WHERE task_id IN (SELECT id FROM tasks WHERE live = 1 LIMIT 3)", false},
            Case{"DELETE FROM principals WHERE id IN (SELECT id FROM principals LIMIT 3)", false});
        INFO(each.sql);
        SqliteConnection db;
        REQUIRE(db.open(path + "/hub.db", SQLITE_OPEN_READWRITE, ""));
        REQUIRE(db.execute(each.sql));
        const int64_t gone = sqlite3_changes(db.handle());
        REQUIRE(gone > 0);
        BackgroundCheck check(path + "/hub.db");
        Status status;
        while (status && !check.is_done()) status = check.step();
        REQUIRE_FALSE(status);
        CHECK(status.error().code == "lost_rows");
        CHECK(status.error().text == std::to_string(gone) + " rows are missing that nobody deleted through the hub");
        const auto missing = count_missing_rows(db, std::chrono::milliseconds(10'000));
        REQUIRE(missing);
        CHECK(missing.value() == gone);
        // The hub goes on counting. What it has in memory it also writes again, and takes away.
        turns(20);
        const auto later = count_missing_rows(db, std::chrono::milliseconds(10'000));
        REQUIRE(later);
        CHECK(later.value().value_or(gone + 1) <= gone);
        if (each.is_archive) CHECK(later.value() == gone);
    }
}

}  // namespace agentcom::test
