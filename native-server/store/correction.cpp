// What undoes refused batches that a failing disk kept all the same.
#include <utility>

#include "native-server/store/change_set.hpp"
#include "native-server/store/store.hpp"

namespace agentcom {

std::vector<RowChange> correction_for(std::span<const Batch> refused, const CurrentRow& current) {
    std::vector<RowChange> correction;
    for (const MergedChange& change : merge_changes(refused)) {
        const TableSchema& schema = *change.layout->schema;
        const RowValues& values = change.last->values;
        RowValues key(values.begin(), values.begin() + schema.key_columns);
        if (schema.row_class == RowClass::archive) {
            correction.push_back({schema.table, true, std::move(key), {}});
        } else {
            correction.push_back(current(schema.table, key));
        }
    }
    return correction;
}

}  // namespace agentcom
