// Events on their way to receivers outside the hub: webhooks (core/observe/webhooks.hpp) and browsers
// (core/observe/push.hpp).
//
// An event that a receiver has chosen becomes a durable row in the turn of the event. The machine is asked to send it
// (`Deliver`) once that turn is committed, and tells what came of it (`Delivered`). A delivery may be repeated, after a
// crash or when an answer was lost; all attempts bear the same name. At most `kAtATime` deliveries of a receiver are on
// their way. Deliveries begin in the order of their events.
//
// Rest belongs to the receiver, not to the delivery: after a failed attempt the receiver is left alone, for longer each
// time, and then tried with its oldest delivery alone. So a server that is down costs one attempt at a time, whatever
// waits for it. A delivery ends when it is taken, when its receiver will never take it, after `delivery_attempts`
// attempts or after `delivery_ttl_ms`. When too many wait, further events are left out, and the next delivery of a
// webhook tells behind which event.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/state/context.hpp"

namespace agentcom::deliveries {

inline constexpr size_t kAtATime = 4;
/// Attempts in a row that fail until a receiver counts as failing.
inline constexpr int64_t kFailuresToTell = 3;

struct Name {
    int64_t workspace = 0;
    std::string receiver;
    int64_t seq = 0;
};

/// What an attempt came to: the fields of `Delivered`.
struct Outcome {
    int64_t status = 0;
    int64_t retry_after_ms = 0;
    std::string error;
};

enum class Verdict : uint8_t {
    delivered,
    again,    ///< later
    refused,  ///< the receiver lives, and will never take this one
    gone,     ///< there is no such receiver any more
};
Verdict judge(std::string_view receiver, int64_t status);

/// Queues what the input at hand announced, for everybody who has chosen it.
void announce(Context&);
/// Queues one event for one receiver, whatever it has chosen. Nothing happens if there is no such receiver.
void queue(Context&, const std::string& receiver, const EventRow& event);

/// The machine has done with an attempt.
void done(Context&, const Name&, const Outcome&);
/// A receiver has rested (TimerKind::delivery).
void on_timer(Context&, const TimerRow&);
/// Goes on with everything that waits: when the hub starts, and when the store takes writes again.
void resume(Context&);
/// Turns were taken back, and with them perhaps what was on its way: all that waits is sent when the store has
/// recovered.
void commit_failed(Context&);

/// Ends what waits for a receiver, and forgets how it went with it.
void stop(Context&, int64_t workspace, const std::string& receiver);
/// The same, and nothing is known of its deliveries any more.
void forget(Context&, int64_t workspace, const std::string& receiver);

/// How many deliveries of a receiver have not ended.
int64_t count_waiting(const Context&, int64_t workspace, const std::string& receiver);
/// The deliveries of a receiver, the newest event first.
std::vector<DeliveryRow> list(const Context&, int64_t workspace, const std::string& receiver);

}  // namespace agentcom::deliveries
