// What a sender says about a message beside its payload.
//
// All of it is optional and none of it changes how a message is routed, but `expires_at`, which ends it as mail. It is
// kept in the message's row and handed on, where set, to whoever understands it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/protocol/encoding.hpp"
#include "core/protocol/validation.hpp"
#include "core/state/rows.hpp"

namespace agentcom {

struct Envelope {
    std::optional<std::string> thread_root;
    std::optional<std::string> importance;  ///< low, normal, high, urgent
    bool ack_required = false;
    std::optional<int64_t> ack_by;
    std::optional<int64_t> expires_at;
    std::optional<std::string> labels;  ///< JSON array of strings, not empty
};

struct EnvelopeCheck {
    Envelope envelope;               ///< without what is bad
    std::vector<FieldError> errors;  ///< values of the right type that mean nothing
};

/// Reads the fields of a `message` frame or of POST /api/message.
EnvelopeCheck read_envelope(const Arguments&, int64_t now_ms);

/// A stored message as it is sent. Views into the row.
MessageEntry entry_of(const MessageRow&);

}  // namespace agentcom
