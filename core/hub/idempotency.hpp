// The same request twice: the first answer again.
//
// A key belongs to a principal and an operation. Its record (hash of the request, the answer) is written in the turn
// that did the work, so both survive or neither does. Only success is recorded: a refused request may be tried again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/state/context.hpp"

namespace agentcom::idempotency {

struct Key {
    int64_t workspace = 0;
    std::string principal;
    std::string operation;
    std::string key;        ///< as the client chose it; "" = none
    std::string body_hash;  ///< of everything that makes the request the same one
};

/// The record of a key, if there is one that has not expired.
const IdempotencyRow* find(const Context&, const Key&);
/// Whether the record is of another request.
bool conflicts(const IdempotencyRow&, const Key&);
void record(Context&, const Key&, int64_t status, std::string answer);

/// Forgets what has expired.
void expire(Context&);

}  // namespace agentcom::idempotency
