#include "core/access/limiter.hpp"

#include <algorithm>
#include <array>
#include <tuple>

namespace agentcom::limiter {

namespace {

using limits::Party;

constexpr int64_t kSweepMs = 60'000;
constexpr int kBucketsPerSweep = 500;  // a turn stays short

constexpr std::array<int64_t, 5> kBackoffMs{1'000, 2'000, 5'000, 10'000, 30'000};

struct Draw {
    bool granted = false;
    int64_t tokens = 0;    ///< left
    int64_t wait_us = 0;   ///< when not granted
    bool waiting = false;  ///< it was told before to wait, and has not
};

bucket::Level level_of(const BucketRow& row) { return {row.tokens, row.fraction, row.filled_us}; }

void set_level(BucketRow& row, const bucket::Level& level) {
    row.tokens = level.tokens;
    row.fraction = level.fraction;
    row.filled_us = level.filled_us;
}

int64_t count_of(const Context& ctx, LimitOwner owner) {
    return static_cast<int64_t>(ctx.tables.indexes().buckets.at(static_cast<size_t>(owner)).size());
}

/// The party's bucket, else a new one, else the one that newcomers share.
BucketRow bucket_of(Context& ctx, const Party& party, int64_t slot, const bucket::Rate& rate) {
    BucketRow::Key key{party.owner, party.workspace, party.name, slot};
    if (const BucketRow* known = ctx.tables.find<BucketRow>(key)) return *known;
    BucketRow row;
    std::tie(row.owner, row.workspace, row.name, row.slot) = std::move(key);
    const int64_t count = count_of(ctx, party.owner);
    if (party.owner != LimitOwner::connection && count >= kBucketsMax) {
        row.workspace = 0;
        row.name.clear();
        if (const BucketRow* shared = ctx.tables.find<BucketRow>(row.key())) return *shared;
    }
    // The sweep goes on as long as there are buckets.
    if (count == 0 && party.owner != LimitOwner::connection) {
        ctx.arm(TimerKind::bucket_sweep, 0, "", ctx.in_ms(kSweepMs), static_cast<int64_t>(party.owner));
    }
    set_level(row, bucket::full(rate, ctx.now.mono_us));
    return row;
}

Draw draw(Context& ctx, const Party& party, int64_t slot, const bucket::Rate& rate) {
    BucketRow row = bucket_of(ctx, party, slot, rate);
    if (row.blocked_until_us > ctx.now.mono_us) {
        return {false, 0, row.blocked_until_us - ctx.now.mono_us, true};
    }
    bucket::Level level = level_of(row);
    bucket::fill(level, rate, ctx.now.mono_us);
    Draw drawn;
    drawn.granted = bucket::take(level);
    drawn.tokens = level.tokens;
    if (!drawn.granted) {
        // The bucket that there is fills just as well later.
        drawn.wait_us = bucket::wait_us(level, rate);
        return drawn;
    }
    set_level(row, level);
    row.blocked_until_us = 0;
    ctx.tables.put(std::move(row));
    return drawn;
}

int64_t whole_seconds_ms(int64_t us) { return (us + kUsPerSecond - 1) / kUsPerSecond * kMsPerSecond; }

bool is_quiet(const Context& ctx, const LimitViolationRow& row) {
    return ctx.now.mono_us - row.last_us >= us_from_ms(ctx.settings.limit_quiet_ms);
}

/// Notes a refusal and says how long it holds.
void refuse(Context& ctx, const Party& party, int64_t slot, const Draw& drawn, Verdict& verdict) {
    verdict.allowed = false;
    // Who shares a bucket with other newcomers is not held to their waits, and leaves no trace that would have to be
    // swept away: refusals are kept beside a bucket of one's own.
    const BucketRow::Key bucket_key{party.owner, party.workspace, party.name, slot};
    const bool own = ctx.tables.contains<BucketRow>(bucket_key);
    LimitViolationRow row;
    row.owner = party.owner;
    row.workspace = party.workspace;
    row.name = party.name;
    if (const LimitViolationRow* known = ctx.tables.find<LimitViolationRow>(row.key());
        known != nullptr && !is_quiet(ctx, *known)) {
        row = *known;
    }
    verdict.first_refusal = own && row.total == 0;
    ++row.total;
    row.last_us = ctx.now.mono_us;
    int64_t wait_us = drawn.wait_us;
    if (!drawn.waiting) {
        ++row.consecutive;
        if (ctx.settings.limit_backoff != 0) {
            const size_t step =
                static_cast<size_t>(std::min<int64_t>(row.consecutive, static_cast<int64_t>(kBackoffMs.size())) - 1);
            wait_us = std::max(wait_us, us_from_ms(kBackoffMs.at(step)));
        }
    }
    verdict.retry_after_ms = whole_seconds_ms(wait_us);
    if (!own) return;
    ctx.tables.put(std::move(row));
    if (drawn.waiting || ctx.settings.limit_backoff == 0) return;
    ctx.tables.modify<BucketRow>(bucket_key, [&](BucketRow& bucket) {
        bucket.blocked_until_us = saturating_add(ctx.now.mono_us, us_from_ms(verdict.retry_after_ms));
    });
}

/// From a bucket that belongs to no operation; 0 per minute is no limit.
Verdict take_from(Context& ctx, const Party& party, int64_t slot, int64_t per_minute) {
    Verdict verdict;
    if (ctx.settings.limits == 0 || per_minute == 0 || limits::is_exempt(ctx, party)) return verdict;
    const bucket::Rate rate = bucket::Rate::per_minute(per_minute);
    const Draw drawn = draw(ctx, party, slot, rate);
    verdict.tier = Tier::heavy;
    verdict.capacity = rate.capacity;
    verdict.remaining = drawn.tokens;
    if (!drawn.granted) refuse(ctx, party, slot, drawn, verdict);
    return verdict;
}

}  // namespace

Verdict take(Context& ctx, const Party& party, limits::Channel channel, const Operation& operation) {
    Verdict verdict;
    verdict.tier = limits::tier_of(ctx.settings, operation);
    if (ctx.settings.limits == 0 || verdict.tier == Tier::none || limits::is_exempt(ctx, party)) return verdict;
    const bucket::Rate rate = limits::rate_of(ctx, party, operation);
    const int64_t slot = limits::slot_of(ctx.settings, channel, operation);
    const Draw drawn = draw(ctx, party, slot, rate);
    verdict.capacity = rate.capacity;
    verdict.remaining = drawn.tokens;
    verdict.warn = drawn.tokens * 100 < rate.capacity * ctx.settings.limit_warn_percent;
    if (!drawn.granted && !operation.lifecycle) refuse(ctx, party, slot, drawn, verdict);
    return verdict;
}

Verdict take_unidentified(Context& ctx, ConnectionId connection, std::string_view address) {
    const Settings& settings = ctx.settings;
    const Verdict verdict = take_from(ctx, limits::connection_party(connection), limits::kUnidentifiedSlot,
                                      settings.limit_connection_per_min);
    return verdict.allowed ? take_bad_request(ctx, address) : verdict;
}

Verdict take_bad_request(Context& ctx, std::string_view address) {
    return take_from(ctx, limits::address_party(address), limits::kUnidentifiedSlot,
                     ctx.settings.limit_address_per_min);
}

Verdict take_failed_login(Context& ctx, std::string_view address) {
    return take_from(ctx, limits::address_party(address), limits::kFailedLoginSlot,
                     ctx.settings.limit_failed_logins_per_min);
}

void forget_connection(Context& ctx, ConnectionId connection) {
    const Party party = limits::connection_party(connection);
    ctx.tables.erase<BucketRow>({party.owner, party.workspace, party.name, limits::kUnidentifiedSlot});
    ctx.tables.erase<LimitViolationRow>({party.owner, party.workspace, party.name});
}

namespace {

/// How much a bucket with this slot may hold; nullopt for slots that no longer have a limit.
std::optional<bucket::Rate> rate_of_slot(const Context& ctx, const Party& party, int64_t slot) {
    const Settings& settings = ctx.settings;
    if (slot == limits::kUnidentifiedSlot) {
        return bucket::Rate::per_minute(std::max<int64_t>(1, party.owner == LimitOwner::connection
                                                                 ? settings.limit_connection_per_min
                                                                 : settings.limit_address_per_min));
    }
    if (slot == limits::kFailedLoginSlot) {
        return bucket::Rate::per_minute(std::max<int64_t>(1, settings.limit_failed_logins_per_min));
    }
    const auto name = limits::slot_name(slot);
    for (const Operation& operation : catalogue()) {
        if (limits::tier_of(settings, operation) == Tier::none) continue;
        const std::string_view limit_name =
            settings.limits_by_operation != 0 ? operation.name : tier_name(operation.tier);
        if (name && name->second == limit_name) return limits::rate_of(ctx, party, operation);
    }
    return std::nullopt;
}

}  // namespace

Standing standing(const Context& ctx, const Party& party) {
    Standing standing;
    standing.exempt = limits::is_exempt(ctx, party);
    for (const int64_t slot : limits::all_slots()) {
        const BucketRow* row = ctx.tables.find<BucketRow>({party.owner, party.workspace, party.name, slot});
        const auto name = limits::slot_name(slot);
        if ((row == nullptr && ctx.settings.limits_by_operation != 0) || !name) continue;
        const std::optional<bucket::Rate> rate = rate_of_slot(ctx, party, slot);
        if (!rate) continue;
        bucket::Level level = row == nullptr ? bucket::full(*rate, ctx.now.mono_us) : level_of(*row);
        bucket::fill(level, *rate, ctx.now.mono_us);
        standing.buckets.push_back({name->first, name->second, level.tokens, rate->capacity});
    }
    const LimitViolationRow* row = ctx.tables.find<LimitViolationRow>({party.owner, party.workspace, party.name});
    if (row == nullptr || is_quiet(ctx, *row)) return standing;
    standing.limited = true;
    standing.consecutive = row->consecutive;
    standing.total = row->total;
    return standing;
}

std::vector<Party> most_refused(const Context& ctx, int64_t workspace, size_t at_most) {
    std::vector<std::pair<int64_t, LimitViolationRow::Key>> found;
    for (const LimitViolationRow::Key& key : ctx.tables.sorted_keys<LimitViolationRow>()) {
        const LimitViolationRow& row = *ctx.tables.find<LimitViolationRow>(key);
        const bool concerns =
            row.owner == LimitOwner::agent ? row.workspace == workspace : row.owner == LimitOwner::address;
        if (concerns && !is_quiet(ctx, row)) found.emplace_back(-row.total, key);
    }
    std::sort(found.begin(), found.end());
    if (found.size() > at_most) found.resize(at_most);
    std::vector<Party> parties;
    parties.reserve(found.size());
    for (const auto& [unused, key] : found) {
        parties.push_back({std::get<0>(key), std::get<1>(key), std::get<2>(key)});
    }
    return parties;
}

int64_t refused_left_ms(const Context& ctx, const Party& party, int64_t within_ms) {
    const LimitViolationRow* row = ctx.tables.find<LimitViolationRow>({party.owner, party.workspace, party.name});
    if (row == nullptr) return 0;
    const int64_t until_us = saturating_add(row->last_us, us_from_ms(within_ms));
    return until_us > ctx.now.mono_us ? (until_us - ctx.now.mono_us + kUsPerMs - 1) / kUsPerMs : 0;
}

void sweep(Context& ctx, const TimerRow& timer) {
    // The timer is the place where the sweep has come to: the kind of owner, its workspace and name.
    const LimitOwner owner = static_cast<LimitOwner>(timer.generation);
    const auto& buckets = ctx.tables.indexes().buckets.at(static_cast<size_t>(owner));
    std::vector<BucketRow::Key> some;
    auto next = buckets.lower_bound({owner, timer.workspace, timer.subject, 0});
    for (; next != buckets.end() && some.size() < kBucketsPerSweep; ++next) some.push_back(*next);
    std::optional<BucketRow::Key> go_on;
    if (next != buckets.end()) go_on = *next;
    for (const BucketRow::Key& key : some) {
        const auto& [unused, workspace, name, slot] = key;
        const Party party{owner, workspace, name};
        const LimitViolationRow::Key violation_key{owner, workspace, name};
        if (const LimitViolationRow* violation = ctx.tables.find<LimitViolationRow>(violation_key)) {
            if (!is_quiet(ctx, *violation) || refused_left_ms(ctx, party, ctx.settings.limit_skip_ms) > 0) continue;
            ctx.tables.erase<LimitViolationRow>(violation_key);
        }
        const BucketRow& row = *ctx.tables.find<BucketRow>(key);
        const std::optional<bucket::Rate> rate = rate_of_slot(ctx, party, slot);
        bucket::Level level = level_of(row);
        if (rate) bucket::fill(level, *rate, ctx.now.mono_us);
        if (row.blocked_until_us <= ctx.now.mono_us && (!rate || bucket::is_full(level, *rate))) {
            ctx.tables.erase<BucketRow>(key);
        }
    }
    if (go_on) {
        const auto& [unused, workspace, name, slot] = *go_on;
        ctx.arm(TimerKind::bucket_sweep, workspace, name, ctx.in_ms(1), static_cast<int64_t>(owner));
    } else if (!buckets.empty()) {
        ctx.arm(TimerKind::bucket_sweep, 0, "", ctx.in_ms(kSweepMs), static_cast<int64_t>(owner));
    }
}

}  // namespace agentcom::limiter
