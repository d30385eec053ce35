// Backups: one consistent copy of the database with a manifest, verified before it counts.
//
//     DIR/backups/20261121T153000Z-1/hub.db, manifest.json
//
// A backup is made under a name that begins with ".partial-" and renamed when it is whole, verified and synced, so that
// every other directory is a whole backup. Who makes one holds a lock on the directory (".lock"). It reads one snapshot
// of the database on a connection of its own: the hub goes on writing, and its WAL grows meanwhile.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "core/state/settings.hpp"
#include "native-server/store/backup_manifest.hpp"
#include "native-server/store/storage_files.hpp"

namespace agentcom {

struct BackupOptions {
    std::string hub_version;
    std::string trigger = "manual";
    int64_t wall_ms = 0;  ///< now
    std::string vfs;      ///< that the hub's database is read through
    StepObserver step;
};

/// Makes a backup of DIR/hub.db in `backups`, which is created if it is missing. Errors: `storage_error`,
/// `store_unavailable`, and those of `verify_database` when the copy, and so the original, is damaged; `backup_busy`
/// while another one is made in `backups`, by whatever process.
Result<BackupManifest> make_backup(const std::string& data_directory, const std::string& backups,
                                   const BackupOptions& options, Pace& pace);

/// Newest first. A directory without a readable manifest is listed as such.
std::vector<BackupManifest> list_backups(const std::string& backups);
/// nullopt: there is none of this name.
std::optional<BackupManifest> find_backup(const std::string& backups, const std::string& name);

/// The digests of the secrets that webhooks in these backups are signed with: who restores one needs them again. Of a
/// backup that cannot be read there are none.
std::set<std::string> webhook_secrets_in(const std::string& backups);

/// Reads all of a backup: the file is the one of the manifest, and every row in it is as it was written. Errors:
/// `backup_damaged`, and those of `verify_database`.
Status verify_backup(const std::string& backups, const BackupManifest& backup, Pace& pace);

/// How many to keep.
struct BackupTiers {
    int64_t last = 3;
    int64_t daily = 0;
    int64_t weekly = 0;
    int64_t monthly = 0;
};
BackupTiers backup_tiers(const Settings& settings);
/// The names of those that no tier keeps; `backups` as `list_backups` gives them. Unreadable ones stay.
std::vector<std::string> expendable_backups(const std::vector<BackupManifest>& backups, const BackupTiers& tiers);
/// Removes a backup: first its name, then its files.
Status remove_backup(const std::string& backups, const std::string& name);
/// Puts a copy of a backup into another directory, compared with the manifest on the way; nothing to do if it is there.
/// Errors: `backup_damaged`, `backup_busy`, `backup_name_taken` when another one lies there under its name.
Status copy_backup(const std::string& from, const std::string& to, const BackupManifest& backup, Pace& pace);

}  // namespace agentcom
