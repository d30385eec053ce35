// How many frames validation refused in some minute, by the agents that sent them.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "core/base/bytes.hpp"

namespace agentcom {

struct BadFrames {
    /// So many agents of one minute are told apart.
    static constexpr size_t kAgentsMax = 1'000;
    /// "": who has not said who it is, and all beyond that number.
    std::map<std::string, int64_t> by_agent;

    void add(const std::string& agent) {
        const bool is_room = by_agent.size() < kAgentsMax || by_agent.contains(agent);
        ++by_agent[is_room ? agent : std::string()];
    }
    void merge(const BadFrames& other) {
        for (const auto& [agent, count] : other.by_agent) by_agent[agent] += count;
    }
    int64_t total() const {
        int64_t sum = 0;
        for (const auto& [unused, count] : by_agent) sum += count;
        return sum;
    }
    void save(ByteWriter& out) const {
        out.u64(by_agent.size());
        for (const auto& [agent, count] : by_agent) {
            out.text(agent);
            out.i64(count);
        }
    }
    bool load(ByteReader& in) {
        const uint64_t agents = in.count();
        for (uint64_t i = 0; i < agents && !in.failed(); ++i) {
            const std::string agent(in.text());
            by_agent[agent] = in.i64();
        }
        return !in.failed();
    }
};

}  // namespace agentcom
