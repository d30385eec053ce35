// Something that happened and that figures are made of (core/observe/metrics.hpp).
//
// Operations note facts on their Context. They count once their turn is committed, and never if it is taken back or if
// the input fails. What rests on no row (`refused`, `invalid`, `bad_frame`) counts as soon as the input has been
// applied: its turn may have nothing to commit, and while the store fails no turn has.
#pragma once

#include <cstdint>
#include <string>

#include "core/state/rows.hpp"

namespace agentcom {

struct Fact {
    enum class What : uint8_t {
        event,        ///< `text` is the kind of an event that was appended
        queue_wait,   ///< a task was given out after `ms` in the queue; `text` is the agent
        lease_ended,  ///< after `ms`, with `outcome`; `text` is the agent
        tokens_used,  ///< `ms` tokens by a task that completed
        refused,      ///< a rate limit refused a frame or request
        invalid,      ///< validation found fault with a frame or request
        bad_frame,    ///< and refused it, a frame; `text` is the agent, "" if it has not said
    };
    What what{};
    int64_t workspace = 0;
    std::string text;
    int64_t ms = 0;
    Outcome outcome = Outcome::completed;
};

}  // namespace agentcom
