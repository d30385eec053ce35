// What validation finds fault with, counted: so that an operator sees which client sends what, before and after
// refusing it.
//
// Counts are kept by agent, operation and field, and the last failures and disconnects one by one; all in memory, for
// this run. Their number is bounded: beyond `kCountsMax` pairs of who and what, failures count for nobody in
// particular.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/protocol/validation.hpp"
#include "core/state/context.hpp"

namespace agentcom::validation_watch {

inline constexpr int64_t kCountsMax = 10'000;
inline constexpr int64_t kRecentFailures = 50;
inline constexpr int64_t kRecentDisconnects = 20;

/// Whether validation refuses (else it observes) what comes in this protocol version.
bool is_enforced(const Settings&, int64_t protocol_version);

/// Who sent something bad, to which operation ("" for none that there is).
struct Source {
    int64_t workspace = 0;
    std::string agent;  ///< "" before identify and without a token
    std::string_view operation;
    bool is_request = false;  ///< it came over HTTP
};

void failed(Context&, const Source&, const std::vector<FieldError>&, bool refused);
/// A connection was closed for too many failures.
void disconnected(Context&, const Source&);

/// The rows of a workspace and of those who never said who they are: counts by key, failures the latest first.
std::vector<const ValidationCountRow*> counts(const Context&, int64_t workspace);
std::vector<const ValidationFailureRow*> failures(const Context&, int64_t workspace);
std::vector<const ValidationFailureRow*> disconnects(const Context&, int64_t workspace);

}  // namespace agentcom::validation_watch
