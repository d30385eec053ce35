#include "tools/cli/patience.hpp"

#include <algorithm>

namespace agentcom::cli {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{100};
constexpr milliseconds kLongestPause{2'000};

}  // namespace

void HubPatience::hub_answered() {
    if (absent_since_) surroundings_.notice("the hub is back");
    absent_since_.reset();
}

Trouble HubPatience::after_long_poll(const Outcome<std::string>& answer, milliseconds asked_at, milliseconds asked_for,
                                     milliseconds time_left) {
    const milliseconds now = surroundings_.now();
    if (answer) {
        hub_answered();
        // It waited as it was asked to: it may be asked again right away.
        if (now - asked_at >= asked_for / 2) {
            pause_ = milliseconds{0};
            return std::nullopt;
        }
    } else {
        if (answer.failure().code != ExitCode::unavailable) return answer.failure();
        if (!absent_since_) {
            absent_since_ = now;
            surroundings_.notice("the hub is away (" + answer.failure().why + "); waiting for it");
        }
        if (!for_ever_ && now - *absent_since_ >= kMaxAbsence) return answer.failure();
    }
    pause_ = std::clamp(pause_ * 3 / 2, kFirstPause, kLongestPause);
    surroundings_.sleep(std::min(pause_, time_left));
    return std::nullopt;
}

}  // namespace agentcom::cli
