#include "core/state/columns.hpp"

#include <catch2/catch.hpp>

#include <set>

#include "core/state/store.hpp"
#include "tests/core/support/random_rows.hpp"

using namespace agentcom;

namespace {

/// Calls `f` for every row type there is, stored or in memory (some twice).
template <class F>
void for_each_row_type(F&& f) {
    for_each_stored_row(f);
    for_each_resident_row(f);
}

}  // namespace

TEST_CASE("every row type comes back from its values unchanged") {
    Prng prng(1);
    for_each_row_type([&prng]<class Row>() {
        for (int i = 0; i < 200; ++i) {
            const Row row = test::random_row<Row>(prng);
            const std::optional<Row> back = row_from_values<Row>(row_values(row));
            REQUIRE(back.has_value());
            REQUIRE(row_hash(*back) == row_hash(row));
            REQUIRE(back->key() == row.key());
            REQUIRE(row_values(*back) == row_values(row));
        }
    });
}

TEST_CASE("values that do not fit a row type are refused") {
    Prng prng(2);
    for_each_row_type([&prng]<class Row>() {
        const RowValues good = row_values(test::random_row<Row>(prng));
        RowValues values = good;
        values.pop_back();
        CHECK_FALSE(row_from_values<Row>(values));
        values = good;
        values.push_back(ColumnValue::of(int64_t{0}));
        CHECK_FALSE(row_from_values<Row>(values));
        const std::vector<ColumnSchema> schemas = column_schemas<Row>();
        REQUIRE(schemas.size() == good.size());
        for (size_t i = 0; i < good.size(); ++i) {
            CAPTURE(schemas[i].name);
            values = good;
            const bool number =
                schemas[i].type == ColumnType::integer || schemas[i].type == ColumnType::integer_or_null;
            values[i] = number ? ColumnValue::of(std::string("7")) : ColumnValue::of(int64_t{7});
            CHECK_FALSE(row_from_values<Row>(values));
            values[i] = ColumnValue::unchanged();
            CHECK_FALSE(row_from_values<Row>(values));
            values[i] = ColumnValue{};
            const bool nullable =
                schemas[i].type == ColumnType::integer_or_null || schemas[i].type == ColumnType::text_or_null;
            CHECK(row_from_values<Row>(values).has_value() == nullable);
        }
    });
}

TEST_CASE("a name that no enum has, a number that is no truth and a list that is none are refused") {
    RowValues task = row_values(TaskRow{});
    const std::vector<ColumnSchema> schemas = column_schemas<TaskRow>();
    const auto set = [&](std::string_view name, ColumnValue value) {
        RowValues changed = task;
        for (size_t i = 0; i < schemas.size(); ++i) {
            if (schemas[i].name == name) changed[i] = std::move(value);
        }
        return row_from_values<TaskRow>(std::move(changed)).has_value();
    };
    CHECK(set("state", ColumnValue::of("working")));
    CHECK_FALSE(set("state", ColumnValue::of("Working")));
    CHECK_FALSE(set("state", ColumnValue::of("")));
    CHECK(set("live", ColumnValue::of(int64_t{0})));
    CHECK_FALSE(set("live", ColumnValue::of(int64_t{2})));
    CHECK(set("labels", ColumnValue::of(R"(["a"])")));
    CHECK_FALSE(set("labels", ColumnValue::of(R"(["a)")));
}

TEST_CASE("each column counts in a row's hash, and so does its place") {
    Prng prng(3);
    for_each_row_type([&prng]<class Row>() {
        const Row row = test::random_row<Row>(prng);
        const size_t columns = row_values(row).size();
        for (size_t changed = 0; changed < columns; ++changed) {
            Row other = row;
            size_t index = 0;
            Row::columns(other, [&](std::string_view, auto& field) {
                if (index++ != changed) return;
                // Random contents can by chance be the old ones.
                const auto before = detail::to_value(field);
                while (detail::to_value(field) == before) test::randomize(prng, field);
            });
            CAPTURE(changed);
            CHECK(row_hash(other) != row_hash(row));
        }
    });
    TokenRow a;
    a.sha256 = "x";
    TokenRow b;
    b.principal = "x";
    CHECK(row_hash(a) != row_hash(b));
}

TEST_CASE("rows of different tables never have the same hash by being alike") {
    std::set<std::pair<uint64_t, uint64_t>> hashes;
    int types = 0;
    for_each_resident_row([&]<class Row>() {
        const Hash128 hash = row_hash(Row{});
        hashes.emplace(hash.hi, hash.lo);
        ++types;
    });
    CHECK(hashes.size() == static_cast<size_t>(types));
}

TEST_CASE("a body that was shed keeps its hash and tells a store to keep what it has") {
    TaskInputRow row;
    row.description = Body("0123456789");
    row.metadata = Body("{}");
    const Hash128 before = row_hash(row);
    row.description.shed(10);
    CHECK(row.description.resident);
    row.description.shed(9);
    CHECK_FALSE(row.description.resident);
    CHECK(row.description.bytes.empty());
    CHECK(row.description.size == 10);
    CHECK(row_hash(row) == before);
    CHECK(row_values(row)[2] == ColumnValue::unchanged());
    CHECK(row_values(row)[3] == ColumnValue::of("{}"));
}

TEST_CASE("lists of names are JSON arrays in a store") {
    CHECK(detail::encode_list({}) == "[]");
    CHECK(detail::encode_list({"a", "\""}) == R"(["a","\""])");
    CHECK(detail::decode_list(R"(["a","\""])") == std::vector<std::string>{"a", "\""});
    CHECK(detail::decode_list("{}").empty());
}
