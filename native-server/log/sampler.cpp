#include "native-server/log/sampler.hpp"

#include <algorithm>

namespace agentcom {

namespace {

constexpr int64_t kWindowMs = 1'000;

}  // namespace

bool LogSampler::admit(std::string_view event, int64_t now_ms) {
    if (lines_per_s_ == 0) return true;
    auto found = windows_.find(event);
    if (found == windows_.end()) found = windows_.emplace(std::string(event), Window{now_ms, 0, 0}).first;
    Window& window = found->second;
    // A clock that was set back begins a new second, too.
    if (now_ms >= window.since_ms + kWindowMs || now_ms < window.since_ms) {
        window.since_ms = now_ms;
        window.lines = 0;
    }
    if (window.lines < lines_per_s_) {
        ++window.lines;
        return true;
    }
    ++window.suppressed;
    next_take_ms_ = std::min(next_take_ms_, window.since_ms + kWindowMs);
    return false;
}

std::vector<LogSampler::Suppressed> LogSampler::take(int64_t now_ms) {
    std::vector<Suppressed> taken;
    if (now_ms < next_take_ms_) return taken;
    next_take_ms_ = INT64_MAX;
    for (auto& [event, window] : windows_) {
        if (window.suppressed == 0) continue;
        if (now_ms < window.since_ms + kWindowMs) {
            next_take_ms_ = std::min(next_take_ms_, window.since_ms + kWindowMs);
            continue;
        }
        taken.push_back({event, window.suppressed});
        window.suppressed = 0;
    }
    return taken;
}

}  // namespace agentcom
