// The log of messages over HTTP: finding them, and the threads they form.
#pragma once

#include "core/hub/request_call.hpp"

namespace agentcom::requests {

Reply on_message_find(const Call&);
Reply on_thread(const Call&);
Reply on_thread_replies(const Call&);
Reply on_thread_root(const Call&);

/// What the store gave; `detail` is the pending request's, without the request's number.
Answer messages_answer(const Context&, const PendingRow&, QueryResult result, std::string detail);
Answer thread_answer(QueryResult result, std::string detail);

}  // namespace agentcom::requests
