#include "core/observe/agent_times.hpp"

#include <algorithm>

namespace agentcom {

namespace {

constexpr std::array<std::string_view, kWorkStates> kNames{"offline", "idle", "assigned", "working", "blocked"};

template <class Visit>
void each_number(AgentTimes::Totals& totals, Visit&& visit) {
    for (int64_t& ms : totals.ms) visit(ms);
    visit(totals.completed);
    visit(totals.failed);
    visit(totals.run_ms);
}

}  // namespace

std::string_view to_text(WorkState state) { return kNames.at(static_cast<size_t>(state)); }

std::optional<WorkState> work_state_of(std::string_view text) {
    const auto found = std::find(kNames.begin(), kNames.end(), text);
    if (found == kNames.end()) return std::nullopt;
    return static_cast<WorkState>(found - kNames.begin());
}

int64_t AgentTimes::Totals::known_ms() const {
    int64_t sum = 0;
    for (const int64_t each : ms) sum += each;
    return sum;
}

AgentTimes::Bucket& AgentTimes::bucket(int64_t number) {
    Bucket& found = buckets_.at(static_cast<size_t>(number % kBuckets));
    if (found.number != number) found = Bucket{number, {}};
    return found;
}

void AgentTimes::settle(int64_t now_us) {
    // What is older than the window has no bucket any more.
    int64_t from_us = std::max(since_us_, (now_us / kBucketUs - (kBuckets - 1)) * kBucketUs);
    while (from_us < now_us) {
        const int64_t number = from_us / kBucketUs;
        const int64_t until_us = std::min(now_us, (number + 1) * kBucketUs);
        // In milliseconds of the clock, so that many short spells do not lose their fractions.
        bucket(number).totals.ms.at(static_cast<size_t>(state_)) += ms_from_us(until_us) - ms_from_us(from_us);
        from_us = until_us;
    }
    since_us_ = std::max(since_us_, now_us);
}

void AgentTimes::enter(WorkState state, int64_t now_us) {
    settle(now_us);
    state_ = state;
}

void AgentTimes::completed(int64_t run_ms, int64_t now_us) {
    Totals& totals = bucket(now_us / kBucketUs).totals;
    ++totals.completed;
    totals.run_ms = saturating_add(totals.run_ms, run_ms);
}

void AgentTimes::failed(int64_t now_us) { ++bucket(now_us / kBucketUs).totals.failed; }

AgentTimes::Totals AgentTimes::totals(int64_t now_us) const {
    AgentTimes settled = *this;
    settled.settle(now_us);
    const int64_t last = now_us / kBucketUs;
    Totals sum;
    for (const Bucket& each : settled.buckets_) {
        if (each.number <= last - kBuckets || each.number > last) continue;
        for (size_t i = 0; i < kWorkStates; ++i) sum.ms.at(i) += each.totals.ms.at(i);
        sum.completed += each.totals.completed;
        sum.failed += each.totals.failed;
        sum.run_ms = saturating_add(sum.run_ms, each.totals.run_ms);
    }
    return sum;
}

void AgentTimes::save(ByteWriter& out) const {
    out.u8(static_cast<uint8_t>(state_));
    out.i64(since_us_);
    for (const Bucket& each : buckets_) {
        out.i64(each.number);
        Totals totals = each.totals;
        if (each.number >= 0) each_number(totals, [&out](int64_t number) { out.i64(number); });
    }
}

bool AgentTimes::load(ByteReader& in) {
    const uint8_t state = in.u8();
    if (state >= kWorkStates) return false;
    state_ = static_cast<WorkState>(state);
    since_us_ = in.i64();
    for (Bucket& each : buckets_) {
        each = Bucket{in.i64(), {}};
        if (each.number >= 0) each_number(each.totals, [&in](int64_t& number) { number = in.i64(); });
    }
    return !in.failed();
}

}  // namespace agentcom
