#include "core/access/limiter.hpp"

#include <algorithm>

namespace agentcom::limiter {

namespace {

constexpr int64_t kToken = 1'000;  // buckets count in thousandths
constexpr int64_t kSweepMs = 300'000;
constexpr size_t kBucketsMax = 100'000;

int64_t per_minute(const Settings& settings, Tier tier) {
    switch (tier) {
        case Tier::light:
            return settings.limit_light_per_min;
        case Tier::normal:
            return settings.limit_normal_per_min;
        case Tier::heavy:
            return settings.limit_heavy_per_min;
        case Tier::none:
            break;
    }
    return 0;
}

Tier tier_of(const std::string& bucket) {
    switch (bucket.back()) {
        case 'l':
            return Tier::light;
        case 'h':
            return Tier::heavy;
        default:
            return Tier::normal;
    }
}

/// Fills the bucket up to now. Only the time that made whole thousandths is used up.
void fill(BucketRow& row, int64_t rate, int64_t now_us) {
    constexpr int64_t kUsPerThousandth = kUsPerMinute / kToken;  // at one token per minute
    const int64_t capacity = rate * kToken;
    const int64_t elapsed = std::max<int64_t>(0, now_us - row.filled_us);
    if (elapsed >= kUsPerMinute) {
        row.millitokens = capacity;
        row.filled_us = now_us;
        return;
    }
    const int64_t gained = elapsed * rate / kUsPerThousandth;
    row.millitokens += gained;
    row.filled_us += gained * kUsPerThousandth / rate;
    if (row.millitokens >= capacity) {
        row.millitokens = capacity;
        row.filled_us = now_us;
    }
}

}  // namespace

Verdict take(Context& ctx, const std::string& identity, Tier tier) {
    if (tier == Tier::none || ctx.settings.limits == 0) return {};
    const int64_t rate = per_minute(ctx.settings, tier);
    BucketRow row;
    row.name = identity + (tier == Tier::light ? ":l" : tier == Tier::heavy ? ":h" : ":n");
    if (const BucketRow* known = ctx.tables.find<BucketRow>({row.name})) {
        row = *known;
        fill(row, rate, ctx.now.mono_us);
    } else {
        row.millitokens = rate * kToken;
        row.filled_us = ctx.now.mono_us;
        if (ctx.tables.count<BucketRow>() >= static_cast<int64_t>(kBucketsMax)) sweep(ctx);
        if (!ctx.tables.contains<TimerRow>({TimerKind::bucket_sweep, 0, "", 0})) {
            ctx.arm(TimerKind::bucket_sweep, 0, "", ctx.in_ms(kSweepMs));
        }
    }
    Verdict verdict;
    verdict.capacity = rate;
    if (row.millitokens >= kToken) {
        row.millitokens -= kToken;
        verdict.remaining = row.millitokens / kToken;
        verdict.warn = row.millitokens * 5 < rate * kToken;
    } else {
        verdict.allowed = false;
        const int64_t missing_ms = ((kToken - row.millitokens) * 60 + rate - 1) / rate;
        verdict.retry_after_ms = (missing_ms + 999) / 1'000 * 1'000;
    }
    ctx.tables.put(std::move(row));
    return verdict;
}

void sweep(Context& ctx) {
    for (const BucketRow::Key& key : ctx.tables.sorted_keys<BucketRow>()) {
        BucketRow row = *ctx.tables.find<BucketRow>(key);
        const int64_t rate = per_minute(ctx.settings, tier_of(row.name));
        fill(row, rate, ctx.now.mono_us);
        if (row.millitokens >= rate * kToken) ctx.tables.erase<BucketRow>(key);
    }
    if (ctx.tables.count<BucketRow>() > 0) ctx.arm(TimerKind::bucket_sweep, 0, "", ctx.in_ms(kSweepMs));
}

}  // namespace agentcom::limiter
