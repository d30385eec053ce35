// What a backup says about itself: manifest.json beside its hub.db (docs/formats.md, "Backups").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agentcom {

inline constexpr int64_t kBackupFormat = 1;

struct BackupManifest {
    struct Table {
        std::string name;
        int64_t rows = 0;
        int64_t bytes = 0;
    };

    std::string name;  ///< of its directory; not in the file, so that a backup can be renamed
    int64_t made_at = 0;
    int64_t duration_ms = 0;
    std::string hub_version;
    std::string epoch;
    int64_t last_turn = 0;
    int64_t bytes = 0;
    std::string sha256;   ///< of hub.db, in hex
    int64_t rows = 0;     ///< of all SQL tables
    std::string trigger;  ///< "manual", "scheduled" or "before_restore"
    std::vector<Table> sql_tables;
    std::vector<Table> care_tables;  ///< kCareTables
    bool readable = true;            ///< false: there is a directory, and no manifest that this hub understands
};

std::string manifest_text(const BackupManifest&);
/// nullopt: no manifest, or one of another format.
std::optional<BackupManifest> parse_manifest(std::string_view text);
/// As GET /api/admin/backups shows them.
std::string describe_backups(const std::vector<BackupManifest>&);

}  // namespace agentcom
