#include "core/state/activity.hpp"

#include <algorithm>

#include "core/state/rows.hpp"

namespace agentcom {

namespace {

int64_t hour_of(int64_t now_ms) { return now_ms - now_ms % kHourMs; }

/// The count of an hour, begun anew if its place still holds that of another day.
HourlyCount& count_of(AgentActivity& activity, int64_t hour) {
    HourlyCount& count = activity.hours.at(static_cast<size_t>(hour / kHourMs % kActivityHours));
    if (count.hour != hour) count = HourlyCount{hour, 0, 0, 0};
    return count;
}

/// How much of the time from `from` to `to` lies in the hour.
int64_t part_in(int64_t hour, int64_t from, int64_t to) {
    return std::max<int64_t>(0, std::min(to, hour + kHourMs) - std::max(from, hour));
}

template <class Visit>
void each_number(AgentActivity& activity, Visit&& visit) {
    for (HourlyCount& count : activity.hours) {
        visit(count.hour);
        visit(count.sent);
        visit(count.received);
        visit(count.connected_ms);
    }
    visit(activity.connected_since);
    visit(activity.connections);
    visit(activity.last_active);
    visit(activity.last_seen);
}

}  // namespace

HourlyCount AgentActivity::at(int64_t hour, int64_t now_ms) const {
    HourlyCount count = hours.at(static_cast<size_t>(hour / kHourMs % kActivityHours));
    if (count.hour != hour) count = HourlyCount{hour, 0, 0, 0};
    if (connected_since != 0) count.connected_ms += part_in(hour, connected_since, now_ms);
    return count;
}

size_t Activity::KeyHash::operator()(const Key& key) const {
    return static_cast<size_t>(
        XXH3_64bits_withSeed(key.second.data(), key.second.size(), static_cast<uint64_t>(key.first)));
}

AgentActivity& Activity::change(int64_t workspace, const std::string& agent) {
    const auto [found, is_new] = agents_.try_emplace({workspace, agent});
    if (is_new) found->second.snapshot = snapshot_number_;
    if (in_snapshot_ && found->second.snapshot != snapshot_number_) write_snapshot(kept_, found->first, found->second);
    undo_.emplace_back(found->first, is_new ? std::nullopt : std::optional(found->second));
    return found->second;
}

void Activity::sent(int64_t workspace, const std::string& agent, int64_t now_ms) {
    AgentActivity& activity = change(workspace, agent);
    ++count_of(activity, hour_of(now_ms)).sent;
    activity.last_active = now_ms;
}

void Activity::received(int64_t workspace, const std::string& agent, int64_t now_ms) {
    ++count_of(change(workspace, agent), hour_of(now_ms)).received;
}

void Activity::active(int64_t workspace, const std::string& agent, int64_t now_ms) {
    change(workspace, agent).last_active = now_ms;
}

void Activity::connected(int64_t workspace, const std::string& agent, int64_t now_ms) {
    disconnected(workspace, agent, now_ms);
    AgentActivity& activity = change(workspace, agent);
    activity.connected_since = now_ms;
    activity.last_active = now_ms;
    ++activity.connections;
}

void Activity::disconnected(int64_t workspace, const std::string& agent, int64_t now_ms) {
    const AgentActivity* known = find(workspace, agent);
    if (known == nullptr || known->connected_since == 0) return;
    AgentActivity& activity = change(workspace, agent);
    // What is older than the oldest count is not kept; a clock that was set back gives nothing.
    const int64_t oldest = hour_of(now_ms) - (kActivityHours - 1) * kHourMs;
    for (int64_t hour = std::max(oldest, hour_of(activity.connected_since)); hour <= now_ms; hour += kHourMs) {
        count_of(activity, hour).connected_ms += part_in(hour, activity.connected_since, now_ms);
    }
    activity.connected_since = 0;
    activity.last_seen = now_ms;
}

const AgentActivity* Activity::find(int64_t workspace, const std::string& agent) const {
    const auto found = agents_.find({workspace, agent});
    return found == agents_.end() ? nullptr : &found->second;
}

std::vector<Activity::Key> Activity::sorted_keys() const {
    std::vector<Key> keys;
    keys.reserve(agents_.size());
    for (const auto& [key, unused] : agents_) keys.push_back(key);
    std::sort(keys.begin(), keys.end());
    return keys;
}

std::vector<std::string> Activity::agents(int64_t workspace) const {
    std::vector<std::string> names;
    for (Key& key : sorted_keys()) {
        if (key.first == workspace) names.push_back(std::move(key.second));
    }
    return names;
}

void Activity::undo_input() {
    for (auto each = undo_.rbegin(); each != undo_.rend(); ++each) {
        if (each->second) {
            agents_[each->first] = *each->second;
        } else {
            agents_.erase(each->first);
        }
    }
    undo_.clear();
}

Hash128 Activity::digest() const {
    Hash128 digest;
    for (const Key& key : sorted_keys()) digest += hash_of(key, agents_.at(key));
    return digest;
}

Hash128 Activity::hash_of(const Key& key, const AgentActivity& activity) {
    Hasher hasher;
    hasher.u8(static_cast<uint8_t>(TableId::activity));
    hasher.i64(key.first);
    hasher.bytes(key.second);
    AgentActivity copy = activity;
    each_number(copy, [&hasher](int64_t number) { hasher.i64(number); });
    return hasher.finish();
}

void Activity::save(ByteWriter& out) const {
    out.u64(agents_.size());
    for (const Key& key : sorted_keys()) {
        out.i64(key.first);
        out.text(key.second);
        AgentActivity activity = agents_.at(key);
        each_number(activity, [&out](int64_t number) { out.i64(number); });
    }
}

bool Activity::load(ByteReader& in) {
    const uint64_t count = in.count();
    for (uint64_t i = 0; i < count && !in.failed(); ++i) {
        const int64_t workspace = in.i64();
        AgentActivity& activity = agents_[{workspace, in.text()}];
        each_number(activity, [&in](int64_t& number) { number = in.i64(); });
    }
    return !in.failed();
}

void Activity::begin_snapshot(uint32_t number) {
    in_snapshot_ = true;
    snapshot_number_ = number;
    snapshot_digest_ = {};
    kept_ = {};
    walk_buckets_ = 0;
    walk_next_ = 0;
}

void Activity::write_snapshot(ByteWriter& out, const Key& key, AgentActivity& activity) {
    activity.snapshot = snapshot_number_;
    snapshot_digest_ += hash_of(key, activity);
    out.u8(static_cast<uint8_t>(TableId::activity));
    out.i64(key.first);
    out.text(key.second);
    each_number(activity, [&out](int64_t number) { out.i64(number); });
}

bool Activity::take_snapshot(ByteWriter& out, int64_t& budget) {
    out.raw(kept_.bytes());
    kept_ = {};
    if (walk_buckets_ != agents_.bucket_count()) {
        walk_buckets_ = agents_.bucket_count();
        walk_next_ = 0;
    }
    for (; walk_next_ < walk_buckets_; ++walk_next_) {
        if (budget <= 0) return false;
        --budget;
        for (auto each = agents_.begin(walk_next_); each != agents_.end(walk_next_); ++each) {
            if (each->second.snapshot == snapshot_number_) continue;
            // As much work as a hundred numbers, which it is.
            budget -= 8;
            write_snapshot(out, each->first, each->second);
        }
    }
    return true;
}

bool Activity::copy_entry(ByteReader& in, ByteWriter& out) {
    out.i64(in.i64());
    out.text(in.text());
    AgentActivity activity;
    each_number(activity, [&in, &out](int64_t&) { out.i64(in.i64()); });
    return !in.failed();
}

bool Activity::load_entry(ByteReader& in) {
    const int64_t workspace = in.i64();
    const auto [found, is_new] = agents_.try_emplace({workspace, in.text()});
    each_number(found->second, [&in](int64_t& number) { number = in.i64(); });
    return is_new && !in.failed();
}

}  // namespace agentcom
