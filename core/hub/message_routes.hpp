// Messages and mailboxes over HTTP.
#pragma once

#include "core/hub/request_call.hpp"

namespace agentcom::requests {

Reply on_message_send(const Call&);
Reply on_message_sent(const Call&);
Reply on_message_deliveries(const Call&);
Reply on_mailbox_read(const Call&);
Reply on_mailbox_ack(const Call&);

/// What the store gave; `detail` is the pending request's, without the request's number.
Answer mailbox_answer(Context&, const PendingRow&, QueryResult result, std::string detail);
Answer sent_answer(const Context&, QueryResult result, int64_t limit);
Answer deliveries_answer(const Context&, QueryResult result, std::string detail);

}  // namespace agentcom::requests
