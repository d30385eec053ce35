#include "native-server/store/change_set.hpp"

#include <bit>

#include "core/base/assert.hpp"
#include "core/base/hash128.hpp"

namespace agentcom {

namespace {

uint64_t key_hash(const RowChange& change, int key_columns) {
    uint64_t hash = static_cast<uint64_t>(change.table);
    for (std::size_t i = 0; i < static_cast<std::size_t>(key_columns); ++i) {
        const ColumnValue& value = change.values[i];
        hash = value.type == ColumnValue::Type::integer
                   ? XXH3_64bits_withSeed(&value.integer, sizeof value.integer, hash)
                   : XXH3_64bits_withSeed(value.text.data(), value.text.size(), hash);
    }
    return hash;
}

bool same_key(const RowChange& a, const RowChange& b, int key_columns) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(key_columns); ++i) {
        if (!(a.values[i] == b.values[i])) return false;
    }
    return true;
}

void take_over(MergedChange& merged, const RowChange& change) {
    merged.last = &change;
    if (change.erase) {
        merged.bodies = {};
        return;
    }
    for (std::size_t i = 0; i < merged.layout->bodies.size(); ++i) {
        const ColumnValue& value = change.values[static_cast<std::size_t>(merged.layout->bodies[i])];
        if (value.type != ColumnValue::Type::unchanged) merged.bodies[i] = &value;
    }
}

}  // namespace

const TableLayout& table_layout(TableId table) {
    static const std::vector<TableLayout> layouts = [] {
        std::vector<TableLayout> all(256);
        for (const TableSchema& schema : stored_tables()) {
            TableLayout& layout = all[static_cast<std::size_t>(schema.table)];
            layout.schema = &schema;
            for (std::size_t i = 0; i < schema.columns.size(); ++i) {
                if (schema.columns[i].type == ColumnType::body) layout.bodies.push_back(static_cast<int>(i));
            }
            AGENTCOM_ASSERT(layout.bodies.size() <= static_cast<std::size_t>(kMaxBodies),
                            "a table has more bodies than a merged change can hold");
        }
        return all;
    }();
    const TableLayout& layout = layouts[static_cast<std::size_t>(table)];
    AGENTCOM_ASSERT(layout.schema != nullptr, "a store was handed a row of a table that it does not keep");
    return layout;
}

std::vector<MergedChange> merge_changes(std::span<const Batch> batches) {
    std::size_t count = 0;
    for (const Batch& batch : batches) count += batch.changes.size();
    std::vector<MergedChange> merged;
    merged.reserve(count);

    // Open addressing, at most half full: slot -> index in `merged` + 1.
    const std::size_t slots = std::bit_ceil(count * 2 + 2);
    std::vector<uint32_t> table(slots, 0);
    for (const Batch& batch : batches) {
        for (const RowChange& change : batch.changes) {
            const TableLayout& layout = table_layout(change.table);
            const int key_columns = layout.schema->key_columns;
            std::size_t slot = key_hash(change, key_columns) & (slots - 1);
            for (;; slot = (slot + 1) & (slots - 1)) {
                if (table[slot] == 0) {
                    merged.push_back({&layout, nullptr, {}});
                    table[slot] = static_cast<uint32_t>(merged.size());
                    take_over(merged.back(), change);
                    break;
                }
                MergedChange& known = merged[table[slot] - 1];
                if (known.last->table == change.table && same_key(*known.last, change, key_columns)) {
                    take_over(known, change);
                    break;
                }
            }
        }
    }
    return merged;
}

}  // namespace agentcom
