// How much each agent has said and heard in the last 24 hours, and how long it was connected: the counters of this run.
//
// They change with every message, so they are no rows: a row is hashed at each change. They are part of the state all
// the same: an input that is undone takes its counts along, `digest` is computed when somebody asks, and `save` holds
// them. A restart begins without any.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/base/hash128.hpp"

namespace agentcom {

inline constexpr int64_t kHourMs = 3'600'000;
inline constexpr int64_t kActivityHours = 24;

struct HourlyCount {
    int64_t hour = 0;  ///< when it began, Unix ms; anything else is a count of another day
    int64_t sent = 0;
    int64_t received = 0;  ///< messages addressed to the agent alone
    int64_t connected_ms = 0;
};

struct AgentActivity {
    std::array<HourlyCount, kActivityHours> hours{};
    int64_t connected_since = 0;  ///< 0: not connected
    int64_t connections = 0;
    int64_t last_active = 0;  ///< last message, task report or connect; 0: never
    int64_t last_seen = 0;    ///< last disconnect; 0: never
    uint32_t snapshot = 0;    ///< no part of the state: the newest snapshot that has this, or that began before it

    /// Of the hour that began at `hour`, with what runs of the present connection.
    HourlyCount at(int64_t hour, int64_t now_ms) const;
};

class Activity {
  public:
    void sent(int64_t workspace, const std::string& agent, int64_t now_ms);
    void received(int64_t workspace, const std::string& agent, int64_t now_ms);
    /// It does something else that shows that it is at work.
    void active(int64_t workspace, const std::string& agent, int64_t now_ms);
    void connected(int64_t workspace, const std::string& agent, int64_t now_ms);
    /// Nothing happens if it is not connected.
    void disconnected(int64_t workspace, const std::string& agent, int64_t now_ms);

    /// nullptr: nothing is known of it.
    const AgentActivity* find(int64_t workspace, const std::string& agent) const;
    /// The agents of a workspace of which something is known, by name.
    std::vector<std::string> agents(int64_t workspace) const;

    // -- for Tables
    void begin_input() { undo_.clear(); }
    void undo_input();
    Hash128 digest() const;
    void save(ByteWriter& out) const;
    bool load(ByteReader& in);

    /// As Tables has it for rows: what changes while a snapshot is taken is written to `kept` before.
    void begin_snapshot(uint32_t number);
    bool take_snapshot(ByteWriter& out, int64_t& budget);
    void end_snapshot() { in_snapshot_ = false; }
    /// The digest of what a complete snapshot has.
    Hash128 snapshot_digest() const { return snapshot_digest_; }
    /// Takes in one entry of a snapshot. False: it is none, or there already.
    bool load_entry(ByteReader& in);
    /// Passes one entry on as it is. False: it is none.
    static bool copy_entry(ByteReader& in, ByteWriter& out);

  private:
    using Key = std::pair<int64_t, std::string>;
    struct KeyHash {
        size_t operator()(const Key& key) const;
    };

    static Hash128 hash_of(const Key& key, const AgentActivity& activity);
    AgentActivity& change(int64_t workspace, const std::string& agent);
    void write_snapshot(ByteWriter& out, const Key& key, AgentActivity& activity);
    std::vector<Key> sorted_keys() const;

    std::unordered_map<Key, AgentActivity, KeyHash> agents_;          // NOLINT: never iterated where the order shows
    std::vector<std::pair<Key, std::optional<AgentActivity>>> undo_;  ///< as they were before the input

    bool in_snapshot_ = false;
    uint32_t snapshot_number_ = 0;
    ByteWriter kept_;
    size_t walk_buckets_ = 0;
    size_t walk_next_ = 0;
    Hash128 snapshot_digest_;
};

}  // namespace agentcom
