// Who may do how much: takes tokens, and remembers who was refused.
//
//     const limiter::Verdict verdict = limiter::take(ctx, limits::agent_party(1, "ann"), limits::Channel::ws,
//     operation); if (!verdict.allowed) return refuse(verdict.retry_after_ms);
//
// Who is refused is told how long to wait, and is refused until then: until the next token, and with the setting
// `limit_backoff` at least 1, 2, 5, 10, then 30 s for one refusal after another. What is asked for during the wait does
// not prolong it. After `limit_quiet_ms` without a refusal all is forgotten.
//
// Buckets are bounded in number: those that are full again are swept away, and when there are too many all the same,
// newcomers of a kind (agents, addresses) share one bucket. Nobody who has a bucket loses it to a newcomer.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/access/limits.hpp"
#include "core/protocol/operation.hpp"
#include "core/state/context.hpp"

namespace agentcom::limiter {

/// Buckets that agents may have in all, and addresses.
inline constexpr int64_t kBucketsMax = 100'000;

struct Verdict {
    bool allowed = true;
    bool warn = false;  ///< less than a fifth is left
    Tier tier = Tier::none;
    int64_t remaining = 0;
    int64_t capacity = 0;
    int64_t retry_after_ms = 0;  ///< when refused: until then everything is, in whole seconds
    bool first_refusal = false;  ///< since the last quiet period: worth a line in the log
};

/// Takes a token for an operation. A report about a task is always allowed, and warned about.
Verdict take(Context&, const limits::Party&, limits::Channel, const Operation&);

/// For a frame on a connection that has not identified, whatever it holds.
Verdict take_unidentified(Context&, ConnectionId, std::string_view address);
/// For a request of nobody in particular that is no good.
Verdict take_bad_request(Context&, std::string_view address);
/// For a missing or wrong token. A right one is never refused for the wrong ones of others at the same address: tokens
/// have 256 bits, so that guessing leads nowhere, and one misconfigured program must not lock out its neighbours.
Verdict take_failed_login(Context&, std::string_view address);
/// The connection is gone, and its bucket with it.
void forget_connection(Context&, ConnectionId);

/// How it stands with a party; nothing changes.
struct Standing {
    struct Bucket {
        limits::Channel channel;
        std::string_view limit_name;
        int64_t remaining;
        int64_t capacity;
    };
    std::vector<Bucket> buckets;  ///< those of the tiers, where they count; of operations those in use
    int64_t consecutive = 0;
    int64_t total = 0;
    bool limited = false;  ///< was refused something, and has not been quiet since
    bool exempt = false;
};
Standing standing(const Context&, const limits::Party&);
/// Who was refused something and has not been quiet since, those with the most refusals first.
std::vector<limits::Party> most_refused(const Context&, int64_t workspace, size_t at_most);

/// Milliseconds until the last refusal of the party is `within_ms` old; 0: it is, or there was none.
int64_t refused_left_ms(const Context&, const limits::Party&, int64_t within_ms);

/// Drops some buckets that are full again and their owners' forgotten refusals, and comes back for the rest.
void sweep(Context&, const TimerRow&);

}  // namespace agentcom::limiter
