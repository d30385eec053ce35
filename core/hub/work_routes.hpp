// Work without a session: a program claims a task over HTTP and reports about it, as the frames of a socket do.
#pragma once

#include "core/hub/request_call.hpp"

namespace agentcom::requests {

Reply on_task_claim(const Call&);
Reply on_task_accept(const Call&);
Reply on_task_progress(const Call&);
Reply on_task_complete(const Call&);
Reply on_task_fail(const Call&);
Reply on_task_release(const Call&);

/// The rows of a task that was claimed under this generation.
Answer claimed_answer(QueryResult result, int64_t generation);
/// Answers the claims that got a task in this input, or whose time is over.
void answer_claims(Context&);
/// A claim's time is over, or its client has gone (then nobody hears the answer).
void expire_claim(Context&, RequestId);
/// A token has ended: the claims that it made get 401.
void end_claims_of_token(Context&, const std::string& token_sha256);

}  // namespace agentcom::requests
