// Handlers of storage care (core/hub/storage_jobs.hpp), and the answers to requests that waited for a job.
//
// v1.1 had nine files; here one database holds all. Its nine table names stay: they are reported one by one, and what
// is done for one of them is done for all.
#pragma once

#include "core/hub/request_call.hpp"

namespace agentcom::requests {

Reply on_backup(const Call&);
Reply on_storage_health(const Call&);
Reply on_compact(const Call&);
Reply on_compact_table(const Call&);
Reply on_restore_table(const Call&);
Reply on_storage(const Call&);
Reply on_backup_list(const Call&);
Reply on_backup_verify(const Call&);
Reply on_backup_restore(const Call&);

/// The rows that GET /api/admin/dets-health asked for.
Answer storage_health_answer(const Context&, const QueryResult&);
/// How the storage is and was cared for, as GET /api/metrics and the dashboard's state say it; null: the machine has
/// not counted yet.
void write_storage_health(json::Writer&, const Context&);
/// The compactions that are kept, the newest first.
void write_compactions(json::Writer&, const Context&);
/// What the request is told that waited for this job.
Answer storage_answer(const StorageJobRow&, const StorageRunRow&);
/// 202: the job takes longer than the request may wait.
Answer storage_goes_on(const StorageJobRow&);

/// How an ended compaction and an ended backup went, table by table.
void write_compaction_results(json::Writer&, const StorageRunRow&);
void write_backup_results(json::Writer&, const StorageRunRow&);
/// The tables as the machine has last counted them; empty: it has not yet.
void write_care_tables(json::Writer&, const StorageStateRow&);

}  // namespace agentcom::requests
