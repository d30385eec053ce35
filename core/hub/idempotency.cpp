#include "core/hub/idempotency.hpp"

#include <algorithm>

namespace agentcom::idempotency {

namespace {

void arm_expiry(Context& ctx) {
    const auto& expiry = ctx.tables.indexes().idempotency_expiry;
    if (expiry.empty()) {
        ctx.disarm(TimerKind::idempotency_expiry, 0, "");
        return;
    }
    // Once a minute is often enough: an expired record is not looked at anyway.
    const int64_t due = std::max(std::get<0>(*expiry.begin()), ctx.now.wall_ms + 60'000);
    if (!ctx.tables.contains<TimerRow>({TimerKind::idempotency_expiry, 0, "", 0})) {
        ctx.arm(TimerKind::idempotency_expiry, 0, "", due);
    }
}

}  // namespace

const IdempotencyRow* find(const Context& ctx, const Key& key) {
    if (key.key.empty()) return nullptr;
    const IdempotencyRow* row = ctx.tables.find<IdempotencyRow>({key.workspace, key.principal, key.operation, key.key});
    return row != nullptr && row->expires_at > ctx.now.wall_ms ? row : nullptr;
}

bool conflicts(const IdempotencyRow& row, const Key& key) { return row.body_hash != key.body_hash; }

void record(Context& ctx, const Key& key, int64_t status, std::string answer) {
    if (key.key.empty()) return;
    IdempotencyRow row;
    row.workspace = key.workspace;
    row.principal = key.principal;
    row.operation = key.operation;
    row.idempotency_key = key.key;
    row.body_hash = key.body_hash;
    row.status = status;
    row.expires_at = saturating_add(ctx.now.wall_ms, ctx.settings.idempotency_ttl_ms);
    row.answer = std::move(answer);
    ctx.tables.put(std::move(row));
    while (ctx.tables.count<IdempotencyRow>() > ctx.settings.idempotency_entries) {
        const IdempotencyRow::Key oldest = std::get<1>(*ctx.tables.indexes().idempotency_expiry.begin());
        ctx.tables.erase<IdempotencyRow>(oldest);
    }
    arm_expiry(ctx);
}

void expire(Context& ctx) {
    constexpr int kLot = 1'000;  // per turn; the rest waits a minute
    const auto& expiry = ctx.tables.indexes().idempotency_expiry;
    for (int i = 0; i < kLot && !expiry.empty() && std::get<0>(*expiry.begin()) <= ctx.now.wall_ms; ++i) {
        const IdempotencyRow::Key key = std::get<1>(*expiry.begin());
        ctx.tables.erase<IdempotencyRow>(key);
    }
    arm_expiry(ctx);
}

}  // namespace agentcom::idempotency
