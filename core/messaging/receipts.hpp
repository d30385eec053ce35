// When mail was pushed, read and acknowledged.
//
// A receipt says of a whole lot of mail how far it came: all of an agent's mail between two numbers. The mailbox makes
// one where it writes its own row anyway (a flush of pushes, an acknowledgement, a read), so that an ordinary message
// costs no row but its own. What became of one message is put together from the lots that hold it and from the mailbox
// as it now stands: the mailbox knows what is done, receipts only say when.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.hpp"
#include "core/state/context.hpp"

namespace agentcom::receipts {

/// Appends one receipt, of now.
void note(Context&, int64_t workspace, const std::string& agent, ReceiptKind, int64_t first_seq, int64_t last_seq);

/// A message's way to one recipient.
struct Delivery {
    std::string agent;
    std::string_view state;  ///< stored, pushed, read, acked, expired, undeliverable
    int64_t stored_at = 0;
    std::optional<int64_t> pushed_at;
    std::optional<int64_t> read_at;
    std::optional<int64_t> acked_at;
};

/// `receipts` are those of lots that hold the message: of the agent, and, of a broadcast, those of "" as well.
Delivery delivery(const Context&, const MessageRow&, const std::string& agent, const std::vector<ReceiptRow>& receipts);

void write(json::Writer&, const Delivery&);

}  // namespace agentcom::receipts
