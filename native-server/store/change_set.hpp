// The changes of one transaction, of each row only the last.
//
// A task that is submitted, assigned and accepted within one transaction is written once. The body that an earlier
// change carried and a later one left as it is (`unchanged`) is kept.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/state/store.hpp"

namespace agentcom {

/// The most body columns that a table has.
inline constexpr int kMaxBodies = 2;

/// What is known of a table's columns before any row is seen.
struct TableLayout {
    const TableSchema* schema = nullptr;
    std::vector<int> bodies;  ///< the indexes of its body columns
};
/// Of the table with this number; asserts that it is stored.
const TableLayout& table_layout(TableId);

/// One row's last change. Points into the batches.
struct MergedChange {
    const TableLayout* layout = nullptr;
    const RowChange* last = nullptr;
    /// Where to take the bytes of each body from; null = the store keeps what it has.
    std::array<const ColumnValue*, kMaxBodies> bodies{};
};

/// In the order in which the rows were first changed. The batches must outlive the result.
std::vector<MergedChange> merge_changes(std::span<const Batch> batches);

}  // namespace agentcom
