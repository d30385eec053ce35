// Messages and mailboxes over HTTP.
#pragma once

#include "core/hub/request_call.hpp"

namespace agentcom::requests {

Reply on_message_send(const Call&);
Reply on_mailbox_read(const Call&);
Reply on_mailbox_ack(const Call&);

/// The rows of a mailbox that was read.
Answer mailbox_answer(QueryResult result, int64_t since, const std::string& agent);

}  // namespace agentcom::requests
