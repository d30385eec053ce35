// The thread that does storage care beside a hub that serves: backups, verification, and what comes before a restore.
//
// Once a minute, at the start and after each job it also says how the files are; meanwhile it reads every row in the
// background (background_check.hpp). Compactions are the writer's, since they write to the database.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/hub/input.hpp"
#include "core/state/effect.hpp"
#include "native-server/store/backup.hpp"

namespace agentcom {

struct StorageThreadOptions {
    std::string data_directory;
    std::string backups;
    std::string copy_to;  ///< a second directory that gets each backup, "" = none
    std::string hub_version;
    BackupTiers tiers;
    int64_t pace_percent = 50;
    int64_t figures_ms = 60'000;
    std::string damage;  ///< that this start has found, for the figures
    std::vector<std::string>
        copy_command;  ///< run after each backup, with its directory as the last word; empty = none
    int64_t copy_command_timeout_ms = 600'000;
    int64_t row_check_interval_ms = 0;  ///< between background checks, the first of them at once; 0: none
    int64_t check_pace_percent = 5;
};

class StorageThread {
  public:
    /// `report` is called on this thread, with `StorageJobDone` and `StorageFigures`.
    StorageThread(StorageThreadOptions options, std::function<void(InputBody)> report);
    /// Stops.
    ~StorageThread();
    StorageThread(const StorageThread&) = delete;
    StorageThread& operator=(const StorageThread&) = delete;

    /// A job other than a compaction.
    void submit(StorageJob job);
    /// Ends the thread; a job at work is broken off, leaves nothing, and is not reported.
    void stop();

    /// How the files are now, with what this thread has found so far; any thread.
    StorageFigures look() const;
    /// The same before there is a thread.
    static StorageFigures look(const StorageThreadOptions& options);

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace agentcom
