// How an agent spent the last hour, and what became of its tasks: twelve buckets of five minutes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/bytes.hpp"
#include "core/base/time.hpp"

namespace agentcom {

/// What an agent is at, in v1.1's words. `blocked`: one of its tasks waits for a person's answer.
enum class WorkState : uint8_t { offline, idle, assigned, working, blocked };
inline constexpr size_t kWorkStates = 5;
std::string_view to_text(WorkState);
std::optional<WorkState> work_state_of(std::string_view text);

class AgentTimes {
  public:
    struct Totals {
        std::array<int64_t, kWorkStates> ms{};
        int64_t completed = 0;
        int64_t failed = 0;
        int64_t run_ms = 0;  ///< of the completed tasks together
        /// All the time that is known of.
        int64_t known_ms() const;
    };

    AgentTimes() = default;
    AgentTimes(WorkState state, int64_t now_us) : state_(state), since_us_(now_us) {}

    WorkState state() const { return state_; }
    void enter(WorkState state, int64_t now_us);
    void completed(int64_t run_ms, int64_t now_us);
    void failed(int64_t now_us);
    /// Of the last hour (to five minutes); what was before the agent was first seen is not in it.
    Totals totals(int64_t now_us) const;

    void save(ByteWriter& out) const;
    bool load(ByteReader& in);

  private:
    static constexpr int64_t kBucketUs = 5 * kUsPerMinute;
    static constexpr int64_t kBuckets = 12;
    struct Bucket {
        int64_t number = -1;
        Totals totals;
    };
    Bucket& bucket(int64_t number);
    /// Spreads the time since `since_us_` over the buckets.
    void settle(int64_t now_us);

    std::array<Bucket, kBuckets> buckets_{};
    WorkState state_ = WorkState::offline;
    int64_t since_us_ = 0;
};

}  // namespace agentcom
