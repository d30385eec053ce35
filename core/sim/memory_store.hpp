// A store in memory: what a hub on a disk would find again, without the disk.
//
// Tests and the simulator use it in the place of SQLite. It keeps exactly what batches told it to, answers the same
// queries in the same order, and can be told to lose what was not committed or to refuse.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "core/hub/hub.hpp"
#include "core/hub/input.hpp"
#include "core/state/store.hpp"

namespace agentcom::sim {

class MemoryStore {
  public:
    /// Applies a batch whole; false (and nothing applied) while `failing`.
    bool commit(const Batch&);
    /// Commits fail from now on.
    void set_failing(bool failing) { failing_ = failing; }
    bool failing() const { return failing_; }

    QueryResult run(int64_t query, const StoreQuery&) const;

    /// Gives a new hub everything that a restart finds, and compares the sums. Apply `Started` afterwards.
    Status restore_into(Hub&) const;

    int64_t last_turn() const { return last_turn_; }
    /// All rows of a table in key order.
    std::vector<RowValues> rows(TableId) const;

  private:
    struct Order {
        bool operator()(const RowValues& a, const RowValues& b) const;
    };
    using TableRows = std::map<RowValues, RowValues, Order>;  // key values -> all values

    const TableRows& table(TableId) const;
    void add_task(std::vector<QueryRow>&, const RowValues& task_values, int64_t events) const;
    void add_message(std::vector<QueryRow>&, const RowValues& message, const std::vector<std::string>& agents) const;
    void find_messages(const FindMessages&, std::vector<QueryRow>& rows) const;
    void fetch_thread(const FetchThread&, std::vector<QueryRow>& rows) const;
    void prune(const Prune&);
    void count_rows(std::vector<QueryRow>& rows) const;
    void add_output(const FetchOutput&, std::vector<QueryRow>& rows) const;

    std::map<TableId, TableRows> tables_;
    std::vector<TableSum> sums_;
    std::map<int64_t, int64_t> messages_pruned_;  ///< per workspace: each lot begins where the one before ended
    int64_t last_turn_ = 0;
    bool failing_ = false;
};

}  // namespace agentcom::sim
