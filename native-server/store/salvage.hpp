// What can be read of a damaged database, in a fresh one.
//
// Every page is looked at, not only those that SQLite would still find its way to. A row is kept when its values fit
// its table and their hash is its checksum: so nothing is kept that no hub wrote. What a hub has deleted stays deleted:
// free pages are passed over, and so are pages that a readable tree does not name any more.
//
// Then what does not fit together any more is mended, so that a hub can run on it and nobody acts on what is lost
// (salvage_mend.hpp), and what is missing is counted by the sums that the last commit left.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"

namespace agentcom {

struct SalvageReport {
    struct Table {
        std::string name;
        int64_t kept = 0;
        int64_t lost = 0;
    };

    std::string damage;  ///< what was found wrong
    int64_t made_at = 0;
    int64_t kept_rows = 0;
    int64_t lost_rows = 0;  ///< of all tables; of what no sum tells of, nothing
    /// Transactions that the last run acknowledged and that are not in the files, because the WAL is gone or damaged.
    int64_t lost_commits = 0;
    int64_t unreadable_pages = 0;
    bool sums_known = true;  ///< false: the sums are lost, too, and with them the number of lost rows
    std::vector<Table> tables;
    std::vector<std::string> mended;  ///< for people, one line for each kind

    /// In one line, for people.
    std::string summary() const;
};

/// As JSON, for salvage.json beside the damaged files (docs/formats.md, "Salvages").
std::string salvage_text(const SalvageReport& report);

/// Makes `target`, a new file, of what is readable in DIR/hub.db and its WAL; neither is touched. `acknowledged` is the
/// last transaction that the last run has acknowledged, 0 if nobody knows. Errors: `storage_error`,
/// `store_unavailable`; `not_a_hub_database` when there is no row of a hub.
Result<SalvageReport> salvage_database(const std::string& data_directory, const std::string& target,
                                       int64_t acknowledged, int64_t wall_ms);

}  // namespace agentcom
