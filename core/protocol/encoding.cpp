#include "core/protocol/encoding.hpp"

#include "core/base/assert.hpp"

namespace agentcom {
namespace {

json::Writer start_frame(std::string_view type) {
    json::Writer out;
    out.begin_object().member("type", type);
    return out;
}

std::string finish(json::Writer& out) { return out.end_object().take(); }

std::string agent_frame(std::string_view type, const AgentEntry& agent) {
    json::Writer out = start_frame(type);
    out.key("agent").begin_object();
    write_agent_members(out, agent);
    out.end_object();
    return finish(out);
}

}  // namespace

std::string error_frame(std::string_view code) {
    json::Writer out = start_frame("error");
    out.member("error", code);
    return finish(out);
}

std::string pong_frame(int64_t timestamp_ms) {
    json::Writer out = start_frame("pong");
    out.member("timestamp", timestamp_ms);
    return finish(out);
}

std::string identified_frame(std::string_view agent_id) {
    json::Writer out = start_frame("identified");
    out.member("agent_id", agent_id);
    return finish(out);
}

std::string identified_frame(std::string_view agent_id, const HubFacts& facts) {
    json::Writer out = start_frame("identified");
    out.member("agent_id", agent_id);
    out.member("protocol_version", facts.protocol_version).member("hub_version", facts.hub_version);
    out.key("features").begin_array();
    for (const std::string_view feature : facts.features) out.string(feature);
    out.end_array();
    out.member("mailbox_pending", facts.mailbox_pending);
    out.member("heartbeat_interval_ms", facts.heartbeat_interval_ms);
    return finish(out);
}

std::string message_sent_frame(std::string_view message_id) {
    json::Writer out = start_frame("message_sent");
    out.member("id", message_id);
    return finish(out);
}

std::string message_acked_frame(int64_t seq) {
    json::Writer out = start_frame("message_acked");
    out.member("seq", seq);
    return finish(out);
}

std::string unknown_recipient_frame(std::string_view to, const std::vector<std::string>& near) {
    json::Writer out = start_frame("error");
    out.member("error", "unknown_recipient").member("to", to).raw_member("near", json::encode_strings(near));
    return finish(out);
}

std::string status_updated_frame() {
    json::Writer out = start_frame("status_updated");
    return finish(out);
}

std::string task_ack_frame(std::string_view task_id, std::string_view status) {
    json::Writer out = start_frame("task_ack");
    out.member("task_id", task_id).member("status", status);
    return finish(out);
}

std::string task_continue_frame(std::string_view task_id, int64_t generation) {
    json::Writer out = start_frame("task_continue");
    out.member("task_id", task_id).member("generation", generation);
    return finish(out);
}

std::string task_reassign_frame(std::string_view task_id) {
    json::Writer out = start_frame("task_reassign");
    out.member("task_id", task_id);
    return finish(out);
}

std::string rate_limit_warning_frame(Tier tier, int64_t remaining, int64_t capacity) {
    json::Writer out = start_frame("rate_limit_warning");
    out.member("tier", tier_name(tier)).member("remaining", remaining).member("capacity", capacity);
    return finish(out);
}

std::string rate_limited_frame(Tier tier, int64_t retry_after_ms) {
    json::Writer out = start_frame("rate_limited");
    out.member("tier", tier_name(tier)).member("retry_after_ms", retry_after_ms);
    return finish(out);
}

std::string with_request_id(std::string frame, std::string_view request_id_raw) {
    if (request_id_raw.empty()) return frame;
    AGENTCOM_ASSERT(frame.size() > 2 && frame.back() == '}', "a reply is a JSON object with a type");
    frame.pop_back();
    frame += ",\"request_id\":";
    frame += request_id_raw;
    frame += '}';
    return frame;
}

void write_agent_members(json::Writer& out, const AgentEntry& agent) {
    out.member("agent_id", agent.agent_id).member("name", agent.name).member("status", agent.status);
    out.raw_member("capabilities", agent.capabilities_raw).member("connected_at", agent.connected_at_ms);
}

std::string agents_frame(std::span<const AgentEntry> agents) {
    json::Writer out = start_frame("agents");
    out.key("agents").begin_array();
    for (const AgentEntry& agent : agents) {
        out.begin_object();
        write_agent_members(out, agent);
        out.end_object();
    }
    out.end_array();
    return finish(out);
}

std::string agent_joined_frame(const AgentEntry& agent) { return agent_frame("agent_joined", agent); }

std::string agent_left_frame(std::string_view agent_id) {
    json::Writer out = start_frame("agent_left");
    out.member("agent_id", agent_id);
    return finish(out);
}

std::string status_changed_frame(const AgentEntry& agent) { return agent_frame("status_changed", agent); }

void write_envelope_members(json::Writer& out, const MessageEntry& message) {
    if (message.thread_root) out.member("thread_root", *message.thread_root);
    if (message.importance) out.member("importance", *message.importance);
    if (message.ack_required) out.member("ack_required", true);
    if (message.ack_by_ms) out.member("ack_by", *message.ack_by_ms);
    if (message.expires_at_ms) out.member("expires_at", *message.expires_at_ms);
    if (message.labels_raw) out.raw_member("labels", *message.labels_raw);
}

std::string message_frame(const MessageEntry& message, std::optional<int64_t> seq) {
    json::Writer out = start_frame(message.channel ? "channel_message" : "message");
    if (message.channel) out.member("channel", *message.channel);
    out.member("id", message.id).member("from", message.from).member("message_type", message.message_type);
    out.raw_member("payload", message.payload_raw).member("reply_to", message.reply_to);
    out.member("timestamp", message.timestamp_ms);
    if (seq) {
        out.member("seq", *seq);
        if (message.channel) out.member("channel_seq", message.channel_seq);
        write_envelope_members(out, message);
    }
    return finish(out);
}

void write_message(json::Writer& out, const MessageEntry& message, std::optional<int64_t> seq) {
    out.begin_object();
    if (seq) out.member("seq", *seq);
    out.member("id", message.id).member("from", message.from).member("to", message.to);
    out.member("type", message.message_type).raw_member("payload", message.payload_raw);
    out.member("reply_to", message.reply_to).member("timestamp", message.timestamp_ms);
    if (message.channel) out.member("channel", *message.channel).member("channel_seq", message.channel_seq);
    write_envelope_members(out, message);
    out.end_object();
}

std::string channel_subscribed_frame(std::string_view channel, bool already) {
    json::Writer out = start_frame("channel_subscribed");
    out.member("channel", channel);
    if (already) out.member("note", "already_subscribed");
    return finish(out);
}

std::string channel_unsubscribed_frame(std::string_view channel) {
    json::Writer out = start_frame("channel_unsubscribed");
    out.member("channel", channel);
    return finish(out);
}

std::string channel_published_frame(std::string_view channel, int64_t channel_seq, std::string_view message_id) {
    json::Writer out = start_frame("channel_published");
    out.member("channel", channel).member("seq", channel_seq).member("id", message_id);
    return finish(out);
}

std::string channel_agent_joined_frame(std::string_view channel, std::string_view agent_id) {
    json::Writer out = start_frame("channel_agent_joined");
    out.member("channel", channel).member("agent_id", agent_id);
    return finish(out);
}

void write_channel_members(json::Writer& out, const ChannelEntry& channel) {
    out.member("name", channel.name).member("description", channel.description);
    out.member("subscriber_count", channel.member_count).member("created_at", channel.created_at_ms);
}

std::string channels_frame(std::span<const ChannelEntry> channels) {
    json::Writer out = start_frame("channels");
    out.key("channels").begin_array();
    for (const ChannelEntry& channel : channels) {
        out.begin_object();
        write_channel_members(out, channel);
        out.end_object();
    }
    out.end_array();
    return finish(out);
}

void write_channel_message(json::Writer& out, const MessageEntry& message) {
    MessageEntry inner = message;
    inner.channel.reset();
    out.begin_object().member("seq", message.channel_seq).key("message");
    write_message(out, inner, std::nullopt);
    out.member("stored_at", message.timestamp_ms).end_object();
}

std::string channel_history_frame(std::string_view channel, std::span<const MessageEntry> messages) {
    json::Writer out = start_frame("channel_history");
    out.member("channel", channel).key("messages").begin_array();
    for (const MessageEntry& message : messages) write_channel_message(out, message);
    out.end_array();
    return finish(out);
}

std::string payload_with_channel(std::string_view payload_raw, std::string_view channel) {
    json::Writer out;
    out.begin_object();
    for (const json::Member& member : json::all_members(payload_raw)) {
        if (member.key != "channel") out.key(member.key).raw(member.value.raw);
    }
    return out.member("channel", channel).end_object().take();
}

std::string task_assign_frame(std::string_view task_id, std::string_view description, std::string_view metadata_raw,
                              int64_t generation, int64_t assigned_at_ms) {
    json::Writer out = start_frame("task_assign");
    out.member("task_id", task_id).member("description", description).raw_member("metadata", metadata_raw);
    out.member("generation", generation).member("assigned_at", assigned_at_ms);
    return finish(out);
}

std::string unknown_recipient_body(std::string_view to, const std::vector<std::string>& near) {
    json::Writer out;
    out.begin_object().member("error", "unknown_recipient").member("to", to);
    return out.raw_member("near", json::encode_strings(near)).end_object().take();
}

std::string error_body(std::string_view code) {
    json::Writer out;
    return out.begin_object().member("error", code).end_object().take();
}

std::string unauthorized_body(Auth auth) {
    json::Writer out;
    out.begin_object().member("error", "unauthorized");
    if (auth == Auth::strict) out.member("hint", "provide Authorization: Bearer <token>");
    return out.end_object().take();
}

std::string rate_limited_body(Tier tier, int64_t retry_after_ms) {
    json::Writer out;
    out.begin_object().member("error", "rate_limited").member("retry_after_ms", retry_after_ms);
    return out.member("tier", tier_name(tier)).end_object().take();
}

}  // namespace agentcom
