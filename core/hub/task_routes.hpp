// Tasks as those see them who ask for work: submit, look, cancel, retry.
#pragma once

#include "core/hub/request_call.hpp"

namespace agentcom::requests {

Reply on_task_submit(const Call&);
Reply on_task_list(const Call&);
Reply on_task_dead_letters(const Call&);
Reply on_task_get(const Call&);
Reply on_task_stats(const Call&);
Reply on_task_retry(const Call&);
Reply on_task_cancel(const Call&);
Reply on_task_cancel_gently(const Call&);
Reply on_task_say(const Call&);
Reply on_task_batch(const Call&);
Reply on_task_output(const Call&);

/// The rows of a listing, of one task, of its output, and of the counts.
Answer tasks_answer(Context& ctx, QueryResult result, int64_t limit);
Answer task_answer(Context& ctx, QueryResult result, const std::string& task_id);
Answer output_answer(Context& ctx, const PendingRow& pending, QueryResult result, std::string detail);
Answer stats_answer(const Context& ctx, const PendingRow& pending, const QueryResult& result);

}  // namespace agentcom::requests
