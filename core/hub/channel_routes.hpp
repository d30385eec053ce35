// Channels over HTTP.
#pragma once

#include "core/hub/request_call.hpp"

namespace agentcom::requests {

Reply on_channel_list(const Call&);
Reply on_channel_create(const Call&);
Reply on_channel_get(const Call&);
Reply on_channel_subscribe(const Call&);
Reply on_channel_unsubscribe(const Call&);
Reply on_channel_publish(const Call&);
Reply on_channel_history(const Call&);
Reply on_agent_subscriptions(const Call&);

/// What the store gave; `name` is the channel's as the client wrote it.
Answer channel_history_answer(QueryResult result, const std::string& name);

}  // namespace agentcom::requests
