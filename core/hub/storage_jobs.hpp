// Storage care: backups, verification, restore and compaction, of which one runs at a time.
//
// The core decides what is done and when, and keeps what came of it; the machine does it, away from the hub's turns:
// `StorageJob` asks, `StorageJobDone` tells. A job leaves a `StorageRunRow`, the last 20 of each kind are kept; a dry
// run has the number 0 and leaves nothing but its answer. A backup is due `backup_interval_ms` after the last one that
// succeeded, whenever that was; a compaction in the hour `compaction_hour`. What is due while another job runs is begun
// when that has ended.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/hub/input.hpp"
#include "core/hub/request_call.hpp"
#include "core/state/context.hpp"

namespace agentcom::storage {

/// Stands for a backup's name where the data are what could be read of a damaged database.
inline constexpr std::string_view kSalvage = "salvage";

/// What there is to say about the stored data to whoever watches over it (alerts, /health).
struct Facts {
    std::optional<int64_t> last_backup_at;     ///< of the newest one that succeeded
    std::optional<int64_t> backup_age_ms;      ///< since then; nullopt: there is none
    bool backup_overdue = false;               ///< for more than twice the interval there was none
    std::string backup_failure;                ///< why the last attempt failed; "" = it did not
    std::optional<int64_t> last_compacted_at;  ///< of the last compaction that succeeded, skipped ones too
    int64_t database_bytes = 0;
    int64_t free_percent = 0;     ///< of it, in pages that hold nothing
    int64_t disk_free_bytes = 0;  ///< of the file system; meaningful once `measured_at` is not 0
    int64_t measured_at = 0;
    int64_t lost_rows = 0;   ///< that damaged databases cost, and that checks of this run have missed
    std::string damage;      ///< what is or was damaged, for people; "" = nothing
    int64_t checked_at = 0;  ///< when a background check has last gone through everything; 0: not in this run
};
Facts facts(const Context&);

/// After a restore, before anything else is looked at: nobody may go on with what the backup does not know. Generations
/// and the numbers of messages rise, cursors of events are void, tokens that were revoked since stay so.
void prepare_restored(Context&, const Started&);
/// At the start of a run, when tasks have their timers: sets those of storage care, and after a restore ends all
/// leases.
void started(Context&, const Started&);

/// What a job is about, and who waits for it.
struct Order {
    StorageJobKind kind{};
    std::string subject;
    bool scheduled = false;
    bool dry_run = false;
};
/// Begins a job for a request, which is answered when the job is done, or, unless it is a dry run, with 202 after
/// `storage_wait_ms`. 409 `storage_busy` while another one runs.
requests::Reply begin(const requests::Call&, Order);

void done(Context&, const StorageJobDone&);
void figures(Context&, const StorageFigures&);
void on_timer(Context&, const TimerRow&);

/// The newest run of this kind, or nullptr. `succeeded`: only of those that did.
const StorageRunRow* last_run(const Tables&, StorageJobKind, bool succeeded);

}  // namespace agentcom::storage
