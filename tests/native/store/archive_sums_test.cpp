#include "native-server/store/archive_sums.hpp"

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "native-server/store/integrity.hpp"
#include "native-server/store/store.hpp"
#include "tests/native/store/store_world.hpp"

namespace agentcom::test {

namespace {

void check_sums(const std::string& path, const StoreContents& contents) {
    SqliteConnection db;
    REQUIRE(db.open(path + "/hub.db", SQLITE_OPEN_READONLY, ""));
    ArchiveSums sums;
    REQUIRE(sums.read(db));
    std::map<TableId, TableSum> wanted;
    for (const auto& [key, row] : contents.rows()) {
        const bool archived = key.first == TableId::tasks ? !contents.is_resident(row)
                                                          : stored_table(key.first).row_class == RowClass::archive;
        if (!archived) continue;
        ++wanted[key.first].rows;
        wanted[key.first].sum += row.checksum;
    }
    for (const TableId table : kArchiveSumTables) {
        CAPTURE(stored_table(table).name);
        const TableSum* found = sums.find(table);
        REQUIRE(found != nullptr);
        CHECK(found->rows == wanted[table].rows);
        CHECK(found->sum == wanted[table].sum);
    }
}

}  // namespace

TEST_CASE("the sums of archives are those of what is archived, after every kind of turn", "[store]") {
    TemporaryDirectory temporary;
    const std::string path = temporary.fresh();
    StoreWorld world(31);
    auto opened = SqliteStore::open(path);
    REQUIRE(opened);
    std::unique_ptr<SqliteStore> store = std::move(opened).value();
    for (int turn = 0; turn < 300; ++turn) {
        const Batch batch = world.next_turn();
        REQUIRE_FALSE(store->commit({&batch, 1}));
        if (turn % 60 != 0) continue;
        finish_upkeep(*store);
        check_sums(path, world.contents());
    }
    finish_upkeep(*store);
    check_sums(path, world.contents());
    store.reset();
    opened = SqliteStore::open(path);
    REQUIRE(opened);
    Pace pace;
    CHECK(verify_live(path, pace));
}

TEST_CASE("archived rows that another program deletes are missed, whichever they are", "[store]") {
    const char* const sql =
        GENERATE("DELETE FROM messages WHERE seq = (SELECT max(seq) FROM messages)",
                 "DELETE FROM events WHERE seq = (SELECT min(seq) FROM events)",
                 "DELETE FROM receipts WHERE seq = (SELECT max(seq) FROM receipts)",
                 "DELETE FROM tasks WHERE live = 0 AND id = (SELECT max(id) FROM tasks WHERE live = 0)");
    INFO(sql);
    TemporaryDirectory temporary;
    const std::string path = temporary.fresh();
    {
        StoreWorld world(32);
        auto store = SqliteStore::open(path);
        REQUIRE(store);
        for (int turn = 0; turn < 100; ++turn) {
            const Batch batch = world.next_turn();
            REQUIRE_FALSE(store.value()->commit({&batch, 1}));
        }
    }
    Pace pace;
    CHECK(verify_live(path, pace));
    SqliteConnection db;
    REQUIRE(db.open(path + "/hub.db", SQLITE_OPEN_READWRITE, ""));
    REQUIRE(db.execute(sql));
    db.close();
    const Status found = verify_live(path, pace);
    REQUIRE_FALSE(found);
    CHECK(found.error().code == "lost_rows");
    CHECK(found.error().text.find("archived rows") != std::string::npos);
}

}  // namespace agentcom::test
