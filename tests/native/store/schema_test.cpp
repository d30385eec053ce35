#include "native-server/store/schema.hpp"

#include <catch2/catch.hpp>
#include <vector>

namespace agentcom::test {

TEST_CASE("Every stored table is declared with its columns and its key", "[store]") {
    SqliteConnection db;
    REQUIRE(db.open(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, ""));
    bool created = false;
    REQUIRE(prepare_schema(db, created));
    CHECK(created);
    for (const TableSchema& schema : stored_tables()) {
        INFO(schema.name);
        int64_t strict = 0;
        REQUIRE(db.query_integer("SELECT strict FROM pragma_table_list WHERE name = '" + std::string(schema.name) + "'",
                                 strict));
        CHECK(strict == 1);
        int64_t key_columns = 0;
        REQUIRE(db.query_integer(
            "SELECT count(*) FROM pragma_table_info('" + std::string(schema.name) + "') WHERE pk > 0", key_columns));
        CHECK(key_columns == (has_place(schema.table) ? 1 : schema.key_columns));
    }
    REQUIRE(prepare_schema(db, created));
    CHECK_FALSE(created);
}

TEST_CASE("Keywords are quoted", "[store]") {
    CHECK(sql_name("order") == "\"order\"");
    CHECK(sql_name("workspace") == "workspace");
}

TEST_CASE("Migrations run in order, each once, and a broken one changes nothing", "[store]") {
    SqliteConnection db;
    REQUIRE(db.open(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, ""));
    bool created = false;
    REQUIRE(prepare_schema(db, created));

    std::vector<Migration> steps = {{2, {"CREATE TABLE extra (a INTEGER) STRICT", "INSERT INTO extra VALUES (2)"}},
                                    {3, {"INSERT INTO extra VALUES (3)", "INSERT INTO nowhere VALUES (1)"}}};
    const Status failed = prepare_schema(db, created, steps);
    REQUIRE_FALSE(failed);
    CHECK_THAT(failed.error().text, Catch::Matchers::Contains("version 3") && Catch::Matchers::Contains("nowhere"));
    int64_t version = 0;
    REQUIRE(db.query_integer("PRAGMA user_version", version));
    CHECK(version == 2);

    steps[1].statements.pop_back();
    REQUIRE(prepare_schema(db, created, steps));
    REQUIRE(prepare_schema(db, created, steps));
    std::string rows;
    REQUIRE(db.query_text("SELECT group_concat(a) FROM extra", rows));
    CHECK(rows == "2,3");
    const Status refused = prepare_schema(db, created);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == "newer_schema");
}

}  // namespace agentcom::test
