// The thread that commits: batches go in, one report per transaction comes out.
//
// All batches that wait are joined into one transaction. A failure stops the flow: the refused batches come back with
// the report, and what is submitted from then on is dropped, because the hub undoes those turns too. The server then
//   1. applies `CommitFailed{report.turn}` to the hub,
//   2. calls `resume(correction_for(report.refused, current row of the hub))`,
//   3. waits for `recovered` (tried at once and then every second) and applies `StorageRecovered`.
//
// A second thread copies the WAL into the database, so that commits do not wait for it; the writer only finishes the
// last few pages, which lets SQLite begin the WAL anew.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "native-server/store/store.hpp"

namespace agentcom {

struct WriterReport {
    enum class Kind : uint8_t {
        committed,        ///< all batches up to and including `turn` are in the store for good
        failed,           ///< `turn` and all later ones are not
        recovered,        ///< writes are possible again
        beyond_recovery,  ///< the file is in no known state: stop the hub, `text` says why
        compacted,        ///< the compaction that was asked for has ended, `text` says what failed
        upkeep_failed     ///< for the log: a checkpoint or a pruning slice; commits go on and files grow
    };
    Kind kind = Kind::committed;
    int64_t turn = 0;
    StoreFailure category = StoreFailure::other;  ///< of `failed`, `beyond_recovery` and `upkeep_failed`
    std::string text;
    std::vector<Batch> refused;  ///< of `failed`: the batches of the refused transaction
    int64_t batches = 0;         ///< of `committed`: how many batches the transaction joined
    int64_t commit_us = 0;       ///< of `committed`: how long it took
    std::string result = {};     ///< of `compacted`: JSON object {freed_bytes, duration_ms, reason?}
};

/// Giving free pages back to the file system, in slices between commits.
struct Compaction {
    int64_t threshold_percent = 0;  ///< of free pages, below which nothing is done
    bool idle_only = false;         ///< only while nothing waits to be committed, ...
    int64_t patience_ms = 0;        ///< ... and given up after so long
};

struct WriterOptions {
    int64_t checkpoint_bytes = 8 * 1024 * 1024;  ///< WAL size that starts a checkpoint under load
    int64_t idle_ms = 1'000;                     ///< quiet time after which a checkpoint is made anyway
    int64_t probe_ms = 1'000;                    ///< time between attempts to recover
};

class WriterThread {
  public:
    /// `report` is called on the writer thread, and `upkeep_failed` on the checkpoint's thread too, so it must lock; it
    /// must not call back into this object. The store belongs to this object until `stop` has returned.
    WriterThread(SqliteStore& store, std::function<void(WriterReport)> report, WriterOptions options = {});
    /// Stops.
    ~WriterThread();
    WriterThread(const WriterThread&) = delete;
    WriterThread& operator=(const WriterThread&) = delete;

    /// Takes a batch; turns must ascend. An empty batch is acknowledged in its order and costs no commit by itself.
    void submit(Batch batch);
    /// Reports `compacted` in the end. One at a time: a second one takes the place of the first, which is not reported.
    void compact(Compaction what);
    /// After `failed`: begins to try to recover.
    void resume(std::vector<RowChange> correction);
    /// Commits what waits, reports it, ends the threads. The store stays open.
    void stop();

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace agentcom
