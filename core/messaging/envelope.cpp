#include "core/messaging/envelope.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "core/base/json.hpp"

namespace agentcom {

namespace {

constexpr std::array<std::string_view, 4> kImportances = {"low", "normal", "high", "urgent"};

FieldError bad_value(std::string field, std::string detail, std::string value_raw) {
    FieldError error;
    error.field = std::move(field);
    error.error = "invalid_value";
    error.detail = std::move(detail);
    error.value_raw = std::move(value_raw);
    return error;
}

}  // namespace

EnvelopeCheck read_envelope(const Arguments& arguments, int64_t now_ms) {
    EnvelopeCheck check;
    Envelope& envelope = check.envelope;
    envelope.ack_by = arguments.integer("ack_by");
    envelope.ack_required = arguments.boolean("ack_required").value_or(false);
    envelope.expires_at = arguments.integer("expires_at");
    if (envelope.expires_at && *envelope.expires_at <= now_ms) {
        check.errors.push_back(bad_value("expires_at", "lies in the past", std::to_string(*envelope.expires_at)));
        envelope.expires_at.reset();
    }
    envelope.importance = arguments.string("importance");
    if (envelope.importance &&
        std::find(kImportances.begin(), kImportances.end(), *envelope.importance) == kImportances.end()) {
        check.errors.push_back(
            bad_value("importance", "is none of low, normal, high, urgent", json::encode_string(*envelope.importance)));
        envelope.importance.reset();
    }
    if (arguments.has("labels")) {
        const std::vector<std::string> labels = arguments.string_list("labels");
        if (!labels.empty()) envelope.labels = json::encode_strings(labels);
    }
    envelope.thread_root = arguments.string("thread_root");
    return check;
}

MessageEntry entry_of(const MessageRow& row) {
    MessageEntry entry;
    entry.id = row.id;
    entry.from = row.sender;
    if (row.recipient) entry.to = *row.recipient;
    entry.message_type = row.type;
    entry.payload_raw = row.payload.bytes;
    if (row.reply_to) entry.reply_to = *row.reply_to;
    entry.timestamp_ms = row.sent_at;
    if (row.thread_root) entry.thread_root = *row.thread_root;
    if (row.importance) entry.importance = *row.importance;
    entry.ack_required = row.ack_required;
    entry.ack_by_ms = row.ack_by;
    if (row.expires_set) entry.expires_at_ms = row.expires_at;
    if (row.labels) entry.labels_raw = *row.labels;
    if (row.of_channel()) {
        entry.channel = *row.channel;
        entry.channel_seq = row.channel_seq;
    }
    return entry;
}

}  // namespace agentcom
