// How long to wait before the next attempt to reach a hub: 1 s doubling to 60 s, each spread over half its length more
// (but never over 60 s), so that a fleet that lost its hub does not come back in one moment.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace agentcom::cli {

class Backoff {
  public:
    static constexpr std::chrono::milliseconds kFirst{1'000};
    static constexpr std::chrono::milliseconds kLongest{60'000};

    // The next delay, no shorter than `at_least` (what the hub asked for). `random` is any number.
    std::chrono::milliseconds next(uint32_t random, std::chrono::milliseconds at_least = {}) {
        const std::chrono::milliseconds spread{random % static_cast<uint32_t>(step_.count() / 2 + 1)};
        const std::chrono::milliseconds delay = std::min(step_ + spread, kLongest);
        step_ = std::min(step_ * 2, kLongest);
        return at_least > delay ? at_least + spread : delay;
    }

    // After the hub has let us in; a mere connection is not enough, since it may be refused again and again.
    void reset() { step_ = kFirst; }

  private:
    std::chrono::milliseconds step_ = kFirst;
};

}  // namespace agentcom::cli
