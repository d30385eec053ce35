// The thread that does storage care beside a hub that serves: backups, verification, and what comes before a restore.
//
// Once a minute, at the start and after each job it also says how the files are. Compactions are the writer's, since
// they write to the database.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

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
    int64_t lost_rows = 0;  ///< of this run, for the figures
    std::string damage;
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

    /// How the files are now; any thread.
    static StorageFigures look(const StorageThreadOptions& options);

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace agentcom
