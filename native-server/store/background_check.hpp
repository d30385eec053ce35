// Reads every stored row beside a hub that serves, a slice at a time, and compares it with its checksum.
//
// A slice is a statement of its own: no transaction keeps the WAL from beginning anew. So what is compared is row by
// row. Sums and pages, for which everything must be seen at one moment, are compared by each backup in its copy; only
// how many rows there are is compared here, too, at the end, if they can be counted within `kCountLimit`.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "core/state/columns.hpp"
#include "native-server/store/sqlite.hpp"

namespace agentcom {

class BackgroundCheck {
  public:
    /// No read of the database may hold it longer.
    static constexpr std::chrono::milliseconds kCountLimit{1'000};

    explicit BackgroundCheck(std::string database) : database_(std::move(database)) {}

    /// Reads the next rows: about a millisecond. An error is damage, or that the database cannot be read now; the pass
    /// is then over.
    Status step(const std::atomic<bool>* stop = nullptr);
    /// All tables were gone through.
    bool is_done() const { return done_; }
    int64_t rows() const { return rows_; }

  private:
    Status open();
    Status compare_counts(const std::atomic<bool>* stop);
    Status end(Status status);

    std::string database_;
    SqliteConnection db_;
    SqliteStatement first_;   ///< of the table that it is at
    SqliteStatement behind_;  ///< behind the row with the key `last_`
    std::size_t table_ = 0;
    RowValues last_;
    int64_t rows_ = 0;
    bool done_ = false;
};

}  // namespace agentcom
