#include "core/messaging/receipts.hpp"

#include <algorithm>

#include "core/messaging/mailbox.hpp"

namespace agentcom::receipts {

namespace {

constexpr int64_t kPruneLot = 1'000;

void keep_earliest(std::optional<int64_t>& at, int64_t other) { at = std::min(at.value_or(other), other); }

/// What happened after the mail had ended did not happen to it: lots cover all numbers between two, those that others
/// or earlier lots ended too.
void drop_later(std::optional<int64_t>& at, int64_t end) {
    if (at && *at > end) at.reset();
}

}  // namespace

void note(Context& ctx, int64_t workspace, const std::string& agent, ReceiptKind kind, int64_t first_seq,
          int64_t last_seq) {
    AGENTCOM_ASSERT(first_seq <= last_seq, "a receipt is of at least one number");
    ReceiptRow receipt;
    receipt.workspace = workspace;
    receipt.agent = agent;
    receipt.kind = kind;
    receipt.first_seq = first_seq;
    receipt.last_seq = last_seq;
    receipt.at = ctx.now.wall_ms;
    ctx.tables.modify<WorkspaceRow>({workspace}, [&](WorkspaceRow& row) {
        receipt.seq = ++row.receipt_seq;
        if (row.receipt_seq - row.receipts_pruned < ctx.settings.receipt_history + kPruneLot) return;
        row.receipts_pruned += kPruneLot;
        ctx.tables.prune(Prune{Prune::What::receipts, workspace, row.receipts_pruned, {}});
    });
    ctx.tables.append(receipt);
}

Delivery delivery(const Context& ctx, const MessageRow& message, const std::string& agent,
                  const std::vector<ReceiptRow>& receipts) {
    Delivery delivery;
    delivery.agent = agent;
    delivery.stored_at = message.sent_at;
    std::optional<int64_t> dropped_at;
    for (const ReceiptRow& receipt : receipts) {
        const bool pushed = receipt.kind == ReceiptKind::pushed || receipt.kind == ReceiptKind::delivered;
        const bool acked = receipt.kind == ReceiptKind::acked || receipt.kind == ReceiptKind::delivered;
        if (pushed) keep_earliest(delivery.pushed_at, receipt.at);
        if (acked) keep_earliest(delivery.acked_at, receipt.at);
        if (receipt.kind == ReceiptKind::read) keep_earliest(delivery.read_at, receipt.at);
        if (receipt.kind == ReceiptKind::dropped) keep_earliest(dropped_at, receipt.at);
    }
    const MailRow* mail =
        ctx.tables.find<MailRow>({message.workspace, message.recipient.value_or(std::string{}), message.seq});
    const bool done = !mailbox::is_mail(message) || mailbox::is_done(ctx.tables, message.workspace, agent, message.seq);
    // An acknowledgement also covers the numbers of what was lost before it. Direct mail that is acknowledged cannot be
    // lost any more; a broadcast's mail is lost for all at once, also for those who are done with it.
    const bool lost_first =
        dropped_at && (delivery.acked_at ? *delivery.acked_at > *dropped_at : message.recipient.has_value());
    const bool acked = done && !lost_first;
    if (!acked) delivery.acked_at.reset();
    // It is mail for as long as its recipient can read it: the timer ends that, not a look at the clock.
    const bool lost = !acked && mail == nullptr;
    if (const std::optional<int64_t> end = acked ? delivery.acked_at : dropped_at) {
        drop_later(delivery.pushed_at, *end);
        drop_later(delivery.read_at, *end);
    }
    if (acked) {
        delivery.state = "acked";
    } else if (lost) {
        delivery.state = "expired";
    } else if (mail->undeliverable) {
        delivery.state = "undeliverable";
    } else if (delivery.read_at) {
        delivery.state = "read";
    } else {
        delivery.state = delivery.pushed_at ? "pushed" : "stored";
    }
    return delivery;
}

void write(json::Writer& out, const Delivery& delivery) {
    out.begin_object().member("agent_id", delivery.agent).member("state", delivery.state);
    out.member("stored_at", delivery.stored_at).member("pushed_at", delivery.pushed_at);
    out.member("read_at", delivery.read_at).member("acked_at", delivery.acked_at).end_object();
}

}  // namespace agentcom::receipts
