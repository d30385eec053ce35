// The texts the hub sends: frames, and the JSON objects they share with HTTP bodies.
//
// Pure functions from values to text. Key sets are exactly those of AgentCom v1.1; absent values are written as null,
// never left out. Parameters called *_raw are JSON already and go out byte for byte. Times are Unix milliseconds.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.hpp"
#include "core/protocol/operation.hpp"

namespace agentcom {

// -- Frames: replies --------------------------------------------------------------------------------------------------

// {"type":"error","error":code}
std::string error_frame(std::string_view code);
std::string pong_frame(int64_t timestamp_ms);
// Protocol 1.
std::string identified_frame(std::string_view agent_id);

// What `identified` says beyond the agent's id in protocol 2.
struct HubFacts {
    int64_t protocol_version = 2;
    std::string_view hub_version;
    std::span<const std::string_view> features;
    int64_t mailbox_pending = 0;
    int64_t heartbeat_interval_ms = 0;
};
std::string identified_frame(std::string_view agent_id, const HubFacts& facts);

std::string message_sent_frame(std::string_view message_id);
std::string message_acked_frame(int64_t seq);
// The error for a message to a name nobody has, with names that may have been meant.
std::string unknown_recipient_frame(std::string_view to, const std::vector<std::string>& near);
std::string status_updated_frame();
// `status` on the wire: accepted, complete, retried, dead_letter, rejected.
std::string task_ack_frame(std::string_view task_id, std::string_view status);
std::string task_continue_frame(std::string_view task_id, int64_t generation);
std::string task_reassign_frame(std::string_view task_id);
std::string rate_limit_warning_frame(Tier tier, int64_t remaining, int64_t capacity);
std::string rate_limited_frame(Tier tier, int64_t retry_after_ms);

// Adds `request_id` to a reply, for sessions of protocol 2. `frame` is a non-empty JSON object without white space
// after it; an empty request_id_raw changes nothing.
std::string with_request_id(std::string frame, std::string_view request_id_raw);

// -- Frames: agents ---------------------------------------------------------------------------------------------------

// An agent as presence shows it. Name, status and capabilities may be null, when identify said so.
struct AgentEntry {
    std::string_view agent_id;
    std::optional<std::string_view> name;
    std::optional<std::string_view> status;
    std::string_view capabilities_raw = "[]";  // a list of strings, or "null"
    int64_t connected_at_ms = 0;
};

// The five members of an agent, without the braces, so that HTTP lists can add to them.
void write_agent_members(json::Writer& out, const AgentEntry& agent);

std::string agents_frame(std::span<const AgentEntry> agents);
std::string agent_joined_frame(const AgentEntry& agent);
std::string agent_left_frame(std::string_view agent_id);
std::string status_changed_frame(const AgentEntry& agent);

// -- Messages ---------------------------------------------------------------------------------------------------------

struct MessageEntry {
    std::string_view id;
    std::string_view from;
    std::optional<std::string_view> to;  // none for a broadcast
    std::string_view message_type = "chat";
    std::string_view payload_raw = "{}";
    std::optional<std::string_view> reply_to;
    int64_t timestamp_ms = 0;
    // The envelope: keys that are written only where they are set, and not to protocol 1.
    std::optional<std::string_view> thread_root;
    std::optional<std::string_view> importance;
    bool ack_required = false;
    std::optional<int64_t> ack_by_ms;
    std::optional<int64_t> expires_at_ms;
    std::optional<std::string_view> labels_raw;
    // Where it was published to, and its number there.
    std::optional<std::string_view> channel;
    int64_t channel_seq = 0;
};

// The envelope's members, without braces.
void write_envelope_members(json::Writer& out, const MessageEntry& message);

// The push: `message_type`, and no `to`; of a channel's message a channel_message. Protocol 2 is given `seq` (and
// `channel_seq`), and then the envelope.
std::string message_frame(const MessageEntry& message, std::optional<int64_t> seq = std::nullopt);

// The object that mailboxes and listings hold: `type`, `to`, the envelope, and `seq` when given; of a channel's message
// `channel` and `channel_seq`.
void write_message(json::Writer& out, const MessageEntry& message, std::optional<int64_t> seq);

// -- Channels ---------------------------------------------------------------------------------------------------------

// `channel` as the client wrote it.
std::string channel_subscribed_frame(std::string_view channel, bool already);
std::string channel_unsubscribed_frame(std::string_view channel);
std::string channel_published_frame(std::string_view channel, int64_t channel_seq, std::string_view message_id);
// The push to other members; `channel` as it is stored.
std::string channel_agent_joined_frame(std::string_view channel, std::string_view agent_id);

struct ChannelEntry {
    std::string_view name;
    std::string_view description;
    int64_t member_count = 0;
    int64_t created_at_ms = 0;
};
void write_channel_members(json::Writer& out, const ChannelEntry& channel);
std::string channels_frame(std::span<const ChannelEntry> channels);

// Of a channel's history: {"seq","message","stored_at"}, with the seven keys of v1.1 in `message`, then the envelope.
void write_channel_message(json::Writer& out, const MessageEntry& message);
std::string channel_history_frame(std::string_view channel, std::span<const MessageEntry> messages);

// A payload as v1.1's mailboxes show it: with the channel in it.
std::string payload_with_channel(std::string_view payload_raw, std::string_view channel);

// -- Tasks ------------------------------------------------------------------------------------------------------------

std::string task_assign_frame(std::string_view task_id, std::string_view description, std::string_view metadata_raw,
                              int64_t generation, int64_t assigned_at_ms);

// -- HTTP bodies ------------------------------------------------------------------------------------------------------

// The body of a 404 for such a message.
std::string unknown_recipient_body(std::string_view to, const std::vector<std::string>& near);
// {"error":code}
std::string error_body(std::string_view code);
// The body of a 401, which has a hint on strict routes.
std::string unauthorized_body(Auth auth);
// The body of a 429.
std::string rate_limited_body(Tier tier, int64_t retry_after_ms);

}  // namespace agentcom
