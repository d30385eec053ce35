#include "core/state/store.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

#include "core/base/assert.hpp"
#include "tests/core/support/random_rows.hpp"

using namespace agentcom;

TEST_CASE("the schema names every stored table, its key and its columns") {
    std::set<std::string_view> names;
    size_t at = 0;
    for_each_stored_row([&]<class Row>() {
        REQUIRE(at < stored_tables().size());
        const TableSchema& schema = stored_tables()[at++];
        CHECK(schema.table == Row::kTable);
        CHECK(schema.row_class == Row::kClass);
        CHECK(schema.key_columns == Row::kKeyColumns);
        CHECK(schema.columns.size() == row_values(Row{}).size());
        CHECK_FALSE(schema.name.empty());
        CHECK(names.insert(schema.name).second);
        CHECK(&stored_table(Row::kTable) == &schema);
        std::set<std::string_view> columns;
        for (const ColumnSchema& column : schema.columns) CHECK(columns.insert(column.name).second);
        CHECK_FALSE(columns.contains("checksum"));
    });
    CHECK(at == stored_tables().size());
}

TEST_CASE("tasks are loaded before what hangs on them") {
    std::vector<TableId> order;
    for (const TableSchema& schema : stored_tables()) order.push_back(schema.table);
    const auto place = [&order](TableId table) { return std::find(order.begin(), order.end(), table); };
    for (const TableId child : {TableId::task_inputs, TableId::task_edges, TableId::attempts}) {
        CHECK(place(TableId::tasks) < place(child));
    }
    CHECK(place(TableId::principals) < place(TableId::messages));
}

TEST_CASE("a store does not keep tables of the run") {
    CHECK_THROWS_AS(stored_table(TableId::sessions), CoreFault);
    CHECK_THROWS_AS(stored_table(static_cast<TableId>(200)), CoreFault);
}

TEST_CASE("the checksum of stored values is the hash of the row they make") {
    Prng prng(4);
    for_each_stored_row([&prng]<class Row>() {
        const Row row = test::random_row<Row>(prng);
        CHECK(checksum_of(Row::kTable, row_values(row)) == row_hash(row));
        CHECK_FALSE(checksum_of(Row::kTable, {}));
    });
    CHECK_FALSE(checksum_of(TableId::sessions, row_values(SessionRow{})));
}

TEST_CASE("kinds of events are named one by one, or by how they begin") {
    struct Case {
        std::vector<std::string> kinds;
        std::string kind;
        bool matches;
    };
    const Case cases[] = {
        {{}, "task_submitted", true},
        {{"task_submitted"}, "task_submitted", true},
        {{"task_submit"}, "task_submitted", false},
        {{"task_*"}, "task_submitted", true},
        {{"task_submitted*"}, "task_submitted", true},
        {{"agent_*", "task_s*"}, "task_stuck", true},
        {{"agent_*", "mail_*"}, "task_stuck", false},
    };
    for (const Case& each : cases) CHECK(matches_kind(each.kinds, each.kind) == each.matches);
}

TEST_CASE("a batch with rows or prunes needs a commit, sums alone do not") {
    Batch batch;
    CHECK(batch.empty());
    batch.sums.push_back({});
    CHECK(batch.empty());
    batch.prunes.push_back({});
    CHECK_FALSE(batch.empty());
    batch.prunes.clear();
    batch.changes.push_back({});
    CHECK_FALSE(batch.empty());
}
