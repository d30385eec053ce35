// Going back to a backup, so that a kill at any moment leaves the old data or the restored ones, never a mixture.
//
//     DIR/restore.request   somebody asked for it: the next start does it
//     DIR/restore.staged    the backup's database, copied and compared; counts for nothing yet
//     DIR/restore.pending   from here on it is decided: every start goes on until it is done
//     DIR/restored          done, and no run has committed since: the first one tells its core (`Started`)
//
// Before anything changes, the present data become a backup of their own; if that cannot be, because they are damaged,
// their files are moved to DIR/quarantine/. It is done at a start, before the database is opened.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/result.hpp"
#include "native-server/store/backup.hpp"
#include "native-server/store/data_directory.hpp"
#include "native-server/store/salvage.hpp"

namespace agentcom {

/// What a restore changes, as JSON: the tables with their rows now and then, and what it costs.
Result<std::string> preview_restore(const std::string& data_directory, const std::string& backups,
                                    const BackupManifest& backup, Pace& pace);

/// Leaves DIR/restore.request. The backup should have been verified.
Status request_restore(const std::string& data_directory, const std::string& backup);

/// What the first run after a restore must know; of several restores without a run between them: of all.
struct Restored {
    std::string backup;  ///< storage::kSalvage: none, but what could be read of the damaged data
    int64_t restored_at = 0;
    int64_t lost_messages = 0;
    std::string revoked_tokens;  ///< digests, with blanks between them
    std::string salvage;         ///< the text of salvage.json, if what was salvaged took the place of a backup
};

struct RestoreOptions {
    std::string backups;
    std::string hub_version;
    int64_t wall_ms = 0;
    bool quarantine = false;  ///< the present data are known to be damaged: no backup of them is tried
    StepObserver step;
};

/// Restores this backup in a directory that the caller has locked. After an error the old data are in place, but for
/// `restore_interrupted`: it is decided, the data may be neither, and the next `finish_restore` must go on before
/// anything else uses them. `backup_busy`: somebody else makes a backup in `backups`, so that there is no safe place
/// for the present data yet.
Status restore_backup(const DataDirectory& directory, const std::string& backup, const RestoreOptions& options);

/// Puts what can be read of the present data in their place, and their files into quarantine, with salvage.json beside
/// them; by the same steps as a restore, so that a kill at any moment leaves the damaged files or what was salvaged.
/// `damage` says what is wrong with them. After an error the files are as they were: `not_a_hub_database` when nothing
/// can be read, and those of `salvage_database`; but for `restore_interrupted`, as above.
Result<SalvageReport> salvage_damaged(const DataDirectory& directory, const std::string& damage,
                                      const RestoreOptions& options);

/// At every start, before the database is opened: ends what a kill has interrupted, and does what was requested. An
/// error says why a requested restore was not done; the request is gone then, and the old data are in place. One that
/// is decided and cannot be ended gives `restore_interrupted`: the hub must not start.
Status finish_restore(const DataDirectory& directory, const RestoreOptions& options);

/// Whether this is the first run after a restore.
std::optional<Restored> read_restored(const std::string& data_directory);
/// The core knows, and that is committed.
Status forget_restored(const std::string& data_directory);

/// Where files may go that are found damaged now: "quarantine/TIME" with a TIME that is free.
std::string free_quarantine(const DataDirectory& directory, int64_t wall_ms);
/// Moves hub.db and its WAL to this directory in DIR. May be called again after a kill, with the same place.
Status quarantine_database(const DataDirectory& directory, const std::string& name_of_place, const StepObserver& step);

}  // namespace agentcom
